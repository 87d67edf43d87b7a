"""Jobs on their way: the message, the contract of backends, and the two that need no engine."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

VERSION = 1
"""Version of the message's form."""

WhenMissing: TypeAlias = Literal["discard", "fail"]


class Ref(msgspec.Struct, frozen=True, tag_field="$ref", tag="model"):
    """An instance by identity: what a job carries instead of the instance.

    Args:
        model: Dotted path of the model.
        identity: Its key.
    """

    model: str
    identity: Any


class JobMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it travels; JSON in every engine.

    Args:
        id: Unique; a backend that delivers twice delivers the same one.
        name: ``trait.HasSearch.reindex``, or the dotted path of a function.
        args: Positional arguments; instances as `Ref`, the one the job belongs to first.
        kwargs: Keyword arguments.
        queue: Name of the queue, empty for the default one.
        tenant: The tenant that was current.
        key: Jobs of the same key are one job while it waits; empty for none.
        delay: Seconds to wait at least.
        attempt: Counts from 1.
        max_attempts: How often it is tried.
        when_missing: What to do where an instance is gone.
        version: See `VERSION`.
    """

    id: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    queue: str = ""
    tenant: str = ""
    key: str = ""
    delay: float = 0
    attempt: int = 1
    max_attempts: int = 1
    when_missing: WhenMissing = "discard"
    version: int = VERSION


class JobBackend(Protocol):
    """What takes jobs and sees that they are run."""

    def enqueue(self, message: JobMessage) -> str:
        """Take a job; returns its id in the engine."""
        ...


class InlineBackend:
    """Runs every job at once, through the same JSON as an engine would; for development.

    Args:
        run: Runs a message.
    """

    def __init__(self, run: Callable[[JobMessage], object]) -> None:
        self._run = run

    def enqueue(self, message: JobMessage) -> str:
        """Run the job now; what it raises reaches the caller."""
        self._run(decode(encode(message)))
        return message.id


class RecordingBackend:
    """Keeps jobs and runs none; for tests."""

    def __init__(self) -> None:
        self.messages: list[JobMessage] = []
        self._lock = Lock()

    def enqueue(self, message: JobMessage) -> str:
        """Keep the job."""
        kept = decode(encode(message))
        with self._lock:
            self.messages.append(kept)
        return message.id


def encode(message: JobMessage) -> bytes:
    """The JSON form.

    Raises:
        TypeError: An argument has no JSON form; give the job what it can be made from.
    """
    return msgspec.json.encode(message)


def decode(data: bytes | str) -> JobMessage:
    """Read the JSON form."""
    return msgspec.json.decode(data, type=JobMessage)
