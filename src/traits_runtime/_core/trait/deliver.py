"""What a worker does with a job that an engine delivers: run it once, try again later, or keep it as a dead letter."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from threading import Event, Lock, Thread

from traits_runtime._core import runtime
from traits_runtime._core.queue import JobMessage, Outbox, decode, next_attempt
from traits_runtime._core.trait.jobs import run_job
from traits_runtime.errors import MissingReferenceError, UnknownJobError

log = logging.getLogger("traits_runtime.jobs")

BEAT = 5.0
"""Seconds between two signs of life of a running job."""

CURRENT: ContextVar[JobMessage | None] = ContextVar("traits_job", default=None)


def deliver(data: bytes | str) -> object:
    """Run what an engine delivers; called by adapters.

    Where an outbox holds the job, a second delivery of it does nothing, its state is kept there, and what is raised
    ends there. Without an outbox a failed job is queued again, and one that fails for good raises, so that the engine
    keeps it where it keeps failed jobs.
    """
    message = decode(data)
    outbox = runtime.outbox if message.held else None
    if outbox is not None and not outbox.start(message.id):
        runtime.telemetry.record(message.name, "counter", 1, outcome="duplicate")
        return None
    token = CURRENT.set(message)
    try:
        with _beating(outbox, message.id), worker_context():
            result = run_job(message)
    except Exception as error:
        if _failed(message, error):
            return None
        raise
    finally:
        CURRENT.reset(token)
    if outbox is not None:
        outbox.done(message.id)
    return result


@contextmanager
def worker_context() -> Iterator[None]:
    """The context in which a worker runs a job: sessions of the hosts, else of the outbox."""
    outbox = runtime.outbox
    with runtime.hosts.job_context(), nullcontext() if outbox is None else outbox.around():
        yield


def progress(share: float) -> None:
    """Say how far the running job is; does nothing outside of jobs and without an outbox.

    Args:
        share: 0 to 1.

    >>> progress(0.5)
    """
    message = CURRENT.get()
    if message is not None and message.held and runtime.outbox is not None:
        runtime.outbox.note(message.id, share)


def _failed(message: JobMessage, error: Exception) -> bool:
    """See to a failed job; whether that is all there is to do."""
    text = f"{type(error).__name__}: {error}"
    final = isinstance(error, MissingReferenceError) and message.when_missing == "fail"
    if message.attempt < message.max_attempts and not final:
        log.warning("%s failed, attempt %d of %d: %s", message.name, message.attempt, message.max_attempts, text)
        _again(next_attempt(message), text)
        return True
    log.error("%s failed for good after %d attempts", message.name, message.attempt, exc_info=error)
    runtime.telemetry.record(message.name, "counter", 1, outcome="dead")
    buried = runtime.outbox is not None
    if runtime.outbox is not None:
        runtime.outbox.bury(message, text)
    runtime.bus.emit(
        "trait.runtime.job_failed", None, job=message.name, id=message.id, error=text, attempts=message.attempt
    )
    return buried


def _again(message: JobMessage, error: str) -> None:
    if message.held and runtime.outbox is not None:
        runtime.outbox.retry(message, error)
    elif runtime.job_backend is not None:
        runtime.job_backend.enqueue(message)
    else:
        raise UnknownJobError(message.name, ())


_running: set[str] = set()
_lock = Lock()
_stopped = Event()
_pulse: list[Thread] = []


@contextmanager
def _beating(outbox: Outbox | None, job_id: str) -> Iterator[None]:
    """Say that a job is alive while it runs; one thread does it for all jobs of the process."""
    if outbox is None:
        yield
        return
    with _lock:
        _running.add(job_id)
        if not _pulse or not _pulse[0].is_alive():
            _pulse[:] = [Thread(target=_beat, name="traits-beat", daemon=True)]
            _pulse[0].start()
    try:
        yield
    finally:
        with _lock:
            _running.discard(job_id)


def _beat() -> None:
    while not _stopped.wait(BEAT):
        with _lock:
            alive = tuple(_running)
        if alive and runtime.outbox is not None:
            try:
                with runtime.no_fork:
                    runtime.outbox.beat(alive)
            except Exception as error:
                log.warning("the outbox did not hear that %d jobs are alive: %s", len(alive), error)
