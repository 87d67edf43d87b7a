"""Connecting what config names: `start` puts a cache, a queue with its outbox, exporters of numbers and so on in place.

In ``[tool.traits]`` of a ``pyproject.toml``, or in a ``traits.toml``::

    cache = "redis"
    queue = "celery"
    outbox = "sqlite"
    telemetry = ["prometheus"]

    [engines.redis]
    url = "redis://localhost:6379/0"

The environment is stronger: ``TRAITS_QUEUE=rq``, ``TRAITS_ENGINES_RQ_URL=redis://queue:6379/0``.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

import msgspec

from traits_runtime._core import runtime
from traits_runtime._core.config.store import MemoryStore
from traits_runtime._core.engines import until_stopped
from traits_runtime._core.queue import DeadLetter, Engine, EventBroker, Outbox, OutboxBackend
from traits_runtime._core.trait.configuration import config
from traits_runtime._core.trait.deliver import progress
from traits_runtime._core.trait.event_bridge import Forward
from traits_runtime._core.trait.relay import Relay
from traits_runtime.errors import (
    NoApplicationError,
    NoEngineError,
    NoForwardError,
    UnknownEngineError,
    UnknownEngineSettingError,
)
from traits_runtime.rules.files import find_config, named_store, read_tables

__all__ = [
    "DeadLetter",
    "Engine",
    "Engines",
    "EventBroker",
    "Forward",
    "Outbox",
    "Relay",
    "Settings",
    "listen",
    "open_forward",
    "progress",
    "read_settings",
    "start",
    "started",
    "work",
]

ADAPTERS: Mapping[str, tuple[str, ...]] = {
    "cache": ("redis", "django_cache", "dogpile", "database"),
    "queue": ("huey", "celery", "rq", "dramatiq", "taskiq", "procrastinate"),
    "outbox": ("sqlite", "database"),
    "flags": ("openfeature",),
    "forward": ("redis_streams", "rabbitmq"),
    "telemetry": ("prometheus", "opentelemetry", "statsd"),
}
"""What ships with the package; any importable module that has the function is as good."""


class Settings(msgspec.Struct, frozen=True):
    """Which adapters to use, each by the name of a module in ``traits_runtime.adapters`` or a dotted path.

    Args:
        cache: Keeps values.
        queue: Runs jobs.
        outbox: Keeps jobs until they are done, ``none`` for handing them to the engine at once.
        telemetry: Take or offer numbers.
        flags: Decides rollouts in our place.
        forward: Carries events to other processes and back.
        engines: What each adapter is made with, by its name.
        store: The SQLite file that keeps overrides of config; in a config file relative to its folder.
    """

    cache: str = ""
    queue: str = ""
    outbox: str = ""
    telemetry: tuple[str, ...] = ()
    flags: str = ""
    forward: str = ""
    engines: dict[str, dict[str, Any]] = {}
    store: str = ""


class Engines(msgspec.Struct):
    """What `start` has put in place.

    Args:
        settings: What it was made from.
        queue: The engine that runs jobs.
        outbox: Where jobs wait.
        exporters: What takes or offers numbers.
        forward: What carries events to other processes.
    """

    settings: Settings
    queue: Engine | None = None
    outbox: Outbox | None = None
    exporters: tuple[object, ...] = ()
    forward: Forward | None = None


def read_settings(path: Path | str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """What the file and the environment say.

    Args:
        path: The file; by default the one that ``TRAITS_CONFIG`` names, or the nearest above the working folder.
        environ: Variables, the process's own by default.

    Raises:
        ConfigFileError: The file is no TOML, or ``TRAITS_CONFIG`` names one that is not there.

    >>> read_settings("no-such-file.toml", {"TRAITS_CACHE": "redis", "TRAITS_ENGINES_REDIS_TIMEOUT": "2"}).engines
    {'redis': {'timeout': 2.0}}
    """
    environ = os.environ if environ is None else environ
    file = Path(path) if path else find_config(Path.cwd(), environ)
    table = read_tables(file) if file is not None and (file.is_file() or path is None) else {}
    store = named_store(file) if table and file is not None else None
    engines = {name.replace("-", "_"): dict(values) for name, values in table.get("engines", {}).items()}
    for name, value in environ.items():
        if name.startswith("TRAITS_ENGINES_"):
            engine, key = _split(name.removeprefix("TRAITS_ENGINES_").lower())
            engines.setdefault(engine, {})[key] = _scalar(value)
    telemetry = environ.get("TRAITS_TELEMETRY")
    return Settings(
        cache=environ.get("TRAITS_CACHE") or table.get("cache", ""),
        queue=environ.get("TRAITS_QUEUE") or table.get("queue", ""),
        outbox=environ.get("TRAITS_OUTBOX") or table.get("outbox", ""),
        telemetry=tuple(telemetry.split(",") if telemetry else table.get("telemetry", ())),
        flags=environ.get("TRAITS_FLAGS") or table.get("flags", ""),
        forward=str(environ.get("TRAITS_FORWARD") or table.get("forward", "")).replace("-", "_"),
        engines=engines,
        store=environ.get("TRAITS_STORE") or str(store or ""),
    )


def start(settings: Settings | None = None) -> Engines:
    """Put the adapters in place that config names; call it once where the application starts.

    The store that config names is opened, unless the application has one already.

    Args:
        settings: What to use instead of file and environment.

    Raises:
        MissingExtraError: The library of an adapter is not installed; the text names the extra that brings it.
        UnknownEngineError: There is no such adapter.
        NoApplicationError: Events are to be forwarded, and config does not say whose.
    """
    settings = read_settings() if settings is None else settings
    engines = Engines(settings)
    if settings.store and isinstance(config.store, MemoryStore):
        config.use(store=settings.store)
    if settings.cache:
        runtime.cache.backend = _open("cache", settings.cache, settings)
    if settings.outbox not in ("", "none"):
        engines.outbox = _open("outbox", settings.outbox, settings)
        runtime.use_outbox(engines.outbox)
    if settings.queue:
        engines.queue = cast(Engine, _open("queue", settings.queue, settings))
        runtime.use_job_backend(engines.queue if engines.outbox is None else OutboxBackend(engines.outbox))
    if settings.flags:
        _open("flags", settings.flags, settings)
    if settings.forward:
        engines.forward = _forward(settings, engines.outbox)
        engines.forward.connect()
    engines.exporters = tuple(_open("telemetry", name, settings) for name in settings.telemetry)
    runtime.started = engines
    return engines


def started() -> Engines | None:
    """What `start` has put in place last, None where the application has not called it."""
    return cast("Engines | None", runtime.started)


def open_forward(settings: Settings, outbox: Outbox | None = None) -> Forward:
    """What config says about events of other processes, not sending anything yet.

    Raises:
        NoForwardError: Config names nothing that carries events.
        NoApplicationError: Config does not say whose events these are.
    """
    if not settings.forward:
        raise NoForwardError
    return _forward(settings, outbox)


def work(engines: Engines, queues: Sequence[str] = (), concurrency: int = 1, *, relay: bool = True) -> None:
    """Run the engine's own worker, and a relay beside it, until the process is told to stop.

    Args:
        engines: What `start` returned.
        queues: The queues to work on, ``default`` for jobs that name none.
        concurrency: How many jobs run at a time.
        relay: Whether this process hands jobs from the outbox to the engine, too.

    Raises:
        NoEngineError: Config names no queue.
    """
    if engines.queue is None:
        raise NoEngineError
    with _relaying(engines) if relay else nullcontext():
        engines.queue.work(queues, concurrency)


def listen(engines: Engines, concurrency: int = 1, *, relay: bool = True, stop: Event | None = None) -> None:
    """Tell the listeners of this process what other applications emit, until the process is told to stop.

    Args:
        engines: What `start` returned.
        concurrency: How many events are told at a time.
        relay: Whether this process hands events from the outbox to the broker, too; jobs to the engine.
        stop: Ends it instead of SIGTERM or SIGINT, for a thread of a process that has other things to do.

    Raises:
        NoForwardError: Config names nothing that carries events.
    """
    if engines.forward is None:
        raise NoForwardError
    ended = stop or Event()
    threads = [
        Thread(target=engines.forward.hear, args=(ended,), name="traits-events", daemon=True)
        for _ in range(concurrency)
    ]
    with _relaying(engines) if relay else nullcontext():
        for thread in threads:
            thread.start()
        if stop is None:
            until_stopped()
            ended.set()
        for thread in threads:
            thread.join()


@contextmanager
def _relaying(engines: Engines) -> Iterator[None]:
    """Hand on meanwhile what is in the outbox: jobs to the engine, events to their broker."""
    relays: list[Relay] = []
    if engines.outbox is not None and engines.queue is not None:
        relays.append(Relay(engines.outbox, engines.queue))
    if engines.outbox is not None and engines.forward is not None:
        relays.append(Relay(engines.outbox, engines.forward.broker, kind="event"))
    for relay in relays:
        relay.start()
    try:
        yield
    finally:
        for relay in relays:
            relay.stop()


def _forward(settings: Settings, outbox: Outbox | None) -> Forward:
    """What config says about events of other processes: whose they are and which go out, the rest is the adapter's."""
    values = dict(settings.engines.get(settings.forward, {}))
    application, events = values.pop("application", ""), values.pop("events", ())
    include_own, attempts = bool(values.pop("own", False)), int(values.pop("attempts", 5))
    broker: EventBroker = _open("forward", settings.forward, settings, values)
    if not application:
        raise NoApplicationError(settings.forward)
    patterns = events.split(",") if isinstance(events, str) else events
    return Forward(broker, outbox, application=str(application), events=patterns, own=include_own, attempts=attempts)


def _open(role: str, name: str, settings: Settings, values: Mapping[str, Any] | None = None) -> Any:
    path = name if "." in name else f"traits_runtime.adapters.{name}"
    try:
        module = importlib.import_module(path)
        opened: Callable[[Mapping[str, Any]], Any] = getattr(module, f"open_{role}")
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, AttributeError) or error.name == path:
            raise UnknownEngineError(role, name, ADAPTERS[role]) from error
        raise
    values = settings.engines.get(name, {}) if values is None else values
    try:
        return opened(values)
    except TypeError as error:
        wrong = re.search(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
        if wrong is None or wrong[2] not in values:
            raise
        parameters = inspect.signature(getattr(module, wrong[1])).parameters
        raise UnknownEngineSettingError(name, wrong[2], parameters) from error


def _split(name: str) -> tuple[str, str]:
    """The adapter and its setting, of ``redis_url`` or ``django_cache_alias``."""
    candidates = [adapter for names in ADAPTERS.values() for adapter in names if name.startswith(f"{adapter}_")]
    engine = max(candidates, key=len, default=name.partition("_")[0])
    return engine, name.removeprefix(f"{engine}_")


def _scalar(value: str) -> object:
    """A value of the environment: a number or a truth where it reads as one."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return float(value)
    except ValueError:
        return value
