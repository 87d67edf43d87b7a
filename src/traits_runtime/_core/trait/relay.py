"""The relay: hands jobs from the outbox to the engine, events to their broker, and waits where that is away."""

from __future__ import annotations

import logging
import random
from threading import Event, Thread

import msgspec

from traits_runtime._core import runtime
from traits_runtime._core.queue import JobBackend, Kind, Outbox

log = logging.getLogger("traits_runtime.relay")

LONGEST = 10.0
"""Seconds between two attempts to reach an engine that is away."""


class Relay:
    """Hands due jobs to an engine. Any number of relays may work on one outbox: each job is handed on by one.

    Jobs and events have a relay each, so that neither waits for the other's broker.

    Args:
        outbox: Where jobs wait.
        engine: Who takes them.
        kind: What is handed on. A job stays in the outbox until it has run, an event until the broker has it.
        batch: How many are taken at a time.
        poll: Seconds to wait when there was nothing.
    """

    def __init__(
        self, outbox: Outbox, engine: JobBackend, *, kind: Kind = "job", batch: int = 100, poll: float = 0.1
    ) -> None:
        self.outbox = outbox
        self.engine = engine
        self.kind: Kind = kind
        self.batch = batch
        self.poll = poll
        self._pause = poll
        self._stop = Event()
        self._thread: Thread | None = None

    def step(self) -> int:
        """Hand on what is due, one batch; returns how many jobs the engine took.

        Raises:
            Exception: The outbox could not be reached.
        """
        with runtime.no_fork:
            return self._hand_on()

    def _hand_on(self) -> int:
        messages = self.outbox.take(self.batch, self.kind)
        for number, message in enumerate(messages):
            try:
                self.engine.enqueue(msgspec.structs.replace(message, held=True, delay=0))
                if self.kind == "event":
                    self.outbox.done(message.id)
            except Exception as error:
                rest = [message.id for message in messages[number:]]
                self._pause = min(max(self._pause, self.poll) * 2, LONGEST)
                log.warning("nobody takes %ss, %d wait: %s: %s", self.kind, len(rest), type(error).__name__, error)
                runtime.telemetry.record("trait.runtime.relay", "counter", 1, outcome="error")
                self.outbox.give_back(rest, 0)
                return number
        self._pause = self.poll
        return len(messages)

    def run(self) -> None:
        """Work until `stop`; this thread's connections are closed then."""
        while not self._stop.is_set():
            before = self._pause
            try:
                handed = self.step()
            except Exception as error:
                self._pause = min(max(self._pause, self.poll) * 2, LONGEST)
                log.warning("the outbox cannot be reached: %s: %s", type(error).__name__, error)
                handed = 0
            if handed < self.batch or self._pause > before:
                self._stop.wait(self._pause * (0.5 + random.random()))  # noqa: S311 - spreads load
        self.outbox.close()

    def start(self) -> None:
        """Work in a thread."""
        self._thread = Thread(target=self.run, name="traits-relay", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, after the batch at hand."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
