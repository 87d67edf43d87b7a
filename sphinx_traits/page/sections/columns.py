"""Columns and relations of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Badge, Code
from sphinx_traits.page.layout import table
from sphinx_traits.page.section import N_, Section

if TYPE_CHECKING:
    from sphinx_traits.manifest import Column
    from sphinx_traits.page.elements import Content, Inline
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
            page.name_cell(_name(page, column), column),
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


def _name(page: Context, column: Column) -> list[Inline]:
    name: list[Inline] = [Code(column.name)]
    if column.kind == "virtual":
        name += [" ", Badge(page.gettext("virtual"), "note")]
    return name


def _type(page: Context, column: Column) -> CellSource:
    """The type of a column, and where a relation or a foreign key leads."""
    if column.kind == "relation" and column.target:
        model = page.catalogue.related(column.target)
        target = page.reference(model) if model else Code(column.target.rpartition(".")[2])
        return ["→ ", target]
    content: list[Inline] = [Code(column.type)] if column.type else []
    if column.target not in ("", column.type):
        content += [" → " if content else "→ ", Code(column.target)]
    return content


SECTION = Section("columns", N_("Columns"), lambda composition: composition.columns, columns_section)
