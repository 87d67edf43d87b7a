"""Columns, relations and scopes: what a row holds, and how rows are picked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked
from sphinx_traits._sphinx.parts import Cell, Content, code, joined, named, table

if TYPE_CHECKING:
    from sphinx_traits.manifest import Column, Scope
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def columns_table(page: Page, it: Composition) -> Content:
    """Columns first, then relations, then what is computed."""
    order = ("column", "relation", "virtual")
    columns = sorted(it.columns, key=lambda one: order.index(one.kind))
    rows: list[list[Cell]] = [
        [
            named([code(one.name)], one.doc),
            _type(page, one),
            {"yes": _("yes"), "no": _("no"), "": ""}[one.nullable],
            code(one.default) if one.default else "",
            page.origin(one, it.subject.name),
        ]
        for one in columns
    ]
    heads = [_("Column"), _("Type"), _("May be null"), _("Default"), _("From")]
    return [table("columns", heads, rows)]


def _type(page: Page, one: Column) -> Cell:
    if one.kind != "relation" or not one.target:
        return code(one.type) if one.type else ""
    model = page.catalogue.related(one.target)
    target = page.linker.cls(model) if model else code(one.target.rpartition(".")[2])
    return ["→ ", target]


def scopes_table(page: Page, it: Composition) -> Content:
    """Scopes with their parameters."""
    rows: list[list[Cell]] = [
        [named([code(f"{one.name}{one.signature}")], one.doc, _holds(one)), page.origin(one, it.subject.name)]
        for one in it.scopes
    ]
    return [table("scopes", [_("Scope"), _("From")], rows)]


def _holds(scope: Scope) -> Cell:
    """Of a scope that is on every query that it is there, and what takes it off."""
    if not scope.always:
        return ""
    options = [_(", except with the option "), *joined(code(one) for one in scope.lifted_by)] if scope.lifted_by else []
    return [_("holds for every query"), *options]


COLUMNS = Block("columns", marked("Columns"), lambda it: bool(it.columns), columns_table)
SCOPES = Block("scopes", marked("Scopes"), lambda it: bool(it.scopes), scopes_table)
