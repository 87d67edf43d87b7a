"""Whether the parts of the runtime work: each check does the thing and looks at what came out.

`traits health` and a health endpoint run the same checks. An application adds its own with `register`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLateError
from threading import Thread
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from traits_runtime._core.queue import Outbox

__all__ = ["Check", "Checked", "Status", "names", "register", "run", "unregister"]

PATIENCE_S: Final = 60.0
"""How long a job may be due before somebody should look."""

Status: TypeAlias = Literal["pass", "warn", "fail"]

Check: TypeAlias = Callable[[], "tuple[Status, str]"]
"""Does one thing for real; returns the status and what it saw. An exception is a failure."""


class Checked(msgspec.Struct, frozen=True):
    """What one check found.

    Args:
        name: The part that was checked.
        status: ``pass``, ``warn`` (works, and somebody should look) or ``fail``.
        output: What it saw; no secrets.
        seconds: How long it took.
    """

    name: str
    status: Status
    output: str
    seconds: float


def register(name: str, check: Check) -> None:
    """Add a check, or put another in place of one.

    Args:
        name: The part that is checked.
        check: Does the thing; runs in a thread of its own.

    >>> register("disk", lambda: ("pass", "12 GB free"))
    >>> [one.status for one in run() if one.name == "disk"]
    ['pass']
    >>> unregister("disk")
    """
    _checks[name] = check


def unregister(name: str) -> None:
    """Take a check away."""
    _checks.pop(name, None)


def names() -> tuple[str, ...]:
    """The names of all checks."""
    return tuple(_checks)


def run(*, timeout: float = 5.0, exclude: tuple[str, ...] = ()) -> tuple[Checked, ...]:
    """Run all checks side by side; one that never comes back keeps nobody waiting, not even the end of the process.

    Args:
        timeout: Seconds after which a check has failed.
        exclude: Names to leave out.
    """
    checks = {name: check for name, check in _checks.items() if name not in exclude}
    began = time.monotonic()
    running = {name: _begun(name, check) for name, check in checks.items()}
    return tuple(_result(name, future, began, timeout) for name, future in running.items())


def _begun(name: str, check: Check) -> Future[Checked]:
    """A check in a thread for which the interpreter does not wait."""
    future: Future[Checked] = Future()
    Thread(target=lambda: future.set_result(_timed(name, check)), name=f"traits-health-{name}", daemon=True).start()
    return future


def _timed(name: str, check: Check) -> Checked:
    began = time.perf_counter()
    try:
        status, output = check()
    except Exception as error:
        status, output = "fail", f"{type(error).__name__}: {error}"
    return Checked(name, status, output, time.perf_counter() - began)


def _result(name: str, future: Future[Checked], began: float, timeout: float) -> Checked:
    try:
        return future.result(timeout=max(0.0, began + timeout - time.monotonic()))
    except TooLateError:
        return Checked(name, "fail", f"no answer in {timeout:g} seconds", time.monotonic() - began)


def check_config() -> tuple[Status, str]:
    """Read the store again, and count values that have no effect."""
    from traits_runtime._core import runtime
    from traits_runtime._core.trait.configuration import config

    runtime.ensure_files()
    contents = config.store.load()
    if runtime.problems:
        error, place = runtime.problems[0]
        return "warn", f"{len(runtime.problems)} values have no effect, the first at {place}: {error}"
    return "pass", f"{type(config.store).__name__} at version {contents.version}, {len(contents.values)} overrides"


def check_events() -> tuple[Status, str]:
    """Emit an event and hear it."""
    from traits_runtime._core import runtime

    heard: list[object] = []
    mark = f"probe.traits.health_{time.monotonic_ns()}"
    subscription = runtime.bus.listen(mark, heard.append)
    try:
        runtime.bus.emit(mark, None)
    finally:
        subscription.cancel()
    if len(heard) != 1:
        return "fail", f"an event was emitted and heard {len(heard)} times"
    return "pass", f"an event was heard; {len(runtime.bus.listeners)} listeners"


def check_cache() -> tuple[Status, str]:
    """Write a value, read it back, forget its scope, and see that it is gone."""
    from traits_runtime._core import runtime
    from traits_runtime._core.cache import MISSING, NullCache

    backend = runtime.cache.backend
    name = type(backend).__name__
    if isinstance(backend, NullCache):
        return "warn", "NullCache keeps nothing: every value is computed each time"
    key, value = f"trait:health:{time.monotonic_ns()}", f"{time.time_ns()}"
    backend.set(key, value, 30.0, (key,))
    stored = backend.get(key)
    if stored != value:
        return "fail", f"{name} was given a value and returned {stored!r}"
    backend.bump(key)
    if backend.get(key) is not MISSING:
        return "fail", f"{name} still returns a value that was forgotten"
    return "pass", f"{name} keeps values and forgets them"


def check_jobs() -> tuple[Status, str]:
    """Bring a message through its JSON form, and ask the outbox for its jobs, or the engine whether it answers."""
    from traits_runtime._core import runtime
    from traits_runtime._core.queue import JobMessage, decode, encode

    message = JobMessage(id="health", name="trait.health.probe", kwargs={"at": time.time()})
    if decode(encode(message)) != message:
        return "fail", "a job's message does not survive its JSON form"
    backend = runtime.job_backend
    if backend is None:
        return "pass", "jobs run at once, in the process that queues them"
    if runtime.outbox is not None:
        return _outbox(runtime.outbox)
    ping = getattr(backend, "ping", None)
    if ping is None:
        return "pass", f"{type(backend).__name__}; it cannot be asked whether it answers"
    ping()
    return "pass", f"{type(backend).__name__} answers"


def _outbox(outbox: Outbox) -> tuple[Status, str]:
    """How jobs stand in the outbox; whether the engine answers is the relay's business, and shows here."""
    name = type(outbox).__name__
    try:
        counts, waited = outbox.counts(), outbox.overdue()
    finally:
        outbox.close()  # the connection of this thread, which ends
    if waited > PATIENCE_S:
        return "warn", f"{name} answers, and a job in it is due for {waited:.0f} seconds: does a worker run?"
    if counts.get("dead"):
        return "warn", f"{name} answers, and {counts['dead']} of its jobs have failed for good"
    return "pass", f"{name} answers; {counts.get('waiting', 0)} of its jobs wait"


def check_telemetry() -> tuple[Status, str]:
    """Record a number into an instance of its own and read it back."""
    from traits_runtime._core import runtime
    from traits_runtime._core.telemetry import Telemetry

    probe = Telemetry(lambda: None)
    probe.enable()
    probe.record("trait.health.probe", "counter", 1)
    if [reading.total for reading in probe.read()] != [1.0]:
        return "fail", "a number was recorded and not read back"
    return "pass", "on" if runtime.telemetry.on else "off; telemetry.enable() switches it on"


_checks: Final[dict[str, Check]] = {
    "config": check_config,
    "events": check_events,
    "cache": check_cache,
    "jobs": check_jobs,
    "telemetry": check_telemetry,
}
