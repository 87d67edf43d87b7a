"""What the sources get wrong about one class, and what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Admonition, BulletList
from sphinx_traits.page.layout import paragraph
from sphinx_traits.page.prose import prose
from sphinx_traits.page.section import N_, Section, place

if TYPE_CHECKING:
    from sphinx_traits.manifest import Finding
    from sphinx_traits.page.elements import Content, Paragraph
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def findings_section(page: Context, composition: Composition) -> Content:
    """A warning for a class that could not be read whole, and a list of its findings."""
    boxes: list[Admonition] = []
    if not composition.subject.complete:
        sentence = page.gettext("This page may be incomplete: a base class could not be read.")
        boxes.append(Admonition("warning", [paragraph(sentence, " ", *prose(composition.subject.reason))]))
    shown = [finding for finding in composition.findings if finding.level != "info"]
    if shown:
        items = BulletList([_finding(finding) for finding in shown])
        boxes.append(Admonition("attention", [paragraph(page.gettext("Found in the sources:")), items]))
    return boxes


def _finding(finding: Finding) -> Paragraph:
    return paragraph(*prose(finding.message), " ", *prose(finding.hint), " ", *place(finding.location))


SECTION = Section(
    "findings",
    N_("Findings"),
    lambda composition: composition.findings or not composition.subject.complete,
    findings_section,
)
