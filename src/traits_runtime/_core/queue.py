"""Jobs and events on their way: the message, the contracts of engines, outboxes and brokers, and simple backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

VERSION = 1
"""Version of the message's form."""

WhenMissing: TypeAlias = Literal["discard", "fail", "retry"]

Ability: TypeAlias = Literal["delay", "priority", "unique", "cancel", "queues"]
"""What an engine may do by itself; an outbox in front brings delay, unique jobs and cancelling to every engine."""

Kind: TypeAlias = Literal["job", "event"]
"""What a message is: a job for an engine, or an event for the broker of events."""

LONGEST_PAUSE = 3600.0


class Ref(msgspec.Struct, frozen=True, tag_field="$ref", tag="model"):
    """An instance by identity: what a job carries instead of the instance.

    Args:
        model: Dotted path of the model.
        identity: Its key.
    """

    model: str
    identity: Any


class JobMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job, or an event for other processes, as it travels; JSON everywhere.

    Args:
        id: Unique; a backend that delivers twice delivers the same one.
        name: ``trait.HasSearch.reindex``, or the dotted path of a function; an event's name.
        args: Positional arguments; instances as `Ref`, the one the job belongs to first.
        kwargs: Keyword arguments.
        queue: Name of the queue, empty for the default one.
        tenant: The tenant that was current.
        actor: The key of the actor that was current, with model name and label; empty for nobody.
        key: Jobs of the same key are one job while it waits; empty for none.
        delay: Seconds to wait at least.
        attempt: Counts from 1.
        max_attempts: How often it is tried.
        backoff: Seconds to wait before the second attempt, more or less; doubled for each one after it.
        priority: Higher goes first.
        context: What else crosses over, by name: locale, trace, flags.
        when_missing: What to do where an instance is gone.
        held: Whether an outbox keeps the job until it is done.
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
    when_missing: WhenMissing = "discard"
    held: bool = False
    kind: Kind = "job"
    version: int = VERSION


class JobBackend(Protocol):
    """What takes jobs and sees that they are run."""

    def enqueue(self, message: JobMessage) -> str:
        """Take a job; returns its id in the engine."""
        ...


class Engine(JobBackend, Protocol):
    """A queue engine behind an adapter: it takes jobs, and its own worker runs them."""

    name: str
    abilities: frozenset[Ability]

    def cancel(self, job_id: str) -> bool:
        """Take a waiting job back, by its id in the engine; False where that is too late or not possible."""
        ...

    def work(self, queues: Sequence[str], concurrency: int) -> None:
        """Run the engine's own worker until the process is told to stop.

        Args:
            queues: The queues to work on; the default one is ``default``.
            concurrency: How many jobs run at a time.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class DeadLetter(msgspec.Struct, frozen=True):
    """A job, or an event from elsewhere, that failed for good.

    Args:
        message: The message.
        error: What it failed with.
        died: Seconds since the epoch.
    """

    message: JobMessage
    error: str
    died: float


class Outbox(Protocol):
    """Keeps jobs from the transaction that queued them until they are done, and events until a broker has them.

    A row waits, is handed to the engine (sent), runs, and is deleted; one that fails for good is a dead letter. A
    sent or running row that nobody has heard of for its time is handed out again: what the broker or a worker lost
    is not lost.

    Attributes:
        transactional: Whether a row belongs to the transaction that puts it, and goes with it.
    """

    transactional: bool

    def put(self, message: JobMessage) -> str:
        """Keep a job, in a transaction of its own; returns its id, or that of the one that waits with its key."""
        ...

    def take(self, most: int, kind: Kind = "job") -> list[JobMessage]:
        """Take jobs or events that are due, the most urgent first; each is given to one taker alone."""
        ...

    def give_back(self, ids: Sequence[str], delay: float) -> None:
        """Let taken jobs wait again: the engine could not be reached."""
        ...

    def start(self, job_id: str) -> bool:
        """A worker begins; False where the job is done, cancelled, or running elsewhere."""
        ...

    def around(self) -> AbstractContextManager[object]:
        """What a job runs in: a session, where rows come from the outbox's database."""
        ...

    def beat(self, ids: Sequence[str]) -> None:
        """These are still running."""
        ...

    def done(self, job_id: str) -> None:
        """Forget a job that is done."""
        ...

    def retry(self, message: JobMessage, error: str) -> None:
        """Let a failed job wait for its next attempt, as the message says."""
        ...

    def bury(self, message: JobMessage, error: str) -> None:
        """Keep a job as a dead letter."""
        ...

    def cancel(self, job_id: str) -> bool:
        """Take back a job that does not run yet."""
        ...

    def dead(self, most: int = 100) -> list[DeadLetter]:
        """The dead letters, the latest first."""
        ...

    def revive(self, job_id: str) -> bool:
        """Let a dead letter wait again, from its first attempt."""
        ...

    def drop(self, job_id: str) -> bool:
        """Forget a dead letter."""
        ...

    def note(self, job_id: str, progress: float) -> None:
        """How far a running job is, 0 to 1."""
        ...

    def progress(self, job_id: str) -> tuple[str, float] | None:
        """State of a job, ``waiting``, ``sent``, ``running`` or ``dead``, and how far it is; None when it is done."""
        ...

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        ...

    def overdue(self) -> float:
        """For how many seconds the oldest job that waits has been due, 0 where none is."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Delivery(msgspec.Struct, frozen=True):
    """A message that a broker of events has given to a consumer.

    Args:
        data: Its JSON form.
        attempt: How often it was delivered, this time included; from 1.
        handle: What the broker knows it by.
    """

    data: bytes
    attempt: int
    handle: Any


class Consumer(Protocol):
    """Receives events for one application; used by one thread."""

    def take(self, seconds: float) -> Delivery | None:
        """The next event, None where none came in that time. Until it is done, it belongs to this consumer.

        What a consumer took that died, another takes.
        """
        ...

    def done(self, delivery: Delivery) -> None:
        """Forget an event that was heard."""
        ...

    def again(self, delivery: Delivery) -> None:
        """Let an event come again, after a pause."""
        ...

    def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """Keep an event as a dead letter of the application."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class EventBroker(JobBackend, Protocol):
    """A broker of events behind an adapter: it takes events, and gives each to every application, once there."""

    name: str

    def consumer(self, application: str) -> Consumer:
        """Begin to receive; from the first time on, the broker keeps events for the application while it is away."""
        ...

    def dead(self, application: str, most: int = 100) -> list[DeadLetter]:
        """The dead letters of an application, the latest first."""
        ...

    def revive(self, application: str, message_id: str) -> bool:
        """Let a dead letter come again, to its application alone."""
        ...

    def drop(self, application: str, message_id: str) -> bool:
        """Forget a dead letter."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class OutboxBackend:
    """Puts every job into an outbox; a relay hands it to the engine.

    Args:
        outbox: Where jobs are kept.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    def enqueue(self, message: JobMessage) -> str:
        """Keep the job."""
        return self.outbox.put(message)


def next_attempt(message: JobMessage) -> JobMessage:
    """A failed job as it is tried again: after a pause that doubles, no two the same, an hour at most."""
    import random

    pause = min(message.backoff * 2 ** (message.attempt - 1), LONGEST_PAUSE)
    spread = pause * (0.5 + random.random())  # noqa: S311 - spreads load, guards nothing
    return msgspec.structs.replace(message, attempt=message.attempt + 1, delay=spread)


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
        copy = decode(encode(message))
        with self._lock:
            self.messages.append(copy)
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
