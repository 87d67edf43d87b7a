"""Tags in a database: written with the row, shared by rows and writers, asked for in queries."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload, sessionmaker
from traitmodels import Base, Post, Room, Story, Tag

from traits_runtime import locale
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.errors import DeclarationError, TooManyTagsError
from traits_runtime.traits import HasTags, IsTag

Async = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


def titles(session: TraitSession, **query: Any) -> list[str]:
    """The titles of the posts that a query by tags finds."""
    return sorted(session.scalars(sa.select(Post.title).where(Post.scopes.tagged(**query))))


@pytest.fixture
def shelf(session: TraitSession) -> TraitSession:
    """Three posts with tags, and one without."""
    for title, names in (("a", ["Red", "Big"]), ("b", ["red"]), ("c", ["Big", "Old"]), ("d", [])):
        post = Post(title=title)
        post.tag(*names)
        session.add(post)
    session.commit()
    return session


def test_tags_are_written_with_a_new_row(session: TraitSession) -> None:
    """And read back in another session."""
    post = Post(title="x")
    post.tag("Sea", "sea", " SEA ")
    post.tag("Blue", type="colour")
    session.add(post)
    session.commit()
    session.expunge_all()

    found = session.scalars(sa.select(Post)).one()
    assert (found.tag_names(), found.tag_names("colour")) == (["Sea"], ["Blue"])
    assert session.scalar(sa.select(sa.func.count()).select_from(Tag)) == 2


def test_tags_alone_make_a_session_flush(session: TraitSession) -> None:
    """No column of the row is written for it."""
    post = Post(title="x")
    session.add(post)
    session.commit()
    statements: list[str] = []
    sa.event.listen(session.get_bind(), "before_cursor_execute", lambda _c, _u, text, *_: statements.append(text))

    post.tag("Sea")
    session.commit()

    assert not any(one.startswith("UPDATE posts") for one in statements)
    assert session.scalars(sa.select(Post).where(Post.scopes.tagged(all=["sea"]))).all() == [post]


def test_kind_of_a_tag_is_never_null(session: TraitSession) -> None:
    """Two tags without a kind are one, for the database too."""
    session.execute(sa.insert(Tag).values(tag_slug="a", tag_name="a"))
    assert session.scalars(sa.select(Tag.tag_type)).all() == [""]

    with pytest.raises(sa.exc.IntegrityError):
        session.execute(sa.insert(Tag).values(tag_slug="a", tag_name="A"))


def test_writers_that_make_the_same_tags_do_not_fail(sessions: sessionmaker[TraitSession]) -> None:
    """Eight threads, the same fifteen tags in other orders: no error, each tag once."""
    names = [f"tag {number}" for number in range(15)]
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait(60)
        for turn in range(4):
            with sessions() as session:
                post = Post(title=f"{number} {turn}", slug=f"p-{number}-{turn}")
                post.tag(*(names[(number + turn * 3 + step) % 15] for step in range(5)))
                session.add(post)
                session.commit()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))

    with sessions() as session:
        assert sorted(session.scalars(sa.select(Tag.tag_name))) == sorted(names)
        linked = Base.metadata.tables["posts_tags"]
        assert session.scalar(sa.select(sa.func.count()).select_from(linked)) == 8 * 4 * 5


def test_two_writers_may_tag_the_same_row_alike(sessions: sessionmaker[TraitSession]) -> None:
    """The second finds it done."""
    with sessions() as session:
        session.add(Post(id=1, title="x"))
        session.commit()
    with sessions() as first, sessions() as second:
        one, two = first.get_one(Post, 1), second.get_one(Post, 1)
        first.commit()
        second.commit()
        one.tag("Sea")
        two.tag("sea", "Sky")
        first.commit()
        second.commit()
        assert two.tag_names() == ["Sea", "Sky"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "abcd"),
        ({"all": []}, "abcd"),
        ({"all": ["RED", "red"]}, "ab"),
        ({"all": ["red", "big"]}, "a"),
        ({"all": ["red", "nobody uses this"]}, ""),
        ({"any": []}, ""),
        ({"any": ["red", "old"]}, "abc"),
        ({"any": ["old", "nobody uses this"]}, "c"),
        ({"without": []}, "abcd"),
        ({"without": ["big"]}, "bd"),
        ({"without": ["big", "nobody uses this"]}, "bd"),
        ({"any": ["big"], "without": ["old"]}, "a"),
        ({"all": ["red"], "type": "colour"}, ""),
    ],
)
def test_rows_by_their_tags(shelf: TraitSession, query: dict[str, Any], expected: str) -> None:
    """All, any and without, with empty lists, with names twice and with tags that there are not."""
    assert titles(shelf, **query) == list(expected)


def test_sync_of_one_kind_keeps_the_others(session: TraitSession) -> None:
    """And says what came and what went."""
    post = Post(title="x")
    post.tag("a", "b")
    post.tag("red", type="colour")
    session.add(post)
    session.commit()
    heard = []

    with HasTags.tags_changed.listen(heard.append):
        post.sync_tags(["b", "c"])
        session.commit()

    assert (post.tag_names(), post.tag_names("colour")) == (["b", "c"], ["red"])
    assert [(one.payload.added, one.payload.removed, one.payload.type) for one in heard] == [(["c"], ["a"], "")]


def test_tags_stay_on_a_row_in_the_waste_bin_and_go_with_a_deleted_one(session: TraitSession) -> None:
    """A new row with the key of a deleted one has none of its tags; tags themselves stay."""
    import datetime as dt

    linked = Base.metadata.tables["posts_tags"]
    post = Post(id=7, title="x")
    post.tag("Sea")
    session.add(post)
    session.commit()
    post.deleted_at = dt.datetime.now()
    session.commit()
    kept = session.scalar(sa.select(sa.func.count()).select_from(linked))
    session.delete(post)
    session.commit()

    assert kept == 1
    assert session.scalar(sa.select(sa.func.count()).select_from(linked)) == 0
    assert session.scalars(sa.select(Tag.tag_name)).all() == ["Sea"]


def test_changes_that_are_rolled_back_are_gone(session: TraitSession) -> None:
    """Written or not, as with columns."""
    post = Post(title="x")
    session.add(post)
    session.commit()
    post.tag("written")
    session.flush()
    session.rollback()
    post.tag("waiting")
    session.rollback()
    session.commit()

    assert post.tag_names() == []
    assert session.scalars(sa.select(Tag)).all() == []


def test_too_many_tags_stop_the_flush(session: TraitSession) -> None:
    """Those that the row has already are counted."""
    post = Post(title="x")
    post.tag(*"abcde")
    session.add(post)
    session.commit()
    post.tag("f", "g")

    with pytest.raises(TooManyTagsError, match="at most 6 tags and would have 7"):
        session.commit()


def test_tags_of_inheriting_rows_and_of_rows_with_other_keys(session: TraitSession) -> None:
    """A story has its tags where posts have them; rooms have a UUID for a key."""
    story, room = Story(title="s"), Room(name="r")
    story.tag("Sea")
    room.tag("sea")
    session.add_all([story, room])
    session.commit()

    assert session.scalars(sa.select(Story).where(Story.scopes.tagged(all=["sea"]))).all() == [story]
    assert session.scalars(sa.select(Post.id).where(Post.scopes.tagged(all=["sea"]))).all() == [story.id]
    assert session.scalars(sa.select(Room).where(Room.scopes.tagged(any=["sea"]))).all() == [room]


def test_one_query_loads_the_tags_of_many_rows(shelf: TraitSession) -> None:
    """The tags are a relationship that only reads."""
    shelf.expunge_all()
    statements: list[str] = []
    sa.event.listen(shelf.get_bind(), "before_cursor_execute", lambda _c, _u, text, *_: statements.append(text))

    rows = shelf.scalars(sa.select(Post).options(selectinload(Post.tags)).order_by(Post.title)).all()

    assert [one.tag_names() for one in rows] == [["Big", "Red"], ["Red"], ["Big", "Old"], []]
    assert sum("SELECT" in one for one in statements) == 2


def test_name_of_a_tag_in_other_languages(shelf: TraitSession) -> None:
    """As the block of the language says; what it is stays what it is."""
    tag = shelf.scalars(sa.select(Tag).where(Tag.tag_slug == "red")).one()
    tag.tag_names = {"de": "Rot"}
    shelf.commit()

    with locale("de-AT"):
        assert str(tag) == "Rot"
    with locale("fr"):
        assert str(tag) == "Red"
    assert titles(shelf, all=["red"]) == ["a", "b"]


def test_tags_in_an_asynchronous_session(in_async: Async) -> None:
    """Tagging needs no await, and what was written is at hand afterwards."""

    async def work(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, sync_session_class=TraitSession, expire_on_commit=False)() as session:
            post = Post(title="x")
            post.tag("Sea")
            session.add(post)
            await session.commit()
            post.untag("sea")
            post.tag("Sky")
            await session.commit()

            assert post.tag_names() == ["Sky"]
            found = await session.scalars(sa.select(Post).where(Post.scopes.tagged(all=["sky"])))
            assert found.all() == [post]

    in_async(work)


def test_model_without_a_model_of_tags_says_what_is_missing() -> None:
    """The class to write stands in the error."""

    class Lonely(DeclarativeBase):
        """Has nothing of the others."""

    class Thing(HasTags, Lonely):
        """Has no tags."""

        __tablename__ = "things"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(DeclarationError, match=r"class Tag\(IsTag, Base\):"):
        Thing().tag("a")


class Shop(DeclarativeBase):
    """Of a model whose rows hold others."""


class Word(IsTag, Shop):
    """A tag."""

    __tablename__ = "shop_words"
    id: Mapped[int] = mapped_column(primary_key=True)


class Item(HasTags, Shop):
    """A thing that consists of things."""

    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(primary_key=True)
    whole_id: Mapped[int | None] = mapped_column(sa.ForeignKey("shop_items.id"))
    parts: Mapped[list[Item]] = relationship()


def test_row_that_is_held_by_another_alone_is_committed(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """It is let go of while the commit expires the one that holds it."""
    with TraitSession(engine_of(Shop.metadata)) as session:
        whole, part = Item(), Item()
        part.tag("red")
        whole.parts.append(part)
        session.add(whole)
        del part
        session.commit()

        assert [one.tag_names() for one in whole.parts] == [["red"]]
