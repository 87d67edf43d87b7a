"""Which methods run by themselves, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked
from sphinx_traits._sphinx.parts import Cell, Content, Part, badge, code, named, table
from traits_runtime.rules.moments import by_moment

if TYPE_CHECKING:
    from sphinx_traits.manifest import Hook
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def hooks_table(page: Page, it: Composition) -> Content:
    """Hooks in the order in which they run, moment by moment."""
    rows: list[list[Cell]] = []
    for moment, own in by_moment(it.hooks):
        rows += [_row(page, it, moment, str(at) if len(own) > 1 else "", hook) for at, hook in enumerate(own, 1)]
    heads = [_("Moment"), _("Order"), _("Hook"), _("From")]
    return [table("hooks", heads, rows, span=True)]


def _row(page: Page, it: Composition, moment: str, order: str, hook: Hook) -> list[Cell]:
    name: list[Part] = [page.name("hook", hook)]
    if hook.is_async:
        name += [" ", badge(_("async"), "note")]
    if hook.via == "inferred":
        name += [" ", badge(_("inferred"), "note")]
    when: Cell = [_("only when "), code(hook.when)] if hook.when else ""
    return [moment, order, named(name, hook.doc, when), page.origin(hook, it.subject.name)]


BLOCK = Block(
    "hooks",
    marked("Hooks"),
    lambda it: bool(it.hooks),
    hooks_table,
    marked("In the order in which they run."),
)
