"""Models that use the mixins of advanced-alchemy and of sqlalchemy-mixins, which bring no models of their own."""

from __future__ import annotations

from datetime import datetime

from advanced_alchemy.base import BigIntAuditBase, DefaultBase, UUIDAuditBase, UUIDv7Base
from advanced_alchemy.mixins import AuditColumns, BigIntPrimaryKey, SlugKey, UniqueMixin, UUIDPrimaryKey
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, declarative_mixin, mapped_column, relationship
from sqlalchemy_mixins import AllFeaturesMixin, ReprMixin, SerializeMixin, TimestampsMixin


@declarative_mixin
class HasOwner:
    """Somebody owns it."""

    owner: Mapped[str | None] = mapped_column(default=None)


class Author(UUIDAuditBase, SlugKey):
    """Writes."""

    name: Mapped[str]


class Book(HasOwner, SlugKey, BigIntAuditBase):
    """Was written."""

    title: Mapped[str]
    published: Mapped[datetime | None]


class Tag(UUIDv7Base, SlugKey, UniqueMixin):
    """Is put on books."""

    name: Mapped[str]


class Plain(BigIntPrimaryKey, AuditColumns, DefaultBase):
    """Puts the pieces together by hand."""

    note: Mapped[str]


class Keyed(HasOwner, UUIDPrimaryKey, DefaultBase):
    """The same with another key."""

    plain_id: Mapped[int | None] = mapped_column(ForeignKey("plain.id"))
    plain: Mapped[Plain | None] = relationship()


class Base(DeclarativeBase):
    """The base of the models with all features."""


class Active(Base, AllFeaturesMixin, TimestampsMixin):
    """Has everything."""

    __tablename__ = "active"
    id: Mapped[int] = mapped_column(primary_key=True)


class Shown(HasOwner, SerializeMixin, ReprMixin, Base):
    """Has some of it."""

    __tablename__ = "shown"
    id: Mapped[int] = mapped_column(primary_key=True)
