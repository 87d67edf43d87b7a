"""Methods, properties and attributes: whose definition wins, and which others run or are hidden."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Badge, Code, Span
from sphinx_traits.page.layout import joined, lines, name_cell, table
from sphinx_traits.page.section import N_, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.manifest import Member
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition, MemberChain

KINDS = {
    "classmethod": N_("class method"),
    "staticmethod": N_("static method"),
    "property": N_("property"),
    "attribute": N_("attribute"),
    "class": N_("class"),
}

_CALLABLE = frozenset({"method", "classmethod", "staticmethod"})

_RECEIVER = re.compile(r"^\((?:self|cls)(?:, |(?=\)))")
"""The first parameter of a method, which the caller does not give."""

_SETTINGS = frozenset({"Meta", "model_config"})
"""Where a host keeps its settings of a class: no member that anybody calls."""


def documented_members(composition: Composition, private: bool = False) -> list[MemberChain]:
    """The members for readers: no dunder methods, private ones only on demand; hooks and jobs have their own tables."""
    elsewhere = {(fact.owner, fact.name) for fact in (*composition.hooks, *composition.jobs)}
    named = [member for member in composition.members if _is_documented(member.name, private)]
    return [member for member in named if len(member.chain) > 1 or _definition(member) not in elsewhere]


def _is_documented(name: str, private: bool) -> bool:
    if name.startswith("__") or name in _SETTINGS:
        return False
    return private or not name.startswith("_")


def _definition(member: MemberChain) -> tuple[str, str]:
    return member.winner.owner, member.name


def members_section(page: Context, composition: Composition) -> Content:
    """Members in MRO order with the chain of their definitions."""
    included, excluded = page.options.get("members", ()), page.options.get("exclude-members", ())
    rows: list[list[CellSource]] = [
        [
            name_cell(_name(page, member.winner), _doc(page, member), _signature(member.winner)),
            _other_definitions(page, member),
            page.origin(member.winner, composition.subject.name),
        ]
        for member in documented_members(composition, page.private_members)
        if (not included or _matches(included, member.name)) and not _matches(excluded, member.name)
    ]
    return [table("members", [page.gettext("Member"), page.gettext("Overrides"), page.gettext("From")], rows)]


def _matches(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _doc(page: Context, chain: MemberChain) -> str:
    """The docstring of the definition nearest to the class that has one."""
    return next((page.doc(member) for member in chain.chain if member.doc), "")


def _name(page: Context, member: Member) -> list[Inline]:
    name: list[Inline] = [Code(f"{member.name}()" if member.kind in _CALLABLE else member.name)]
    if member.kind in KINDS:
        name += [" ", Badge(page.gettext(KINDS[member.kind]), "note")]
    if member.is_async:
        name += [" ", Badge(page.gettext("async"), "note")]
    return name


def _signature(member: Member) -> CellSource:
    """The signature, where it says more than that there are no parameters."""
    parameters = _RECEIVER.sub("(", member.signature)
    return Code(parameters) if parameters not in ("", "()") else ""


def _other_definitions(page: Context, member: MemberChain) -> CellSource:
    """The other definitions: first those that `super()` reaches, then those that never run."""
    called = dict.fromkeys(definition.owner for definition in member.chain[1 : member.reaches])
    hidden = dict.fromkeys(definition.owner for definition in member.chain[member.reaches :])
    rows: list[list[Inline]] = []
    if called:
        rows.append([page.gettext("calls "), *joined(map(page.reference, called), " → ")])
    if hidden:
        names = joined(map(page.reference, hidden))
        rows.append([Span([page.gettext("hides "), *names], "traits-hidden")])
    return lines(rows)


SECTION = Section("members", N_("Members"), documented_members, members_section)
