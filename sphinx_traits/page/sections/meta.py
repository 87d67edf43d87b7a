"""The options that a class gives to its host, as in Django's `class Meta`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Code
from sphinx_traits.page.layout import table
from sphinx_traits.page.section import N_, Section

if TYPE_CHECKING:
    from sphinx_traits.page.elements import Content
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def meta_section(page: Context, composition: Composition) -> Content:
    """Each option with its value as written."""
    rows: list[list[CellSource]] = [[Code(name), Code(value)] for name, value in composition.subject.meta.items()]
    return [table("meta", [page.gettext("Option"), page.gettext("Value")], rows)]


SECTION = Section("meta", N_("Options of the host"), lambda composition: composition.subject.meta, meta_section)
