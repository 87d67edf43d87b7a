"""Base of the adapters of queue engines: queue names and unsupported options."""

from __future__ import annotations

from collections.abc import Sequence

from traits_runtime._core.queue import Ability, JobMessage
from traits_runtime.errors import EngineCannotError

DEFAULT = "default"
"""Queue of jobs without a queue name."""


class QueueEngine:
    """Base of the adapters of queue engines.

    Args:
        prefix: Prefix of queue names, for a broker that other applications use too.
    """

    name: str = ""
    abilities: frozenset[Ability] = frozenset()

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def queue_name(self, queue: str) -> str:
        """The engine's name of a queue."""
        return self._prefix + (queue or DEFAULT)

    def queue_names(self, queues: Sequence[str]) -> list[str]:
        """The engine's names of queues; of the default queue where none is named."""
        return [self.queue_name(queue) for queue in queues or (DEFAULT,)]

    def check(self, message: JobMessage) -> None:
        """Refuse a job with an option that the engine does not support.

        Raises:
            EngineCannotError: The job has a delay and the engine has none.
        """
        if message.delay > 0 and "delay" not in self.abilities:
            raise EngineCannotError(self.name, "delay jobs", "Put an outbox in front of it: outbox = 'sqlite'.")

    def cancel(self, job_id: str) -> bool:
        """Cancel a waiting job; False where the engine cannot."""
        return False

    def close(self) -> None:
        """Close connections."""
