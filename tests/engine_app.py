"""The application that workers of the engine tests load: a trait with jobs that write down what they saw."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from loading import LoadingHost

from traits_runtime import Trait, current_locale, current_tenant, feature, job
from traits_runtime._core import runtime
from traits_runtime.engines import progress

REQUEST: ContextVar[str] = ContextVar("request", default="")
GONE = 1_000_000


@contextmanager
def for_request(number: str) -> Iterator[None]:
    """Work for a request."""
    token = REQUEST.set(number)
    try:
        yield
    finally:
        REQUEST.reset(token)


def write_down(**what: Any) -> None:
    """Append a line; one write, so that processes do not mix theirs."""
    with open(os.environ["TRAITS_TEST_RECORD"], "ab", buffering=0) as file:
        file.write(json.dumps({"at": time.time(), **what}).encode() + b"\n")


class HasJobs(Trait):
    """Jobs of every kind."""

    shout = feature(True)

    @job()
    def plain(self, number: int = 0, **more: Any) -> None:
        """Write down what arrived."""
        actor = runtime.current_actor()
        context = {"tenant": current_tenant(), "locale": current_locale(), "request": REQUEST.get()}
        who = actor.id if actor else None
        write_down(job="plain", id=self.id, number=number, more=more, actor=who, shout=self.shout, **context)

    @job(queue="search")
    def elsewhere(self, number: int = 0) -> None:
        """Run on a queue of its own."""
        write_down(job="elsewhere", number=number)

    @job(queue="nobody")
    def unheard(self, number: int = 0) -> None:
        """A queue that no worker works on."""
        write_down(job="unheard", number=number)

    @job(max_attempts=3, backoff=0.2)
    def stumbles(self, number: int, failures: int) -> None:
        """Fail a number of times."""
        write_down(job="stumbles", number=number)
        with open(os.environ["TRAITS_TEST_RECORD"], encoding="utf-8") as file:
            tries = sum(1 for line in file if f'"job": "stumbles", "number": {number}}}' in line)
        if tries <= failures:
            raise RuntimeError(f"try {tries}")

    @job(delay=1.0)
    def late(self, number: int) -> None:
        """Run after a while."""
        write_down(job="late", number=number)

    @job(key="once:{pk}", delay=0.8)
    def once(self, number: int) -> None:
        """One of these waits for each row."""
        write_down(job="once", number=number)

    @job()
    def slow(self, number: int, seconds: float) -> None:
        """Take a while."""
        write_down(job="slow", number=number)
        time.sleep(seconds)
        write_down(job="slow done", number=number)

    @job()
    def half(self, number: int) -> None:
        """Say that half is done, and go on when a file of that number appears."""
        progress(0.5)
        end = time.monotonic() + 120
        while not os.path.exists(f"{os.environ['TRAITS_TEST_RECORD']}.{number}") and time.monotonic() < end:
            time.sleep(0.02)

    @job(when_missing="discard")
    def optional(self, number: int) -> None:
        """Runs where its row is there."""
        write_down(job="optional", number=number)

    @job(when_missing="fail", max_attempts=3)
    def strict(self, number: int) -> None:
        """Needs its row."""
        write_down(job="strict", number=number)

    @job(when_missing="retry", max_attempts=12, backoff=0.2)
    def patient(self, number: int) -> None:
        """Waits for its row."""
        write_down(job="patient", number=number)

    @job(priority=5)
    def urgent(self, number: int) -> None:
        """Goes first."""
        write_down(job="urgent", number=number)

    @job()
    async def asynchronous(self, number: int) -> None:
        """A coroutine function."""
        write_down(job="asynchronous", number=number)


class Article(HasJobs):
    """A model; rows from `GONE` on are not there."""

    def __init__(self, key: int = 1) -> None:
        self.id = key


def load(model: type, identity: Any) -> object:
    """Fetch a row; one from `GONE` on comes into being when a file of that name appears."""
    if model is not Article:
        return None
    appears = os.environ.get("TRAITS_TEST_RECORD", "") + f".{identity}"
    return Article(identity) if identity < GONE or os.path.exists(appears) else None


HOST = LoadingHost(load, __name__)


def ready() -> None:
    """What a worker and a test do first."""
    if HOST not in runtime.hosts.registered:
        runtime.register_host(HOST)
    runtime.propagate("request", lambda: REQUEST.get() or None, for_request)


if os.environ.get("TRAITS_TEST_WORKER"):
    ready()
