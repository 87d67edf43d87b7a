"""What time it is for traits; tests set it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Clock = Callable[[], dt.datetime]

_clock: Final[ContextVar[Clock | None]] = ContextVar("traits_clock", default=None)


def now() -> dt.datetime:
    """The present moment in UTC, or what the innermost `clock` block says."""
    read = _clock.get()
    return dt.datetime.now(dt.UTC) if read is None else read()


@contextmanager
def clock(read: Clock | dt.datetime) -> Iterator[None]:
    """Let traits see another time inside the block, in this thread or task and in those started inside.

    Args:
        read: A moment with a time zone, or a function that returns one.

    >>> with clock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)):
    ...     now().year
    2026
    """
    token = _clock.set(read if callable(read) else lambda: read)
    try:
        yield
    finally:
        _clock.reset(token)
