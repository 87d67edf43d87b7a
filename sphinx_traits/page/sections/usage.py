"""Which models use a trait, and with which values of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.manifest import MASK
from sphinx_traits.page.elements import TRAIT, Code, Emphasis
from sphinx_traits.page.layout import by_short_name, lines, paragraph, table
from sphinx_traits.page.section import N_, Section
from sphinx_traits.page.sections.layers import layer_badge
from sphinx_traits.page.sections.traits import path_to_trait

if TYPE_CHECKING:
    from sphinx_traits.manifest import Setting
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def usage_section(page: Context, composition: Composition) -> Content:
    """The models with a trait anywhere in their MRO."""
    usages = page.catalogue.usages(composition.subject.name)
    if not usages:
        return [paragraph(Emphasis([page.gettext("No model uses it.")]))]
    secret = {key.name for key in composition.subject.config if key.secret}
    rows: list[list[CellSource]] = []
    for use in sorted(usages, key=lambda use: by_short_name(use.model)):
        settings = lines(_setting(page, setting, setting.key in secret) for setting in use.settings)
        rows.append([page.reference(use.model), path_to_trait(page, use.direct, use.through), settings])
    heads = [page.gettext("Model"), page.gettext("How"), page.gettext("Instead of the default")]
    return [table("usage", heads, rows)]


def _setting(page: Context, setting: Setting, secret: bool) -> list[Inline]:
    value = MASK if secret else setting.value.text
    return [Code(f"{setting.key} = {value}"), " ", layer_badge(page, setting.layer)]


SECTION = Section("used-by", N_("Used by"), lambda _composition: True, usage_section, pages=(TRAIT,))
