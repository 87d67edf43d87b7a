"""Shared by adapters: the error for a missing library, and waiting for the end of the process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from traits_runtime.errors import MissingExtraError


@contextmanager
def needs(adapter: str, *, extra: str = "") -> Iterator[None]:
    """Wrap the imports of an adapter: a missing library raises an error that names its extra.

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
    """Wait for SIGTERM or SIGINT."""
    stopped = Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stopped.set())
    while not stopped.wait(1):
        pass
