"""`traits features`: lists, switches and rolls out features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click
import msgspec

from traits_cli.app import Application, app_options
from traits_cli.base import CONTEXT, Command, LazyGroup, fail
from traits_cli.completion import completes
from traits_cli.config import model_option, print_history, tenant_option
from traits_cli.key_catalog import Known, KnownClass, known
from traits_cli.output import json_option, print_json, print_table
from traits_cli.override_writer import Aim, Written, aim_options, target_of, write, writes
from traits_runtime._core.config.store import Change
from traits_runtime._core.metadata import Subjects, hidden_key
from traits_runtime._core.rollouts import Rollout
from traits_runtime.rules.keys import ENABLED, EVERYTHING, Key
from traits_runtime.rules.layers import Resolved

HERE = "traits_cli.features"

TABLE = {
    "disable": Command(f"{HERE}:disable", "Switch a feature off."),
    "enable": Command(f"{HERE}:enable", "Switch a feature on."),
    "history": Command(f"{HERE}:history", "Print the history of switches and rollouts."),
    "list": Command(f"{HERE}:list_", "List features with their toggle and rollout."),
    "rollout": Command(f"{HERE}:rollout", "Roll a feature out to a percentage of subjects."),
}

feature_argument: Final = click.argument("feature", metavar="TRAIT.FEATURE", shell_complete=completes("feature_names"))


class FeatureRow(msgspec.Struct, frozen=True):
    """A feature.

    Args:
        feature: ``Searchable.search_indexing``; a trait's own switch is ``Searchable.enabled``.
        on: Whether it is on where no rollout decides: its toggle, its trait and everything are on.
        layer: The layer that gives the toggle, or the one that switches its trait or everything off.
        place: The place that gives it.
        share: Percent of the subjects, null without a rollout.
        subjects: How many subjects have an override.
        doc: What it is for.
    """

    feature: str
    on: bool
    layer: str
    place: str
    share: float | None
    subjects: int
    doc: str


@click.group(cls=LazyGroup, table=TABLE, context_settings=CONTEXT)
def features() -> None:
    """Switch features, and roll them out.

    \b
    Examples:
      traits features list --model Article
      traits features rollout Searchable.search_indexing 10 --reason "first users"
    """


@click.command()
@model_option
@tenant_option
@json_option(list[FeatureRow])
@app_options
def list_(app: Application, model: str, tenant: str, *, as_json: bool) -> None:
    """List features with their toggle, its layer, and their rollout.

    \b
    Example:
      traits features list --model Article --tenant acme
    """
    facts = known(app)
    using = facts.model(model) if model else None
    rows = list(_rows(facts, using, tenant))
    if as_json:
        print_json(rows)
        return
    print_table([_table_row(row) for row in rows], ("feature", "", "rollout", "layer", "given at"))


def _rows(facts: Known, model: KnownClass | None, tenant: str) -> Iterator[FeatureRow]:
    for owner in facts.traits.values():
        if model is not None and owner.path not in model.traits:
            continue
        for key in owner.keys.values():
            if key.kind != "option":
                yield _row(facts, key, model, tenant)


def _row(facts: Known, key: Key, model: KnownClass | None, tenant: str) -> FeatureRow:
    toggle = _deciding_toggle(facts, key, model, tenant)
    share = facts.resolve(hidden_key(key, "rollout", Rollout | None, None), model, tenant).value
    subjects = facts.resolve(hidden_key(key, "subjects", Subjects, {}), model, tenant).value
    return FeatureRow(
        f"{key.trait}.{key.name}", toggle.value is True, toggle.layer, toggle.place,
        share.share if share is not None else None, len(subjects), key.option.doc,
    )  # fmt: skip


def _deciding_toggle(facts: Known, key: Key, model: KnownClass | None, tenant: str) -> Resolved[Any]:
    """The toggle of a feature, or the first one above it that is off."""
    switches = [EVERYTHING, *(trait.keys[ENABLED] for trait in facts.traits.values() if trait.path == key.path)]
    for switch in switches:
        switched = facts.resolve(switch, model, tenant)
        if switched.value is not True:
            return switched
    return facts.resolve(key, model, tenant)


def _table_row(row: FeatureRow) -> tuple[str, ...]:
    share = "" if row.share is None else f"{row.share:g} %"
    overrides = f"{row.subjects} with an override" if row.subjects else ""
    return row.feature, "on" if row.on else "off", ", ".join(filter(None, (share, overrides))), row.layer, row.place


@click.command()
@feature_argument
@aim_options
@app_options
def enable(app: Application, feature: str, aim: Aim) -> None:
    """Switch a feature on.

    \b
    Example:
      traits features enable Searchable.search_indexing --model Article
    """
    write(app, feature, aim, value=True, text=False)


@click.command()
@feature_argument
@aim_options
@app_options
def disable(app: Application, feature: str, aim: Aim) -> None:
    """Switch a feature off for everybody, also where it is rolled out.

    \b
    Example:
      traits features disable Searchable.search_indexing --reason "reindexing"
    """
    write(app, feature, aim, value=False, text=False)


@click.command()
@feature_argument
@click.argument("share", metavar="PERCENT|end")
@aim_options
@app_options
def rollout(app: Application, feature: str, share: str, aim: Aim) -> None:
    """Roll a feature out to a percentage of the subjects; `end` removes the rollout.

    A larger percentage keeps all subjects of a smaller one. 0 excludes all; without a
    rollout the toggle decides. A feature that a layer switches off stays off: enable it first.

    \b
    Examples:
      traits features rollout Searchable.search_indexing 10 --reason "first users"
      traits features rollout Searchable.search_indexing end
    """
    at = target_of(app, feature, aim)
    if at.key.kind != "feature":
        fail(f"{feature} is not a feature; only features can be rolled out.")
    percent = None if share == "end" else _percent(share)
    hidden = hidden_key(at.key, "rollout", Rollout | None, None)
    before = at.catalog.resolve(hidden, at.model, aim.tenant)
    name = f"{at.key.trait}.{at.key.name}"
    model = None if at.model is None else at.model.path
    number = 0 if aim.dry_run else _store_rollout(at.key, percent, model, aim)
    shares = (before.value and before.value.share, percent)
    labels = tuple("no rollout" if value is None else f"{value:g} %" for value in shares)
    if aim.as_json:
        place = f"change {number} by {aim.by}"
        print_json(Written(name, model or "", aim.tenant, labels[0], labels[1], "stored", place, number, aim.dry_run))
        return
    click.secho(f"- {name}: {labels[0]}", fg="red")
    click.secho(f"+ {name}: {labels[1]}", fg="green")
    click.echo(f"Change {number}." if number else "Dry run: nothing was written.", err=True)


def _store_rollout(key: Key, percent: float | None, model: str | None, aim: Aim) -> int:
    """Store a rollout, or with None its end; returns the number of the change."""
    from traits_runtime import rollouts

    writes(aim)
    options = {"model": model, "tenant": aim.tenant, "by": aim.by, "why": aim.reason, "expected": aim.expected}
    feature = f"{key.path}.{key.name}"
    if percent is None:
        return rollouts.end(feature, **options).number  # type: ignore[arg-type]
    return rollouts.set_share(feature, percent, **options).number  # type: ignore[arg-type]


def _percent(text: str) -> float:
    try:
        return Rollout(float(text.removesuffix("%"))).share
    except ValueError:
        fail(f"{text!r} is not a percentage: give 0 to 100, or 'end'.")


@click.command()
@click.argument("feature", default="", metavar="[TRAIT[.FEATURE]]", shell_complete=completes("feature_names"))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many changes.")
@json_option(list[Change])
@app_options
def history(app: Application, feature: str, limit: int, *, as_json: bool) -> None:
    """Print the history of switches and rollouts, newest first.

    \b
    Example:
      traits features history Searchable.search_indexing
    """

    def wanted(facts: Known, change: Change) -> bool:
        name = change.key.removesuffix(".rollout").removesuffix(".subjects")
        keys = (trait.keys.get(name) for trait in facts.traits.values() if trait.short == change.trait)
        return change.trait == "*" or any(key is not None and key.kind != "option" for key in keys)

    print_history(app, feature, wanted, limit, as_json=as_json)
