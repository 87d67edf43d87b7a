"""Models that the tests of the ready-made traits share: a blog with users."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
from typing import Any

from sqlalchemy import JSON, Column, Enum, ForeignKey, LargeBinary, Numeric, Table, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from traits_runtime.adapters.sqlalchemy import UtcDateTime, tracking_columns, unique_in_use
from traits_runtime.traits import (
    HasDisplayName,
    HasRouteKey,
    HasUserTracking,
    LogsActivity,
    Publishable,
    SoftDeletes,
)


class Base(DeclarativeBase):
    """The base of the blog."""


class User(Base):
    """Somebody who acts."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


article_tag = Table(
    "article_tag",
    Base.metadata,
    Column("article_id", ForeignKey("articles.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
    *tracking_columns(user_column="users.id"),
)


class Tag(SoftDeletes, Base):
    """A word for articles."""

    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Article(HasUserTracking, SoftDeletes, LogsActivity, HasDisplayName, HasRouteKey, Base):
    """An article, with comments that go where it goes, and an attachment that has no trash."""

    __tablename__ = "articles"
    __traits__ = {HasUserTracking: {"user_column": "users.id", "user_model": "User"}}  # noqa: RUF012
    __table_args__ = (unique_in_use("uq_articles_slug", "slug"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    slug: Mapped[str | None]
    words: Mapped[int] = mapped_column(default=0)
    comments: Mapped[list[Comment]] = relationship(back_populates="article", cascade="all", order_by="Comment.id")
    files: Mapped[list[File]] = relationship(cascade="all", order_by="File.id")
    tags: Mapped[list[Tag]] = relationship(secondary=article_tag, order_by=Tag.id)


class Comment(HasUserTracking, SoftDeletes, Base):
    """What somebody says about an article."""

    __tablename__ = "comments"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"))
    article: Mapped[Article | None] = relationship(back_populates="comments")
    answers: Mapped[list[Comment]] = relationship(cascade="all", order_by="Comment.id")


class File(Base):
    """Something that hangs on an article and has no trash."""

    __tablename__ = "files"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id"))


class Shop(Base):
    """Something without a trash, with goods that have one: those that it owns, and those that it only shows."""

    __tablename__ = "shops"
    id: Mapped[int] = mapped_column(primary_key=True)
    owned: Mapped[list[Good]] = relationship(cascade="all", foreign_keys="Good.owner_id", order_by="Good.id")
    shown: Mapped[list[Good]] = relationship(foreign_keys="Good.shower_id", order_by="Good.id")


class Good(SoftDeletes, Base):
    """What a shop sells."""

    __tablename__ = "goods"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    shower_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))


class Mood(enum.Enum):
    """How an account is."""

    GOOD = "good"
    BAD = "bad"


class Account(LogsActivity, HasUserTracking, SoftDeletes, Base):
    """An account whose changes of one transaction are one entry."""

    __tablename__ = "accounts"
    __traits__ = {LogsActivity: {"collapse": "transaction", "ignored": ("visits",)}}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    password: Mapped[str] = mapped_column(default="")
    balance: Mapped[decimal.Decimal] = mapped_column(Numeric(10, 2), default=decimal.Decimal(0))
    mood: Mapped[Mood] = mapped_column(Enum(Mood), default=Mood.GOOD)
    seal: Mapped[bytes | None] = mapped_column(LargeBinary)
    since: Mapped[dt.datetime | None] = mapped_column(UtcDateTime())
    visits: Mapped[int] = mapped_column(default=0)
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class Ledger(LogsActivity, SoftDeletes, Base):
    """A row whose bulk changes are noted row by row, with a key of two columns."""

    __tablename__ = "ledger"
    __traits__ = {LogsActivity: {"bulk": "rows"}}  # noqa: RUF012
    year: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(default=0)


class Note(HasUserTracking, Base):
    """A strict model: nobody writes without a name."""

    __tablename__ = "notes"
    __traits__ = {HasUserTracking: {"strict": True, "user_key": "str"}}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Stamped(HasUserTracking, Base):
    """A row with times."""

    __tablename__ = "stamped"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Post(Publishable, HasDisplayName, HasRouteKey, Base):
    """Something that appears at a moment."""

    __tablename__ = "posts"
    __traits__ = {HasDisplayName: {"fields": ("headline", "title")}}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    headline: Mapped[str | None]


class Page(HasRouteKey, SoftDeletes, Base):
    """Something with an address that heals itself."""

    __tablename__ = "pages"
    __traits__ = {HasRouteKey: {"self_healing": True}}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    ulid: Mapped[str]
