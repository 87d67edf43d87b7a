"""Builders of common element structures: cells of several lines, named rows, tables without empty columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from sphinx_traits.page.elements import Element, Facts, Paragraph, Span, Table
from sphinx_traits.page.prose import prose, summary

if TYPE_CHECKING:
    from sphinx_traits.page.elements import Cell, Inline

DASH = " \N{EN DASH} "
"""Between a name and its meaning."""

CellSource: TypeAlias = "Inline | Sequence[Inline | Paragraph]"
"""What a builder takes for a cell: one element or several."""


def by_short_name(name: str) -> tuple[str, str]:
    """Sort key of dotted names: the last part first, as readers see it."""
    return name.rpartition(".")[2].lower(), name


def text(value: str, style: str) -> Span:
    """A text with a style."""
    return Span([value], style)


def paragraph(*content: Inline, style: str = "") -> Paragraph:
    """A paragraph of its arguments."""
    return Paragraph(content, style)


def joined(elements: Iterable[Inline], separator: str = ", ") -> list[Inline]:
    """Elements with a separator between them."""
    content: list[Inline] = []
    for element in elements:
        if content:
            content.append(separator)
        content.append(element)
    return content


def lines(rows: Iterable[CellSource]) -> list[Paragraph]:
    """A cell with one paragraph for each row."""
    return [Paragraph(_inline(row), "traits-line") for row in rows]


def cell(source: CellSource) -> Cell:
    """A cell as a list."""
    if isinstance(source, str):
        return [source] if source else []
    return [source] if isinstance(source, Element) else source


def _inline(source: CellSource) -> Sequence[Inline]:
    """A cell without paragraphs."""
    return cell(source)  # type: ignore[return-value]  # lines are made of inline elements


def facts(pairs: Iterable[tuple[str, CellSource]]) -> Facts:
    """Names with values; names without a value are left out."""
    cells = ((name, cell(value)) for name, value in pairs)
    return Facts([(name, value) for name, value in cells if value])


def name_cell(name: Sequence[Inline], doc: str, *details: CellSource) -> list[Paragraph]:
    """The first cell of a row: a name, below it its purpose, and details.

    Args:
        name: The name with its link and badges.
        doc: A docstring, of which the first sentence is shown.
        details: Further lines; empty ones are left out.
    """
    content = [Paragraph(name, "traits-name")]
    sentence = summary(doc)
    if sentence:
        content.append(Paragraph(prose(sentence), "traits-what"))
    content += [Paragraph(_inline(detail), "traits-more") for detail in details if detail]
    return content


def table(
    name: str,
    heads: Sequence[CellSource],
    rows: Sequence[Sequence[CellSource]],
    *,
    span: bool = False,
    stub: bool = False,
) -> Table:
    """A table; columns without any content are left out.

    Args:
        name: What its rows are.
        heads: The column titles, translated.
        rows: The cells.
        span: Whether equal neighbours in the first column become one cell.
        stub: Whether the first cell of each row heads it.
    """
    filled = [column for column in range(len(heads)) if _has_content(rows, column)]
    spans = _spans([row[0] for row in rows]) if span else [0] * len(rows)
    cells = [_cells(row, filled) for row in rows]
    return Table(name, _cells(heads, filled), cells, spans, stub)


def _has_content(rows: Sequence[Sequence[CellSource]], column: int) -> bool:
    return any(row[column] for row in rows)


def _cells(row: Sequence[CellSource], columns: Sequence[int]) -> list[Cell]:
    return [cell(row[column]) for column in columns]


def _spans(cells: Sequence[CellSource]) -> list[int]:
    spans = [0] * len(cells)
    first = 0
    for row in range(1, len(cells)):
        if cells[row] and cells[row] == cells[first]:
            spans[first] += 1
            spans[row] = -1
        else:
            first = row
    return spans
