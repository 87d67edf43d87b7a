"""The matrix: models in rows, traits in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Span
from sphinx_traits.page.layout import paragraph, table, text
from sphinx_traits.page.section import Overview
from sphinx_traits.page.sections.models import direct_traits
from sphinx_traits.page.sections.selection import or_nothing, selected

if TYPE_CHECKING:
    from sphinx_traits.page.elements import Content
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context

DIRECT, THROUGH = "●", "○"


def matrix_overview(page: Context) -> Content:
    """A filled circle for a direct trait, an open one for a trait that another class brings."""
    index = page.catalogue.index
    traits = [name for name in selected(page.options, "traits", index.traits) if index.users.get(name)]
    rows: list[list[CellSource]] = []
    for name in selected(page.options, "models", index.models):
        uses = direct_traits(index.models[name])
        if not uses.keys().isdisjoint(traits):
            rows.append([page.reference(name), *(_mark(uses.get(trait)) for trait in traits)])
    if not rows:
        return or_nothing(page, [])
    heads: list[CellSource] = [page.gettext("Model")]
    heads += [Span([page.reference(trait)], "traits-turned") for trait in traits]
    legend = f"{DIRECT} ", page.gettext("direct"), f", {THROUGH} ", page.gettext("through another class")
    return [table("matrix", heads, rows, stub=True), paragraph(*legend, style="traits-key")]


def _mark(direct: bool | None) -> CellSource:
    if direct is None:
        return ""
    return text(DIRECT, "traits-direct") if direct else text(THROUGH, "traits-through")


OVERVIEW = Overview("matrix", matrix_overview)
