"""Jobs of rows: queued with the commit, by keys of every type, and run in the sessions of the worker."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from traits_runtime import Trait, events, job, tenant, unscoped
from traits_runtime._core import runtime
from traits_runtime._core.queue import JobBackend, JobMessage, Outbox, OutboxBackend, encode
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.adapters.sqlalchemy import DatabaseOutbox, TraitSession, UtcDateTime, job_session, use_job_sessions
from traits_runtime.adapters.sqlite import SQLiteOutbox
from traits_runtime.errors import TenantMismatchError, UnloadableReferenceError, UnsavedInstanceError
from traits_runtime.testing import capture_jobs
from traits_runtime.traits import BelongsToTenant, SoftDeletes

RAN: list[tuple[Any, ...]] = []


class Base(DeclarativeBase):
    """The base of this module's models."""


class Size(enum.StrEnum):
    """A key."""

    SMALL = "small"


class HasWork(Trait):
    """A job that notes its row."""

    @job(max_attempts=2, backoff=0)
    def work(self, note: str = "") -> None:
        """Note the row."""
        RAN.append((*sa.inspect(self).identity, note))


class Article(HasWork, SoftDeletes, Base):
    """A row with a trash."""

    __tablename__ = "queued_article"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(default="")


class Order(HasWork, BelongsToTenant, Base):
    """A row of a tenant."""

    __tablename__ = "queued_order"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


KEYS: dict[str, dict[str, tuple[Any, Any]]] = {
    "Uuid": {"id": (sa.Uuid(), UUID(int=7))},
    "Date": {"id": (sa.Date(), date(2024, 1, 2))},
    "Moment": {"id": (UtcDateTime(), datetime(2024, 1, 2, 3, tzinfo=UTC))},
    "Bytes": {"id": (sa.LargeBinary(20), b"\x00k\xff")},
    "Number": {"id": (sa.Numeric(10, 2), Decimal("1.50"))},
    "Enumerated": {"id": (sa.Enum(Size, name="queued_size"), Size.SMALL)},
    "Flag": {"id": (sa.Boolean(), True)},
    "Text": {"id": (sa.String(40), "00000000-0000-0000-0000-000000000007")},
    "UuidOfTwo": {"first": (sa.Integer(), 1), "second": (sa.Uuid(), UUID(int=7))},
    "DateOfTwo": {"first": (sa.Date(), date(2024, 1, 2)), "second": (sa.String(5), "a")},
}


def model_with(name: str, key: dict[str, tuple[Any, Any]]) -> Any:
    """A model with this primary key."""
    columns = {column: mapped_column(kind, primary_key=True) for column, (kind, _) in key.items()}
    body = {"__module__": __name__, "__tablename__": f"queued_{name.lower()}", **columns}
    return type(f"By{name}", (HasWork, Base), body)


MODELS = {name: model_with(name, key) for name, key in KEYS.items()}
database_outbox = DatabaseOutbox(Base.metadata)


class Engine:
    """A queue engine that hands its jobs over when it is told."""

    def __init__(self) -> None:
        self.messages: list[JobMessage] = []
        self.is_away = False

    def enqueue(self, message: JobMessage) -> str:
        """Take a job."""
        if self.is_away:
            raise ConnectionError("the broker is away")
        self.messages.append(message)
        return message.id

    @property
    def notes(self) -> list[str]:
        """The arguments of the jobs."""
        return [message.args[1] for message in self.messages]


@pytest.fixture
def maker(engine_of: Callable[[sa.MetaData], sa.Engine]) -> Iterator[sessionmaker[TraitSession]]:
    """Makes sessions, which workers use too."""
    RAN.clear()
    engine = engine_of(Base.metadata)
    database_outbox.engine = engine
    sessions = sessionmaker(engine, class_=TraitSession)
    before = use_job_sessions(sessions)
    yield sessions
    use_job_sessions(before)
    database_outbox.engine = None


@contextmanager
def queueing(backend: JobBackend, outbox: Outbox | None = None) -> Iterator[None]:
    """Put a backend in place."""
    backend_before, outbox_before = runtime.use_job_backend(backend), runtime.use_outbox(outbox)
    try:
        yield
    finally:
        runtime.use_job_backend(backend_before)
        runtime.use_outbox(outbox_before)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine without an outbox."""
    new_engine = Engine()
    with queueing(new_engine):
        yield new_engine


@pytest.fixture(params=["engine", "sqlite", "database"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], list[JobMessage]]]:
    """Each way of queueing; returns what takes the jobs that a worker would get."""
    if request.param == "engine":
        engine = Engine()
        with queueing(engine):
            yield lambda: engine.messages
        return
    outbox: Any = database_outbox if request.param == "database" else SQLiteOutbox(tmp_path / "var" / "jobs.db")
    with queueing(OutboxBackend(outbox), outbox):
        yield lambda: [msgspec.structs.replace(message, held=True) for message in outbox.take(100)]
    if request.param == "sqlite":
        outbox.close()


Queue = Callable[[], list[JobMessage]]


@pytest.mark.parametrize("name", KEYS)
def test_job_finds_its_row_by_a_key_of_any_type(maker: sessionmaker[TraitSession], queue: Queue, name: str) -> None:
    """The key has its type again in the worker."""
    values = {column: value for column, (_, value) in KEYS[name].items()}
    with maker() as session:
        row = MODELS[name](**values)
        session.add(row)
        session.flush()
        row.work.enqueue("now")
        session.commit()
    for message in queue():
        deliver(encode(message))

    assert [(*values.values(), "now")] == RAN


def test_job_is_queued_by_the_root_commit_alone(maker: sessionmaker[TraitSession], queue: Queue) -> None:
    """A rollback, of the transaction or of a savepoint, takes it back; nothing is handed over before the commit."""
    with maker() as session:
        article = Article(id=1)
        session.add(article)
        session.commit()
        article.work.enqueue("rolled back")
        session.rollback()
        nested = session.begin_nested()
        article.work.enqueue("savepoint rolled back")
        nested.rollback()
        with session.begin_nested():
            article.work.enqueue("savepoint released")
        article.work.enqueue("committed")
        before_commit = list(queue())
        session.commit()
        article.work.enqueue("session closed without a commit")

    assert before_commit == []
    assert sorted(message.args[1] for message in queue()) == ["committed", "savepoint released"]


def test_job_of_a_row_without_a_session_is_queued_at_once(maker: sessionmaker[TraitSession], queue: Queue) -> None:
    """There is no transaction to wait for."""
    with maker() as session:
        article = Article(id=1)
        session.add(article)
        session.commit()
    article.work.enqueue("detached")

    assert [message.args[1] for message in queue()] == ["detached"]


def test_job_of_a_listener_after_the_commit_is_queued(maker: sessionmaker[TraitSession], queue: Queue) -> None:
    """It belongs to the transaction of the listener, which is committed after it."""
    listener = events.listen(
        "model.Article.created", lambda envelope: envelope.sender.work.enqueue("listener"), after_commit=True
    )
    with maker() as session:
        session.add(Article(id=1))
        session.commit()
    listener.cancel()

    assert [message.args[1] for message in queue()] == ["listener"]


async def _queue_in_async_session(url: sa.URL) -> None:
    engine = create_async_engine(url)
    async with async_sessionmaker(engine, sync_session_class=TraitSession)() as session:
        article = Article(id=1)
        session.add(article)
        await session.commit()
        article.work.enqueue("rolled back")
        await session.rollback()
        article.work.enqueue("committed")
        await session.commit()
    await engine.dispose()


def test_session_of_asyncio_commits_jobs(maker: sessionmaker[TraitSession], queue: Queue, url: sa.URL) -> None:
    """As a synchronous one does; the row's attributes are expired where the job is queued."""
    import asyncio

    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}.get(url.get_backend_name())
    if driver is None:
        pytest.skip("no asynchronous driver")
    asyncio.run(_queue_in_async_session(url.set(drivername=driver)))

    assert [message.args[1] for message in queue()] == ["committed"]


def test_session_that_does_not_begin_by_itself_is_left_alone(maker: sessionmaker[TraitSession], engine: Engine) -> None:
    """Without a transaction the job is queued at once, and the application can still begin its own."""
    with maker(autobegin=False) as session:
        with session.begin():
            article = Article(id=1)
            session.add(article)
        article.work.enqueue("outside")
        with session.begin():
            article.work.enqueue("inside")
            assert engine.notes == ["outside"]

    assert engine.notes == ["outside", "inside"]


def test_engine_that_is_away_at_the_commit_loses_jobs_loudly(
    maker: sessionmaker[TraitSession], engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """The commit stands, and other jobs of it are handed over; an outbox is what keeps jobs."""
    engine.is_away = True
    with maker() as session:
        article = Article(id=1)
        session.add(article)
        session.flush()
        job_id = article.work.enqueue("lost")
        session.commit()
        assert session.get(Article, 1) is article

    (record,) = [record for record in caplog.records if "is lost" in record.message]
    assert job_id in record.message
    assert record.exc_info is not None
    with pytest.raises(ConnectionError):
        article.work.enqueue("detached")


def test_session_that_is_closed_without_a_commit_logs_the_jobs_it_drops(
    maker: sessionmaker[TraitSession], engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """The application may have read only, and not known that queueing is a write."""
    caplog.set_level("INFO", "traits_runtime.jobs")
    with maker() as session:
        article = Article(id=1)
        session.add(article)
        session.commit()
        job_id = article.work.enqueue("dropped")
        committed = session.get(Article, 1)
    assert committed is article

    assert engine.messages == []
    assert [record.message for record in caplog.records if job_id in record.message] == [
        f"trait.HasWork.work ({job_id}) is not queued: its transaction ended without a commit"
    ]


def test_unsaved_row_is_refused_unless_its_session_saves_it(maker: sessionmaker[TraitSession], engine: Engine) -> None:
    """Though its key is set already."""
    article = Article(id=1)
    with pytest.raises(UnsavedInstanceError, match="Save it first"):
        article.work.enqueue()
    with maker() as session:
        session.add(article)
        article.work.enqueue("pending")
        assert engine.messages == []
        session.commit()

    assert engine.notes == ["pending"]


def test_job_of_another_tenants_row_is_refused_where_it_is_queued(
    maker: sessionmaker[TraitSession], queue: Queue
) -> None:
    """The worker would look for the row in the tenant that was current; without one it would find none."""
    with maker() as session, tenant("acme"):
        order = Order(id=1)
        session.add(order)
        session.flush()
        with tenant("other"), pytest.raises(TenantMismatchError, match=r"Order 1 .* 'acme' .* 'other'"):
            order.work.enqueue("other")
        with unscoped(reason="test"), pytest.raises(TenantMismatchError, match="Order 1"):
            order.work.enqueue("none")
        order.work.enqueue("own")
        session.commit()
        with pytest.raises(TenantMismatchError, match="Order 1"), tenant("other"):
            order.work.enqueue("expired")
    for message in queue():
        deliver(encode(message))

    assert RAN == [(1, "own")]


def test_row_in_the_trash_is_looked_for_again_and_then_told(maker: sessionmaker[TraitSession], queue: Queue) -> None:
    """The last attempt makes a dead letter with the reason, or raises where the engine keeps failed jobs."""
    with maker() as session:
        article = Article(id=1)
        session.add(article)
        session.flush()
        article.work.enqueue("trashed")
        session.commit()
        session.delete(article)
        session.commit()
    (first,) = queue()
    deliver(encode(first))
    second = queue()[-1]

    assert second.attempt == 2
    outbox = runtime.outbox
    if outbox is None:
        with pytest.raises(LookupError, match="hidden by a scope"):
            deliver(encode(second))
        return
    deliver(encode(second))
    (letter,) = outbox.dead()
    assert "MissingReferenceError" in letter.error
    assert outbox.drop(letter.message.id)


def test_job_runs_in_the_session_of_the_worker(maker: sessionmaker[TraitSession], engine: Engine) -> None:
    """It is committed when the job is done, and rolled back where it raises."""
    with maker() as session:
        article = Article(id=1)
        session.add(article)
        session.flush()
        rename.enqueue(article, "new")
        rename.enqueue(article, "bad")
        session.commit()
    deliver(encode(engine.messages[0]))
    with pytest.raises(ValueError, match="bad"):
        deliver(encode(engine.messages[1]))

    with maker() as session:
        assert session.scalars(sa.select(Article.title)).all() == ["new"]


@job()
def rename(article: Article, title: str) -> None:
    """Write to the row."""
    article.title = title
    sa.inspect(article).session.flush()
    if title == "bad":
        raise ValueError(title)


def test_worker_without_a_session_says_how_to_give_one(maker: sessionmaker[TraitSession], engine: Engine) -> None:
    """Such a job is not taken for one whose row is gone."""
    with maker() as session:
        article = Article(id=1)
        session.add(article)
        session.flush()
        rename.enqueue(article, "new")
        session.commit()
    use_job_sessions(None)

    with pytest.raises(UnloadableReferenceError, match=r"the worker has no session; call `.*use_job_sessions"):
        deliver(encode(engine.messages[0]))
    with job_session(maker):
        deliver(encode(engine.messages[0]))
    with maker() as session:
        assert session.scalars(sa.select(Article.title)).all() == ["new"]


def test_asynchronous_sessions_are_refused_for_jobs() -> None:
    """A job is synchronous code, or has an event loop of its own."""
    with pytest.raises(TypeError, match="give use_job_sessions\\(\\) a sessionmaker of a synchronous engine"):
        use_job_sessions(async_sessionmaker())  # type: ignore[arg-type]


def test_captured_job_runs_with_its_rows(maker: sessionmaker[TraitSession]) -> None:
    """Tests need no worker's session."""
    use_job_sessions(None)
    with maker() as session, capture_jobs() as jobs:
        article = Article(id=1)
        session.add(article)
        session.flush()
        article.work.enqueue("captured")
        jobs.run()

    assert RAN == [(1, "captured")]


def test_plain_session_hands_jobs_over_too(maker: sessionmaker[TraitSession], engine: Engine) -> None:
    """Transactions are those of SQLAlchemy."""
    with Session(maker.kw["bind"]) as session:
        article = Article(id=1)
        session.add(article)
        session.commit()
        article.work.enqueue("rolled back")
        session.rollback()
        article.work.enqueue("committed")
        session.commit()

    assert engine.notes == ["committed"]
