"""The texts."""

from __future__ import annotations

import enum

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blog.db import Base
from blog.traits import Announced, HasContent
from traits_runtime.traits import HasRouteKey, HasSlug, HasTags, HasTranslations, HasUserTracking


class Category(HasSlug, Base):
    """A shelf for articles."""

    __tablename__ = "categories"

    title: Mapped[str]

    articles: Mapped[list[Article]] = relationship(back_populates="category")


class Series(HasSlug, HasUserTracking, Base):
    """Articles that belong together, in order."""

    __tablename__ = "series"

    title: Mapped[str]

    articles: Mapped[list[Article]] = relationship(back_populates="series")


class Article(HasContent, Announced, HasUserTracking, Base):
    """A dated text by an author, open for comments.

    Articles may belong to a :class:`Series`; their address then starts with the series'.
    """

    __tablename__ = "articles"
    __traits__ = {
        HasRouteKey: {"self_healing": True},
        HasSlug: {"max_length": 120, "policy": "always", "history": True},
        HasTags: {"max_tags": 5},
        HasTranslations: {"fallbacks": ("en",)},
        HasUserTracking: {"user_model": "User", "user_column": "users.id"},
    }

    class Flags(enum.Flag):
        """What editors mark articles with."""

        PINNED = 1
        FEATURED = 2

    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id"))

    category: Mapped[Category | None] = relationship(back_populates="articles")
    series: Mapped[Series | None] = relationship(back_populates="articles")

    def slug_source(self) -> str:
        """The title, after the title of the series if the article is part of one."""
        return f"{self.series.title} {super().slug_source()}" if self.series else super().slug_source()


class Page(HasContent, Base):
    """A text without a date: an imprint, an about page."""

    __tablename__ = "pages"

    in_menu: Mapped[bool] = mapped_column(default=False, doc="Whether the menu shows the page.")
