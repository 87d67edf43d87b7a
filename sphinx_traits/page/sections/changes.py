"""What changed between two manifests: what breaks first, then the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Badge, Code, Emphasis, Reference, Rubric
from sphinx_traits.page.layout import name_cell, paragraph, table
from sphinx_traits.page.section import N_, Overview

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.diff import Change
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context

WORDS = {
    "trait": N_("trait"),
    "model": N_("model"),
    "config": N_("config key"),
    "feature": N_("feature"),
    "event": N_("event"),
    "hook": N_("hook"),
    "job": N_("job"),
    "metric": N_("metric"),
    "column": N_("column"),
    "scope": N_("scope"),
}

KINDS = {
    "added": N_("added"),
    "removed": N_("removed"),
    "renamed": N_("renamed"),
    "changed": N_("changed"),
}

PARTS = {
    "default": N_("default"),
    "type": N_("type"),
    "env": N_("environment"),
    "constraints": N_("constraints"),
    "group": N_("group"),
    "locked": N_("locked"),
    "secret": N_("secret"),
    "deprecated": N_("deprecated"),
    "wire": N_("name"),
    "payload": N_("payload"),
    "fields": N_("payload"),
    "before": N_("veto"),
    "moment": N_("moment"),
    "priority": N_("priority"),
    "when": N_("condition"),
    "is_async": N_("async"),
    "queue": N_("queue"),
    "parameters": N_("parameters"),
    "options": N_("options"),
    "kind": N_("kind"),
    "nullable": N_("may be null"),
    "target": N_("target"),
    "signature": N_("signature"),
    "traits": N_("traits"),
    "order": N_("lookup order"),
}

_HOOKS_AT = "hooks at "


def changes_overview(page: Context) -> Content:
    """A table of what breaks, and one of the rest."""
    changes: Sequence[Change] = page.options["changes"]
    breaking = _group(page, page.gettext("Breaking changes"), [change for change in changes if change.breaking])
    others = _group(page, page.gettext("Other changes"), [change for change in changes if not change.breaking])
    return [*breaking, *others] or [paragraph(Emphasis([page.gettext("Nothing changed.")]))]


def _group(page: Context, title: str, changes: Sequence[Change]) -> Content:
    if not changes:
        return []
    heads = [page.gettext("Name"), page.gettext("Change"), page.gettext("Before"), page.gettext("After")]
    return [Rubric([title]), table("changes", heads, [_row(page, change) for change in changes])]


def _row(page: Context, change: Change) -> list[CellSource]:
    parts = change.name.split(".")
    short = parts[-1] if change.what in ("trait", "model") else ".".join(parts[-2:])
    name = Reference(change.what, change.name, [Code(short)])
    return [
        name_cell([name], "", page.gettext(WORDS[change.what])),
        [Badge(page.gettext(KINDS[change.kind]), f"change-{change.kind}"), *_part(page, change)],
        Code(change.before) if change.before else "",
        Code(change.after) if change.after else "",
    ]


def _part(page: Context, change: Change) -> list[Inline]:
    part = change.part
    if not part:
        return []
    if part.startswith(_HOOKS_AT):
        return [" ", page.gettext("order of hooks at "), Code(part.removeprefix(_HOOKS_AT))]
    return [" ", page.gettext(PARTS[part]) if part in PARTS else Code(part)]


OVERVIEW = Overview("changes", changes_overview)
