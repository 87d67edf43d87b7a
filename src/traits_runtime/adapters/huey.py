"""Huey on SQLite: ``queue = "huey"``, the engine for one machine; its file in ``[engines.huey]``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from traits_runtime._core.engines import needs, until_stopped
from traits_runtime._core.queue import Ability, JobMessage, encode
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.adapters._engine import QueueEngine

with needs("huey"):
    from huey import SqliteHuey  # type: ignore[import-untyped]
    from huey.registry import Message  # type: ignore[import-untyped]
    from huey.serializer import Serializer  # type: ignore[import-untyped]


LOCK_TIMEOUT_S = 30
"""Seconds to wait for other writers of the file; the default of five is too short on a busy machine."""


class _JsonSerializer(Serializer):  # type: ignore[misc]
    """JSON in place of pickle; a message of Huey is a tuple of scalars when its only argument is our message."""

    def _serialize(self, data: Any) -> bytes:
        return msgspec.json.encode(data)

    def _deserialize(self, data: bytes) -> Any:
        fields = msgspec.json.decode(data)
        if not isinstance(fields, list):
            return fields
        message = Message(*fields)
        return message._replace(eta=message.eta and datetime.fromisoformat(message.eta))


class HueyEngine(QueueEngine):
    """Jobs in an SQLite file, run by Huey's consumer on the same machine.

    Args:
        path: The file; it and its folder are created where they do not exist.
        prefix: Prefix of queue names.
        poll: Maximum seconds between two polls.
    """

    name: str = "huey"
    abilities: frozenset[Ability] = frozenset(("delay", "priority", "cancel", "queues"))

    def __init__(self, path: str | os.PathLike[str] = "huey.db", *, prefix: str = "", poll: float = 0.2) -> None:
        super().__init__(prefix)
        self._path = os.fspath(path)
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        self._poll = poll
        self._hueys: dict[str, tuple[Any, Any]] = {}

    def enqueue(self, message: JobMessage) -> str:
        """Accept a job."""
        huey, task = self._huey(self.queue_name(message.queue))
        huey_task = task.s(encode(message).decode(), priority=message.priority or None)
        huey_task.id = message.id
        huey_task.revoke_id = f"r:{message.id}"
        if message.delay > 0:
            huey_task.eta = _eta(message.delay)
        huey.enqueue(huey_task)
        return message.id

    def cancel(self, job_id: str) -> bool:
        """Cancel a waiting job: the consumer skips it."""
        for huey, _ in self._hueys.values():
            huey.revoke_by_id(job_id, revoke_once=True)
        return bool(self._hueys)

    def work(self, queues: Sequence[str], concurrency: int) -> None:
        """Run a consumer for each queue."""
        consumers = [
            self._huey(name)[0].create_consumer(
                workers=concurrency, periodic=False, max_delay=self._poll, initial_delay=min(0.05, self._poll)
            )
            for name in self.queue_names(queues)
        ]
        for consumer in consumers:
            consumer.start()
        until_stopped()
        for consumer in consumers:
            consumer.stop(graceful=True)

    def ping(self) -> None:
        """Check that the file is readable; raises where it is not."""
        self._huey(self.queue_name(""))[0].pending_count()

    def close(self) -> None:
        """Close this thread's connections."""
        for huey, _ in self._hueys.values():
            huey.storage.close()

    def _huey(self, name: str) -> tuple[Any, Any]:
        if name not in self._hueys:
            huey = SqliteHuey(
                name=name,
                filename=self._path,
                results=False,
                utc=True,
                serializer=_JsonSerializer(),
                timeout=LOCK_TIMEOUT_S,
            )
            self._hueys[name] = huey, huey.task(name="traits")(_run)
        return self._hueys[name]


def _run(data: str) -> None:
    deliver(data)


def _eta(delay: float) -> Any:
    from datetime import datetime

    return datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=delay)


def open_queue(settings: Mapping[str, Any]) -> HueyEngine:
    """The engine from its settings."""
    return HueyEngine(**settings)
