"""Lines of docstrings as inline elements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Code, Emphasis, Strong

if TYPE_CHECKING:
    from sphinx_traits.page.elements import Inline

_MARKUP = re.compile(
    r"``(?P<literal>.+?)``"
    r"|:[\w:+-]+:`(?P<role>[^`]+)`"
    r"|`(?P<code>[^`]+)`_{0,2}"
    r"|\*\*(?P<strong>[^*\s](?:[^*]*[^*\s])?)\*\*"
    r"|(?<![\w*])\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*(?![\w*])"
)


def summary(doc: str) -> str:
    """The first sentence of a docstring, on one line.

    >>> summary("Make it. At once.")
    'Make it.'
    """
    paragraph = " ".join(doc.strip().split("\n\n", 1)[0].split())
    sentence = re.match(r"(.+?[.!?])(?=\s+[A-Z(`*]|$)", paragraph)
    return sentence[1] if sentence else paragraph


def prose(line: str) -> list[Inline]:
    """One line of a docstring with its literals and emphasis; roles are shown by their text."""
    if "`" not in line and "*" not in line:
        return [line] if line else []
    content: list[Inline] = []
    end = 0
    for match in _MARKUP.finditer(line):
        if match.start() > end:
            content.append(line[end : match.start()])
        content.append(_marked_up(match))
        end = match.end()
    if end < len(line):
        content.append(line[end:])
    return content


def _marked_up(match: re.Match[str]) -> Inline:
    markup = match.lastgroup or ""
    text = match[markup]
    if markup == "strong":
        return Strong(text)
    if markup == "emphasis":
        return Emphasis([text])
    return Code(_role_text(text) if markup == "role" else text)


def _role_text(text: str) -> str:
    titled = re.match(r"(.+?)\s*<[^>]+>$", text)
    text = titled[1] if titled else text.lstrip("!")
    return text[1:].rpartition(".")[2] if text.startswith("~") else text
