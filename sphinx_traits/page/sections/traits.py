"""Traits: those of a class in the order in which Python looks through them, and the list of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.layout import joined, paragraph, table, text
from sphinx_traits.page.section import N_, Overview, Section
from sphinx_traits.page.sections.selection import or_nothing, selected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.manifest import Class
    from sphinx_traits.page.elements import Content, Table
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def traits_section(page: Context, composition: Composition) -> Content:
    """The traits in MRO order, and the whole lookup order below them."""
    names = [page.reference(name) for name in composition.subject.mro if name != "builtins.object"]
    label = text(page.gettext("Lookup order: "), "traits-label")
    order = paragraph(label, *joined(names, " → "), style="traits-mro-line")
    return [_traits_table(page, composition), order]


def _traits_table(page: Context, composition: Composition) -> Table:
    classes = page.catalogue.index.by_name
    rows: list[list[CellSource]] = [
        [
            str(use.position),
            page.name_cell([page.reference(use.name)], classes[use.name]),
            path_to_trait(page, use.direct, use.through),
        ]
        for use in composition.traits
    ]
    return table("mro", [page.gettext("Place"), page.gettext("Trait"), page.gettext("How")], rows)


def path_to_trait(page: Context, direct: bool, through: Sequence[str]) -> CellSource:
    """Whether the class statement names a trait, else the classes between."""
    if direct:
        return page.gettext("direct")
    return [page.gettext("through "), *joined((page.reference(name) for name in through), " → ")]


def traits_overview(page: Context) -> Content:
    """The traits with what they bring and how many models use them."""
    index = page.catalogue.index
    rows: list[list[CellSource]] = [
        [
            page.name_cell([page.reference(name)], index.by_name[name]),
            str(len(index.users.get(name, ()))),
            _counts(page, index.by_name[name]),
        ]
        for name in selected(page.options, "traits", index.traits)
    ]
    heads = [page.gettext("Trait"), page.gettext("Models"), page.gettext("Brings")]
    return or_nothing(page, [table("traits", heads, rows)] if rows else [])


_COUNTED = (
    ("hooks", N_("{count} hooks"), N_("1 hook")),
    ("config", N_("{count} keys"), N_("1 key")),
    ("features", N_("{count} features"), N_("1 feature")),
    ("events", N_("{count} events"), N_("1 event")),
    ("jobs", N_("{count} jobs"), N_("1 job")),
    ("columns", N_("{count} columns"), N_("1 column")),
)
"""What the list of traits counts: the attribute of `Class`, and the words for several and for one."""


def _counts(page: Context, trait: Class) -> str:
    words: list[str] = []
    for attribute, several, single in _COUNTED:
        count = len(getattr(trait, attribute))
        if count:
            words.append(page.gettext(single if count == 1 else several).format(count=count))
    return ", ".join(words)


SECTION = Section("traits", N_("Traits"), lambda composition: composition.traits, traits_section)
OVERVIEW = Overview("trait-list", traits_overview)
