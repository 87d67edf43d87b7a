"""Messages of jobs and events, protocols of engines, outboxes and brokers, and simple backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

VERSION = 1
"""Version of the message format."""

WhenMissing: TypeAlias = Literal["discard", "fail", "retry"]

Ability: TypeAlias = Literal["delay", "priority", "unique", "cancel", "queues"]
"""Native features of an engine; an outbox adds delay, unique jobs and cancelling to every engine."""

Kind: TypeAlias = Literal["job", "event"]
"""A job for a queue engine, or an event for the event broker."""

LONGEST_PAUSE = 3600.0
"""Upper bound of the seconds between two attempts."""


class Ref(msgspec.Struct, frozen=True, tag_field="$ref", tag="model"):
    """An instance by identity; messages carry it in place of the instance.

    Args:
        model: Dotted path of the model.
        identity: Its key.
    """

    model: str
    identity: Any


class JobMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job, or an event for other processes, in the form that is serialised as JSON.

    Args:
        id: Unique; a second delivery has the same id.
        name: ``trait.HasSearch.reindex``, or the dotted path of a function; an event's name.
        args: Positional arguments; instances as `Ref`, the one the job belongs to first.
        kwargs: Keyword arguments.
        queue: Name of the queue, empty for the default one.
        tenant: The tenant that was current.
        actor: The key of the actor that was current, with model name and label; None for no actor.
        key: Jobs of the same key are one job while it waits; empty for none.
        delay: Minimum delay in seconds.
        attempt: Counts from 1.
        max_attempts: The maximum number of attempts.
        backoff: Approximate seconds before the second attempt; doubled for each later one.
        priority: Higher runs first.
        context: Other propagated values by name: locale, trace, flags.
        when_missing: What to do where an instance no longer exists.
        held: Whether an outbox stores the job until it is done.
        kind: An event has its ``payload``, ``sender`` and ``origin`` as keyword arguments.
        version: See `VERSION`.
    """

    id: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    queue: str = ""
    tenant: str = ""
    actor: tuple[Any, str, str] | None = None
    key: str = ""
    delay: float = 0
    attempt: int = 1
    max_attempts: int = 1
    backoff: float = 5
    priority: int = 0
    context: dict[str, Any] = {}
    when_missing: WhenMissing = "retry"
    held: bool = False
    kind: Kind = "job"
    version: int = VERSION


class JobBackend(Protocol):
    """Accepts jobs and has them run."""

    def enqueue(self, message: JobMessage) -> str:
        """Accept a job; returns its id in the engine."""
        ...


class Engine(JobBackend, Protocol):
    """A queue engine behind an adapter; its own worker runs the jobs."""

    name: str
    abilities: frozenset[Ability]

    def cancel(self, job_id: str) -> bool:
        """Cancel a waiting job by its id in the engine; False where that is too late or not possible."""
        ...

    def work(self, queues: Sequence[str], concurrency: int) -> None:
        """Run the worker of the engine until SIGTERM or SIGINT.

        Args:
            queues: The queues to work on; the default one is ``default``.
            concurrency: How many jobs run at a time.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class DeadLetter(msgspec.Struct, frozen=True):
    """A job, or an event of another application, that failed after its last attempt.

    Args:
        message: The message.
        error: The error of its last attempt.
        died: When it failed, seconds since the epoch.
    """

    message: JobMessage
    error: str
    died: float


class Outbox(Protocol):
    """Stores jobs from the transaction that queued them until they are done, and events until a broker has them.

    A row is waiting, sent to the engine, running, and then deleted; one that fails after its last attempt is a dead
    letter. A sent or running row without a heartbeat for its time is handed out again, so a job survives the loss of
    a broker or a worker.

    Attributes:
        transactional: Whether a row is part of the caller's transaction and rolls back with it.
    """

    transactional: bool

    def put(self, message: JobMessage) -> str:
        """Store a job, in a transaction of its own; returns its id, or that of the waiting job with the same key."""
        ...

    def take(self, most: int, kind: Kind = "job") -> list[JobMessage]:
        """Claim due jobs or events, the most urgent first; each is claimed once."""
        ...

    def give_back(self, ids: Sequence[str], delay: float) -> None:
        """Return claimed jobs to waiting: the engine was not reachable."""
        ...

    def start(self, job_id: str) -> bool:
        """Mark a job as running; False where it is done, cancelled, or running in another worker."""
        ...

    def around(self) -> AbstractContextManager[object]:
        """The context of a running job: a session on the outbox's database where it has one."""
        ...

    def beat(self, ids: Sequence[str]) -> None:
        """Record a heartbeat of running jobs."""
        ...

    def done(self, job_id: str) -> None:
        """Delete a job that is done."""
        ...

    def retry(self, message: JobMessage, error: str) -> None:
        """Return a failed job to waiting for its next attempt, with the delay of the message."""
        ...

    def bury(self, message: JobMessage, error: str) -> None:
        """Store a job as a dead letter."""
        ...

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that does not run yet; returns whether it was cancelled."""
        ...

    def dead(self, most: int = 100) -> list[DeadLetter]:
        """The dead letters, the latest first."""
        ...

    def revive(self, job_id: str) -> bool:
        """Return a dead letter to waiting, from its first attempt."""
        ...

    def drop(self, job_id: str) -> bool:
        """Delete a dead letter."""
        ...

    def note(self, job_id: str, progress: float) -> None:
        """Record the progress of a running job, 0 to 1."""
        ...

    def progress(self, job_id: str) -> tuple[str, float] | None:
        """State of a job (``waiting``, ``sent``, ``running``, ``dead``) and its progress; None when it is done."""
        ...

    def counts(self) -> dict[str, int]:
        """The number of jobs in each state."""
        ...

    def overdue(self) -> float:
        """Seconds since the oldest waiting job was due, 0 where none is."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Delivery(msgspec.Struct, frozen=True):
    """A message that an event broker has delivered to a consumer.

    Args:
        data: The message as JSON.
        attempt: The number of deliveries including this one, from 1.
        handle: The broker's identifier of the delivery.
    """

    data: bytes
    attempt: int
    handle: Any


class Consumer(Protocol):
    """Receives events for one application; used by one thread."""

    def take(self, seconds: float) -> Delivery | None:
        """The next event, None where none arrives in that time. It belongs to this consumer until it is done.

        The events of a consumer that died are delivered to another.
        """
        ...

    def done(self, delivery: Delivery) -> None:
        """Acknowledge an event."""
        ...

    def again(self, delivery: Delivery) -> None:
        """Have an event delivered again after a pause."""
        ...

    def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """Store an event as a dead letter of the application."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class EventBroker(JobBackend, Protocol):
    """An event broker behind an adapter: it delivers each event once to every application."""

    name: str

    def consumer(self, application: str) -> Consumer:
        """Open a consumer; from the first call on, the broker stores the events of the application."""
        ...

    def dead(self, application: str, most: int = 100) -> list[DeadLetter]:
        """The dead letters of an application, the latest first."""
        ...

    def revive(self, application: str, message_id: str) -> bool:
        """Deliver a dead letter again, to its application alone."""
        ...

    def drop(self, application: str, message_id: str) -> bool:
        """Delete a dead letter."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class OutboxBackend:
    """Stores every job in an outbox; a relay hands it to the engine.

    Args:
        outbox: Stores the jobs.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    def enqueue(self, message: JobMessage) -> str:
        """Store the job."""
        return self.outbox.put(message)


def next_attempt(message: JobMessage) -> JobMessage:
    """The message for the next attempt of a failed job: exponential backoff with jitter, one hour at most."""
    import random

    pause = min(message.backoff * 2 ** (message.attempt - 1), LONGEST_PAUSE)
    delay = pause * (0.5 + random.random())  # noqa: S311 - spreads load, guards nothing
    return msgspec.structs.replace(message, attempt=message.attempt + 1, delay=delay)


class InlineBackend:
    """Runs every job immediately, through the same JSON as an engine; for development.

    Args:
        run: Runs a message.
    """

    def __init__(self, run: Callable[[JobMessage], object]) -> None:
        self._run = run

    def enqueue(self, message: JobMessage) -> str:
        """Run the job now; its exceptions propagate to the caller."""
        self._run(decode(encode(message)))
        return message.id


class RecordingBackend:
    """Records jobs and runs none; for tests."""

    def __init__(self) -> None:
        self.messages: list[JobMessage] = []
        self._lock = Lock()

    def enqueue(self, message: JobMessage) -> str:
        """Record the job."""
        copy = decode(encode(message))
        with self._lock:
            self.messages.append(copy)
        return message.id


def keeps_instances(backend: JobBackend) -> bool:
    """Whether jobs run in this process with the instances that they were given, not with loaded ones."""
    return isinstance(backend, InlineBackend | RecordingBackend)


def joins_transaction(backend: JobBackend) -> bool:
    """Whether a job may be handed over before the commit: it runs here, or is a row of the transaction."""
    return keeps_instances(backend) or (isinstance(backend, OutboxBackend) and backend.outbox.transactional)


def encode(message: JobMessage) -> bytes:
    """The message as JSON.

    Raises:
        TypeError: An argument has no JSON form; pass the job a key or plain values.
    """
    return msgspec.json.encode(message)


def decode(data: bytes | str) -> JobMessage:
    """The message from its JSON form."""
    return msgspec.json.decode(data, type=JobMessage)
