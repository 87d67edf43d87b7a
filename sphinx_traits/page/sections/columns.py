"""Columns and relations of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Code
from sphinx_traits.page.layout import table
from sphinx_traits.page.section import N_, Section

if TYPE_CHECKING:
    from sphinx_traits.manifest import Column
    from sphinx_traits.page.elements import Content
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition

_KINDS = ("column", "relation", "virtual")
"""Columns first, then relations, then what is computed."""


def columns_section(page: Context, composition: Composition) -> Content:
    """Columns with type, nullability and default."""
    columns = sorted(composition.columns, key=lambda column: _KINDS.index(column.kind))
    nullable = {"yes": page.gettext("yes"), "no": page.gettext("no"), "": ""}
    rows: list[list[CellSource]] = [
        [
            page.name_cell([Code(column.name)], column),
            _type(page, column),
            nullable[column.nullable],
            Code(column.default) if column.default else "",
            page.origin(column, composition.subject.name),
        ]
        for column in columns
    ]
    heads = [
        page.gettext("Column"),
        page.gettext("Type"),
        page.gettext("May be null"),
        page.gettext("Default"),
        page.gettext("From"),
    ]
    return [table("columns", heads, rows)]


def _type(page: Context, column: Column) -> CellSource:
    if column.kind != "relation" or not column.target:
        return Code(column.type) if column.type else ""
    model = page.catalogue.related(column.target)
    target = page.reference(model) if model else Code(column.target.rpartition(".")[2])
    return ["→ ", target]


SECTION = Section("columns", N_("Columns"), lambda composition: composition.columns, columns_section)
