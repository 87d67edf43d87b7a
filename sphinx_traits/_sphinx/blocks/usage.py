"""Which models use a trait, and with which values of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked
from sphinx_traits._sphinx.blocks.config import layer_badge
from sphinx_traits._sphinx.blocks.traits import how
from sphinx_traits._sphinx.parts import Cell, Content, Part, Piece, by_short_name, code, lines, paragraph, table
from sphinx_traits.manifest import MASK

if TYPE_CHECKING:
    from sphinx_traits.manifest import Setting
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def usage_table(page: Page, it: Composition) -> Content:
    """The models with a trait anywhere in their MRO."""
    usages = page.catalogue.usages(it.subject.name)
    if not usages:
        return [paragraph(Piece("em", [_("No model uses it.")]))]
    secret = {key.name for key in it.subject.config if key.secret}
    rows: list[list[Cell]] = [
        [
            page.linker.cls(use.model),
            how(page, use.direct, use.through),
            lines(_setting(one, one.key in secret) for one in use.settings),
        ]
        for use in sorted(usages, key=lambda one: by_short_name(one.model))
    ]
    return [table("usage", [_("Model"), _("How"), _("Instead of the default")], rows)]


def _setting(one: Setting, secret: bool) -> list[Part]:
    return [code(f"{one.key} = {MASK if secret else one.value.text}"), " ", layer_badge(one.layer)]


BLOCK = Block("used-by", marked("Used by"), lambda _it: True, usage_table)
