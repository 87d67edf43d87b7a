"""Garbage collection during a build: loaded objects live as long as the build, so collections rarely free any."""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

COLLECT_AFTER = 20_000
"""Number of new objects before a collection."""

_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def setup(app: Sphinx) -> None:
    """Collect garbage less often until the build has finished, and not at exit.

    Python looks after each 700 objects, or 2,000 on 3.13; loading the environment of 1,000 pages makes half a
    million that all stay, and looking through them again and again took longer than loading them.
    """
    usual = gc.get_threshold()
    if usual[0]:  # 0 is for never
        gc.set_threshold(max(usual[0], COLLECT_AFTER), *usual[1:])

    def undo(_app: Sphinx, _error: Exception | None) -> None:
        gc.unfreeze()
        gc.set_threshold(*usual)
        _leave_at_exit()

    app.connect("builder-inited", _spare, priority=899)
    app.connect("env-before-read-docs", _spare)
    app.connect("build-finished", undo)


def _spare(_app: Sphinx, *_: object) -> None:
    """Freeze loaded objects, so that the collector skips them and forked readers share their memory."""
    gc.freeze()


@functools.cache
def _leave_at_exit() -> None:
    """At the exit of the process, leave what is in memory to the operating system.

    Python looks through all objects several times before it ends: of a build of 1,000 pages that had nothing to do,
    that was nearly half. What it would have written of files that nobody has closed is written here.
    """
    atexit.register(_leave)


def _leave() -> None:
    for obj in gc.get_objects():
        if issubclass(type(obj), _WRITERS):  # `isinstance` would ask a lazy object for its class, and so make it
            with contextlib.suppress(OSError, ValueError):  # as Python ignores what fails at the exit
                obj.flush()
    gc.freeze()
