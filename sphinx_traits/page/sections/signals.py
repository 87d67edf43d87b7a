"""Signals that the methods of a class send, and who hears them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Code
from sphinx_traits.page.layout import table
from sphinx_traits.page.section import N_, Section
from sphinx_traits.page.sections.wiring import emitted, heard

if TYPE_CHECKING:
    from sphinx_traits.page.elements import Content
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def signals_section(page: Context, composition: Composition) -> Content:
    """Signals with sending calls and listeners."""
    rows: list[list[CellSource]] = [
        [Code(use.name), emitted(page, use), heard(page, use)] for use in composition.signals
    ]
    heads = [page.gettext("Signal"), page.gettext("Sent by"), page.gettext("Heard by")]
    return [table("signals", heads, rows, span=True)]


SECTION = Section(
    "signals",
    N_("Signals"),
    lambda composition: composition.signals,
    signals_section,
    lead=N_("Sent by its methods; no trait declares them."),
)
