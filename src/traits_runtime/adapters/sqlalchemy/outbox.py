"""Jobs as rows of the transaction that queues them: what is committed is sent, what is rolled back never was.

``job.enqueue()`` -> a row in the session of the job's instance -> the commit -> a relay takes the row to an engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    event,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, UOWTransaction, registry, sessionmaker

from traits_runtime._core import runtime, wire
from traits_runtime._core.queue import DeadLetter, JobMessage, Kind, Ref, decode, encode
from traits_runtime._core.trait.references import being_sent
from traits_runtime.adapters.sqlalchemy.mapper_info import BROUGHT
from traits_runtime.adapters.sqlalchemy.session import TraitSession
from traits_runtime.adapters.sqlalchemy.transactions import ACTIVE, job_session, session_of
from traits_runtime.errors import TraitsError

TABLE: Final = "traits_outbox"

_NEW: Final[dict[str, Any]] = {
    "state": literal_column("'waiting'"),
    "error": literal_column("''"),
    "progress": literal_column("0"),
}
"""What all new rows have in common, part of the statement: it is not sent for each."""

_HELD: Final = "traits_outbox"
_LATE: Final = "traits_outbox_late"


class NoDatabaseError(TraitsError):
    """An outbox was asked for its rows, and has no database to ask."""

    def __init__(self) -> None:
        super().__init__("The outbox has no engine. Give it one: `DatabaseOutbox(metadata, engine)`.")


class OutboxRow:
    """A row of the outbox as a session holds it until it is flushed; where the session is ours, one stands for many.

    The session treats it as any new row: a commit and a savepoint flush it, a rollback drops it.
    """

    values: list[dict[str, Any]]
    late: list[tuple[dict[str, Any], JobMessage, object]]
    """Events of rows that get their key in the flush."""


class DatabaseOutbox:
    """The outbox in the application's own database.

    A job is a row in the transaction of its instance's session, also of an asynchronous one; where it has no instance,
    of the session that is flushing; else of a transaction of its own. Two jobs of one key are one while the first
    waits. Everything else, which relays and workers do, is a transaction of its own.

    Args:
        metadata: Where the table ``traits_outbox`` is declared, so that migrations know it.
        engine: The database; may be set later.
        schema: Schema of the table.
        resend: Seconds after which a job that was sent and never began is sent again.
        lease: Seconds without a sign of life after which a running job is sent again.
    """

    transactional = True

    def __init__(
        self,
        metadata: MetaData,
        engine: Engine | None = None,
        *,
        schema: str | None = None,
        resend: float = 900,
        lease: float = 30,
    ) -> None:
        self.engine: Engine | None = engine
        self.table: Table = _declare(metadata, schema)
        self.tables: tuple[Table, ...] = (self.table,)
        self._resend = resend
        self._lease = lease
        self._row: type[OutboxRow] = type("OutboxRow", (OutboxRow,), {})
        registry(metadata=metadata).map_imperatively(self._row, self.table)

    def put(self, message: JobMessage) -> str:
        """Keep a job, in the session that it belongs to; returns its id, or that of the one that waits with its key."""
        sent = being_sent()
        session = (
            next((sender_session for instance in sent.values() if (sender_session := session_of(instance))), None)
            or ACTIVE.get()
        )
        values = _values(message)
        if session is not None:
            self._hold(session, values, message, sent)
            return message.id
        with self._begin() as connection:
            self.write(connection, [values])
            waiting = select(self.table.c.id).where(self.table.c.key == message.key, self._in("waiting", "sent"))
            waiting_id: str | None = connection.scalar(waiting) if message.key else None
        return waiting_id or message.id

    def take(self, most: int, kind: Kind = "job") -> list[JobMessage]:
        """Take jobs or events that are due, the most urgent first; each is given to one taker alone."""
        table, now = self.table, time.time()
        due = (table.c.kind == kind, table.c.state != "dead", table.c.due <= now)
        again = now + (self._resend if kind == "job" else self._lease)
        due_ids = select(table.c.id).where(*due).order_by(table.c.priority.desc(), table.c.due).limit(most)
        locked = due_ids.with_for_update(skip_locked=True).scalar_subquery()
        change = update(table).where(table.c.id.in_(locked)).values(state="sent", due=again)
        with self._begin() as connection:
            nothing = connection.scalar(select(table.c.id).where(*due).limit(1)) is None
        if nothing:
            return []
        with self._begin() as connection:
            rows = connection.execute(change.returning(table.c.priority, table.c.message)).all()
        return [decode(message) for _, message in sorted(rows, key=lambda row: -row[0])]

    def give_back(self, ids: Sequence[str], delay: float) -> None:
        """Let taken jobs wait again: the engine could not be reached."""
        self._change(self._ids(ids), self._in("sent"), state="waiting", due=time.time() + delay)

    def start(self, job_id: str) -> bool:
        """A worker begins; False where the job is done, cancelled, or running elsewhere."""
        is_waiting = (self.table.c.id == job_id, self._in("sent", "waiting"))
        return self._change(*is_waiting, state="running", due=time.time() + self._lease)

    def around(self) -> AbstractContextManager[object]:
        """The session in which a job runs, unless `use_job_sessions` has given one; its instances are loaded there."""
        if ACTIVE.get() is not None:
            return nullcontext()
        if self.engine is None:
            raise NoDatabaseError
        return job_session(sessionmaker(self.engine, class_=TraitSession))

    def beat(self, ids: Sequence[str]) -> None:
        """These are still running."""
        self._change(self._ids(ids), self._in("running"), due=time.time() + self._lease)

    def done(self, job_id: str) -> None:
        """Forget a job that is done."""
        self._delete(self.table.c.id == job_id)

    def retry(self, message: JobMessage, error: str) -> None:
        """Let a failed job wait for its next attempt; another one that waits with its key stays beside it."""
        same_job = self.table.c.id == message.id
        values: dict[str, Any] = {
            "state": "waiting",
            "due": time.time() + message.delay,
            "message": encode(message).decode(),
            "error": error,
            "progress": 0,
        }
        try:
            self._change(same_job, **values)
        except IntegrityError:
            self._change(same_job, key="", **values)

    def bury(self, message: JobMessage, error: str) -> None:
        """Keep a job as a dead letter."""
        row = {**_values(message), **_NEW, "state": "dead", "due": time.time(), "error": error}
        with self._begin() as connection:
            connection.execute(delete(self.table).where(self.table.c.id == message.id))
            connection.execute(insert(self.table).values(row))

    def cancel(self, job_id: str) -> bool:
        """Take back a job that does not run yet."""
        return self._delete(self.table.c.id == job_id, self._in("waiting", "sent"))

    def dead(self, most: int = 100) -> list[DeadLetter]:
        """The dead letters, the latest first."""
        table = self.table
        query = select(table.c.message, table.c.error, table.c.due).where(self._in("dead"))
        with self._begin() as connection:
            rows = connection.execute(query.order_by(table.c.due.desc()).limit(most)).all()
        return [DeadLetter(decode(message), error, died) for message, error, died in rows]

    def revive(self, job_id: str) -> bool:
        """Let a dead letter wait again, from its first attempt."""
        with self._begin() as connection:
            is_dead = (self.table.c.id == job_id, self._in("dead"))
            message: str | None = connection.scalar(select(self.table.c.message).where(*is_dead))
        if message is not None:
            self.retry(msgspec.structs.replace(decode(message), attempt=1, delay=0), "")
        return message is not None

    def drop(self, job_id: str) -> bool:
        """Forget a dead letter."""
        return self._delete(self.table.c.id == job_id, self._in("dead"))

    def note(self, job_id: str, progress: float) -> None:
        """How far a running job is, 0 to 1."""
        self._change(self.table.c.id == job_id, self._in("running"), progress=progress)

    def progress(self, job_id: str) -> tuple[str, float] | None:
        """State of a job, and how far it is; None when it is done."""
        query = select(self.table.c.state, self.table.c.progress).where(self.table.c.id == job_id)
        with self._begin() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row[0], row[1])

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        query = select(self.table.c.state, func.count()).group_by(self.table.c.state)
        with self._begin() as connection:
            return dict(tuple(row) for row in connection.execute(query))

    def overdue(self) -> float:
        """For how many seconds the oldest job that waits has been due, 0 where none is."""
        with self._begin() as connection:
            oldest: float | None = connection.scalar(select(func.min(self.table.c.due)).where(self._in("waiting")))
        return 0.0 if oldest is None else max(0.0, time.time() - oldest)

    def close(self) -> None:
        """Nothing is held: connections are the engine's."""

    def write(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows, past those whose key waits already."""
        dialects: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
        upsert = dialects.get(connection.dialect.name)
        statement = insert(self.table) if upsert is None else upsert(self.table).on_conflict_do_nothing()
        connection.execute(statement.values(_NEW), rows)

    def _hold(
        self, session: Session, values: dict[str, Any], message: JobMessage, sent: dict[tuple[str, Any], object]
    ) -> None:
        """Let a session hold a row until it is flushed."""
        if not getattr(session, "flushes_outbox", False):
            row = self._row()
            for name, value in {**values, **_NEW}.items():
                setattr(row, name, value)
            session.add(row)
            return
        rows: dict[DatabaseOutbox, OutboxRow] = session.info.setdefault(_HELD, {})
        row_of_session = rows.get(self)
        if row_of_session is None or row_of_session not in session:
            row_of_session = rows[self] = self._row()
            row_of_session.values, row_of_session.late = [], []
            session.add(row_of_session)
        unsaved = [instance for (_, identity), instance in sent.items() if identity is None]
        if unsaved:
            row_of_session.late.append((values, message, unsaved[0]))
        else:
            row_of_session.values.append(values)

    @contextmanager
    def _begin(self) -> Iterator[Any]:
        if self.engine is None:
            raise NoDatabaseError
        with self.engine.begin() as connection:
            yield connection

    def _in(self, *states: str) -> ColumnElement[bool]:
        return self.table.c.state.in_(states)

    def _ids(self, ids: Sequence[str]) -> ColumnElement[bool]:
        return self.table.c.id.in_(ids)

    def _change(self, *where: ColumnElement[bool], **values: Any) -> bool:
        with self._begin() as connection:
            return bool(connection.execute(update(self.table).where(*where).values(values)).rowcount > 0)

    def _delete(self, *where: ColumnElement[bool]) -> bool:
        with self._begin() as connection:
            return bool(connection.execute(delete(self.table).where(*where)).rowcount > 0)


def _declare(metadata: MetaData, schema: str | None) -> Table:
    table = Table(
        TABLE,
        metadata,
        Column("id", String(64), primary_key=True),
        Column("kind", String(8), nullable=False),
        Column("key", String(255), nullable=False),
        Column("state", String(16), nullable=False),
        Column("due", Float(53), nullable=False),
        Column("priority", Integer, nullable=False),
        Column("message", Text, nullable=False),
        Column("error", Text, nullable=False),
        Column("progress", Float(53), nullable=False),
        schema=schema,
        info={BROUGHT: "DatabaseOutbox"},
    )
    Index("ix_traits_outbox_due", table.c.kind, table.c.due)
    waits = (table.c.key != "") & table.c.state.in_(["waiting", "sent"])
    Index("uq_traits_outbox_key", table.c.key, unique=True, postgresql_where=waits, sqlite_where=waits)
    return table


def _before_flush(session: Session, _context: UOWTransaction, _rows: Sequence[Any] | None) -> None:
    """Write what a session holds for outboxes, many rows at once."""
    rows: dict[DatabaseOutbox, OutboxRow] = session.info.pop(_HELD, {})
    session.info.pop(_LATE, None)
    for outbox, row in rows.items():
        if row not in session:  # rolled back
            continue
        session.expunge(row)
        if row.values:
            outbox.write(session.connection(), row.values)
        if row.late:
            session.info.setdefault(_LATE, []).append((outbox, row.late))


def _after_flush(session: Session, _context: UOWTransaction) -> None:
    """Write the events whose rows have their keys now."""
    for outbox, late in session.info.pop(_LATE, ()):
        outbox.write(session.connection(), [{**values, **_named(message, sender)} for values, message, sender in late])


def _named(message: JobMessage, sender: object) -> dict[str, str]:
    reference: Ref = message.kwargs["sender"]
    kwargs = {**message.kwargs, "sender": Ref(reference.model, wire.pack(runtime.identify(sender)))}
    return {"message": encode(msgspec.structs.replace(message, kwargs=kwargs)).decode()}


def _values(message: JobMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "key": message.key,
        "due": time.time() + message.delay,
        "priority": message.priority,
        "message": encode(message).decode(),
    }


def watch() -> None:
    """Write held rows in every flush of a `TraitSession`, after its hooks."""
    event.listen(TraitSession, "before_flush", _before_flush)
    event.listen(TraitSession, "after_flush", _after_flush)
