"""For tests of code that uses traits: capture events, jobs, metrics and logs, and freeze config.

As fixtures of pytest: `traits_events`, `traits_commit_events`, `traits_jobs`, `traits_metrics`, `traits_config` and
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
from traits_runtime._core.trait.jobs import Keeping, being_sent, run_job
from traits_runtime._core.trait.jobs import known as known_jobs
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
        """The names alone."""
        return [envelope.name for envelope in self.envelopes]

    @property
    def payloads(self) -> list[Any]:
        """The payloads alone."""
        return [envelope.payload for envelope in self.envelopes]

    def of(self, pattern: str) -> list[Envelope[Any]]:
        """Those whose name matches."""
        return [envelope for envelope in self.envelopes if matches(pattern, envelope.name)]

    def one(self, pattern: str) -> Envelope[Any]:
        """The only one whose name matches.

        Raises:
            AssertionError: There is none, or there are several; the text names what there was.
        """
        envelopes = self.of(pattern)
        if len(envelopes) != 1:
            raise AssertionError(
                f"{len(envelopes)} events match {pattern!r}; emitted: {', '.join(self.names) or 'none'}"
            )
        return envelopes[0]


@contextmanager
def capture_events(*patterns: str, deliver: bool = True, committed: bool = False) -> Iterator[EventRecorder]:
    """Record the events of a block.

    Args:
        patterns: Which events, all by default.
        deliver: Whether the listeners hear them too.
        committed: Record an event when its sender's root transaction commits, and none that is rolled back. A session
            that joined a test's transaction commits too, although the test takes everything back in the end: with
            ``deliver=False`` the outbox of the e-mails stays empty all the same.

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
    """The jobs of a block; none was run."""

    def __init__(self, backend: _Keeping) -> None:
        self._backend = backend

    @property
    def messages(self) -> list[JobMessage]:
        """The jobs as an engine would get them."""
        return self._backend.messages

    @property
    def names(self) -> list[str]:
        """Their names alone."""
        return [message.name for message in self.messages]

    def run(self) -> list[object]:
        """Run the recorded jobs, in order, and forget them; returns their results."""
        waiting, self._backend.messages = self._backend.messages, []
        with Keeping(self._backend.instances):
            return [run_job(message) for message in waiting]


class _Keeping(RecordingBackend):
    """Keeps the instances too, so that jobs can run without a host that fetches them."""

    def __init__(self) -> None:
        super().__init__()
        self.instances: dict[tuple[str, Any], object] = {}

    def enqueue(self, message: JobMessage) -> str:
        """Keep the job and its instances."""
        self.instances.update(being_sent())
        return super().enqueue(message)


@contextmanager
def capture_jobs() -> Iterator[JobRecorder]:
    """Record the jobs of a block instead of running them."""
    backend = _Keeping()
    before = runtime.use_job_backend(backend)
    try:
        yield JobRecorder(backend)
    finally:
        runtime.use_job_backend(before)


class MemoryBroker:
    """A broker of events in memory: applications of one process tell each other, and what fails comes again at once.

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
        """Take an event, for every application."""
        self.sent.append(message)
        for waiting in self._waiting.values():
            waiting.append(Delivery(encode(message), 1, None))
        return message.id

    def consumer(self, application: str) -> Consumer:
        """Begin to receive; an application that is new hears all that was sent."""
        everything = [Delivery(encode(message), 1, None) for message in self.sent]
        return _MemoryConsumer(
            self._waiting.setdefault(application, everything), self._dead.setdefault(application, [])
        )

    def dead(self, application: str, most: int = 100) -> list[DeadLetter]:
        """The dead letters of an application, the latest first."""
        return self._dead.get(application, [])[::-1][:most]

    def revive(self, application: str, message_id: str) -> bool:
        """Let a dead letter come again."""
        messages = [letter.message for letter in self.dead(application) if letter.message.id == message_id]
        self._waiting.get(application, []).extend(Delivery(encode(message), 1, None) for message in messages)
        return self.drop(application, message_id)

    def drop(self, application: str, message_id: str) -> bool:
        """Forget a dead letter."""
        dead = self._dead.get(application, [])
        before = len(dead)
        dead[:] = [letter for letter in dead if letter.message.id != message_id]
        return len(dead) < before

    def close(self) -> None:
        """Nothing is open."""


class _MemoryConsumer:
    """Takes what waits for one application."""

    def __init__(self, waiting: list[Delivery], dead: list[DeadLetter]) -> None:
        self._waiting = waiting
        self._dead = dead

    def take(self, seconds: float) -> Delivery | None:
        """The next event, if there is one."""
        return self._waiting.pop(0) if self._waiting else None

    def done(self, delivery: Delivery) -> None:
        """It was taken out."""

    def again(self, delivery: Delivery) -> None:
        """Let an event come again."""
        self._waiting.append(Delivery(delivery.data, delivery.attempt + 1, None))

    def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """Keep an event as a dead letter."""
        self._dead.append(letter)

    def close(self) -> None:
        """Nothing is open."""


class MetricRecorder:
    """The numbers of a block; they can be asked for after its end."""

    def __init__(self) -> None:
        self.final: tuple[Reading, ...] | None = None

    def readings(self, name: str = "") -> tuple[Reading, ...]:
        """The aggregates, of one metric or of all."""
        readings = runtime.telemetry.read() if self.final is None else self.final
        return tuple(reading for reading in readings if name in ("", reading.name))

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric over all labels, or those given; 0 where nothing was recorded."""
        readings = (
            reading
            for reading in self.readings(name)
            if all(getattr(reading, key) == value for key, value in labels.items())
        )
        return sum(reading.total for reading in readings)


@contextmanager
def capture_metrics() -> Iterator[MetricRecorder]:
    """Switch telemetry on for a block, beginning at nothing; what was recorded before is kept aside."""
    telemetry = runtime.telemetry
    recorder = MetricRecorder()
    with telemetry.fresh():
        try:
            yield recorder
        finally:
            recorder.final = telemetry.read()


@contextmanager
def capture_logs(level: int = 10) -> Iterator[list[logging.LogRecord]]:
    """Record the lines that traits log in a block.

    Args:
        level: The least level.
    """
    import logging

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record)

    lines: list[logging.LogRecord] = []
    logger = logging.getLogger("traits_runtime")
    handler, before = Keep(), logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def freeze_config(
    values: Mapping[Name, Mapping[str, object]] | None = None, *, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Config for a block: no file, no stored override and no environment but what is given.

    Args:
        values: Overrides by trait, by key; of any thread and task, unlike ``config.override``.
        environ: Variables.
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
    """What a failing listener does in a block: ``raise`` to the emitter is what tests want."""
    before, runtime.bus.on_error = runtime.bus.on_error, policy
    try:
        yield
    finally:
        runtime.bus.on_error = before


@contextmanager
def isolated() -> Iterator[None]:
    """Undo at the end of a block what it registers, stores, caches and records; failing listeners raise.

    A job whose name another one of the block has taken has it again; what modules declare that the block imports stays.
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
