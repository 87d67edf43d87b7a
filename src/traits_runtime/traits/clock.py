"""The clock of traits, which tests can replace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Clock = Callable[[], dt.datetime]

_clock: Final[ContextVar[Clock | None]] = ContextVar("traits_clock", default=None)


def now() -> dt.datetime:
    """The current time in UTC, or the time of the innermost `clock` block."""
    read = _clock.get()
    return dt.datetime.now(dt.UTC) if read is None else read()


@contextmanager
def clock(read: Clock | dt.datetime) -> Iterator[None]:
    """Replace the clock of traits inside the block, in this thread or task and in those that it starts.

    Args:
        read: A time with a time zone, or a function that returns one.

    >>> with clock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)):
    ...     now().year
    2026
    """
    token = _clock.set(read if callable(read) else lambda: read)
    try:
        yield
    finally:
        _clock.reset(token)
