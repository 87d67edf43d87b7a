"""What the sources get wrong about one class, and what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked
from sphinx_traits._sphinx.parts import Content, Piece, paragraph, prose

if TYPE_CHECKING:
    from sphinx_traits.manifest import Finding
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def findings_box(page: Page, it: Composition) -> Content:
    """A warning for a class that could not be read whole, and a list of its findings."""
    boxes: list[Piece] = []
    if not it.subject.complete:
        sentence = _("This page may be incomplete: a base class could not be read.")
        boxes.append(Piece("warning", [paragraph(sentence, " ", *prose(it.subject.reason))]))
    shown = [one for one in it.findings if one.level != "info"]
    if shown:
        items = Piece("list", [_finding(page, one) for one in shown])
        boxes.append(Piece("attention", [paragraph(_("Found in the sources:")), items]))
    return boxes


def _finding(page: Page, one: Finding) -> Piece:
    return paragraph(*prose(one.message), " ", *prose(one.hint), " ", *page.linker.place(one.location))


BLOCK = Block("findings", marked("Findings"), lambda it: bool(it.findings) or not it.subject.complete, findings_box)
