"""Procrastinate on PostgreSQL: ``queue = "procrastinate"``, its database in ``[engines.procrastinate]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from traits_runtime._core.engines import needs
from traits_runtime._core.queue import Ability, JobMessage, encode
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.adapters._engine import QueueEngine

with needs("procrastinate"):
    import psycopg
    from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
    from procrastinate.exceptions import AlreadyEnqueued

ADVISORY_LOCK = 0x7472616974730A


class ProcrastinateEngine(QueueEngine):
    """Jobs by Procrastinate, in tables of your database; they are created where they do not exist.

    Args:
        dsn: ``postgresql://user@host/name``.
        prefix: Prefix of queue names.
    """

    name: str = "procrastinate"
    abilities: frozenset[Ability] = frozenset(("delay", "priority", "unique", "cancel", "queues"))

    def __init__(self, dsn: str = "postgresql://localhost/postgres", *, prefix: str = "") -> None:
        super().__init__(prefix)
        self._dsn = dsn
        self._app: App | None = None
        self._lock = Lock()

    def enqueue(self, message: JobMessage) -> str:
        """Accept a job; a waiting job with the same key is the same job."""
        task = self._open_app().tasks["traits"]
        deferrer = task.configure(
            queue=self.queue_name(message.queue),
            priority=message.priority,
            schedule_at=_time_after(message.delay) if message.delay > 0 else None,
            queueing_lock=self._prefix + message.key if message.key and not message.held else None,
        )
        try:
            return str(deferrer.defer(data=encode(message).decode()))
        except AlreadyEnqueued:
            return message.key

    def cancel(self, job_id: str) -> bool:
        """Cancel a waiting job."""
        return job_id.isdigit() and self._open_app().job_manager.cancel_job_by_id(int(job_id))

    def work(self, queues: Sequence[str], concurrency: int) -> None:
        """Run Procrastinate's worker; jobs run in threads."""
        self._open_app()
        app = _application(PsycopgConnector(conninfo=self._dsn))
        app.run_worker(
            queues=self.queue_names(queues), concurrency=concurrency, delete_jobs="successful",
            fetch_job_polling_interval=1, shutdown_graceful_timeout=30,
        )  # fmt: skip

    def ping(self) -> None:
        """Check that PostgreSQL answers; raises where it does not."""
        with psycopg.connect(self._dsn, connect_timeout=5) as connection:
            connection.execute("SELECT 1")

    def close(self) -> None:
        """Close connections."""
        if self._app is not None:
            self._app.close()
            self._app = None

    def _open_app(self) -> App:
        with self._lock:
            if self._app is None:
                app = _application(SyncPsycopgConnector(conninfo=self._dsn))
                app.open()
                if not app.check_connection():
                    self._create_tables(app)
                self._app = app
            return self._app

    def _create_tables(self, app: App) -> None:
        """Create the tables of Procrastinate; an advisory lock lets one of several processes do it."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
            if not app.check_connection():
                app.schema_manager.apply_schema()


def _application(connector: Any) -> App:
    app = App(connector=connector)
    app.task(name="traits")(_run)
    return app


def _time_after(delay: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=delay)


def _run(data: str) -> None:
    deliver(data)


def open_queue(settings: Mapping[str, Any]) -> ProcrastinateEngine:
    """The engine from its settings."""
    return ProcrastinateEngine(**settings)
