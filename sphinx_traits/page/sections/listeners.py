"""Listeners for signals and events of the host that are about one class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Code
from sphinx_traits.page.layout import lines, table, text
from sphinx_traits.page.section import N_, Section
from sphinx_traits.page.sections.wiring import listener_line

if TYPE_CHECKING:
    from sphinx_traits.manifest import Listener
    from sphinx_traits.page.elements import Content, Paragraph
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def listeners_section(page: Context, composition: Composition) -> Content:
    """Each signal or event of the host with the listeners for this class alone."""
    rows: list[list[CellSource]] = [
        [Code(listener.pattern), _listener(page, listener)] for listener in composition.heard_by
    ]
    return [table("listeners", [page.gettext("Event"), page.gettext("Heard by")], rows, span=True)]


def _listener(page: Context, listener: Listener) -> list[Paragraph]:
    """The listener, and why it is believed to be one."""
    rows: list[CellSource] = [listener_line(page, listener, on_page_of_model=True)]
    if listener.why:
        rows.append(text(listener.why, "traits-muted"))
    return lines(rows)


SECTION = Section(
    "listeners",
    N_("Listeners"),
    lambda composition: composition.heard_by,
    listeners_section,
    lead=N_("Called for signals and events of the host that are about this class."),
)
