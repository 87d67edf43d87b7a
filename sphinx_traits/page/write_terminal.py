"""Pages as lines of text for a terminal; tables fit its width, control characters never reach it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import east_asian_width

from sphinx_traits.page.elements import (
    Admonition,
    BulletList,
    Description,
    Docstring,
    Drawing,
    Facts,
    Fold,
    Group,
    Paragraph,
    Rubric,
    Table,
    plain_text,
)

if TYPE_CHECKING:
    from sphinx_traits.page.elements import Block, Cell, Content
    from sphinx_traits.page.page import Page

NARROWEST = 8
"""Width below which no column is pressed."""

_GAP = "  "
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Line(NamedTuple):
    """A line with a style: `bold`, `dim`, `warning`, or none."""

    text: str
    style: str = ""


class TerminalWriter:
    """Writes the elements of one page.

    Args:
        width: Columns of the terminal; 0 for no limit.
    """

    def __init__(self, width: int = 0) -> None:
        self._width = width

    def page(self, page: Page) -> Iterator[Line]:
        """A whole page."""
        name = page.description.name if page.description else page.title
        yield Line(_GAP.join(filter(None, (name, page.kind))), "bold")
        yield from self.blocks(page.head)
        if page.description:
            yield from self._body(page.description, "")
        for line in self.blocks(page.boxes):
            yield Line(line.text, "warning")
        for section in page.sections:
            yield Line("")
            if section.title:
                yield Line(section.title, "bold")
            yield from self.blocks(section.content, _GAP)

    def blocks(self, content: Content, indent: str = "") -> Iterator[Line]:
        """The lines of blocks."""
        for block in content:
            yield from self.block(block, indent)

    def block(self, block: Block, indent: str = "") -> Iterator[Line]:
        """The lines of one block."""
        match block:
            case Table():
                yield from self._table(block, indent)
            case Paragraph():
                yield from self._wrapped(plain_text(block.content), indent)
            case Rubric():
                yield from self._wrapped(plain_text(block.content), indent, "bold")
            case Facts():
                yield from self._facts(block, indent)
            case BulletList():
                yield from self._list(block, indent)
            case Description():
                yield from self._wrapped(block.title, indent, "bold")
                yield from self._body(block, indent + _GAP)
                yield from self.blocks(block.usage, indent + _GAP)
            case _:
                yield from self._composed(block, indent)

    def _composed(self, block: Block, indent: str) -> Iterator[Line]:
        match block:
            case Drawing():
                yield from self._list(block.words, indent)
            case Admonition():
                yield from self.blocks(block.content, indent)
            case Fold(summary=title, content=content) | Group(title=title, content=content):
                yield from self._wrapped(plain_text(title), indent, "bold")
                yield from self.blocks(content, indent + _GAP)
            case Docstring():
                yield from self._wrapped(" ".join(block.text.split("\n\n", 1)[0].split()), indent)

    def _body(self, description: Description, indent: str) -> Iterator[Line]:
        if description.doc:
            yield from self.block(description.doc, indent)
        yield from self.blocks(description.content, indent)

    def _wrapped(self, text: str, indent: str, style: str = "") -> Iterator[Line]:
        width = max(self._width - len(indent), NARROWEST) if self._width else 0
        for line in _wrap(_clean(text).strip(), width):
            yield Line(f"{indent}{line}", style)

    def _list(self, items: BulletList, indent: str) -> Iterator[Line]:
        for item in items.items:
            yield from self._wrapped(f"- {plain_text(item.content)}", indent)

    def _facts(self, facts: Facts, indent: str) -> Iterator[Line]:
        for name, value in facts.pairs:
            first, *more = _lines(value)
            yield from self._wrapped(f"{name}: {first}", indent)
            for line in more:
                yield from self._wrapped(line, indent + _GAP)

    def _table(self, table: Table, indent: str) -> Iterator[Line]:
        heads = _row_lines(table.heads)
        rows = [_row_lines(row) for row in table.rows]
        longest = [max(map(_longest, column)) for column in zip(heads, *rows, strict=True)]
        widths = self._widths(longest, indent)
        yield from _row(heads, widths, indent, "dim")
        for row in rows:
            yield from _row(row, widths, indent)

    def _widths(self, widths: list[int], indent: str) -> list[int]:
        """The widths of columns, the widest ones reduced until a row fits."""
        if not self._width:
            return widths
        available = self._width - len(indent) - len(_GAP) * (len(widths) - 1)
        limit = max(widths)
        while limit > NARROWEST and sum(min(width, limit) for width in widths) > available:
            limit -= 1
        return [min(width, limit) for width in widths]


def _lines(cell: Cell) -> list[str]:
    """The lines of a cell."""
    if cell and isinstance(cell[0], Paragraph):
        return [_clean(plain_text([line])).strip() for line in cell]
    return [_clean(plain_text(cell)).strip()]


def _longest(lines: Sequence[str]) -> int:
    return max(map(_cells, lines))


def _row_lines(cells: Sequence[Cell]) -> list[list[str]]:
    return [_lines(cell) for cell in cells]


def _row(row: Sequence[Sequence[str]], widths: Sequence[int], indent: str, style: str = "") -> Iterator[Line]:
    columns = [_wrapped(lines, width) for lines, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, columns))):
        cells = [column[number] if number < len(column) else "" for column in columns]
        padded = (f"{cell}{' ' * (width - _cells(cell))}" for cell, width in zip(cells, widths, strict=True))
        yield Line(f"{indent}{_GAP.join(padded)}".rstrip(), style)


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """The lines of a cell, each broken at the width of its column."""
    return [part for line in lines for part in _wrap(line, width)]


def _wrap(text: str, width: int) -> list[str]:
    if not width or _cells(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _cells(text: str) -> int:
    """The columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _clean(text: str) -> str:
    """Text without control characters: it comes from sources, and a terminal would obey them."""
    return _CONTROL.sub(" ", text)
