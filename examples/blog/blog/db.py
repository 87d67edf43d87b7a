"""The database: the declarative base, and the session that calls the traits' hooks."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.unitofwork import UOWTransaction

from traits_runtime import Trait, run_hooks


class Base(DeclarativeBase):
    """What all models share: a surrogate key."""

    id: Mapped[int] = mapped_column(primary_key=True)


class BlogSession(Session):
    """A session in which the hooks of traits run: before the flush that writes a row, and after it."""


@event.listens_for(BlogSession, "before_flush")
def run_before_hooks(session: BlogSession, context: UOWTransaction, instances: object) -> None:
    """Run the ``creating``, ``updating`` and ``deleting`` hooks of all rows that are about to be written."""
    for moment, rows in (("creating", session.new), ("updating", session.dirty), ("deleting", session.deleted)):
        for row in list(rows):
            if isinstance(row, Trait) and (moment != "updating" or session.is_modified(row)):
                run_hooks(row, moment)


@event.listens_for(BlogSession, "after_flush")
def run_after_hooks(session: BlogSession, context: UOWTransaction) -> None:
    """Run the ``created`` and ``updated`` hooks of all rows that have been written."""
    for moment, rows in (("created", session.new), ("updated", session.dirty)):
        for row in list(rows):
            if isinstance(row, Trait):
                run_hooks(row, moment)


def open_database(url: str = "sqlite://") -> Engine:
    """An engine on a database that has all tables.

    Args:
        url: Any SQLAlchemy URL; by default a database in memory.
    """
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    return engine
