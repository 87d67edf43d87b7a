"""Methods, properties and attributes: whose definition wins, and which others run or are hidden."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked
from sphinx_traits._sphinx.parts import Cell, Content, Part, Piece, badge, code, joined, lines, named, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.manifest import Member
    from sphinx_traits.resolve import Composition, MemberChain

_ = get_translation("sphinx_traits")

KINDS = {
    "classmethod": marked("class method"),
    "staticmethod": marked("static method"),
    "property": marked("property"),
    "attribute": marked("attribute"),
    "class": marked("class"),
}


_SETTINGS = frozenset({"Meta", "model_config"})
"""Where a host keeps its settings of a class: no member that anybody calls."""


def shown_members(it: Composition, private: bool = False) -> list[MemberChain]:
    """The members for readers: no dunder methods, private ones only on demand; hooks and jobs have their own tables."""
    elsewhere = {(fact.owner, fact.name) for fact in (*it.hooks, *it.jobs)}
    return [
        one
        for one in it.members
        if not one.name.startswith("__")
        and one.name not in _SETTINGS
        and (private or not one.name.startswith("_"))
        and (len(one.chain) > 1 or (one.winner.owner, one.name) not in elsewhere)
    ]


def members_table(page: Page, it: Composition) -> Content:
    """Members in MRO order with the chain of their definitions."""
    only, without = page.options.get("members", ()), page.options.get("exclude-members", ())
    shown = [
        one
        for one in shown_members(it, page.settings.private_members)
        if (not only or _means(only, one.name)) and not _means(without, one.name)
    ]
    rows: list[list[Cell]] = [
        [
            named(_name(one.winner), one.winner.doc or next((m.doc for m in one.chain if m.doc), "")),
            chain(page, one),
            page.origin(one.winner, it.subject.name),
        ]
        for one in shown
    ]
    return [table("members", [_("Member"), _("Overrides"), _("From")], rows)]


def _means(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, one) for one in patterns)


def _name(member: Member) -> list[Part]:
    callable_ = member.kind in ("method", "classmethod", "staticmethod")
    shown: list[Part] = [code(f"{member.name}()" if callable_ else member.name)]
    if member.kind in KINDS:
        shown += [" ", badge(_(KINDS[member.kind]), "note")]
    if member.is_async:
        shown += [" ", badge(_("async"), "note")]
    return shown


def chain(page: Page, one: MemberChain) -> Cell:
    """The other definitions: first those that `super()` reaches, then those that never run."""
    others = list(dict.fromkeys(member.owner for member in one.chain[1 : one.reaches]))
    hidden = list(dict.fromkeys(member.owner for member in one.chain[one.reaches :]))
    found: list[list[Part]] = []
    if others:
        found.append([_("calls "), *joined(map(page.linker.cls, others), " → ")])
    if hidden:
        names = joined(map(page.linker.cls, hidden))
        found.append([Piece("span", [_("hides "), *names], "traits-hidden")])
    return lines(found)


BLOCK = Block("members", marked("Members"), shown_members, members_table)
