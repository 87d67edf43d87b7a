"""The database: the declarative base, and the session in which traits are at work."""

from __future__ import annotations

import os

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from traits_runtime.adapters.sqlalchemy import TraitSession


class Base(DeclarativeBase):
    """What all models share: a surrogate key."""

    id: Mapped[int] = mapped_column(primary_key=True)


class BlogSession(TraitSession):
    """A session that runs the hooks of traits when rows are written, and lets listeners wait for the commit."""


def open_database(url: str = "") -> Engine:
    """An engine on a database that has all tables.

    Args:
        url: As SQLAlchemy writes it, of SQLite or PostgreSQL; by default `$BLOG_DATABASE_URL`, else a database in
            memory.
    """
    engine = create_engine(url or os.environ.get("BLOG_DATABASE_URL", "sqlite://"))
    Base.metadata.create_all(engine)
    return engine
