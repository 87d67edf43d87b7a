"""A job is a row in the transaction that queues it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from traits_runtime import Trait, acting_as, cache, engines, hook, job, run_job, tenant
from traits_runtime._core.queue import JobMessage, OutboxBackend, RecordingBackend
from traits_runtime._core.runtime import use_job_backend
from traits_runtime._core.trait.relay import Relay
from traits_runtime.adapters.sqlalchemy import DatabaseOutbox, NoDatabaseError, TraitSession, job_session

RAN: list[str] = []


class Base(DeclarativeBase):
    """The base of this module's models."""


class HasMail(Trait):
    """Queues a job when a row was created, and when it is told."""

    @job(queue="mail", key="mail:{pk}")
    def send_once(self) -> None:
        """Send, once however often it is queued."""
        RAN.append("once")

    @job()
    def send(self, text: str = "") -> None:
        """Send."""
        RAN.append(text)

    @hook("created")
    def greet(self) -> None:
        """Queue a greeting."""
        self.send.enqueue("hello")


class Member(HasMail, Base):
    """A member."""

    __tablename__ = "member"
    id: Mapped[int] = mapped_column(sa.Identity(start=10), primary_key=True)
    name: Mapped[str]


outbox = DatabaseOutbox(Base.metadata)


@job()
def clean_up(when: str) -> None:
    """A job of no instance."""


@pytest.fixture
def maker(engine_of: Callable[[sa.MetaData], sa.Engine]) -> Iterator[sessionmaker[TraitSession]]:
    """Makes sessions, while the outbox takes jobs."""
    engine = engine_of(Base.metadata)
    RAN.clear()
    outbox.engine = engine
    before = use_job_backend(OutboxBackend(outbox))
    yield sessionmaker(engine, class_=TraitSession)
    use_job_backend(before)
    outbox.engine = None


def waiting() -> list[tuple[Any, ...]]:
    """The jobs that wait: name and arguments; they are taken by that."""
    return sorted((one.name.rpartition(".")[2], *one.args[1:]) for one in outbox.take(100))


def test_job_is_there_when_the_transaction_is_committed(maker: sessionmaker[TraitSession]) -> None:
    """Queued in a hook, inside the flush, and by hand."""
    with maker() as session:
        member = Member(name="a")
        session.add(member)
        session.flush()
        member.send.enqueue("by hand")
        session.commit()

    assert waiting() == [("send", "by hand"), ("send", "hello")]


def test_job_of_a_transaction_that_rolls_back_never_was(maker: sessionmaker[TraitSession]) -> None:
    """Also of a savepoint."""
    with maker() as session:
        session.add(Member(name="a"))
        session.flush()
        session.rollback()
        member = Member(name="b")
        session.add(member)
        session.flush()
        nested = session.begin_nested()
        member.send.enqueue("lost")
        session.flush()
        nested.rollback()
        with session.begin_nested():
            member.send.enqueue("kept")
        session.commit()

    assert waiting() == [("send", "hello"), ("send", "kept")]


def test_jobs_queued_before_a_savepoint_outlive_its_rollback(maker: sessionmaker[TraitSession]) -> None:
    """They are rows of the transaction around it, also where nothing else is to be written."""
    with maker() as session:
        member = Member(name="a")
        session.add(member)
        session.commit()
        member.send.enqueue("before")
        nested = session.begin_nested()
        member.send.enqueue("lost")
        nested.rollback()
        member.send.enqueue("after")
        session.commit()

    assert waiting() == [("send", "after"), ("send", "before"), ("send", "hello")]


def test_many_jobs_are_one_statement(maker: sessionmaker[TraitSession]) -> None:
    """A hundred rows in one call of the driver."""
    calls: list[bool] = []
    with maker() as session:
        member = Member(name="a")
        session.add(member)
        session.commit()
        for number in range(100):
            member.send.enqueue(str(number))
        with listening(outbox.engine, lambda statement, many: calls.append(many) if "outbox" in statement else None):
            session.commit()

    assert calls == [True]
    assert len(outbox.take(200)) == 101


@contextmanager
def listening(engine: sa.Engine | None, heard: Callable[[str, bool], object]) -> Iterator[None]:
    """Hear every statement that goes to the driver."""

    def before(_connection: Any, _cursor: Any, statement: str, _values: Any, _context: Any, many: bool) -> None:
        heard(statement, many)

    sa.event.listen(engine, "before_cursor_execute", before)
    yield
    sa.event.remove(engine, "before_cursor_execute", before)


def test_session_that_is_not_ours_keeps_jobs_too(maker: sessionmaker[TraitSession]) -> None:
    """One object for each, written by the session itself."""
    with Session(outbox.engine) as session:
        member = Member(name="a")
        session.add(member)
        session.flush()
        member.send.enqueue("one")
        member.send.enqueue("two")
        session.commit()
        member.send.enqueue("three")
        session.rollback()

    assert waiting() == [("send", "one"), ("send", "two")]


def test_jobs_of_one_key_are_one_while_they_wait(maker: sessionmaker[TraitSession]) -> None:
    """In one transaction and across two."""
    with maker() as session:
        member = Member(name="a")
        session.add(member)
        session.flush()
        member.send_once.enqueue()
        member.send_once.enqueue()
        session.commit()
        member.send_once.enqueue()
        session.commit()

    assert waiting() == [("send", "hello"), ("send_once",)]


def test_job_carries_tenant_and_actor(maker: sessionmaker[TraitSession]) -> None:
    """They are the worker's when it runs."""
    with maker() as session, tenant("acme"), acting_as(7):
        session.add(Member(name="a"))
        session.commit()
    (message,) = outbox.take(9)

    assert (message.tenant, message.actor) == ("acme", (7, "", ""))


def test_job_without_a_session_has_a_transaction_of_its_own(maker: sessionmaker[TraitSession]) -> None:
    """For that the outbox needs the database."""
    clean_up.enqueue("now")
    assert [name for name, *_ in waiting()] == ["clean_up"]
    outbox.engine = None

    with pytest.raises(NoDatabaseError, match="has no engine"):
        clean_up.enqueue("now")


def message(number: int, **values: Any) -> JobMessage:
    """A job."""
    return JobMessage(id=f"job{number}", name="shop.work", **values)


def test_life_of_a_job(maker: sessionmaker[TraitSession]) -> None:
    """Taken once, begun once, done; nothing is left."""
    outbox.put(message(1))
    outbox.put(message(2, priority=5))
    outbox.put(message(3, delay=60))

    assert [one.id for one in outbox.take(9)] == ["job2", "job1"]
    assert outbox.take(9) == []
    assert outbox.counts() == {"sent": 2, "waiting": 1}
    assert (outbox.start("job1"), outbox.start("job1")) == (True, False)
    outbox.note("job1", 0.5)
    assert outbox.progress("job1") == ("running", 0.5)
    outbox.beat(["job1"])
    outbox.done("job1")
    assert outbox.progress("job1") is None
    outbox.give_back(["job2"], 0)
    assert outbox.overdue() >= 0
    assert [one.id for one in outbox.take(9)] == ["job2"]
    assert (outbox.cancel("job2"), outbox.cancel("job2")) == (True, False)


def test_job_that_fails_is_tried_again_and_dies(maker: sessionmaker[TraitSession]) -> None:
    """A dead letter can be revived, and dropped."""
    outbox.put(message(1, key="k"))
    (taken,) = outbox.take(1)
    outbox.start(taken.id)
    outbox.put(message(2, key="k"))
    outbox.retry(msgspec.structs.replace(taken, attempt=2), "boom")
    assert sorted(one.attempt for one in outbox.take(9)) == [1, 2]
    outbox.bury(taken, "boom again")

    assert [(one.message.id, one.error) for one in outbox.dead()] == [("job1", "boom again")]
    assert outbox.revive("job1")
    assert [one.id for one in outbox.take(9)] == ["job1"]
    outbox.bury(taken, "for good")
    assert (outbox.drop("job1"), outbox.revive("job1"), outbox.dead()) == (True, False, [])


def test_key_of_a_waiting_job_is_answered_with_its_id(maker: sessionmaker[TraitSession]) -> None:
    """The second is the first."""
    assert (outbox.put(message(1, key="k")), outbox.put(message(2, key="k"))) == ("job1", "job1")
    assert outbox.counts() == {"waiting": 1}


def test_takers_at_once_share_the_jobs(maker: sessionmaker[TraitSession]) -> None:
    """No job is taken twice."""
    for number in range(40):
        outbox.put(message(number))
    taken: list[str] = []

    def take() -> None:
        end = time.monotonic() + 60
        while outbox.counts().get("waiting") and time.monotonic() < end:
            taken.extend(one.id for one in outbox.take(1))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(taken) == sorted(f"job{number}" for number in range(40))


def test_job_that_was_sent_and_never_began_is_sent_again(maker: sessionmaker[TraitSession]) -> None:
    """What a broker lost is not lost."""
    outbox.put(message(1))
    outbox._resend = -1
    try:
        assert [one.id for one in (*outbox.take(1), *outbox.take(1))] == ["job1", "job1"]
    finally:
        outbox._resend = 900


def test_job_of_an_async_session(maker: sessionmaker[TraitSession], url: sa.URL) -> None:
    """Queued where no statement may be executed: it is written with the commit."""
    import asyncio

    driver = "sqlite+aiosqlite" if url.get_backend_name() == "sqlite" else "postgresql+asyncpg"

    async def work() -> None:
        engine: AsyncEngine = create_async_engine(url.set(drivername=driver))
        async with async_sessionmaker(engine, sync_session_class=TraitSession, expire_on_commit=False)() as session:
            member = Member(name="a")
            session.add(member)
            await session.commit()
            member.send.enqueue("by hand")
            member.send_once.enqueue()
            await session.commit()
            member.send.enqueue("lost")
            await session.rollback()
        await engine.dispose()

    asyncio.run(work())

    assert waiting() == [("send", "by hand"), ("send", "hello"), ("send_once",)]


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("outbox_tests", sys.argv[3])
tests = module_from_spec(spec)
sys.modules["outbox_tests"] = tests
spec.loader.exec_module(tests)
import sqlalchemy as sa
from traits_runtime._core.runtime import use_job_backend
from traits_runtime._core.queue import OutboxBackend
use_job_backend(OutboxBackend(tests.outbox))
with tests.TraitSession(sa.create_engine(sys.argv[1])) as session:
    session.add(tests.Member(name="a"))
    session.commit()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_process_that_is_killed_after_the_commit_loses_no_job(maker: sessionmaker[TraitSession], url: sa.URL) -> None:
    """The relay of another process finds it."""
    tests = os.path.dirname(os.path.dirname(__file__))
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, url.render_as_string(hide_password=False), tests, __file__], check=False
    )

    assert ran.returncode == -signal.SIGKILL
    assert waiting() == [("send", "hello")]


def test_job_is_run_with_its_instance(maker: sessionmaker[TraitSession]) -> None:
    """Fetched again by its key."""
    with maker() as session:
        session.add(Member(name="a"))
        session.commit()
    for one in outbox.take(9):
        with job_session(maker):
            run_job(one)

    assert RAN == ["hello"]


def test_config_may_name_it(url: sa.URL, engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """Outbox and cache by the name of the adapter; the relay hands its rows to the engine."""
    engine_of(sa.MetaData())
    settings = {"url": url.render_as_string(hide_password=False)}
    started = engines.start(engines.Settings(cache="database", outbox="database", engines={"database": settings}))
    found = started.outbox
    assert isinstance(found, DatabaseOutbox)
    backend = RecordingBackend()
    found.put(message(1))
    Relay(found, backend).step()  # type: ignore[arg-type]
    cache.backend.set("a", 1, 60, ())

    assert [one.id for one in backend.messages] == ["job1"]
    assert cache.backend.get("a") == 1
    assert found.engine is not None
    for name in ("traits_outbox", "traits_cache"):
        with found.engine.begin() as connection:
            connection.execute(sa.text(f"DROP TABLE {name}"))
    found.engine.dispose()
    cache.backend.engine.dispose()  # type: ignore[attr-defined]
