"""Models on SQLAlchemy that the tests of the ready-made traits share."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from typing import Any, ClassVar

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from traits_runtime.adapters import sqlalchemy as _host
from traits_runtime.traits import (
    HasComments,
    HasFlags,
    HasLocalizedSlugs,
    HasSlug,
    HasTags,
    HasTranslations,
    HasUlid,
    IsComment,
    IsTag,
    Searchable,
    translated,
)

_ = _host


class Base(DeclarativeBase):
    """Of all these models."""


class Tag(IsTag, Base):
    """A label."""

    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)


class Remark(IsComment, Base):
    """What somebody said."""

    __tablename__ = "remarks"
    __traits__: ClassVar[Any] = {IsComment: {"parent": "remarks.id"}}

    id: Mapped[int] = mapped_column(primary_key=True)


class Post(HasSlug, HasTags, HasComments, Searchable, HasUlid, Base):
    """A text."""

    __tablename__ = "posts"
    __traits__: ClassVar[Any] = {HasSlug: {"history": True}, HasTags: {"max_tags": 6}, HasComments: {"max_depth": 2}}

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str] = mapped_column(default="")
    deleted_at: Mapped[dt.datetime | None]


class Story(Post):
    """A text in chapters, in a table of its own behind that of texts."""

    __tablename__ = "stories"

    id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    chapters: Mapped[int] = mapped_column(default=1)


class Room(HasSlug, HasFlags, HasTags, HasComments, Searchable, Base):
    """Something of a house, whose addresses are its own; with a key that is no number."""

    __tablename__ = "rooms"
    __traits__: ClassVar[Any] = {
        HasSlug: {"source": "name", "scope": ("house",), "slug_column": "address", "policy": "always"},
        HasFlags: {"flags_column": "marks"},
        Searchable: {"fields": ("name",), "language": "english"},
    }

    class Flags(enum.Flag):
        """What a room may be."""

        LOCKED = 1
        HEATED = 2
        BOOKED = 4

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    house: Mapped[str] = mapped_column(default="")
    name: Mapped[str]


class Page(HasLocalizedSlugs, HasTranslations, Base):
    """A text in several languages."""

    __tablename__ = "pages"
    __traits__: ClassVar[Any] = {
        HasLocalizedSlugs: {"locales": ("en", "de", "pt-BR"), "policy": "always"},
        HasTranslations: {"fallbacks": ("en",)},
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    title = translated(doc="What stands at the top.")


class Parcel(HasUlid, Base):
    """Something whose identifier is its key in another system."""

    __tablename__ = "parcels"
    __traits__: ClassVar[Any] = {HasUlid: {"ulid_column": "number", "storage": "ulid-uuid"}}

    id: Mapped[int] = mapped_column(primary_key=True)
