"""How commands draw: one console that knows about pipes and colours."""

from __future__ import annotations

import sys

from rich.console import Console


def console() -> Console:
    """A console on standard output: as wide as the terminal, unlimited in a pipe, coloured as the environment asks."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=10_000, soft_wrap=False)
