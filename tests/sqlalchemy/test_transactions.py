"""After commit means the root commit of the sender's session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hostmodels import Shelf
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from traits_runtime import Actor, acting_as, current_actor, current_locale, current_tenant, events, locale, tenant
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.adapters.sqlalchemy.transactions import deferred_calls
from traits_runtime.testing import EventRecorder

HEARD: list[str] = []


@pytest.fixture(autouse=True)
def listening(alone: None) -> Iterator[None]:
    """Notes the names of the shelves that were created, after commit."""
    HEARD.clear()
    with events.listen("model.Shelf.created", lambda envelope: HEARD.append(envelope.sender.name), after_commit=True):
        yield


def add(session: Session, name: str) -> None:
    """Write a row."""
    session.add(Shelf(name=name))
    session.flush()


def test_listener_waits_for_the_commit(session: TraitSession) -> None:
    """Then the row is there, and the session can be used."""
    add(session, "a")
    assert HEARD == []
    session.commit()

    assert HEARD == ["a"]


def test_rollback_drops_what_waits(session: TraitSession) -> None:
    """Nothing happened."""
    add(session, "a")
    session.rollback()
    add(session, "b")
    session.commit()

    assert HEARD == ["b"]


def test_closed_session_drops_what_waits(session: TraitSession) -> None:
    """To close is to roll back."""
    add(session, "a")
    session.close()
    session.commit()

    assert HEARD == []


def test_released_savepoint_in_a_transaction_that_rolls_back_delivers_nothing(session: TraitSession) -> None:
    """The savepoint was not the commit."""
    with session.begin_nested():
        add(session, "a")
    assert HEARD == []
    session.rollback()
    session.commit()

    assert HEARD == []


def test_savepoint_that_rolls_back_takes_its_own_with_it(session: TraitSession) -> None:
    """What was before and after it is delivered."""
    add(session, "a")
    nested = session.begin_nested()
    add(session, "b")
    nested.rollback()
    add(session, "c")
    session.commit()

    assert HEARD == ["a", "c"]


def test_savepoints_inside_each_other(session: TraitSession) -> None:
    """An inner one that was released goes with the outer one."""
    outer = session.begin_nested()
    add(session, "a")
    with session.begin_nested():
        add(session, "b")
    outer.rollback()
    assert deferred_calls(session).after_commit == {}
    with session.begin_nested():
        add(session, "c")
        with session.begin_nested():
            add(session, "d")
        inner = session.begin_nested()
        add(session, "e")
        inner.rollback()
    session.commit()

    assert HEARD == ["c", "d"]


def test_commit_of_the_root_releases_open_savepoints(session: TraitSession) -> None:
    """They were not rolled back."""
    session.begin_nested()
    add(session, "a")
    session.commit()

    assert HEARD == ["a"]


def test_commit_inside_an_outer_transaction_of_a_test_is_heard_which_is_a_documented_limit(engine: sa.Engine) -> None:
    """With ``join_transaction_mode="create_savepoint"`` the session's own commit is the last that it knows of."""
    with engine.connect() as connection, connection.begin() as outer:
        with TraitSession(connection, join_transaction_mode="create_savepoint") as session:
            add(session, "a")
            add(session, "b")
            session.rollback()
            add(session, "c")
            session.commit()
            heard = list(HEARD)
        outer.rollback()
    with TraitSession(engine) as session:
        left = session.scalars(sa.select(Shelf.name)).all()

    assert (heard, left) == (["c"], [])


def test_test_in_an_outer_transaction_records_what_committed_and_nobody_else_hears(
    engine: sa.Engine, traits_commit_events: EventRecorder
) -> None:
    """The fixture for such a test: what the session rolled back is not there, and no listener acts on the rest."""
    with engine.connect() as connection, connection.begin() as outer:
        joined = {"join_transaction_mode": "create_savepoint", "expire_on_commit": False}
        with TraitSession(connection, **joined) as session:  # type: ignore[arg-type]
            add(session, "a")
            session.rollback()
            add(session, "b")
            before = list(traits_commit_events.names)
            session.commit()
            created = [one.sender.name for one in traits_commit_events.of("model.Shelf.created")]
        outer.rollback()

    assert (before, created, HEARD) == ([], ["b"], [])


def test_failing_listener_hurts_nobody(session: TraitSession, caplog: pytest.LogCaptureFixture) -> None:
    """The row is committed, the session usable, the others ran, and the error is told."""

    def fail(_envelope: object) -> None:
        raise RuntimeError("no mail today")

    with events.listen("model.Shelf.created", fail, after_commit=True, priority=5):
        add(session, "a")
        session.commit()

    assert HEARD == ["a"]
    assert session.scalars(sa.select(Shelf.name)).all() == ["a"]
    assert "test_failing_listener_hurts_nobody" in caplog.text


def test_two_sessions_do_not_wait_for_each_other(sessions: sessionmaker[TraitSession]) -> None:
    """Each event belongs to the session of its row."""
    with sessions() as first:
        add(first, "a")
        first.commit()
        with sessions() as second:
            add(second, "b")
            first.commit()
            assert HEARD == ["a"]
            second.commit()

    assert HEARD == ["a", "b"]


def test_plain_session_is_waited_for_too(engine: sa.Engine) -> None:
    """Whoever emits, the row's session counts."""
    with Session(engine) as session:
        shelf = Shelf(name="a")
        session.add(shelf)
        session.flush()
        with events.listen("shop.moved", lambda envelope: HEARD.append("moved"), after_commit=True):
            events.emit("shop.moved", shelf)
            assert HEARD == []
            session.commit()

    assert HEARD == ["moved"]


def test_row_without_a_transaction_is_heard_at_once() -> None:
    """There is nothing to wait for."""
    with events.listen("shop.moved", lambda envelope: HEARD.append("moved"), after_commit=True):
        events.emit("shop.moved", Shelf(name="a"))

    assert HEARD == ["moved"]


def test_listener_may_write_with_a_session_of_its_own(sessions: sessionmaker[TraitSession]) -> None:
    """It may also use the one that has committed."""

    def write(envelope: Any) -> None:
        if envelope.sender.name != "child":
            with sessions.begin() as own:
                own.add(Shelf(name="child"))

    with events.listen("model.Shelf.created", write, after_commit=True), sessions() as session:
        add(session, "a")
        session.commit()

        assert session.scalars(sa.select(Shelf.name).order_by(Shelf.id)).all() == ["a", "child"]
    assert sorted(HEARD) == ["a", "child"]


def test_async_session_commits_the_same_way(
    in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None],
) -> None:
    """Savepoint, rollback and commit."""

    async def work(engine: AsyncEngine) -> None:
        maker = async_sessionmaker(engine, sync_session_class=TraitSession)
        async with maker() as session:
            async with session.begin_nested():
                session.add(Shelf(name="a"))
            await session.rollback()
            session.add(Shelf(name="b"))
            await session.flush()
            nested = await session.begin_nested()
            session.add(Shelf(name="c"))
            await session.flush()
            await nested.rollback()
            assert HEARD == []
            await session.commit()

    in_async(work)

    assert HEARD == ["b"]


def test_async_session_awaits_coroutine_listeners(
    in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None],
) -> None:
    """They have run when the commit returns, may ask the session, and one that fails holds up nobody."""
    noted: list[str] = []

    async def work(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, sync_session_class=TraitSession)() as session:

            async def fails(_envelope: object) -> None:
                await asyncio.sleep(0)
                raise RuntimeError("no")

            async def note(envelope: Any) -> None:
                await asyncio.sleep(0)
                await session.refresh(envelope.sender)
                noted.append(envelope.sender.name)

            failures: list[Any] = []
            with (
                events.listen("trait.runtime.listener_failed", lambda envelope: failures.append(envelope.payload)),
                events.listen("model.Shelf.created", fails, after_commit=True, priority=1),
                events.listen("model.Shelf.created", note, after_commit=True),
            ):
                session.add(Shelf(name="a"))
                await session.flush()
                assert noted == []
                await session.commit()
                assert (noted, len(failures)) == (["a"], 1)
                async with session.begin():
                    session.add(Shelf(name="b"))
                assert noted == ["a", "b"]

    in_async(work)


def who() -> tuple[Any, Any, Any]:
    """On whose account this runs."""
    actor = current_actor()
    return current_tenant(), None if actor is None else actor.id, current_locale()


@pytest.mark.parametrize("at_commit", ["nobody", "somebody else"])
def test_listener_that_waited_works_for_whom_the_row_was_written(session: TraitSession, at_commit: str) -> None:
    """Not for the one who commits; what it writes itself is theirs too, and the committing code is as it was."""
    found: list[Any] = []

    def note(envelope: Any) -> None:
        found.append(who())
        if envelope.sender.name == "a":
            session.add(Shelf(name="written by a listener"))

    def write(_envelope: Any) -> None:
        found.append(who())

    with (
        events.listen("model.Shelf.created", note, after_commit=True),
        events.listen("model.Shelf.creating", write),
    ):
        with tenant("acme"), acting_as(1), locale("de"):
            add(session, "a")
        if at_commit == "nobody":
            session.commit()
        else:
            with tenant("brick"), acting_as(2), locale("fr"):
                session.commit()
                assert who() == ("brick", 2, "fr")

    assert found == [("acme", 1, "de")] * 4


def test_coroutine_listener_that_waited_works_for_whom_the_row_was_written(
    in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None],
) -> None:
    """Also after its first await."""
    found: list[Any] = []

    async def note(_envelope: Any) -> None:
        found.append(who())
        await asyncio.sleep(0)
        found.append(who())

    async def work(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, sync_session_class=TraitSession)() as session:
            with events.listen("model.Shelf.created", note, after_commit=True):
                with tenant("acme"), acting_as(1), locale("de"):
                    session.add(Shelf(name="a"))
                    await session.flush()
                with acting_as(2):
                    await session.commit()
                    assert current_actor() == Actor(2)

    in_async(work)

    assert found == [("acme", 1, "de")] * 2


def test_synchronous_session_cannot_await(session: TraitSession, caplog: pytest.LogCaptureFixture) -> None:
    """A coroutine listener is an error that is logged; the row stays written."""

    async def note(_envelope: object) -> None: ...

    with events.listen("model.Shelf.created", note, after_commit=True):
        add(session, "a")
        session.commit()

    assert "AsyncListenerError" in caplog.text
    assert session.scalars(sa.select(Shelf.name)).all() == ["a"]
