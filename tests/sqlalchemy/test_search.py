"""Searching in a database: words are found, and only those of rows that may be found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import sessionmaker
from traitmodels import Base, Post, Room, Story

from traits_runtime.adapters.sqlalchemy import TraitSession, reindex
from traits_runtime.traits import MemoryIndex, use_search_index

Async = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


def found(session: Any, text: str, model: Any = Post) -> list[str]:
    """The titles of the posts that are found, best first."""
    name = getattr(model, "title", None) or model.name
    query = sa.select(name).where(model.scopes.search(text)).order_by(model.scopes.search_rank(text), name)
    return list(session.scalars(query))


@pytest.fixture
def garden(session: TraitSession) -> TraitSession:
    """Some posts."""
    session.add_all([
        Post(title="Red roses", body="They smell."),
        Post(title="Blue violets", body="Roses are red, these are not."),
        Post(title="Grüne Äpfel", body="Sauer."),
    ])  # fmt: skip
    session.commit()
    return session


def test_words_are_found_in_any_case_and_by_their_beginning(garden: TraitSession) -> None:
    """All words of the question, the last one as a beginning."""
    assert sorted(found(garden, "ROSES red")) == ["Blue violets", "Red roses"]
    assert found(garden, "viol") == ["Blue violets"]
    assert found(garden, "roses sauer") == []
    assert found(garden, "grüne") == ["Grüne Äpfel"]


@pytest.mark.parametrize(
    "text",
    ['"foo AND (', "foo*", "NEAR(a b)", "a OR", "-x", "^zz", "{a}:b", "'; DROP TABLE posts; --", "\\", "&|!<->", ":*",
     "", "   ", "%", "_", "a:b", "\x00"],
)  # fmt: skip
def test_nothing_that_a_user_types_is_an_error(garden: TraitSession, text: str) -> None:
    """Signs of the query languages are signs."""
    assert found(garden, text) == []


def test_words_of_the_query_language_are_words(garden: TraitSession) -> None:
    """NOT is one that the post has."""
    assert found(garden, "roses NOT") == ["Blue violets"]


def test_forms_of_a_word_are_one_word_where_the_language_is_named(session: TraitSession) -> None:
    """PostgreSQL knows English; SQLite finds beginnings."""
    session.add(Room(name="Meeting rooms"))
    session.commit()

    assert found(session, "room", Room) == ["Meeting rooms"]
    if session.get_bind().dialect.name == "postgresql":
        assert found(session, "meetings", Room) == ["Meeting rooms"]


def test_index_follows_the_row(garden: TraitSession) -> None:
    """Changed, in the waste bin, restored, deleted."""
    import datetime as dt

    post = garden.scalars(sa.select(Post).where(Post.title == "Red roses")).one()
    post.title = "White lilies"
    garden.commit()
    assert found(garden, "lilies") == ["White lilies"]
    assert found(garden, "roses") == ["Blue violets"]

    post.deleted_at = dt.datetime.now()
    garden.commit()
    assert found(garden, "lilies") == []

    post.deleted_at = None
    garden.commit()
    assert found(garden, "lilies") == ["White lilies"]

    garden.delete(post)
    garden.commit()
    entries = Base.metadata.tables["search_entries"]
    assert garden.scalar(sa.select(sa.func.count()).select_from(entries)) == 2


def test_others_find_a_row_when_it_is_committed_and_not_before(sessions: sessionmaker[TraitSession]) -> None:
    """The index is written in the row's transaction, so a rollback leaves nothing in it."""
    with sessions() as writer, sessions() as reader:
        writer.add(Post(title="Tulips"))
        writer.flush()
        assert found(reader, "tulips") == []
        reader.rollback()
        writer.rollback()
        assert found(reader, "tulips") == []
        reader.rollback()
        writer.add(Post(title="Tulips"))
        writer.commit()
        assert found(reader, "tulips") == ["Tulips"]


def test_index_outside_hears_of_a_row_after_the_root_commit(sessions: sessionmaker[TraitSession]) -> None:
    """Not when a savepoint is released, never after a rollback, and once for the last words."""
    index = MemoryIndex()
    with use_search_index(index), sessions() as session:
        with session.begin_nested():
            post = Post(title="Tulips")
            session.add(post)
        assert index.entries == {}
        session.rollback()
        assert index.entries == {}

        session.add(post := Post(title="Tulips"))
        session.flush()
        post.title = "Asters"
        session.commit()
        assert list(index.entries.values()) == ["asters"]


def test_statement_for_many_rows_is_made_up_for_by_reindexing(garden: TraitSession) -> None:
    """The index did not hear of it, and says so by finding what was."""
    garden.execute(sa.update(Post).values(title="Same"))
    before = found(garden, "same")
    count = reindex(garden, Post)
    garden.commit()

    assert before == []
    assert count == 3
    assert found(garden, "same") == ["Same"] * 3


def test_rows_that_inherit_are_found_among_all_and_alone(garden: TraitSession) -> None:
    """A story is a post."""
    garden.add(Story(title="Roses and thorns"))
    garden.commit()

    assert "Roses and thorns" in found(garden, "roses")
    assert found(garden, "roses", Story) == ["Roses and thorns"]


def test_searching_in_an_asynchronous_session(in_async: Async) -> None:
    """The index is written inside the flush."""

    async def work(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, sync_session_class=TraitSession)() as session:
            session.add(Post(title="Red roses"))
            await session.commit()
            assert await session.run_sync(found, "rose") == ["Red roses"]
            assert await session.run_sync(reindex, Post) == 1
            await session.commit()

    in_async(work)
