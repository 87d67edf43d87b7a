"""Which class brings which: a drawing for browsers, a list for everybody else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from sphinx.locale import get_translation

from sphinx_traits._sphinx.parts import Content, Drawing, Part, Piece, joined, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sphinx_traits._sphinx.blocks.base import Page
    from sphinx_traits.resolve import Index

_ = get_translation("sphinx_traits")

PER_ROW = 5
"""Boxes side by side; a level with more takes several rows."""

HEIGHT, GAP, STEP, MARGIN = 30, 16, 64, 8


class Box(NamedTuple):
    """A class in the drawing."""

    name: str
    x: float
    y: float
    width: float


def diagram(page: Page, options: Mapping[str, Any]) -> Content:
    """The traits of a class and what brings them: lines lead from each class up to its bases."""
    index = page.catalogue.index
    subject = options["of"]
    if subject not in index.by_name:
        return []
    shown = [one for one in index.by_name[subject].mro if one == subject or one in index.traits or one in index.models]
    edges = [(one, base) for one in shown for base in _bases(index, one) if base in shown]
    return [Drawing(_svg(page, shown, edges), _as_list(page, shown, edges))]


def _bases(index: Index, name: str) -> list[str]:
    return [base.name for base in index.by_name[name].bases]


def _as_list(page: Page, shown: Sequence[str], edges: Sequence[tuple[str, str]]) -> Piece:
    items: list[Part] = []
    for name in shown:
        bases = [page.linker.cls(base) for one, base in edges if one == name]
        words: list[Part] = [_(" brings "), *joined(bases)] if bases else []
        items.append(paragraph(page.linker.cls(name), *words))
    return Piece("list", items)


def _rows(shown: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Classes by level: the class itself, then what it brings, then what that brings; each level in lookup order."""
    level = dict.fromkeys(shown, 0)
    for name in shown:
        for one, base in edges:
            if one == name:
                level[base] = max(level[base], level[name] + 1)
    rows: list[list[str]] = []
    for depth in sorted(set(level.values())):
        names = [one for one in shown if level[one] == depth]
        rows += [names[at : at + PER_ROW] for at in range(0, len(names), PER_ROW)]
    return rows


def _boxes(rows: Sequence[Sequence[str]]) -> tuple[dict[str, Box], float]:
    """Where each class stands, and the width of the drawing."""
    widths = [[_width(name) for name in row] for row in rows]
    whole = max(sum(row) + GAP * (len(row) - 1) for row in widths) + 2 * MARGIN
    boxes: dict[str, Box] = {}
    for at, (names, sizes) in enumerate(zip(rows, widths, strict=True)):
        x = (whole - sum(sizes) - GAP * (len(sizes) - 1)) / 2
        for name, width in zip(names, sizes, strict=True):
            boxes[name] = Box(name, x, MARGIN + at * STEP, width)
            x += width + GAP
    return boxes, whole


def _width(name: str) -> float:
    return 7.6 * len(name.rpartition(".")[2]) + 24


def _svg(page: Page, shown: Sequence[str], edges: Sequence[tuple[str, str]]) -> str:
    rows = _rows(shown, edges)
    boxes, width = _boxes(rows)
    height = MARGIN * 2 + STEP * (len(rows) - 1) + HEIGHT
    words = "; ".join(f"{_short(one)} → {_short(base)}" for one, base in edges)
    title = _("Traits of {name}").format(name=_short(shown[0]))
    return (
        f'<div class="traits-scroll traits-diagram"><svg role="img" aria-label="{escape(title)}: {escape(words)}" '
        f'width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(_lines(boxes, edges))}{''.join(_labels(page, boxes))}</svg></div>"
    )


def _lines(boxes: Mapping[str, Box], edges: Sequence[tuple[str, str]]) -> Iterator[str]:
    for one, base in edges:
        start, end = boxes[one], boxes[base]
        x1, y1 = start.x + start.width / 2, start.y + HEIGHT
        x2, y2 = end.x + end.width / 2, end.y
        bend = (y1 + y2) / 2
        yield f'<path class="traits-line" d="M{x1:.0f} {y1}C{x1:.0f} {bend:.0f} {x2:.0f} {bend:.0f} {x2:.0f} {y2}"/>'


def _labels(page: Page, boxes: Mapping[str, Box]) -> Iterator[str]:
    for box in boxes.values():
        link = page.linker.cls(box.name)
        href = link.href if isinstance(link, Piece) else ""
        kind = "model" if box.name in page.catalogue.index.models else "trait"
        shape = (
            f'<rect class="traits-box traits-box-{kind}" x="{box.x:.0f}" y="{box.y}" width="{box.width:.0f}" '
            f'height="{HEIGHT}" rx="6"/><text x="{box.x + box.width / 2:.0f}" y="{box.y + 20}" '
            f'text-anchor="middle">{escape(_short(box.name))}</text>'
        )
        yield f'<a href="{escape(href)}">{shape}</a>' if href else shape


def _short(name: str) -> str:
    return name.rpartition(".")[2]
