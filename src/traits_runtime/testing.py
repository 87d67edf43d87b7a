"""Test helpers for code that uses traits: capture events, jobs, metrics and logs, and freeze config.

As pytest fixtures: `traits_events`, `traits_commit_events`, `traits_jobs`, `traits_metrics`, `traits_config` and
`traits_isolated`, from the plugin ``traits_runtime.pytest_plugin`` that the distribution registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from traits_runtime._core import runtime
from traits_runtime._core.cache import MemoryCache
from traits_runtime._core.config.store import MemoryStore
from traits_runtime._core.events.listener import Envelope
from traits_runtime._core.queue import Consumer, DeadLetter, Delivery, JobMessage, RecordingBackend, encode
from traits_runtime._core.telemetry import Reading
from traits_runtime._core.trait.configuration import Name, config
from traits_runtime._core.trait.jobs import known as known_jobs
from traits_runtime._core.trait.jobs import run_job
from traits_runtime._core.trait.references import Keeping, being_sent
from traits_runtime.rules.layers import Table
from traits_runtime.rules.naming import matches

if TYPE_CHECKING:
    import logging

__all__ = [
    "EventRecorder",
    "JobRecorder",
    "MemoryBroker",
    "MetricRecorder",
    "capture_events",
    "capture_jobs",
    "capture_logs",
    "capture_metrics",
    "freeze_config",
    "isolated",
    "on_listener_error",
]


class EventRecorder:
    """The events of a block, in the order in which they were emitted."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope[Any]] = []

    @property
    def names(self) -> list[str]:
        """The names of the events."""
        return [envelope.name for envelope in self.envelopes]

    @property
    def payloads(self) -> list[Any]:
        """The payloads of the events."""
        return [envelope.payload for envelope in self.envelopes]

    def of(self, pattern: str) -> list[Envelope[Any]]:
        """The events whose name matches."""
        return [envelope for envelope in self.envelopes if matches(pattern, envelope.name)]

    def one(self, pattern: str) -> Envelope[Any]:
        """The only event whose name matches.

        Raises:
            AssertionError: There is none, or there are several; the message names the emitted events.
        """
        envelopes = self.of(pattern)
        if len(envelopes) != 1:
            emitted = ", ".join(self.names) or "none"
            raise AssertionError(f"{len(envelopes)} events match {pattern!r}; emitted: {emitted}")
        return envelopes[0]


@contextmanager
def capture_events(*patterns: str, deliver: bool = True, committed: bool = False) -> Iterator[EventRecorder]:
    """Record the events of a block.

    Args:
        patterns: Which events, all by default.
        deliver: Whether the listeners are called too.
        committed: Record an event when its sender's root transaction commits, and none that is rolled back. A session
            that joins the transaction of a test commits too, although the test rolls everything back at its end;
            ``deliver=False`` keeps its listeners from sending e-mail.

    >>> from traits_runtime import events
    >>> with capture_events("shop.*") as captured:
    ...     events.emit("shop.opened", hour=9)
    >>> captured.names
    ['shop.opened']
    """
    recorder = EventRecorder()
    bus = runtime.bus
    with bus.isolated():
        if not deliver:
            bus.silence()
        for pattern in patterns or ("**",):
            bus.listen(pattern, recorder.envelopes.append, priority=1_000_000, after_commit=committed or None)
        yield recorder


class JobRecorder:
    """The jobs of a block; none has run."""

    def __init__(self, backend: _InstanceRecordingBackend) -> None:
        self._backend = backend

    @property
    def messages(self) -> list[JobMessage]:
        """The jobs as an engine would receive them."""
        return self._backend.messages

    @property
    def names(self) -> list[str]:
        """The names of the jobs."""
        return [message.name for message in self.messages]

    def run(self) -> list[object]:
        """Run the recorded jobs in order, clear them, and return their results."""
        messages, self._backend.messages = self._backend.messages, []
        with Keeping(self._backend.instances):
            return [run_job(message) for message in messages]


class _InstanceRecordingBackend(RecordingBackend):
    """Records the instances too, so that jobs run without a host that loads them."""

    def __init__(self) -> None:
        super().__init__()
        self.instances: dict[tuple[str, Any], object] = {}

    def enqueue(self, message: JobMessage) -> str:
        """Record the job and its instances."""
        self.instances.update(being_sent())
        return super().enqueue(message)


@contextmanager
def capture_jobs() -> Iterator[JobRecorder]:
    """Record the jobs of a block instead of running them."""
    backend = _InstanceRecordingBackend()
    before = runtime.use_job_backend(backend)
    try:
        yield JobRecorder(backend)
    finally:
        runtime.use_job_backend(before)


class MemoryBroker:
    """An event broker in memory for the applications of one process; a failed event is delivered again immediately.

    >>> from traits_runtime.engines import Forward
    >>> broker = MemoryBroker()
    >>> Forward(broker, None, application="shop", events=["trait.HasSlug.*"]).connect()
    >>> mail = Forward(broker, None, application="mail")
    >>> mail.step(broker.consumer("mail"), seconds=0)
    False
    """

    name: str = "memory"

    def __init__(self) -> None:
        self.sent: list[JobMessage] = []
        self._waiting: dict[str, list[Delivery]] = {}
        self._dead: dict[str, list[DeadLetter]] = {}

    def enqueue(self, message: JobMessage) -> str:
        """Accept an event for every application."""
        self.sent.append(message)
        for waiting in self._waiting.values():
            waiting.append(Delivery(encode(message), 1, None))
        return message.id

    def consumer(self, application: str) -> Consumer:
        """Open a consumer; a new application receives all events that were sent."""
        sent = [Delivery(encode(message), 1, None) for message in self.sent]
        waiting = self._waiting.setdefault(application, sent)
        return _MemoryConsumer(waiting, self._dead.setdefault(application, []))

    def dead(self, application: str, most: int = 100) -> list[DeadLetter]:
        """The dead letters of an application, the latest first."""
        return self._dead.get(application, [])[::-1][:most]

    def revive(self, application: str, message_id: str) -> bool:
        """Deliver a dead letter again."""
        messages = [letter.message for letter in self.dead(application) if letter.message.id == message_id]
        self._waiting.get(application, []).extend(Delivery(encode(message), 1, None) for message in messages)
        return self.drop(application, message_id)

    def drop(self, application: str, message_id: str) -> bool:
        """Delete a dead letter."""
        dead = self._dead.get(application, [])
        before = len(dead)
        dead[:] = [letter for letter in dead if letter.message.id != message_id]
        return len(dead) < before

    def close(self) -> None:
        """Nothing is open."""


class _MemoryConsumer:
    """Receives the waiting events of one application."""

    def __init__(self, waiting: list[Delivery], dead: list[DeadLetter]) -> None:
        self._waiting = waiting
        self._dead = dead

    def take(self, seconds: float) -> Delivery | None:
        """The next event, None where none waits."""
        return self._waiting.pop(0) if self._waiting else None

    def done(self, delivery: Delivery) -> None:
        """Do nothing: `take` has removed the event."""

    def again(self, delivery: Delivery) -> None:
        """Have an event delivered again."""
        self._waiting.append(Delivery(delivery.data, delivery.attempt + 1, None))

    def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """Store an event as a dead letter."""
        self._dead.append(letter)

    def close(self) -> None:
        """Nothing is open."""


class MetricRecorder:
    """The metrics of a block, also readable after its end."""

    def __init__(self) -> None:
        self.final: tuple[Reading, ...] | None = None

    def readings(self, name: str = "") -> tuple[Reading, ...]:
        """The aggregates, of one metric or of all."""
        readings = runtime.telemetry.read() if self.final is None else self.final
        return tuple(reading for reading in readings if name in ("", reading.name))

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric over all labels, or over those of the arguments; 0 where nothing was recorded."""
        return sum(reading.total for reading in self.readings(name) if _has_labels(reading, labels))


def _has_labels(reading: Reading, labels: Mapping[str, str]) -> bool:
    return all(getattr(reading, label) == value for label, value in labels.items())


@contextmanager
def capture_metrics() -> Iterator[MetricRecorder]:
    """Enable telemetry for a block, without the values recorded before; they are restored at its end."""
    telemetry = runtime.telemetry
    recorder = MetricRecorder()
    with telemetry.fresh():
        try:
            yield recorder
        finally:
            recorder.final = telemetry.read()


@contextmanager
def capture_logs(level: int = 10) -> Iterator[list[logging.LogRecord]]:
    """Record the log records of traits in a block.

    Args:
        level: The lowest level.
    """
    import logging

    class RecordingHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    records: list[logging.LogRecord] = []
    logger = logging.getLogger("traits_runtime")
    handler, before = RecordingHandler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def freeze_config(
    values: Mapping[Name, Mapping[str, object]] | None = None, *, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Use only the config of the arguments in a block: no file, no stored override, no other environment.

    Args:
        values: Overrides by trait and key; in every thread and task, unlike ``config.override``.
        environ: Environment variables.
    """
    resolver = runtime.resolver
    before = resolver.environ, resolver.files, config.store
    ensured, file = runtime.files_are_read(), runtime.named_file()
    try:
        runtime.use_files(Table())
        config.use(store=MemoryStore(), environ=environ or {})
        for trait, keys in (values or {}).items():
            for key, value in keys.items():
                config.set(trait, key, value, by="freeze_config")
        yield
    finally:
        resolver.environ, files, store = before
        if ensured:
            runtime.use_files(files, file)
        else:
            runtime.forget_files()
        config.use(store=store)


@contextmanager
def on_listener_error(policy: Literal["log", "raise", "collect"]) -> Iterator[None]:
    """Set the policy for failing listeners in a block; with ``raise`` the exception reaches the test."""
    before, runtime.bus.on_error = runtime.bus.on_error, policy
    try:
        yield
    finally:
        runtime.bus.on_error = before


@contextmanager
def isolated() -> Iterator[None]:
    """Undo at the end of a block what it registers, stores, caches and records; failing listeners raise.

    A job name that a class of the block took over is given back. Declarations of modules that the block imports stay.
    """
    declared = dict(known_jobs)
    cache, before = runtime.cache, runtime.cache.backend
    cache.backend = MemoryCache()
    jobs, outbox, started = runtime.job_backend, runtime.outbox, runtime.started
    carriers, provider = dict(runtime.propagators), runtime.flag_provider
    try:
        with runtime.bus.isolated(), freeze_config(), on_listener_error("raise"), runtime.telemetry.fresh(on=False):
            yield
    finally:
        runtime.use_job_backend(jobs)
        runtime.use_outbox(outbox)
        runtime.started = started
        if runtime.flag_provider is not provider:
            runtime.use_flag_provider(provider)
        runtime.propagators.clear()
        runtime.propagators.update(carriers)
        known_jobs.update(declared)
        cache.backend = before
