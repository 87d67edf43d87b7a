"""Which traits a model has, in the order in which Python looks through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked
from sphinx_traits._sphinx.parts import Cell, Content, joined, named, paragraph, table, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def traits_table(page: Page, it: Composition) -> Content:
    """Traits in MRO order: place, name, how it comes to the model, what it is for."""
    classes = page.catalogue.index.by_name
    rows: list[list[Cell]] = [
        [
            str(use.position),
            named([page.linker.cls(use.name)], classes[use.name].doc),
            how(page, use.direct, use.through),
        ]
        for use in it.traits
    ]
    return [table("mro", [_("Place"), _("Trait"), _("How")], rows)]


def how(page: Page, direct: bool, through: Sequence[str]) -> Cell:
    """Whether the class statement names a trait, else the classes between."""
    if direct:
        return _("direct")
    return [_("through "), *joined((page.linker.cls(one) for one in through), " → ")]


def mro_line(page: Page, it: Composition) -> Content:
    """The whole MRO on one line, the classes that are neither trait nor model included."""
    names = [page.linker.cls(name) for name in it.subject.mro if name != "builtins.object"]
    label = text(_("Lookup order: "), "traits-label")
    return [paragraph(label, *joined(names, " → "), classes="traits-mro-line")]


def traits_block(page: Page, it: Composition) -> Content:
    """The table, and the whole lookup order below it."""
    return [*traits_table(page, it), *mro_line(page, it)]


BLOCK = Block("traits", marked("Traits"), lambda it: bool(it.traits), traits_block)
