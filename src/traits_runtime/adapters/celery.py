"""Celery on RabbitMQ or Redis: ``queue = "celery"``, its broker in ``[engines.celery]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from traits_runtime._core.engines import needs
from traits_runtime._core.queue import Ability, JobMessage, encode
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.adapters._engine import QueueEngine

with needs("celery"):
    import kombu.entity
    from celery import Celery  # type: ignore[import-untyped]

TASK = "traits.run"

MAX_PRIORITY = 9
"""Priorities of Celery are 0 to 9."""


class CeleryEngine(QueueEngine):
    """Jobs by Celery, in an application of its own or in yours.

    The broker confirms each job, and a worker acknowledges it after it is done, so a worker that dies loses none.

    Args:
        broker: Address, ``amqp://guest:guest@localhost//`` or ``redis://localhost:6379/0``.
        app: Your application, instead of a broker.
        prefix: Prefix of queue names.
        pool: Celery's pool of workers: ``prefork``, ``threads``, ``solo``.
    """

    name: str = "celery"
    abilities: frozenset[Ability] = frozenset(("delay", "priority", "cancel", "queues"))

    def __init__(
        self, broker: str = "amqp://guest:guest@localhost//", *, app: Any = None, prefix: str = "",
        pool: str = "prefork",
    ) -> None:  # fmt: skip
        super().__init__(prefix)
        self._pool = pool
        self.app: Any = app if app is not None else _application(broker)
        self._is_redis = str(self.app.conf.broker_url or broker).startswith("redis")
        self._task = self.app.task(name=TASK, acks_late=True, reject_on_worker_lost=True, ignore_result=True)(_run)
        self._queues: dict[str, Any] = {}

    def enqueue(self, message: JobMessage) -> str:
        """Accept a job; returns when the broker has it."""
        self._task.apply_async(
            (encode(message).decode(),),
            task_id=message.id if message.attempt == 1 else None,
            queue=self._queue(self.queue_name(message.queue)),
            countdown=message.delay or None,
            priority=self._priority(message.priority),
        )
        return message.id

    def cancel(self, job_id: str) -> bool:
        """Revoke a job in all running workers; a worker that starts later runs it."""
        self.app.control.revoke(job_id)
        return True

    def work(self, queues: Sequence[str], concurrency: int) -> None:
        """Run Celery's worker."""
        names = self.queue_names(queues)
        self.app.conf.task_queues = [self._queue(name) for name in names]
        self.app.worker_main(
            ["worker", f"--pool={self._pool}", f"--concurrency={concurrency}", "--loglevel=WARNING",
             "--without-gossip", "--without-mingle", "--queues", ",".join(names)]
        )  # fmt: skip

    def ping(self) -> None:
        """Check that the broker answers; raises where it does not."""
        with self.app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
            connection.default_channel  # noqa: B018 - on Redis the connection is made here

    def close(self) -> None:
        """Close connections."""
        self.app.close()

    def _queue(self, name: str) -> Any:
        if name not in self._queues:
            arguments = None if self._is_redis else {"x-max-priority": MAX_PRIORITY}
            self._queues[name] = kombu.entity.Queue(name, routing_key=name, queue_arguments=arguments)  # type: ignore[no-untyped-call]
        return self._queues[name]

    def _priority(self, priority: int) -> int | None:
        """Celery's priority: on RabbitMQ a higher number runs first, on Redis a lower one."""
        celery_priority = min(-priority if self._is_redis else priority, MAX_PRIORITY)
        return celery_priority if celery_priority > 0 else None


def _application(broker: str) -> Any:
    app = Celery("traits", broker=broker)
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options={"confirm_publish": True} if broker.startswith(("amqp", "pyamqp")) else {},
        task_ignore_result=True,
        task_publish_retry=False,
        task_serializer="json",
        worker_prefetch_multiplier=4,
        worker_hijack_root_logger=False,
    )
    return app


def _run(data: str) -> None:
    deliver(data)


def open_queue(settings: Mapping[str, Any]) -> CeleryEngine:
    """The engine from its settings."""
    return CeleryEngine(**settings)
