"""Time limit for the work on one file: exceeding it is a finding."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

FILE_SECONDS = 60.0
"""CPU seconds for one file, or for one of its classes; a thousand models take two."""

_EVERY = 64
"""The clock is looked at on one check of so many: looking costs more than most of what is done in between."""


class TooLongError(Exception):
    """The work on one file has taken longer than it may."""


class TimeLimit:
    """The CPU time that the file at hand may still take.

    Work on another file in between (an import that is followed) has an allowance of its own and does not count.

    Args:
        seconds: For each file.
    """

    def __init__(self, seconds: float = FILE_SECONDS) -> None:
        self.seconds: float = seconds
        self._until = math.inf
        self._checks = 0

    @contextmanager
    def for_file(self) -> Iterator[None]:
        """Start counting for another file, and go on with the one before at the end."""
        outer, began = self._until, time.thread_time()
        self._until = began + self.seconds
        try:
            yield
        finally:
            self._until = outer + time.thread_time() - began

    def check(self) -> None:
        """Called wherever work may add up.

        Raises:
            TooLongError: The allowance is used up.
        """
        self._checks += 1
        if self._checks % _EVERY == 0 and time.thread_time() > self._until:
            raise TooLongError


def reason(error: Exception, what: str, seconds: float) -> tuple[str, str]:
    """What a finding says about an error that ended the work on something: message and hint.

    Args:
        error: What was raised.
        what: The class or module, as the sentence's subject.
        seconds: The allowance.
    """
    leave_out = "Leave the module out with `exclude` in [tool.traits]."
    if isinstance(error, RecursionError | MemoryError):
        return f"{what} is nested too deeply to be read.", leave_out
    if isinstance(error, TooLongError):
        return f"{what} takes longer than {seconds:g} seconds to be read.", leave_out
    return f"{what} cannot be read: {type(error).__name__}: {error}.", leave_out
