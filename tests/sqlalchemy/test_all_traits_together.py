"""`HasAdditionalFeatures`: all ready-made traits on one model, and each switched off alone."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from traits_runtime import acting_as, locale
from traits_runtime.adapters.sqlalchemy import TraitSession, activities
from traits_runtime.traits import (
    HasAdditionalFeatures,
    HasSlug,
    IsComment,
    IsTag,
    LogsActivity,
    Searchable,
    translated,
)

Async = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


class Base(DeclarativeBase):
    """Of these models."""


class Tag(IsTag, Base):
    """A label."""

    __tablename__ = "all_tags"

    id: Mapped[int] = mapped_column(primary_key=True)


class Comment(IsComment, Base):
    """What somebody said."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)


class Text(HasAdditionalFeatures, Base):
    """Has everything."""

    __tablename__ = "texts"

    class Flags(enum.Flag):
        """What a text may be marked with."""

        PINNED = 1

    id: Mapped[int] = mapped_column(primary_key=True)
    title = translated(doc="What stands at the top.")
    body: Mapped[str] = mapped_column(default="")


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


def full() -> Text:
    """A text with all there is."""
    made = Text(title="Red roses", body="They smell.")
    made.tag("Flower")
    made.flag("pinned")
    made.comment("Yes.")
    made.publish()
    return made


def count(session: TraitSession, table: str) -> Any:
    """The rows of a table."""
    return session.connection().scalar(sa.select(sa.func.count()).select_from(Base.metadata.tables[table]))


def test_a_row_has_all_of_it_from_its_first_flush(session: TraitSession) -> None:
    """Address, identifier, tags, flags, comments, words, and it is public."""
    with acting_as(7):
        text = full()
        session.add(text)
        session.commit()

    found = session.scalars(
        sa.select(Text).where(
            Text.scopes.by_slug("red-roses"),
            Text.scopes.tagged(all=["flower"]),
            Text.scopes.flagged("pinned"),
            Text.scopes.search("rose"),
            Text.scopes.commented_by(7),
            Text.scopes.where_locale("title", "en"),
            Text.scopes.published(),
        )
    ).all()
    assert found == [text]
    assert text.route_key == "red-roses"
    assert str(text.display_name) == "Red roses"


def test_waste_bin_hides_the_words_and_keeps_the_rest(session: TraitSession) -> None:
    """Restored, the row is found as before; deleted for good, nothing is left but the tag."""
    text = full()
    session.add(text)
    session.commit()
    search = sa.select(Text).where(Text.scopes.search("roses"))

    session.delete(text)
    session.commit()
    assert (count(session, "search_entries"), count(session, "texts_all_tags"), count(session, "comments")) == (0, 1, 1)

    session.restore(text)
    session.commit()
    assert session.scalars(search).all() == [text]

    session.delete(text, force=True)
    session.commit()
    tables = ("texts", "texts_all_tags", "comments", "search_entries", "all_tags")
    assert [count(session, one) for one in tables] == [0, 0, 0, 0, 1]


def test_draft_is_not_found(session: TraitSession) -> None:
    """Taken back, it is found no more."""
    text = full()
    session.add(text)
    session.commit()
    text.unpublish()
    session.commit()

    assert session.scalars(sa.select(Text).where(Text.scopes.search("roses"))).all() == []


def test_log_says_what_changed_in_flags_and_languages(session: TraitSession) -> None:
    """Old and new, as numbers and texts and not as parts of statements."""
    text = full()
    session.add(text)
    session.commit()
    text.unflag("pinned")
    with locale("de"):
        text.title = "Rote Rosen"
    session.commit()

    entry = next(one for one in activities(session, text) if one.event == "updated" and "flags" in one.new)
    assert (entry.old["flags"], entry.new["flags"]) == (1, 0)
    assert entry.old["title_translations"] == {"en": "Red roses"}
    assert entry.new["title_translations"] == {"en": "Red roses", "de": "Rote Rosen"}


@pytest.mark.parametrize("trait", [HasSlug, Searchable, LogsActivity])
def test_one_trait_switched_off_leaves_the_others_on(session: TraitSession, trait: type) -> None:
    """The row is written all the same."""
    with Text.without_features(trait):
        text = full()
        session.add(text)
        session.commit()

    assert (text.slug == "red-roses") is (trait is not HasSlug)
    assert (count(session, "search_entries") == 1) is (trait is not Searchable)
    assert text.tag_names() == ["Flower"]


def test_all_of_it_in_an_asynchronous_session(in_async: Async) -> None:
    """Write, bin, restore, delete."""

    async def work(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, sync_session_class=TraitSession, expire_on_commit=False)() as session:
            text = full()
            session.add(text)
            await session.commit()
            await session.delete(text)
            await session.commit()
            assert (await session.scalars(sa.select(Text))).all() == []
            await session.run_sync(lambda sync: sync.restore(text))
            await session.commit()
            assert (await session.scalars(sa.select(Text).where(Text.scopes.search("roses")))).all() == [text]

    in_async(work)
