"""Health checks of the runtime: each check performs an operation and verifies the result.

`traits health` and a health endpoint run the same checks. An application adds its own with `register`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from traits_runtime._core.queue import Outbox

__all__ = ["Check", "CheckResult", "Status", "names", "register", "run", "unregister"]

MAX_OVERDUE_S: Final = 60.0
"""Seconds that a job may be overdue before its check warns."""

Status: TypeAlias = Literal["pass", "warn", "fail"]

Check: TypeAlias = Callable[[], "tuple[Status, str]"]
"""Performs an operation; returns the status and an observation. An exception is a failure."""


class CheckResult(msgspec.Struct, frozen=True):
    """The result of one check.

    Args:
        name: The component that was checked.
        status: ``pass``, ``warn`` (it works, but needs attention) or ``fail``.
        output: The observation; no secrets.
        seconds: Duration of the check.
    """

    name: str
    status: Status
    output: str
    seconds: float


def register(name: str, check: Check) -> None:
    """Add a check, or replace the check of that name.

    Args:
        name: The component that is checked.
        check: The check; it runs in a thread of its own.

    >>> register("disk", lambda: ("pass", "12 GB free"))
    >>> [result.status for result in run() if result.name == "disk"]
    ['pass']
    >>> unregister("disk")
    """
    _checks[name] = check


def unregister(name: str) -> None:
    """Remove a check."""
    _checks.pop(name, None)


def names() -> tuple[str, ...]:
    """The names of all checks."""
    return tuple(_checks)


def run(*, timeout: float = 5.0, exclude: tuple[str, ...] = ()) -> tuple[CheckResult, ...]:
    """Run all checks concurrently; a check that hangs delays neither the others nor the end of the process.

    Args:
        timeout: Seconds after which a check fails.
        exclude: Names to leave out.
    """
    checks = {name: check for name, check in _checks.items() if name not in exclude}
    began = time.monotonic()
    running = {name: _start(name, check) for name, check in checks.items()}
    return tuple(_result(name, future, began, timeout) for name, future in running.items())


def _start(name: str, check: Check) -> Future[CheckResult]:
    """Start a check in a daemon thread."""
    future: Future[CheckResult] = Future()
    Thread(target=lambda: future.set_result(_measure(name, check)), name=f"traits-health-{name}", daemon=True).start()
    return future


def _measure(name: str, check: Check) -> CheckResult:
    began = time.perf_counter()
    try:
        status, output = check()
    except Exception as error:
        status, output = "fail", f"{type(error).__name__}: {error}"
    return CheckResult(name, status, output, time.perf_counter() - began)


def _result(name: str, future: Future[CheckResult], began: float, timeout: float) -> CheckResult:
    try:
        return future.result(timeout=max(0.0, began + timeout - time.monotonic()))
    except FutureTimeoutError:
        return CheckResult(name, "fail", f"no answer in {timeout:g} seconds", time.monotonic() - began)


def check_config() -> tuple[Status, str]:
    """Read the store, and count the overrides that have no effect."""
    from traits_runtime._core import runtime
    from traits_runtime._core.trait.configuration import config

    runtime.ensure_files()
    contents = config.store.load()
    if runtime.problems:
        error, place = runtime.problems[0]
        return "warn", f"{len(runtime.problems)} values have no effect, the first at {place}: {error}"
    return "pass", f"{type(config.store).__name__} at version {contents.version}, {len(contents.values)} overrides"


def check_events() -> tuple[Status, str]:
    """Emit an event and receive it."""
    from traits_runtime._core import runtime

    received: list[object] = []
    name = f"probe.traits.health_{time.monotonic_ns()}"
    subscription = runtime.bus.listen(name, received.append)
    try:
        runtime.bus.emit(name, None)
    finally:
        subscription.cancel()
    if len(received) != 1:
        return "fail", f"an event was emitted once and received {len(received)} times"
    return "pass", f"an event was received; {len(runtime.bus.listeners)} listeners"


def check_cache() -> tuple[Status, str]:
    """Store a value, read it, bump its scope, and verify that the value is gone."""
    from traits_runtime._core import runtime
    from traits_runtime._core.cache import MISSING, NullCache

    backend = runtime.cache.backend
    name = type(backend).__name__
    if isinstance(backend, NullCache):
        return "warn", "NullCache stores nothing: every value is computed each time"
    key, value = f"trait:health:{time.monotonic_ns()}", f"{time.time_ns()}"
    backend.set(key, value, 30.0, (key,))
    stored = backend.get(key)
    if stored != value:
        return "fail", f"{name} returned {stored!r} in place of the stored value"
    backend.bump(key)
    if backend.get(key) is not MISSING:
        return "fail", f"{name} still returns a value whose scope was bumped"
    return "pass", f"{name} stores values and invalidates them"


def check_jobs() -> tuple[Status, str]:
    """Encode and decode a message, then query the outbox, or ping the engine."""
    from traits_runtime._core import runtime
    from traits_runtime._core.queue import JobMessage, decode, encode

    message = JobMessage(id="health", name="trait.health.probe", kwargs={"at": time.time()})
    if decode(encode(message)) != message:
        return "fail", "a message changes when it is encoded and decoded"
    backend = runtime.job_backend
    if backend is None:
        return "pass", "jobs run immediately in the process that queues them"
    if runtime.outbox is not None:
        return _check_outbox(runtime.outbox)
    ping = getattr(backend, "ping", None)
    if ping is None:
        return "pass", f"{type(backend).__name__}; it has no ping"
    ping()
    return "pass", f"{type(backend).__name__} answers"


def _check_outbox(outbox: Outbox) -> tuple[Status, str]:
    """Overdue and dead jobs of the outbox; an engine that does not answer shows as overdue jobs."""
    name = type(outbox).__name__
    try:
        counts, waited = outbox.counts(), outbox.overdue()
    finally:
        outbox.close()  # the connection of this thread, which ends
    if waited > MAX_OVERDUE_S:
        return "warn", f"{name} answers, and a job is overdue by {waited:.0f} seconds: is a worker running?"
    if counts.get("dead"):
        return "warn", f"{name} answers; dead jobs: {counts['dead']}"
    return "pass", f"{name} answers; {counts.get('waiting', 0)} jobs wait"


def check_telemetry() -> tuple[Status, str]:
    """Record a value in a separate instance and read it."""
    from traits_runtime._core import runtime
    from traits_runtime._core.telemetry import Telemetry

    probe = Telemetry(lambda: None)
    probe.enable()
    probe.record("trait.health.probe", "counter", 1)
    if [reading.total for reading in probe.read()] != [1.0]:
        return "fail", "a value was recorded and not read back"
    return "pass", "on" if runtime.telemetry.on else "off; telemetry.enable() switches it on"


_checks: Final[dict[str, Check]] = {
    "config": check_config,
    "events": check_events,
    "cache": check_cache,
    "jobs": check_jobs,
    "telemetry": check_telemetry,
}
