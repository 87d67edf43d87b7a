"""Comments in a database: on any row, in threads, with who said it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from traitmodels import Base, Post, Remark, Room, Story

from traits_runtime import Actor, acting_as
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.errors import CommentTooDeepError
from traits_runtime.traits import HasComments, threads

Async = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


def test_comment_knows_row_actor_and_time(session: TraitSession) -> None:
    """On a row that is stored, and on one that is not yet."""
    old, new = Post(title="old"), Room(name="new")
    session.add(old)
    session.commit()
    session.add(new)
    with acting_as(Actor(7, "User")):
        old.comment("one")
        new.comment("two")
        session.commit()

    first = session.scalars(old.comments_query()).one()
    second = session.scalars(new.comments_query()).one()
    assert (first.body, first.actor_id, first.actor_type, first.depth) == ("one", "7", "User", 0)
    assert (second.body, second.subject_type) == ("two", "Room")
    assert first.commented_at.tzinfo is not None


def test_answers_make_threads_of_limited_depth(session: TraitSession) -> None:
    """An answer to what is not written yet is written after it."""
    post = Post(title="x")
    session.add(post)
    session.commit()
    question = post.comment("question")
    answer = post.comment("answer", parent=question)
    again = post.comment("again", parent=answer)
    with pytest.raises(CommentTooDeepError, match="2 replies deep"):
        post.comment("too deep", parent=again)
    session.commit()

    found = threads(session.scalars(post.comments_query()))
    assert [one.comment.body for one in found] == ["question"]
    assert found[0].answers[0].answers[0].comment is again


def test_answer_to_a_comment_on_another_row_is_refused(session: TraitSession) -> None:
    """Threads do not wander."""
    first, second = Post(title="a"), Post(title="b")
    session.add_all([first, second])
    session.commit()
    question = first.comment("question")

    with pytest.raises(ValueError, match="not about this Post"):
        second.comment("answer", parent=question)


def test_what_is_not_approved_is_not_shown_nor_counted(session: TraitSession) -> None:
    """Until it is."""
    post = Post(title="x")
    session.add(post)
    session.commit()
    with post.comment_config.override(approve=False):
        waiting = post.comment("spam?")
    session.commit()
    count = sa.select(Post.scopes.comments_count())

    assert session.scalars(post.comments_query()).all() == []
    assert session.scalars(post.comments_query(approved=False)).all() == [waiting]
    assert session.scalar(count) == 0
    waiting.approve()
    session.commit()
    assert session.scalar(count) == 1


def test_one_query_counts_the_comments_of_many_rows(session: TraitSession) -> None:
    """Of rows with numbers and with UUIDs as keys, and of rows that inherit."""
    posts = [Post(title="a"), Story(title="b"), Post(title="c")]
    rooms = [Room(name="r"), Room(name="s")]
    session.add_all([*posts, *rooms])
    session.commit()
    for row, times in zip([*posts, *rooms], (1, 2, 0, 3, 0), strict=True):
        for number in range(times):
            row.comment(str(number))
    session.commit()

    assert session.execute(sa.select(Post.title, Post.scopes.comments_count()).order_by(Post.title)).all() == [
        ("a", 1), ("b", 2), ("c", 0),
    ]  # fmt: skip
    assert session.execute(sa.select(Room.name, Room.scopes.comments_count()).order_by(Room.name)).all() == [
        ("r", 3), ("s", 0),
    ]  # fmt: skip


def test_comments_go_with_a_deleted_row_and_stay_with_one_in_the_waste_bin(session: TraitSession) -> None:
    """Those on other rows stay, also where the keys look alike."""
    import datetime as dt

    post, other = Post(title="a"), Post(title="b")
    session.add_all([post, other])
    session.commit()
    question = post.comment("question")
    post.comment("answer", parent=question)
    other.comment("other")
    session.commit()
    post.deleted_at = dt.datetime.now()
    session.commit()
    kept = session.scalar(sa.select(sa.func.count()).select_from(Remark))
    session.delete(post)
    session.commit()

    assert kept == 3
    assert session.scalars(sa.select(Remark.body)).all() == ["other"]


def test_statement_that_deletes_many_rows_leaves_their_comments(session: TraitSession) -> None:
    """A limit that the guide names: no foreign key leads from a comment to a row of any model."""
    post = Post(title="a")
    session.add(post)
    session.commit()
    post.comment("x")
    session.commit()
    session.execute(sa.delete(Post))
    session.commit()

    assert session.scalars(sa.select(Remark.body)).all() == ["x"]


def test_rows_on_which_somebody_has_commented(session: TraitSession) -> None:
    """By key or by actor with a kind."""
    first, second = Post(title="a"), Post(title="b")
    session.add_all([first, second])
    session.commit()
    with acting_as(Actor(7, "User")):
        first.comment("x")
    with acting_as(Actor(8, "User")):
        second.comment("y")
        session.commit()

    # The comment of the first was written while the second acted: who acts counts when a row is written.
    assert session.scalars(sa.select(Post).where(Post.scopes.commented_by(8)).order_by(Post.id)).all() == [
        first,
        second,
    ]


def test_new_comment_is_announced(session: TraitSession) -> None:
    """With what was said."""
    post = Post(title="a")
    session.add(post)
    session.commit()
    heard = []
    with HasComments.comment_added.listen(heard.append):
        post.comment("x")

    assert [(one.payload.body, one.payload.depth, one.sender) for one in heard] == [("x", 0, post)]


def test_comments_in_an_asynchronous_session(in_async: Async) -> None:
    """Commenting needs no await."""

    async def work(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, sync_session_class=TraitSession, expire_on_commit=False)() as session:
            post = Post(title="x")
            post.comment("first")
            session.add(post)
            await session.commit()
            post.comment("second")
            await session.commit()

            found = await session.scalars(post.comments_query())
            assert [one.body for one in found] == ["first", "second"]

    in_async(work)
