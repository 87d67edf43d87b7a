"""The list of all models with their direct traits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.layout import joined, table, text
from sphinx_traits.page.section import Overview
from sphinx_traits.page.sections.selection import or_nothing, selected

if TYPE_CHECKING:
    from sphinx_traits.manifest import Model
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context


def models_overview(page: Context) -> Content:
    """The models with their direct traits, and the number of the others."""
    models = page.catalogue.index.models
    rows: list[list[CellSource]] = [
        [page.name_cell([page.reference(name)], models[name]), _traits_of(page, models[name])]
        for name in selected(page.options, "models", models)
    ]
    return or_nothing(page, [table("models", [page.gettext("Model"), page.gettext("Traits")], rows)] if rows else [])


def _traits_of(page: Context, model: Model) -> list[Inline]:
    uses = direct_traits(model)
    direct = [trait for trait, is_direct in uses.items() if is_direct]
    more = len(uses) - len(direct)
    content = joined(map(page.reference, direct))
    if more:
        words = page.gettext(" and {count} more") if direct else page.gettext("{count} through another class")
        content.append(text(words.format(count=more), "traits-muted"))
    return content


def direct_traits(model: Model) -> dict[str, bool]:
    """The traits of a model in MRO order, each with whether its class statement names it."""
    bases = {base.name for base in model.bases}
    return {trait: trait in bases for trait in model.traits}


OVERVIEW = Overview("models", models_overview)
