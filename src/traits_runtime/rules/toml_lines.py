"""The line of each value of a TOML text; `tomllib` does not say it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Keys = tuple[str, ...]

_PART = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # a string of several lines
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n|[\[\]{}=.]"
    r"|[^\s\[\]{}=.\#\"']+",
    re.DOTALL,
)
_OPENING, _CLOSING = frozenset("[{"), frozenset("]}")


def lines_of(text: str) -> dict[Keys, int]:
    """The lines of the headers and keys of a valid TOML text, by their full names.

    A value in a table on one line has the line of that table, see `line_of`.

    >>> lines_of('[config.HasSlug]\\n"max_length" = 60\\na.b = 1\\n')
    {('config', 'HasSlug'): 1, ('config', 'HasSlug', 'max_length'): 2, ('config', 'HasSlug', 'a', 'b'): 3}
    """
    lines: dict[Keys, int] = {}
    table: Keys = ()
    for number, parts in _statements(text):
        if parts[0] == "[":
            table = _names(parts)
            lines.setdefault(table, number)
        elif "=" in parts:
            lines.setdefault((*table, *_names(parts[: parts.index("=")])), number)
    return lines


def line_of(lines: Mapping[Keys, int], keys: Keys) -> int:
    """The line of a value, or of the nearest table around it that has one; 0 for none."""
    for length in range(len(keys), 0, -1):
        if keys[:length] in lines:
            return lines[keys[:length]]
    return 0


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Headers and assignments: the line on which each begins, and its tokens."""
    number, start, depth = 1, 1, 0
    parts: list[str] = []
    for part in _PART.findall(text):
        if part == "\n" and depth == 0:
            if parts:
                yield start, parts
            parts = []
        elif part[0] not in "#\n":
            start = start if parts else number
            parts.append(part)
            depth += (part in _OPENING) - (part in _CLOSING)
        number += part.count("\n")
    if parts:
        yield start, parts


def _names(parts: list[str]) -> Keys:
    return tuple(_unquoted(part) for part in parts if part not in "[].")


def _unquoted(part: str) -> str:
    if part[0] not in "\"'":
        return part
    import tomllib

    name: str = tomllib.loads(f"name = {part}")["name"]
    return name
