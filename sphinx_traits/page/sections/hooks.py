"""Hooks: the methods that run by themselves, in the order in which they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Badge, Code, Description
from sphinx_traits.page.layout import table
from sphinx_traits.page.section import N_, Declared, Overview, Section, fact_reference
from sphinx_traits.page.sections.declaration import description
from sphinx_traits.page.sections.selection import or_nothing, per_class
from traits_runtime.rules.moments import by_moment

if TYPE_CHECKING:
    from sphinx_traits.manifest import Hook
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def hooks_section(page: Context, composition: Composition) -> Content:
    """Hooks in the order in which they run, moment by moment."""
    rows: list[list[CellSource]] = []
    for _moment, group in by_moment(composition.hooks):
        for position, hook in enumerate(group, 1):
            order = str(position) if len(group) > 1 else ""
            rows.append([hook.moment, order, _name(page, hook), page.origin(hook, composition.subject.name)])
    heads = [page.gettext("Moment"), page.gettext("Order"), page.gettext("Hook"), page.gettext("From")]
    return [table("hooks", heads, rows, span=True)]


def _name(page: Context, hook: Hook) -> CellSource:
    name: list[Inline] = [fact_reference("hook", hook)]
    if hook.is_async:
        name += [" ", Badge(page.gettext("async"), "note")]
    if hook.via == "inferred":
        name += [" ", Badge(page.gettext("inferred"), "note")]
    when: list[Inline] = [page.gettext("only when "), Code(hook.when)] if hook.when else []
    priority = [page.gettext("priority "), str(hook.priority)] if hook.priority else []
    return page.name_cell(name, hook, when, priority)


def describe(page: Context, hook: Hook) -> Description:
    """The description of one hook."""
    pairs: list[tuple[str, CellSource]] = [
        (page.gettext("Runs at"), Code(hook.moment)),
        (page.gettext("Only when"), Code(hook.when) if hook.when else ""),
        (page.gettext("Priority"), str(hook.priority) if hook.priority else ""),
    ]
    return description(page, "hook", hook, pairs, suffix="()", prefix="async " if hook.is_async else "")


def hooks_overview(page: Context) -> Content:
    """All hooks, trait by trait."""
    heads = [page.gettext("Hook"), page.gettext("Moment"), page.gettext("Priority"), page.gettext("Only when")]
    tables = per_class(page, "hooks", heads, lambda cls: [_overview_row(page, hook) for hook in cls.hooks])
    return or_nothing(page, tables)


def _overview_row(page: Context, hook: Hook) -> list[CellSource]:
    return [
        page.name_cell([fact_reference("hook", hook)], hook),
        hook.moment,
        str(hook.priority) if hook.priority else "",
        Code(hook.when) if hook.when else "",
    ]


SECTION = Section(
    "hooks",
    N_("Hooks"),
    lambda composition: composition.hooks,
    hooks_section,
    lead=N_("In the order in which they run."),
    declared=Declared("hooks", "hook", describe),
)
OVERVIEW = Overview("all-hooks", hooks_overview)
