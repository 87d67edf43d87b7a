"""What adapters share: what is said where a library is missing, and waiting for the end of the process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from traits_runtime.errors import MissingExtraError


@contextmanager
def needs(adapter: str, *, extra: str = "") -> Iterator[None]:
    """Around the imports of an adapter: a missing library is answered with the extra that brings it.

    Args:
        adapter: The adapter's name.
        extra: The extra, the adapter's name by default.

    Raises:
        MissingExtraError: The library is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("traits_runtime"):
            raise
        raise MissingExtraError(adapter, extra or adapter, error.name or "") from error


def until_stopped() -> None:
    """Wait until the process is told to stop by SIGTERM or SIGINT."""
    stopped = Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stopped.set())
    while not stopped.wait(1):
        pass
