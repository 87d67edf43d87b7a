"""Opens the adapters that config names: `start` sets up cache, queue, outbox, exporters, flags and event broker.

In ``[tool.traits]`` of a ``pyproject.toml``, or in a ``traits.toml``::

    cache = "redis"
    queue = "celery"
    outbox = "sqlite"
    telemetry = ["prometheus"]

    [engines.redis]
    url = "redis://localhost:6379/0"

Environment variables override it: ``TRAITS_QUEUE=rq``, ``TRAITS_ENGINES_RQ_URL=redis://queue:6379/0``.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from threading import Event, Thread
from types import ModuleType
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
"""Adapters of this package by role; any importable module with the function ``open_<role>`` is one too."""


class Settings(msgspec.Struct, frozen=True):
    """The adapters to use, each by the name of a module in ``traits_runtime.adapters`` or by its dotted path.

    Args:
        cache: The cache.
        queue: The queue engine that runs jobs.
        outbox: Stores jobs until they are done; ``none`` hands them to the engine directly.
        telemetry: Exporters of metrics.
        flags: Flag server that decides rollouts.
        forward: Broker of the events of other processes.
        engines: Settings of each adapter, by its name.
        store: SQLite file with the overrides of config; in a config file relative to its folder.
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
    """The adapters that `start` has opened.

    Args:
        settings: Their settings.
        queue: The engine that runs jobs.
        outbox: Stores waiting jobs.
        exporters: Exporters of metrics.
        forward: Bridge to the events of other processes.
    """

    settings: Settings
    queue: Engine | None = None
    outbox: Outbox | None = None
    exporters: tuple[object, ...] = ()
    forward: Forward | None = None


def read_settings(path: Path | str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in the config file and the environment.

    Args:
        path: The file; by default the one that ``TRAITS_CONFIG`` names, or the nearest above the working folder.
        environ: Environment variables, by default those of the process.

    Raises:
        ConfigFileError: The file is not TOML, or ``TRAITS_CONFIG`` names a file that does not exist.

    >>> read_settings("no-such-file.toml", {"TRAITS_CACHE": "redis", "TRAITS_ENGINES_REDIS_TIMEOUT": "2"}).engines
    {'redis': {'timeout': 2.0}}
    """
    environ = os.environ if environ is None else environ
    file = Path(path) if path else find_config(Path.cwd(), environ)
    table = read_tables(file) if file is not None and (file.is_file() or path is None) else {}
    store = named_store(file) if table and file is not None else None
    telemetry = environ.get("TRAITS_TELEMETRY")
    exporters = telemetry.split(",") if telemetry else table.get("telemetry", ())

    def adapter(role: str) -> str:
        return environ.get(f"TRAITS_{role.upper()}") or table.get(role, "")

    return Settings(
        cache=adapter("cache"),
        queue=adapter("queue"),
        outbox=adapter("outbox"),
        telemetry=tuple(exporters),
        flags=adapter("flags"),
        forward=adapter("forward").replace("-", "_"),
        engines=_engine_settings(table.get("engines", {}), environ),
        store=environ.get("TRAITS_STORE") or str(store or ""),
    )


def _engine_settings(table: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The settings of each adapter: those of the file, overridden by ``TRAITS_ENGINES_<ADAPTER>_<SETTING>``."""
    settings = {name.replace("-", "_"): dict(values) for name, values in table.items()}
    for name, value in environ.items():
        if name.startswith("TRAITS_ENGINES_"):
            adapter, setting = _split(name.removeprefix("TRAITS_ENGINES_").lower())
            settings.setdefault(adapter, {})[setting] = _scalar(value)
    return settings


def start(settings: Settings | None = None) -> Engines:
    """Open the adapters that config names; call it once when the application starts.

    The store that config names is opened, unless the application has set one.

    Args:
        settings: Used in place of file and environment.

    Raises:
        MissingExtraError: The library of an adapter is not installed; the message names its extra.
        UnknownEngineError: There is no such adapter.
        NoApplicationError: Events are to be forwarded, and config does not name the application.
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
    """The result of the last `start`, None where the application has not called it."""
    return cast("Engines | None", runtime.started)


def open_forward(settings: Settings, outbox: Outbox | None = None) -> Forward:
    """The bridge to the events of other processes, not connected yet.

    Raises:
        NoForwardError: Config names no event broker.
        NoApplicationError: Config does not name the application.
    """
    if not settings.forward:
        raise NoForwardError
    return _forward(settings, outbox)


def work(engines: Engines, queues: Sequence[str] = (), concurrency: int = 1, *, relay: bool = True) -> None:
    """Run the worker of the engine, with a relay, until SIGTERM or SIGINT.

    Args:
        engines: The result of `start`.
        queues: The queues to work on; ``default`` is that of jobs without one.
        concurrency: The number of concurrent jobs.
        relay: Whether this process also hands jobs from the outbox to the engine.

    Raises:
        NoEngineError: Config names no queue.
    """
    if engines.queue is None:
        raise NoEngineError
    with _relaying(engines) if relay else nullcontext():
        engines.queue.work(queues, concurrency)


def listen(engines: Engines, concurrency: int = 1, *, relay: bool = True, stop: Event | None = None) -> None:
    """Deliver the events of other applications to the listeners of this process, until SIGTERM or SIGINT.

    Args:
        engines: The result of `start`.
        concurrency: The number of concurrent events.
        relay: Whether this process also hands events from the outbox to the broker, and jobs to the engine.
        stop: Event that ends it in place of the signals, for a thread of a process with other work.

    Raises:
        NoForwardError: Config names no event broker.
    """
    if engines.forward is None:
        raise NoForwardError
    stopped = stop or Event()
    threads = [
        Thread(target=engines.forward.hear, args=(stopped,), name="traits-events", daemon=True)
        for _ in range(concurrency)
    ]
    with _relaying(engines) if relay else nullcontext():
        for thread in threads:
            thread.start()
        if stop is None:
            until_stopped()
            stopped.set()
        for thread in threads:
            thread.join()


@contextmanager
def _relaying(engines: Engines) -> Iterator[None]:
    """Run the relays of the outbox inside the block: jobs to the engine, events to their broker."""
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
    """The bridge from its settings; settings that it does not use go to the adapter."""
    values = dict(settings.engines.get(settings.forward, {}))
    application, events = values.pop("application", ""), values.pop("events", ())
    include_own, attempts = bool(values.pop("own", False)), int(values.pop("attempts", 5))
    broker: EventBroker = _open("forward", settings.forward, settings, values)
    if not application:
        raise NoApplicationError(settings.forward)
    patterns = events.split(",") if isinstance(events, str) else events
    return Forward(
        broker, outbox, application=str(application), events=patterns, include_own=include_own, attempts=attempts
    )


def _open(role: str, name: str, settings: Settings, values: Mapping[str, Any] | None = None) -> Any:
    """Open an adapter in a role, with its settings or with other values."""
    module = _import_adapter(role, name)
    open_adapter: Callable[[Mapping[str, Any]], Any] = getattr(module, f"open_{role}")
    if values is None:
        values = settings.engines.get(name, {})
    try:
        return open_adapter(values)
    except TypeError as error:
        unexpected = re.search(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
        if unexpected is None or unexpected[2] not in values:
            raise
        parameters = inspect.signature(getattr(module, unexpected[1])).parameters
        raise UnknownEngineSettingError(name, unexpected[2], parameters) from error


def _import_adapter(role: str, name: str) -> ModuleType:
    """The module of an adapter.

    Raises:
        UnknownEngineError: There is none, or it does not support the role.
    """
    path = name if "." in name else f"traits_runtime.adapters.{name}"
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise UnknownEngineError(role, name, ADAPTERS[role]) from error
    if not hasattr(module, f"open_{role}"):
        raise UnknownEngineError(role, name, ADAPTERS[role])
    return module


def _split(name: str) -> tuple[str, str]:
    """The adapter and its setting, of ``redis_url`` or ``django_cache_alias``."""
    adapters = chain.from_iterable(ADAPTERS.values())
    candidates = [adapter for adapter in adapters if name.startswith(f"{adapter}_")]
    engine = max(candidates, key=len, default=name.partition("_")[0])
    return engine, name.removeprefix(f"{engine}_")


def _scalar(value: str) -> object:
    """The value of an environment variable: a boolean or a number where it has that form, else text."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return float(value)
    except ValueError:
        return value
