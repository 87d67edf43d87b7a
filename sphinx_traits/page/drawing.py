"""Drawings as SVG: boxes in levels, with arrows from each box to those above which it stands."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from sphinx_traits.page.elements import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sphinx_traits.page.elements import Drawing
    from sphinx_traits.page.links import Links

PER_ROW = 5
"""Boxes side by side; a level with more takes several rows."""

HEIGHT, GAP, STEP, MARGIN = 30, 16, 64, 8


class _Box(NamedTuple):
    """A box with its left upper corner."""

    x: float
    y: float
    width: float


def svg(drawing: Drawing, links: Links) -> str:
    """A drawing as an SVG element in a frame that scrolls."""
    labels = [plain_text(box.content) for box in drawing.boxes]
    rows = _rows(len(labels), drawing.arrows)
    boxes, width = _positions(rows, labels)
    height = MARGIN * 2 + STEP * (len(rows) - 1) + HEIGHT
    words = "; ".join(f"{labels[start]} → {labels[end]}" for start, end in drawing.arrows)
    shapes = (_box(drawing, number, label, boxes[number], links) for number, label in _in_rows(rows, labels))
    return (
        f'<div class="traits-scroll traits-diagram"><svg role="img" aria-label="{escape(drawing.title)}: '
        f'{escape(words)}" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(_arrows(boxes, drawing.arrows))}{"".join(shapes)}</svg></div>'
    )


def _in_rows(rows: Sequence[Sequence[int]], labels: Sequence[str]) -> Iterator[tuple[int, str]]:
    for row in rows:
        for number in row:
            yield number, labels[number]


def _rows(count: int, arrows: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Boxes by level: the first box, then those that its arrows lead to, and so on; each level in reading order."""
    levels = [0] * count
    for number in range(count):
        for start, end in arrows:
            if start == number:
                levels[end] = max(levels[end], levels[number] + 1)
    rows: list[list[int]] = []
    for level in sorted(set(levels)):
        numbers = [number for number in range(count) if levels[number] == level]
        rows += [numbers[first : first + PER_ROW] for first in range(0, len(numbers), PER_ROW)]
    return rows


def _positions(rows: Sequence[Sequence[int]], labels: Sequence[str]) -> tuple[dict[int, _Box], float]:
    """The position of each box, and the width of the drawing."""
    label_widths = [_width(label) for label in labels]
    widths = [[label_widths[number] for number in row] for row in rows]
    whole = max(sum(row) + GAP * (len(row) - 1) for row in widths) + 2 * MARGIN
    boxes: dict[int, _Box] = {}
    for level, (numbers, sizes) in enumerate(zip(rows, widths, strict=True)):
        x = (whole - sum(sizes) - GAP * (len(sizes) - 1)) / 2
        for number, width in zip(numbers, sizes, strict=True):
            boxes[number] = _Box(x, MARGIN + level * STEP, width)
            x += width + GAP
    return boxes, whole


def _width(label: str) -> float:
    return 7.6 * len(label) + 24


def _arrows(boxes: Mapping[int, _Box], arrows: Sequence[tuple[int, int]]) -> Iterator[str]:
    for start, end in arrows:
        lower, upper = boxes[start], boxes[end]
        x1, y1 = lower.x + lower.width / 2, lower.y + HEIGHT
        x2, y2 = upper.x + upper.width / 2, upper.y
        bend = (y1 + y2) / 2
        yield f'<path class="traits-line" d="M{x1:.0f} {y1}C{x1:.0f} {bend:.0f} {x2:.0f} {bend:.0f} {x2:.0f} {y2}"/>'


def _box(drawing: Drawing, number: int, label: str, box: _Box, links: Links) -> str:
    target = drawing.boxes[number]
    shape = (
        f'<rect class="traits-box traits-box-{target.objtype or "trait"}" x="{box.x:.0f}" y="{box.y}" '
        f'width="{box.width:.0f}" height="{HEIGHT}" rx="6"/><text x="{box.x + box.width / 2:.0f}" y="{box.y + 20}" '
        f'text-anchor="middle">{escape(label)}</text>'
    )
    address = links.address(target.objtype, target.name)
    return f'<a href="{escape(address)}">{shape}</a>' if address else shape
