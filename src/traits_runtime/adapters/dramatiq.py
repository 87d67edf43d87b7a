"""Dramatiq (LGPL) on RabbitMQ or Redis: ``queue = "dramatiq"``, its broker in ``[engines.dramatiq]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from traits_runtime._core.engines import needs, until_stopped
from traits_runtime._core.queue import Ability, JobMessage, encode
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.adapters._engine import QueueEngine

with needs("dramatiq"):
    import dramatiq
    from dramatiq.middleware import Retries, ShutdownNotifications


class DramatiqEngine(QueueEngine):
    """Jobs by Dramatiq.

    Args:
        url: Address, ``redis://localhost:6379/0`` or ``amqp://guest:guest@localhost``.
        broker: Your broker, instead of an address.
        prefix: Prefix of queue names.
    """

    name: str = "dramatiq"
    abilities: frozenset[Ability] = frozenset(("delay", "queues"))

    def __init__(self, url: str = "redis://localhost:6379/0", *, broker: Any = None, prefix: str = "") -> None:
        super().__init__(prefix)
        self.broker: Any = broker if broker is not None else _broker(url)
        self._actor = dramatiq.actor(actor_name="traits", broker=self.broker, max_retries=0)(_run)
        self._declared: set[str] = set()

    def enqueue(self, message: JobMessage) -> str:
        """Accept a job; on RabbitMQ returns when the broker has it."""
        name = self._declare(self.queue_name(message.queue))
        dramatiq_message: Any = dramatiq.Message(
            queue_name=name, actor_name=self._actor.actor_name, args=(encode(message).decode(),), kwargs={}, options={},
            message_id=message.id,
        )  # fmt: skip
        self.broker.enqueue(dramatiq_message, delay=int(message.delay * 1000) or None)
        return message.id

    def work(self, queues: Sequence[str], concurrency: int) -> None:
        """Run Dramatiq's worker."""
        names = {self._declare(name) for name in self.queue_names(queues)}
        delay_queues = {f"{name}.DQ" for name in names}
        worker = dramatiq.Worker(
            self.broker, queues=names | delay_queues, worker_threads=concurrency, worker_timeout=200
        )
        worker.start()
        until_stopped()
        worker.stop()

    def ping(self) -> None:
        """Check that the broker answers; raises where it does not."""
        if hasattr(self.broker, "client"):
            self.broker.client.ping()
        elif hasattr(self.broker, "channel"):
            self.broker.channel  # noqa: B018 - opens the connection of this thread
            del self.broker.connection

    def close(self) -> None:
        """Close connections."""
        self.broker.close()

    def _declare(self, name: str) -> str:
        if name not in self._declared:
            self.broker.declare_queue(name)
            self._declared.add(name)
        return name


def _broker(url: str) -> Any:
    """A broker without Dramatiq's own retries and time limits."""
    middleware = [Retries(max_retries=0), ShutdownNotifications()]
    if url.startswith("redis"):
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(  # type: ignore[no-untyped-call]
            url=url, middleware=middleware
        )
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    return RabbitmqBroker(url=url, middleware=middleware, confirm_delivery=True)


def _run(data: str) -> None:
    deliver(data)


def open_queue(settings: Mapping[str, Any]) -> DramatiqEngine:
    """The engine from its settings."""
    return DramatiqEngine(**settings)
