"""Cache keys with the operation on each."""

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


def cache_section(page: Context, composition: Composition) -> Content:
    """Cache keys with operation and origin."""
    rows: list[list[CellSource]] = [
        [
            page.name_cell([Code(key.name)], key),
            key.operation,
            page.origin(key, composition.subject.name),
        ]
        for key in composition.cache_keys
    ]
    heads = [page.gettext("Key"), page.gettext("Operation"), page.gettext("From")]
    return [table("cache", heads, rows)]


SECTION = Section("cache", N_("Cache keys"), lambda composition: composition.cache_keys, cache_section)
