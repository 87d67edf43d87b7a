"""The outbox in a file of its own: ``outbox = "sqlite"``, for applications that have no database, or one host."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import local
from typing import Any

import msgspec

from traits_runtime._core.queue import DeadLetter, JobMessage, Kind, decode, encode

SCHEMA = """
CREATE TABLE IF NOT EXISTS traits_outbox (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL DEFAULT 'job', key TEXT NOT NULL, state TEXT NOT NULL, due REAL NOT NULL,
  priority INTEGER NOT NULL, queued REAL NOT NULL, message BLOB NOT NULL, error TEXT NOT NULL DEFAULT '',
  progress REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS traits_outbox_due ON traits_outbox (kind, due, priority) WHERE state <> 'dead';
CREATE UNIQUE INDEX IF NOT EXISTS traits_outbox_key ON traits_outbox (key)
  WHERE key <> '' AND state IN ('waiting', 'sent');
"""

RETRY = "UPDATE OR {} traits_outbox SET state = 'waiting', due = ?, message = ?, error = ?, progress = 0{} WHERE id = ?"


class SQLiteOutbox:
    """Jobs in an SQLite file, safe for several processes: a take is one statement, so one relay wins each job.

    Args:
        path: The file; it and its folder are created where they do not exist.
        resend: Seconds after which a job that was sent and never began is sent again.
        lease: Seconds without a sign of life after which a running job is sent again.
        clock: Seconds since the epoch. A job without a delay is due whatever it says.
    """

    transactional = False

    def __init__(
        self, path: str | os.PathLike[str] = "jobs.db", *, resend: float = 900, lease: float = 30,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._path = os.fspath(path)
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        self._resend = resend
        self._lease = lease
        self._clock = clock
        self._held = local()
        self._connection().executescript(SCHEMA)

    def put(self, message: JobMessage) -> str:
        """Keep a job; returns its id, or that of the one that waits with its key."""
        due = self._due(message.delay)
        row = (message.id, message.kind, message.key, due, message.priority, self._clock(), encode(message))
        with self._writing() as base:
            base.execute(
                "INSERT INTO traits_outbox (id, kind, key, state, due, priority, queued, message) "
                "VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                row,
            )
            if base.execute("SELECT changes()").fetchone()[0] or not message.key:
                return message.id
            query = "SELECT id FROM traits_outbox WHERE key = ? AND state IN ('waiting', 'sent')"
            waiting = base.execute(query, (message.key,)).fetchone()
            return str(waiting[0]) if waiting else message.id

    def take(self, most: int, kind: Kind = "job") -> list[JobMessage]:
        """Take what is due, the most urgent first."""
        now = self._clock()
        due = "SELECT 1 FROM traits_outbox WHERE kind = ? AND state <> 'dead' AND due <= ? LIMIT 1"
        if self._connection().execute(due, (kind, now)).fetchone() is None:
            return []
        again = now + (self._resend if kind == "job" else self._lease)
        with self._writing() as base:
            rows = base.execute(
                "UPDATE traits_outbox SET state = 'sent', due = ? WHERE id IN (SELECT id FROM traits_outbox "
                "WHERE kind = ? AND state <> 'dead' AND due <= ? ORDER BY priority DESC, due, rowid LIMIT ?) "
                "RETURNING priority, rowid, message",
                (again, kind, now, most),
            ).fetchall()
        return [decode(message) for _, _, message in sorted(rows, key=lambda row: (-row[0], row[1]))]

    def give_back(self, ids: Sequence[str], delay: float) -> None:
        """Let taken jobs wait again."""
        due = self._due(delay)
        self._many(
            "UPDATE traits_outbox SET state = 'waiting', due = ? WHERE id = ? AND state = 'sent'",
            [(due, job_id) for job_id in ids],
        )

    def start(self, job_id: str) -> bool:
        """A worker begins."""
        change = "UPDATE traits_outbox SET state = 'running', due = ? WHERE id = ? AND state IN ('sent', 'waiting')"
        return self._one(change, (self._clock() + self._lease, job_id))

    def around(self) -> AbstractContextManager[object]:
        """Nothing: the rows of jobs are in another database."""
        return nullcontext()

    def beat(self, ids: Sequence[str]) -> None:
        """These are still running."""
        due = self._clock() + self._lease
        change = "UPDATE traits_outbox SET due = ? WHERE id = ? AND state = 'running'"
        self._many(change, [(due, job_id) for job_id in ids])

    def done(self, job_id: str) -> None:
        """Forget a job that is done."""
        self._one("DELETE FROM traits_outbox WHERE id = ?", (job_id,))

    def retry(self, message: JobMessage, error: str) -> None:
        """Let a failed job wait for its next attempt; another one that waits with its key stays beside it."""
        row = (self._due(message.delay), encode(message), error, message.id)
        if not self._one(RETRY.format("IGNORE", ""), row):
            self._one(RETRY.format("ABORT", ", key = ''"), row)

    def bury(self, message: JobMessage, error: str) -> None:
        """Keep a job as a dead letter."""
        self._one(
            "INSERT OR REPLACE INTO traits_outbox (id, key, state, due, priority, queued, message, error) "
            "VALUES (?, ?, 'dead', ?, ?, ?, ?, ?)",
            (message.id, message.key, self._clock(), message.priority, self._clock(), encode(message), error),
        )

    def cancel(self, job_id: str) -> bool:
        """Take back a job that does not run yet."""
        return self._one("DELETE FROM traits_outbox WHERE id = ? AND state IN ('waiting', 'sent')", (job_id,))

    def dead(self, most: int = 100) -> list[DeadLetter]:
        """The dead letters, the latest first."""
        query = "SELECT message, error, due FROM traits_outbox WHERE state = 'dead' ORDER BY due DESC LIMIT ?"
        rows = self._connection().execute(query, (most,)).fetchall()
        return [DeadLetter(decode(message), error, died) for message, error, died in rows]

    def revive(self, job_id: str) -> bool:
        """Let a dead letter wait again, from its first attempt."""
        query = "SELECT message FROM traits_outbox WHERE id = ? AND state = 'dead'"
        row = self._connection().execute(query, (job_id,)).fetchone()
        if row is None:
            return False
        self.retry(msgspec.structs.replace(decode(row[0]), attempt=1, delay=0), "")
        return True

    def drop(self, job_id: str) -> bool:
        """Forget a dead letter."""
        return self._one("DELETE FROM traits_outbox WHERE id = ? AND state = 'dead'", (job_id,))

    def note(self, job_id: str, progress: float) -> None:
        """How far a running job is."""
        self._one("UPDATE traits_outbox SET progress = ? WHERE id = ? AND state = 'running'", (progress, job_id))

    def progress(self, job_id: str) -> tuple[str, float] | None:
        """The state of a job and how far it is."""
        row = self._connection().execute("SELECT state, progress FROM traits_outbox WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else (row[0], row[1])

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        return dict(self._connection().execute("SELECT state, count(*) FROM traits_outbox GROUP BY state").fetchall())

    def overdue(self) -> float:
        """For how many seconds the oldest job that waits has been due."""
        query = "SELECT min(max(due, queued)) FROM traits_outbox WHERE state = 'waiting'"
        oldest = self._connection().execute(query).fetchone()[0]
        return 0.0 if oldest is None else max(0.0, self._clock() - oldest)

    def close(self) -> None:
        """Close the connection of this thread."""
        if getattr(self._held, "owner", None) == os.getpid():
            self._held.base.close()
            self._held.owner = None

    def _connection(self) -> sqlite3.Connection:
        """The connection of this thread; a process that was forked opens its own."""
        if getattr(self._held, "owner", None) != os.getpid():
            base = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
            self._held.base = base
            self._held.owner = os.getpid()
        connection: sqlite3.Connection = self._held.base
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that has the right to write from its beginning, so it never has to be given up half-way."""
        base = self._connection()
        base.execute("BEGIN IMMEDIATE")
        try:
            yield base
        except BaseException:
            base.execute("ROLLBACK")
            raise
        base.execute("COMMIT")

    def _due(self, delay: float) -> float:
        """When a job is due; one that need not wait is due at once, also where the clock is put back."""
        return self._clock() + delay if delay > 0 else 0.0

    def _one(self, change: str, row: tuple[Any, ...]) -> bool:
        return self._connection().execute(change, row).rowcount > 0

    def _many(self, change: str, rows: list[tuple[Any, ...]]) -> None:
        with self._writing() as base:
            base.executemany(change, rows)


def open_outbox(settings: Mapping[str, Any]) -> SQLiteOutbox:
    """The outbox that config names."""
    return SQLiteOutbox(**settings)
