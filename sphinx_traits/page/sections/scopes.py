"""Scopes: named restrictions of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Badge, Code
from sphinx_traits.page.layout import joined, table
from sphinx_traits.page.section import N_, Section

if TYPE_CHECKING:
    from sphinx_traits.manifest import Scope
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


CERTAINTIES = {
    "pattern": N_("pattern"),
    "conditional": N_("conditional"),
    "dynamic": N_("dynamic"),
    "incomplete": N_("incomplete"),
}
"""Words for what is not certain."""


def scopes_section(page: Context, composition: Composition) -> Content:
    """Scopes with their parameters."""
    rows: list[list[CellSource]] = [
        [
            page.name_cell(_name(page, scope), scope, _always(page, scope)),
            page.origin(scope, composition.subject.name),
        ]
        for scope in composition.scopes
    ]
    return [table("scopes", [page.gettext("Scope"), page.gettext("From")], rows)]


def _name(page: Context, scope: Scope) -> list[Inline]:
    name: list[Inline] = [Code(f"{scope.name}{scope.signature}")]
    if scope.certainty in CERTAINTIES:
        name += [" ", Badge(page.gettext(CERTAINTIES[scope.certainty]), "note")]
    return name


def _always(page: Context, scope: Scope) -> CellSource:
    """Whether a scope restricts every query, and the options that lift it."""
    if not scope.always:
        return ""
    options = joined(map(Code, scope.lifted_by))
    exception = [page.gettext(", except with the option "), *options] if options else []
    return [page.gettext("holds for every query"), *exception]


SECTION = Section("scopes", N_("Scopes"), lambda composition: composition.scopes, scopes_section)
