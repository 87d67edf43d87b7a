"""What changed between two manifests: what breaks first, then the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import marked
from sphinx_traits._sphinx.parts import Cell, Content, Part, Piece, badge, code, named, paragraph, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sphinx_traits._sphinx.blocks.base import Page
    from sphinx_traits.diff import Change

_ = get_translation("sphinx_traits")

WORDS = {
    "trait": marked("trait"),
    "model": marked("model"),
    "config": marked("config key"),
    "feature": marked("feature"),
    "event": marked("event"),
    "hook": marked("hook"),
    "job": marked("job"),
    "metric": marked("metric"),
    "column": marked("column"),
    "scope": marked("scope"),
}

KINDS = {
    "added": marked("added"),
    "removed": marked("removed"),
    "renamed": marked("renamed"),
    "changed": marked("changed"),
}

PARTS = {
    "default": marked("default"),
    "type": marked("type"),
    "env": marked("environment"),
    "constraints": marked("constraints"),
    "group": marked("group"),
    "locked": marked("locked"),
    "secret": marked("secret"),
    "deprecated": marked("deprecated"),
    "wire": marked("name"),
    "payload": marked("payload"),
    "fields": marked("payload"),
    "before": marked("veto"),
    "moment": marked("moment"),
    "priority": marked("priority"),
    "when": marked("condition"),
    "is_async": marked("async"),
    "queue": marked("queue"),
    "parameters": marked("parameters"),
    "options": marked("options"),
    "kind": marked("kind"),
    "nullable": marked("may be null"),
    "target": marked("target"),
    "signature": marked("signature"),
    "traits": marked("traits"),
    "order": marked("lookup order"),
}

_HOOKS_AT = "hooks at "


def changes_tables(page: Page, options: Mapping[str, Any]) -> Content:
    """A table of what breaks, and one of the rest."""
    changes: Sequence[Change] = options["changes"]
    breaking, others = ([one for one in changes if one.breaking == wanted] for wanted in (True, False))
    found = [*_group(page, _("Breaking changes"), breaking), *_group(page, _("Other changes"), others)]
    return found or [paragraph(Piece("em", [_("Nothing changed.")]))]


def _group(page: Page, title: str, changes: Sequence[Change]) -> Content:
    if not changes:
        return []
    heads = [_("Name"), _("Change"), _("Before"), _("After")]
    return [Piece("rubric", [title]), table("changes", heads, [_row(page, one) for one in changes])]


def _row(page: Page, one: Change) -> list[Cell]:
    of_class = one.what in ("trait", "model")
    short = one.name.rpartition(".")[2] if of_class else ".".join(one.name.split(".")[-2:])
    name = page.linker.to(one.what, one.name, code(short))
    return [
        named([name], "", _(WORDS[one.what])),
        [badge(_(KINDS[one.kind]), f"change-{one.kind}"), *_part(one)],
        code(one.before) if one.before else "",
        code(one.after) if one.after else "",
    ]


def _part(one: Change) -> list[Part]:
    if not one.part:
        return []
    if one.part.startswith(_HOOKS_AT):
        return [" ", _("order of hooks at "), code(one.part.removeprefix(_HOOKS_AT))]
    return [" ", _(PARTS[one.part]) if one.part in PARTS else code(one.part)]
