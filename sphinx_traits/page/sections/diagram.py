"""Which class brings which trait, as a drawing and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import BulletList, Drawing, Reference
from sphinx_traits.page.layout import joined, paragraph
from sphinx_traits.page.section import Overview

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.section import Context


def diagram(page: Context) -> Content:
    """The traits of the class that the options name: arrows lead from each class to its bases."""
    index = page.catalogue.index
    subject = index.by_name.get(page.options["of"])
    if subject is None:
        return []
    shown = [name for name in subject.mro if name == subject.name or page.catalogue.kind(name)]
    arrows: list[tuple[int, int]] = []
    for number, name in enumerate(shown):
        bases = [base.name for base in index.by_name[name].bases if base.name in shown]
        arrows += [(number, shown.index(base)) for base in bases]
    boxes = [Reference(page.catalogue.kind(name), name, [name.rpartition(".")[2]]) for name in shown]
    title = page.gettext("Traits of {name}").format(name=subject.short)
    return [Drawing(title, boxes, arrows, _words(page, shown, arrows))]


def _words(page: Context, shown: Sequence[str], arrows: Sequence[tuple[int, int]]) -> BulletList:
    items = []
    for number, name in enumerate(shown):
        bases = [page.reference(shown[end]) for start, end in arrows if start == number]
        brought: list[Inline] = [page.gettext(" brings "), *joined(bases)] if bases else []
        items.append(paragraph(page.reference(name), *brought))
    return BulletList(items)


OVERVIEW = Overview("diagram", diagram)
