"""Slugs in a database: unique among rows, writers, languages and scopes."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import sessionmaker
from traitmodels import Base, Page, Post, Room, Story

from traits_runtime import events
from traits_runtime.adapters.sqlalchemy import TraitSession, save_with_unique_slug
from traits_runtime.errors import InvalidSlugError
from traits_runtime.traits import HasSlug
from traits_runtime.traits.slug import BLOCKS

Async = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


def test_eight_writers_of_one_title_all_get_their_own_slug(sessions: sessionmaker[TraitSession]) -> None:
    """Eight threads write 25 rows each, one transaction a row: no error, all unique, a bounded number of questions."""
    asked: list[int] = []
    start = threading.Barrier(8)

    def write(_number: int) -> None:
        start.wait(60)
        for _ in range(25):
            with sessions() as session:
                session.add(Post(title="Same title"))
                session.commit()

    with (
        HasSlug.slug_collided.listen(lambda envelope: asked.append(envelope.payload.questions)),
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(write, range(8)))

    with sessions() as session:
        slugs = session.scalars(sa.select(Post.slug)).all()
    assert len(slugs) == len(set(slugs)) == 200
    assert max(asked) <= len(BLOCKS) + 2


def test_writers_that_hold_their_transaction_open_do_not_block_each_other_for_ever(
    sessions: sessionmaker[TraitSession],
) -> None:
    """Two transactions want each other's slugs: on PostgreSQL both end, with random tails and without a deadlock."""
    with sessions() as session:
        if session.get_bind().dialect.name != "postgresql":
            pytest.skip("SQLite has one writer")
    met = threading.Barrier(2)

    def write(titles: tuple[str, str]) -> None:
        with sessions() as session:
            session.add(Post(title=titles[0]))
            session.flush()
            met.wait(60)
            session.add(Post(title=titles[1]))
            session.commit()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, [("One", "Two"), ("Two", "One")]))

    with sessions() as session:
        slugs = sorted(session.scalars(sa.select(Post.slug)))
    assert len(slugs) == len(set(slugs)) == 4


def test_three_equal_titles_in_one_flush(session: TraitSession) -> None:
    """Rows that wait to be written count as rows."""
    session.add_all([Post(title="Same") for _ in range(3)])
    session.commit()

    assert sorted(session.scalars(sa.select(Post.slug))) == ["same", "same-2", "same-3"]


def test_wildcards_of_like_mean_nothing(session: TraitSession) -> None:
    """What looks like a pattern takes no number from others."""
    session.add_all([Post(title="a", slug="axb"), Post(title="b", slug="a-b-7")])
    session.commit()
    session.add_all([Post(title="a_b"), Post(title="a%b")])
    session.commit()

    assert set(session.scalars(sa.select(Post.slug))) == {"axb", "a-b-7", "a-b", "a-b-2"}


def test_longest_title_and_number_fit_the_column(session: TraitSession) -> None:
    """300 characters, three times."""
    session.add_all([Post(title="word " * 60) for _ in range(12)])
    session.commit()

    slugs = session.scalars(sa.select(Post.slug)).all()
    assert len(set(slugs)) == 12
    assert all(len(one) <= 80 for one in slugs)


def test_rows_in_the_waste_bin_keep_their_slugs(session: TraitSession) -> None:
    """A restored row must have its old address."""
    import datetime as dt

    session.add(Post(title="Same", deleted_at=dt.datetime.now()))
    session.commit()
    session.add(Post(title="Same"))
    session.commit()

    assert sorted(session.scalars(sa.select(Post.slug))) == ["same", "same-2"]


def test_rows_that_inherit_share_the_addresses_of_their_table(session: TraitSession) -> None:
    """A story is found where posts are."""
    session.add(Post(title="Same"))
    session.commit()
    story = Story(title="Same")
    session.add(story)
    session.commit()

    assert story.slug == "same-2"


def test_slug_is_unique_in_its_scope_only(session: TraitSession) -> None:
    """Every house has a kitchen."""
    rooms = [Room(house=one, name="Kitchen") for one in ("a", "b", "a")]
    session.add_all(rooms)
    session.commit()

    assert [one.address for one in rooms] == ["kitchen", "kitchen", "kitchen-2"]


def test_policy_always_follows_the_name(session: TraitSession) -> None:
    """And a row that keeps its name keeps its number."""
    first, second = Room(name="Hall"), Room(name="Hall")
    session.add_all([first, second])
    session.commit()

    second.marks = 2
    session.commit()
    kept = second.address
    second.name = "Great Hall"
    session.commit()

    assert kept == "hall-2"
    assert second.address == "great-hall"


def test_policy_create_keeps_the_address_when_the_title_changes(session: TraitSession) -> None:
    """A published address does not break."""
    post = Post(title="First")
    session.add(post)
    session.commit()
    post.title = "Second"
    session.commit()

    assert post.slug == "first"


def test_slug_given_by_hand_is_checked_on_change(session: TraitSession) -> None:
    """And never rewritten."""
    post = Post(title="First")
    session.add(post)
    session.commit()
    post.slug = "Not A Slug"

    with pytest.raises(InvalidSlugError, match="'not-a-slug' is possible"):
        session.commit()


def test_old_addresses_lead_to_the_row(session: TraitSession) -> None:
    """With history on; nobody else gets them, and the row may have them back."""
    post = Post(title="First")
    session.add(post)
    session.commit()
    post.slug = "second"
    session.commit()
    session.add(Post(title="First"))
    session.commit()

    found = session.scalars(sa.select(Post).where(Post.scopes.by_slug("first"))).all()
    assert found == [post]
    assert sorted(session.scalars(sa.select(Post.slug))) == ["first-2", "second"]

    post.slug = "first"
    session.commit()
    assert session.scalars(sa.select(Post).where(Post.scopes.by_slug("second"))).all() == [post]


def test_addresses_of_languages_are_unique_by_language(session: TraitSession) -> None:
    """Only a language whose text changed gets another address."""
    first, second = Page(), Page()
    first.title = {"en": "Garden", "de": "Garten"}
    second.title = {"en": "Yard", "de": "Garten"}
    session.add_all([first, second])
    session.commit()
    before = dict(second.slugs)
    second.translate("title", "Gärten", "de")
    session.commit()

    assert before == {"en": "yard", "de": "garten-2"}
    assert second.slugs == {"en": "yard", "de": "gaerten"}
    found = session.scalars(sa.select(Page).where(Page.scopes.by_localized_slug("garten", "de"))).all()
    assert found == [first]


def test_the_database_refuses_what_went_past_the_trait(session: TraitSession) -> None:
    """A statement of its own cannot give two pages one address in a language."""
    session.execute(sa.insert(Page).values(slugs={"de": "a"}))

    with pytest.raises(sa.exc.IntegrityError):
        session.execute(sa.insert(Page).values(slugs={"de": "a"}))


def test_writer_with_an_old_snapshot_tries_again_in_a_savepoint(sessions: sessionmaker[TraitSession]) -> None:
    """REPEATABLE READ cannot see the other's commit: three numbers at most, then a random tail."""
    with sessions() as session:
        if session.get_bind().dialect.name != "postgresql":
            pytest.skip("SQLite refuses to write on an old snapshot")
    with sessions() as old, sessions() as other:
        old.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        old.execute(sa.select(Post.id)).all()
        other.add_all([Post(title="Same") for _ in range(9)])
        other.commit()

        post = save_with_unique_slug(old, Post(title="Same"))
        old.commit()

        assert post.slug.startswith("same-")
        assert len(post.slug) == len("same-") + 8


def test_saving_with_a_unique_slug_hides_no_other_error(session: TraitSession) -> None:
    """What is wrong with the row is said."""
    with pytest.raises(sa.exc.IntegrityError):
        save_with_unique_slug(session, Post(title=None, slug="x"))


def test_two_in_a_savepoint_that_is_rolled_back_leave_the_slug_free(session: TraitSession) -> None:
    """What was not written is not taken."""
    savepoint = session.begin_nested()
    session.add(Post(title="Same"))
    session.flush()
    savepoint.rollback()
    session.add(Post(title="Same"))
    session.commit()

    assert session.scalars(sa.select(Post.slug)).all() == ["same"]


def test_slugs_in_an_asynchronous_session(in_async: Async) -> None:
    """The questions are asked inside the flush."""

    async def work(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, sync_session_class=TraitSession)() as session:
            session.add_all([Post(title="Same"), Post(title="Same")])
            await session.commit()
            made = await session.run_sync(save_with_unique_slug, Post(title="Same"))
            slug = made.slug
            await session.commit()

            assert slug == "same-3"
            assert set(await session.scalars(sa.select(Post.slug))) == {"same", "same-2", "same-3"}

    in_async(work)


def test_many_rows_of_one_flush_are_asked_for_together(session: TraitSession) -> None:
    """Three hundred titles, two of them taken: a few questions, and not three hundred."""
    session.add_all([Post(title="Title 7"), Post(title="Title 8")])
    session.commit()
    asked: list[str] = []
    sa.event.listen(session.get_bind(), "before_cursor_execute", lambda _c, _u, text, *_: asked.append(text))

    session.add_all([Post(title=f"Title {number}") for number in range(300)])
    session.commit()

    slugs = set(session.scalars(sa.select(Post.slug)))
    assert len(slugs) == 302
    assert {"title-0", "title-7-2", "title-8-2", "title-299"} <= slugs
    assert sum("SELECT posts.slug" in one for one in asked) < 10
    assert sum("advisory" in one for one in asked) < 10


def test_row_whose_title_a_hook_still_changes_gets_the_slug_of_the_new_title(session: TraitSession) -> None:
    """What was asked for together is a guess, and another question is asked where it was wrong."""
    session.add(Post(title="Second"))
    session.commit()

    def rename(envelope: Any) -> None:
        if envelope.sender.title == "First":
            envelope.sender.title = "Second"

    with events.listen("model.Post.saving", rename):
        session.add_all([Post(title="Other"), Post(title="First")])
        session.commit()

    assert sorted(session.scalars(sa.select(Post.slug))) == ["other", "second", "second-2"]


def test_statement_that_makes_rows_without_instances_gives_random_slugs(session: TraitSession) -> None:
    """The column takes no row without one, and the titles are not looked at."""
    session.execute(sa.insert(Post), [{"title": "a"}, {"title": "a"}])
    session.commit()

    slugs = session.scalars(sa.select(Post.slug)).all()
    assert len(set(slugs)) == 2
    assert all(len(one) == 12 for one in slugs)
