"""The actor belongs to its task and its thread, and to nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hostmodels import Carton, Crate
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import sessionmaker

from traits_runtime import Actor, acting_as, current_actor, resolve_actor_with, run_job
from traits_runtime._core.queue import JobMessage
from traits_runtime._core.trait.jobs import job
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.errors import UnsavedInstanceError

SEEN: list[Actor | None] = []


@job()
def note_actor(_text: str) -> None:
    """Notes who acts."""
    SEEN.append(current_actor())


def test_fifty_tasks_and_eight_threads_mix_nothing_up(
    sessions: sessionmaker[TraitSession], in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]
) -> None:
    """Each of ten thousand rows has the actor of the one who wrote it, in flushes and in statements."""

    def by_thread(number: int) -> None:
        for _ in range(20):
            with acting_as(f"thread{number}"), sessions.begin() as session:
                session.add(Carton(label=f"thread{number}"))
                session.execute(sa.insert(Carton), [{"label": f"thread{number}"}] * 30)

    async def by_task(maker: async_sessionmaker, number: int) -> None:  # type: ignore[type-arg]
        with acting_as(f"task{number}"):
            async with maker() as session:
                for _ in range(2):
                    session.add(Carton(label=f"task{number}"))
                    await asyncio.sleep(0)
                    await session.execute(sa.insert(Carton), [{"label": f"task{number}"}] * 50)
                await session.commit()

    async def work(engine: AsyncEngine) -> None:
        maker = async_sessionmaker(engine, sync_session_class=TraitSession)
        limit = asyncio.Semaphore(5)

        async def one(number: int) -> None:
            async with limit:
                await by_task(maker, number)

        await asyncio.gather(*(one(number) for number in range(50)))

    threads = [threading.Thread(target=by_thread, args=(number,)) for number in range(8)]
    if sessions.kw["bind"].dialect.name == "sqlite":
        for one in threads:
            one.start()
            one.join()
        in_async(work)
    else:
        for one in threads:
            one.start()
        in_async(work)
        for one in threads:
            one.join()
    with sessions() as session:
        rows = session.execute(sa.select(Carton.label, Carton.kept_by, Carton.changed_by)).all()

    assert len(rows) == 8 * 20 * 31 + 50 * 2 * 51
    assert [one for one in rows if len(set(one)) != 1] == []


def test_thread_of_a_pool_has_no_actor_of_somebody_else() -> None:
    """Executors do not hand on the context: nobody acts, not the last one."""
    with ThreadPoolExecutor(1) as pool, acting_as(7):
        assert pool.submit(current_actor).result() is None


def test_actor_is_put_back_after_an_error() -> None:
    """Blocks nest."""
    with acting_as(1):
        with pytest.raises(RuntimeError), acting_as(2):
            raise RuntimeError
        assert current_actor() == Actor(1)
        with acting_as(None):
            assert current_actor() is None
    assert current_actor() is None


def test_row_that_acts_is_its_key(sessions: sessionmaker[TraitSession]) -> None:
    """The row may be expired, or gone from its session, and still acts; one without a key cannot."""
    with sessions() as session:
        user = Crate(label="ann")
        session.add(user)
        session.commit()
        key = user.id
        block = acting_as(user)
        session.expire(user)
    with block:
        assert current_actor() == Actor(key, "Crate")
    with pytest.raises((ValueError, UnsavedInstanceError), match="has no key"):
        acting_as(Crate())


def test_function_of_the_project_may_tell_the_actor() -> None:
    """Where no block is open."""
    before = resolve_actor_with(lambda: 9)
    try:
        assert current_actor() == Actor(9)
        with acting_as(None):
            assert current_actor() is None
    finally:
        resolve_actor_with(before)


def test_job_has_the_actor_that_queued_it() -> None:
    """And one that nobody queued has none, whoever runs the worker."""
    SEEN.clear()
    with acting_as(3):
        note_actor.enqueue("by 3")
        run_job(JobMessage(id="x", name=note_actor.wire, args=("by nobody",)))

    assert [Actor(3), None] == SEEN
