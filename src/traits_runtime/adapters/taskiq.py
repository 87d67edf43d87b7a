"""Taskiq on Redis Streams: ``queue = "taskiq"``, its address in ``[engines.taskiq]``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Mapping, Sequence
from threading import Lock, Thread
from typing import Any

from traits_runtime._core.engines import needs
from traits_runtime._core.queue import Ability, JobMessage, encode
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.adapters._engine import DEFAULT, QueueEngine

with needs("taskiq"):
    from redis.asyncio import Redis
    from taskiq.api import run_receiver_task
    from taskiq.kicker import AsyncKicker
    from taskiq_redis import RedisStreamBroker


class TaskiqEngine(QueueEngine):
    """Jobs by Taskiq; an event loop in a thread sends jobs of synchronous code.

    Args:
        url: Address of Redis.
        prefix: Prefix of queue names.
        idle: Seconds after which another worker takes over a job that was not acknowledged.
    """

    name: str = "taskiq"
    abilities: frozenset[Ability] = frozenset(("queues",))

    def __init__(self, url: str = "redis://localhost:6379/0", *, prefix: str = "", idle: float = 600) -> None:
        super().__init__(prefix)
        self._url = url
        self._idle = int(idle * 1000)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread()
        self._lock = Lock()
        self._broker = self._create_broker(DEFAULT, [])

    def enqueue(self, message: JobMessage) -> str:
        """Accept a job; returns when Redis has it."""
        self.check(message)
        kicker: AsyncKicker[..., Any] = AsyncKicker("traits", self._broker, {})
        name = self.queue_name(message.queue)
        sending = kicker.with_task_id(message.id).with_labels(queue_name=name).kiq(encode(message).decode())
        self._wait(sending)
        return message.id

    def work(self, queues: Sequence[str], concurrency: int) -> None:
        """Run Taskiq's receiver; jobs run in threads."""
        first, *other_queues = self.queue_names(queues)
        broker = self._create_broker(first, other_queues)
        asyncio.run(_receive(broker, concurrency))

    def ping(self) -> None:
        """Check that Redis answers; raises where it does not."""
        self._wait(_ping(self._url))

    def close(self) -> None:
        """Close connections and end the thread."""
        if self._loop is not None:
            self._wait(self._broker.shutdown())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = None

    def _create_broker(self, name: str, other_queues: Sequence[str]) -> RedisStreamBroker:
        broker = RedisStreamBroker(
            self._url, queue_name=name, additional_streams=dict.fromkeys(other_queues, ">"), consumer_id="0",
            idle_timeout=self._idle, xread_block=500,
        )  # fmt: skip
        broker.register_task(_run, task_name="traits")
        return broker

    def _wait(self, coroutine: Coroutine[Any, Any, object]) -> None:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=self._loop.run_forever, name="traits-taskiq", daemon=True)
                self._thread.start()
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _ping(url: str) -> None:
    async with Redis.from_url(url) as client:
        await client.ping()


async def _receive(broker: RedisStreamBroker, concurrency: int) -> None:
    loop = asyncio.get_running_loop()
    receiving = asyncio.ensure_future(
        run_receiver_task(broker, sync_workers=concurrency, max_async_tasks=concurrency, run_startup=True)
    )
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, receiving.cancel)
    try:
        await receiving
    except asyncio.CancelledError:
        await broker.shutdown()


def _run(data: str) -> None:
    deliver(data)


def open_queue(settings: Mapping[str, Any]) -> TaskiqEngine:
    """The engine from its settings."""
    return TaskiqEngine(**settings)
