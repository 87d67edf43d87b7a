"""Names for people, keys for addresses, and all ready-made traits in one model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from trackedmodels import Page, Post

from traits_runtime.adapters.sqlalchemy import TraitSession, activities, resolve
from traits_runtime.errors import UnsavedInstanceError
from traits_runtime.traits import (
    HasAdditionalFeatures,
    HasRouteKey,
    HasSlug,
    HasUserTracking,
    IsComment,
    IsTag,
    LogsActivity,
    SoftDeletes,
)

Sessions = sessionmaker[TraitSession]
ULID = "01HZY3K7M0N9V5Q2X8R4T6W1BC"


def queries(session: TraitSession) -> list[str]:
    """Filled with what is asked from now on."""
    seen: list[str] = []
    sa.event.listen(session.get_bind(), "before_cursor_execute", lambda _c, _u, text, *_rest: seen.append(text))
    return seen


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"title": "Title", "headline": "Head"}, "Head"),
        ({"title": "Title", "headline": "  "}, "Title"),
        ({"title": None, "headline": None}, "Post"),
    ],
)
def test_display_name_is_the_first_field_that_says_something(given: dict[str, Any], name: str) -> None:
    """In the order that the model gives; without any it is model and key."""
    assert Post(**given).display_name == name


def test_display_name_falls_back_to_the_key(blog: Sessions) -> None:
    """A saved row is told by its key."""
    with blog() as session:
        post = Post()
        session.add(post)
        session.commit()

        assert post.display_name == f"Post {post.id}"


def test_route_key_is_the_primary_key_where_there_is_no_better(blog: Sessions) -> None:
    """A key that is none is answered without a query; an unsaved row has none."""
    with blog() as session:
        post = Post(title="a")
        with pytest.raises(UnsavedInstanceError, match="has no identity: it has no key for URLs"):
            post.route_key  # noqa: B018 - it raises
        session.add(post)
        session.commit()
        key = post.route_key
        assert resolve(session, Post, key) is post
        seen = queries(session)

        assert [resolve(session, Post, one) for one in ("", "x", f"0{key}", "1.0", "9" * 30, "१")] == [None] * 6
        assert seen == []


def test_self_healing_key_survives_a_new_slug(blog: Sessions) -> None:
    """The ULID finds the row, in either case; the row says whether the address is current."""
    with blog() as session:
        page = Page(slug="old-name", ulid=ULID)
        session.add(page)
        session.commit()
        old = page.route_key
        page.slug = "new-name"
        session.commit()

        assert old == f"old-name-{ULID.lower()}"
        assert resolve(session, Page, old) is page
        assert resolve(session, Page, f"whatever-{ULID}") is page
        assert (page.is_current_route_key(old), page.is_current_route_key(page.route_key)) == (False, True)
        seen = queries(session)
        assert [resolve(session, Page, one) for one in ("old-name", f"a-8{ULID[1:]}", f"a-{ULID[:-1]}U")] == [None] * 3
        assert seen == []


def test_route_key_of_a_row_in_the_trash_leads_nowhere(blog: Sessions) -> None:
    """Resolving sees what the model's queries see."""
    with blog() as session:
        page = Page(slug="gone", ulid=ULID)
        session.add(page)
        session.commit()
        key = page.route_key
        session.delete(page)
        session.commit()

        assert resolve(session, Page, key) is None


def test_slug_goes_before_ulid(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """A row without a slug has its ULID as key; both find it."""

    class OwnBase(DeclarativeBase):
        pass

    class Thing(HasRouteKey, OwnBase):
        __tablename__ = "things"
        id: Mapped[int] = mapped_column(primary_key=True)
        slug: Mapped[str | None]
        ulid: Mapped[str]

    with TraitSession(engine_of(OwnBase.metadata)) as session:
        one, two = Thing(slug="one", ulid=ULID), Thing(ulid=f"{ULID[:-1]}D")
        session.add_all([one, two])
        session.commit()

        assert (one.route_key, two.route_key) == ("one", two.ulid.lower())
        assert resolve(session, Thing, "one") is one
        assert resolve(session, Thing, ULID.lower()) is one
        assert resolve(session, Thing, two.route_key) is two


def test_one_trait_brings_all_and_each_part_is_a_toggle(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """The same model with everything, and with the log and the trash switched off."""

    class OwnBase(DeclarativeBase):
        pass

    class Book(HasAdditionalFeatures, HasUserTracking, OwnBase):
        __tablename__ = "books"
        __traits__ = {HasSlug: {"source": "title"}}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

    class Word(IsTag, OwnBase):
        __tablename__ = "words"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Remark(IsComment, OwnBase):
        __tablename__ = "comments"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Leaflet(HasAdditionalFeatures, OwnBase):
        __tablename__ = "leaflets"
        __traits__ = {LogsActivity: {"enabled": False}, SoftDeletes: {"enabled": False}}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

    with TraitSession(engine_of(OwnBase.metadata)) as session:
        book, leaflet = Book(title="Good Omens"), Leaflet(title="Sale")
        session.add_all([book, leaflet])
        session.commit()
        assert (book.route_key, book.display_name, book.is_draft) == ("good-omens", "Good Omens", True)
        assert resolve(session, Book, book.ulid.lower()) is book
        for row in (book, leaflet):
            session.delete(row)
        session.commit()

        assert [one.event for one in activities(session, model=Book)] == ["created", "trashed"]
        assert activities(session, model=Leaflet) == []
        assert session.connection().scalar(sa.select(sa.func.count()).select_from(Book.__table__)) == 1
        assert session.connection().scalar(sa.select(sa.func.count()).select_from(Leaflet.__table__)) == 0
