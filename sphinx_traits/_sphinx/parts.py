"""The small pieces that blocks are made of: plain records, cheap to make, which become nodes or HTML at the end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DASH = " \N{EN DASH} "
"""Between a name and what it means."""

Kind: TypeAlias = Literal[
    "code", "strong", "em", "span", "link", "p", "rubric", "facts", "list", "warning", "attention"
]


class Piece(msgspec.Struct, gc=False):
    """A piece of a page with what is in it.

    Args:
        kind: What it is; `facts` has for children the names and values by turns, `list` its items.
        children: Texts and pieces.
        classes: Classes, separated by spaces.
        href: Address of a link.
        title: The full name behind a link.
        internal: Whether a link stays in the documentation.
    """

    kind: Kind
    children: list[str | Piece]
    classes: str = ""
    href: str = ""
    title: str = ""
    internal: bool = True


class Table(msgspec.Struct, gc=False):
    """A table in a frame that scrolls where the page is narrow.

    Args:
        kind: Becomes the class `traits-<kind>`.
        heads: The cells of the head, each a list of inline pieces or of paragraphs.
        rows: The cells of the body.
        spans: For each row how many further rows its first cell covers; -1 where it is covered itself.
        stub: Whether the first cell of each row heads it.
    """

    kind: str
    heads: list[list[str | Piece]]
    rows: list[list[list[str | Piece]]]
    spans: list[int]
    stub: bool = False


class Drawing(msgspec.Struct, gc=False):
    """A drawing, and the same in words.

    Args:
        svg: For browsers.
        words: For all others.
    """

    svg: str
    words: Piece


Part: TypeAlias = "str | Piece"
Cell: TypeAlias = "str | Piece | Sequence[str | Piece]"
Content: TypeAlias = "Sequence[Piece | Table | Drawing]"

BLOCKS = frozenset({"p", "rubric", "facts", "list", "warning", "attention"})
"""Kinds that stand on lines of their own."""

_MARKUP = re.compile(
    r"``(?P<literal>.+?)``"
    r"|:[\w:+-]+:`(?P<role>[^`]+)`"
    r"|`(?P<code>[^`]+)`_{0,2}"
    r"|\*\*(?P<strong>[^*\s](?:[^*]*[^*\s])?)\*\*"
    r"|(?<![\w*])\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*(?![\w*])"
)
_KINDS: dict[str, Kind] = {"strong": "strong", "emphasis": "em"}


def code(value: str, classes: str = "") -> Piece:
    """A piece of code."""
    return Piece("code", [value], classes)


def text(value: str, classes: str) -> Piece:
    """A span of text."""
    return Piece("span", [value], classes)


def badge(label: str, kind: str) -> Piece:
    """A word in a frame; the word says it all, the colour repeats it.

    Args:
        label: The word, translated.
        kind: Chooses the colour, `traits-badge-<kind>`.
    """
    return Piece("span", [label], f"traits-badge traits-badge-{kind}")


def by_short_name(name: str) -> tuple[str, str]:
    """Sorts dotted names as a reader does, who sees their last parts."""
    return name.rpartition(".")[2].lower(), name


def summary(doc: str) -> str:
    """The first sentence of a docstring, on one line.

    >>> summary("Make it. At once.")
    'Make it.'
    """
    paragraph = " ".join(doc.strip().split("\n\n", 1)[0].split())
    sentence = re.match(r"(.+?[.!?])(?=\s+[A-Z(`*]|$)", paragraph)
    return sentence[1] if sentence else paragraph


def prose(value: str) -> list[Part]:
    """One line of a docstring with its literals and emphasis; roles are shown by their text."""
    if "`" not in value and "*" not in value:
        return [value] if value else []
    found: list[Part] = []
    end = 0
    for match in _MARKUP.finditer(value):
        if match.start() > end:
            found.append(value[end : match.start()])
        found.append(_marked(match))
        end = match.end()
    if end < len(value):
        found.append(value[end:])
    return found


def _marked(match: re.Match[str]) -> Piece:
    group = match.lastgroup or ""
    body = match[group]
    if group == "role":
        titled = re.match(r"(.+?)\s*<[^>]+>$", body)
        body = titled[1] if titled else body.lstrip("!")
        body = body[1:].rpartition(".")[2] if body.startswith("~") else body
    return Piece(_KINDS.get(group, "code"), [body])


def paragraph(*pieces: Part, classes: str = "") -> Piece:
    """A paragraph of texts and pieces."""
    return Piece("p", list(pieces), classes)


def joined(pieces: Iterable[Part], separator: str = ", ") -> list[Part]:
    """Pieces with a separator between them."""
    found: list[Part] = []
    for piece in pieces:
        if found:
            found.append(separator)
        found.append(piece)
    return found


def lines(items: Iterable[Cell]) -> list[Part]:
    """A cell with one paragraph for each item."""
    return [Piece("p", parts(item), "traits-line") for item in items]


def parts(cell: Cell) -> list[Part]:
    """A cell as a list."""
    if isinstance(cell, str):
        return [cell] if cell else []
    return [cell] if isinstance(cell, Piece) else list(cell)


def facts(pairs: Iterable[tuple[str, Cell]]) -> Piece:
    """Names with values, below a signature; names without a value are left out."""
    found: list[Part] = []
    for name, value in pairs:
        inline = parts(value)
        if inline:
            found += [name, Piece("span", inline)]
    return Piece("facts", found)


def named(name: Sequence[Part], doc: str, *more: Cell) -> list[Part]:
    """The first cell of a row: a name, below it what it is for, and details.

    Args:
        name: The name with its link and badges.
        doc: A docstring, of which the first sentence is shown.
        more: Further lines.
    """
    found: list[Part] = [Piece("p", list(name), "traits-name")]
    said = summary(doc)
    if said:
        found.append(Piece("p", prose(said), "traits-what"))
    found += [Piece("p", parts(one), "traits-more") for one in more if one]
    return found


def table(
    kind: str, heads: Sequence[Cell], rows: Sequence[Sequence[Cell]], *, span: bool = False, stub: bool = False
) -> Table:
    """A table; columns without any content are left out.

    Args:
        kind: Becomes the class `traits-<kind>`.
        heads: The column titles, translated.
        rows: The cells.
        span: Whether equal neighbours in the first column become one cell.
        stub: Whether the first cell of each row heads it.
    """
    used = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    spans = _spans([row[0] for row in rows]) if span else [0] * len(rows)
    shown = [[parts(row[at]) for at in used] for row in rows]
    return Table(kind, [parts(heads[at]) for at in used], shown, spans, stub)


def _spans(cells: Sequence[Cell]) -> list[int]:
    spans = [0] * len(cells)
    first = 0
    for at in range(1, len(cells)):
        if cells[at] and cells[at] == cells[first]:
            spans[first] += 1
            spans[at] = -1
        else:
            first = at
    return spans


def is_block(part: Part) -> bool:
    """Whether a piece stands on a line of its own."""
    return isinstance(part, Piece) and part.kind in BLOCKS
