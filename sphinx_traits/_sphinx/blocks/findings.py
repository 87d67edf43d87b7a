"""What the sources get wrong about one class, and what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page
from sphinx_traits._sphinx.parts import paragraph, prose, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.manifest import Finding
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def findings_box(page: Page, it: Composition) -> Sequence[nodes.Node]:
    """A warning for a class that could not be read whole, and a list of its findings."""
    boxes: list[nodes.Node] = []
    if not it.subject.complete:
        sentence = _("This page may be incomplete: a base class could not be read.")
        boxes.append(nodes.warning("", paragraph(text(sentence), text(" "), *prose(it.subject.reason))))
    shown = [one for one in it.findings if one.level != "info"]
    if shown:
        items = nodes.bullet_list("", *(nodes.list_item("", _finding(page, one)) for one in shown))
        boxes.append(nodes.attention("", paragraph(text(_("Found in the sources:"))), items))
    return boxes


def _finding(page: Page, one: Finding) -> nodes.paragraph:
    return paragraph(*prose(one.message), text(" "), *prose(one.hint), text(" "), *page.linker.place(one.location))


BLOCK = Block("findings", _("Findings"), lambda it: bool(it.findings) or not it.subject.complete, findings_box)
