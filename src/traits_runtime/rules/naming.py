"""Names of events, and the patterns that match them: written once, for the runtime and for the documentation."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

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


def is_event_name(name: str) -> bool:
    """Whether every segment of a dotted name is made of letters, digits and underscores.

    >>> is_event_name("trait.HasSlug.slug_changed"), is_event_name("trait.*.created")
    (True, False)
    """
    return all(_SEGMENT.match(segment) for segment in name.split("."))


def is_pattern(name: str) -> bool:
    """Whether a name holds a wildcard."""
    return "*" in name


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern matches an event's name: ``*`` is one segment, ``**`` is one segment or more.

    >>> matches("trait.*.created", "trait.HasSlug.created"), matches("trait.*", "trait.HasSlug.created")
    (True, False)
    >>> matches("trait.**", "trait.HasSlug.created")
    True
    """
    if "*" not in pattern:
        return pattern == name
    return _compiled(pattern).match(name) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": r"[^.]+", "**": r".+"}
    return re.compile(r"\.".join(parts.get(segment) or re.escape(segment) for segment in pattern.split(".")) + r"\Z")
