"""What adapters of queue engines share: names of queues, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

from traits_runtime._core.queue import Ability, JobMessage
from traits_runtime.errors import EngineCannotError

DEFAULT = "default"
"""The queue of jobs that name none."""


class QueueEngine:
    """Base of adapters.

    Args:
        prefix: What the names of queues begin with on a broker that others use too.
    """

    name: str = ""
    abilities: frozenset[Ability] = frozenset()

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def queue_name(self, queue: str) -> str:
        """The engine's name of a queue."""
        return self._prefix + (queue or DEFAULT)

    def queue_names(self, queues: Sequence[str]) -> list[str]:
        """The engine's names of queues, without any the default one."""
        return [self.queue_name(queue) for queue in queues or (DEFAULT,)]

    def check(self, message: JobMessage) -> None:
        """Refuse what the engine would get wrong.

        Raises:
            EngineCannotError: It cannot delay jobs, and this one is to be delayed.
        """
        if message.delay > 0 and "delay" not in self.abilities:
            raise EngineCannotError(self.name, "delay jobs", "Put an outbox in front of it: outbox = 'sqlite'.")

    def cancel(self, job_id: str) -> bool:
        """Take a waiting job back; False where that is not possible."""
        return False

    def close(self) -> None:
        """Close connections."""
