"""The people who write and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Mapped, mapped_column, relationship

from blog.db import Base
from blog.traits import HasSlug, HasUserTracking, SoftDeletes

if TYPE_CHECKING:
    from blog.models.content import Article


class User(HasSlug, SoftDeletes, Base):
    """Somebody who writes."""

    __tablename__ = "users"
    __traits__ = {HasSlug: {"source": "name", "max_length": 40}}

    name: Mapped[str] = mapped_column(doc="Name as shown to readers.")
    email: Mapped[str] = mapped_column(unique=True)

    articles: Mapped[list[Article]] = relationship(back_populates="author")


class Subscriber(HasUserTracking, Base):
    """Somebody who reads the newsletter."""

    __tablename__ = "subscribers"

    email: Mapped[str] = mapped_column(unique=True)
