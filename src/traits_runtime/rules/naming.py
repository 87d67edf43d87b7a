"""Names of events, and the patterns that match them: written once, for the runtime and for the documentation."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from traits_runtime.errors import nearest as nearest

PREFIX = "trait"
"""First segment of every event name that a trait declares."""

TRANSLATIONS_SUFFIX: Final = "_translations"
"""The end of a column's name: ``title_translations`` holds all languages of the translated attribute ``title``."""

_SEGMENT = re.compile(r"[A-Za-z0-9_]+\Z")


def event_name(trait: str, event: str) -> str:
    """The name on the bus of a trait's event.

    Args:
        trait: The declaring trait's class name, without its module.
        event: The attribute under which the trait declares it.

    >>> event_name("HasSlug", "slug_changed")
    'trait.HasSlug.slug_changed'
    """
    return f"{PREFIX}.{trait}.{event}"


def is_pattern(name: str) -> bool:
    """Whether a name has a wildcard."""
    return "*" in name


def is_name_or_pattern(name: str) -> bool:
    """Whether each segment is a name, ``*`` or ``**``: a wildcard stands for whole segments only.

    >>> is_name_or_pattern("trait.*.created"), is_name_or_pattern("trait.HasSlug.slug_*")
    (True, False)
    """
    return all(segment in ("*", "**") or _SEGMENT.match(segment) for segment in name.split("."))


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern matches an event's name: ``*`` is one segment, ``**`` is one segment or more.

    Takes time in proportion to the number of segments of both, multiplied, whatever the pattern.

    >>> matches("trait.*.created", "trait.HasSlug.created"), matches("trait.*", "trait.HasSlug.created")
    (True, False)
    >>> matches("trait.**", "trait.HasSlug.created")
    True
    """
    if "*" not in pattern:
        return pattern == name
    return _matches(_segments(pattern), name.split("."))


@lru_cache(maxsize=1024)
def _segments(pattern: str) -> tuple[str, ...]:
    """A pattern's segments, in which ``**`` becomes ``*`` and `_REST`, any number of segments."""
    segments: list[str] = []
    for segment in pattern.split("."):
        segments += ["*", _REST] if segment == "**" else [segment]
    return tuple(segments)


_REST = "**"


def _matches(pattern: tuple[str, ...], name: list[str]) -> bool:
    """Match from the left; at a mismatch the last `_REST` takes one segment more: earlier ones are not retried."""
    at = position = 0
    resume, taken = -1, 0
    while position < len(name):
        if at < len(pattern) and pattern[at] == _REST:
            resume, taken, at = at, position, at + 1
        elif at < len(pattern) and pattern[at] in ("*", name[position]):
            at, position = at + 1, position + 1
        elif resume >= 0:
            taken += 1
            at, position = resume + 1, taken
        else:
            return False
    return all(segment == _REST for segment in pattern[at:])
