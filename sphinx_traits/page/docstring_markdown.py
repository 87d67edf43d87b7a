"""Docstrings in Markdown pages: markup stays, raw HTML becomes text, an open fence ends with its docstring."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r"(?P<mark>`{3,})[^`]*|(?P<tildes>~{3,}).*")
_CODE_OR_ESCAPE = r"\\.|(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)"
_INLINE = re.compile(_CODE_OR_ESCAPE)
_TAG = r"(?P<tag><(?!https?:|mailto:)(?=[A-Za-z/!?]))"
_TAG_OUTSIDE_CODE = re.compile(f"{_CODE_OR_ESCAPE}|{_TAG}")
_TAG_ANYWHERE = re.compile(rf"\\.|{_TAG}")


def docstring_lines(text: str) -> Iterator[str]:
    r"""The lines of a docstring for a page in Markdown.

    Where a line's back-ticks do not pair, code cannot be told from text: every tag of its block is escaped.

    >>> list(docstring_lines("A List<T>, `List<T>`."))
    ['A List\\<T>, `List<T>`.']
    """
    block: list[str] = []
    fence = ""
    for line in text.strip().splitlines():
        if fence:
            yield line
            fence = "" if _closes(line, fence) else fence
            continue
        opened = _FENCE.fullmatch(line)
        fence = (opened["mark"] or opened["tildes"]) if opened else ""
        if fence or not line.strip():
            yield from _without_tags(block)
            block = []
            yield line
        else:
            block.append(line)
    yield from _without_tags(block)
    if fence:
        yield fence


def _closes(line: str, fence: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and set(mark) == {fence[0]} and not line.startswith("    ")


def _without_tags(block: list[str]) -> Iterator[str]:
    """The lines of a block of text, tags escaped."""
    is_paired = not any("`" in _INLINE.sub("", line) for line in block)
    tags = _TAG_OUTSIDE_CODE if is_paired else _TAG_ANYWHERE
    for line in block:
        yield tags.sub(lambda match: f"\\{match[0]}" if match["tag"] else match[0], line)
