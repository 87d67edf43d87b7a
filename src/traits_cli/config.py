"""`traits config`: reading, explaining and overriding config values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import click
import msgspec

from traits_cli.app import Application, app_options, using_store
from traits_cli.base import CONTEXT, Command, LazyGroup, confirm
from traits_cli.completion import completes
from traits_cli.key_catalog import Known, KnownClass, known
from traits_cli.output import json_option, print_json, print_table
from traits_cli.override_writer import Aim, aim_options, write
from traits_runtime._core.config.store import Change
from traits_runtime._core.rollouts import Rollout
from traits_runtime.rules.coercion import type_text
from traits_runtime.rules.keys import MASK, REQUIRED, Key
from traits_runtime.rules.layers import Resolved

HERE = "traits_cli.config"

TABLE = {
    "disable": Command(f"{HERE}:disable", "Switch a trait or a feature off."),
    "enable": Command(f"{HERE}:enable", "Switch a trait or a feature on."),
    "explain": Command(f"{HERE}:explain", "Say which layer gives a value, and what it hides."),
    "get": Command(f"{HERE}:get", "Print one effective value."),
    "history": Command(f"{HERE}:history", "Print who changed what, when and why."),
    "list": Command(f"{HERE}:list_", "Print all effective values."),
    "set": Command(f"{HERE}:set_", "Store an override."),
    "show": Command(f"{HERE}:show", "Say what a key is, and its value for every model."),
    "unset": Command(f"{HERE}:unset", "Take an override back."),
}

model_option: Final = click.option(
    "--model", default="", help="As this model sees it.", shell_complete=completes("model_names")
)
tenant_option: Final = click.option("--tenant", default="", help="As this tenant sees it.")
key_argument: Final = click.argument("key", metavar="TRAIT.KEY", shell_complete=completes("key_names"))


class ConfigValue(msgspec.Struct, frozen=True):
    """An effective value.

    Args:
        key: ``HasSlug.max_length``.
        value: The value; text where it has no JSON form, masked where it is secret, null for a required one without.
        layer: The layer that gave it.
        place: Where: a file's table, a variable, a class, a change of the store.
        type: What the key takes.
        hides: What weaker layers say, strongest first: layer, place and value as text.
        rejected: Stronger values that the key does not take.
        model: Dotted path of the model it holds for, empty for the trait in general.
        tenant: The tenant it holds for.
        text: The value as Python writes it, as on pages; ``(required)`` for a required one without.
    """

    key: str
    value: Any
    layer: str
    place: str
    type: str
    hides: tuple[tuple[str, str, str], ...] = ()
    rejected: tuple[str, ...] = ()
    model: str = ""
    tenant: str = ""
    text: str = ""


class Declared(msgspec.Struct, frozen=True):
    """A key as its trait declares it, with its values."""

    key: str
    doc: str
    type: str
    constraint: str
    default: str
    env: tuple[str, ...]
    secret: bool
    locked: bool
    since: str
    deprecated: str
    values: tuple[ConfigValue, ...]


@click.group(cls=LazyGroup, table=TABLE, context_settings=CONTEXT)
def config() -> None:
    """Read, explain and override config values.

    Values are read from the sources, files, environment and store without importing
    anything, unless --app says to ask the running application. Writing needs it.

    \b
    Examples:
      traits config get HasSlug.max_length --model Article --explain
      traits config set HasSlug.max_length 90 --reason "long titles"
    """


@click.command()
@click.argument("trait", default="", metavar="[TRAIT]", shell_complete=completes("class_names"))
@model_option
@tenant_option
@click.option("--changed", is_flag=True, help="Only values that are not the declared default.")
@json_option(list[ConfigValue])
@app_options
def list_(app: Application, trait: str, model: str, tenant: str, *, changed: bool, as_json: bool) -> None:
    """Print all effective values, of one trait or of all, with the layer that gives each.

    \b
    Examples:
      traits config list --model Article
      traits config list HasSlug --tenant acme --json
    """
    facts = known(app)
    rows = list(_values(facts, trait, model, tenant))
    rows = [row for row in rows if not changed or row.layer != "default"]
    if as_json:
        print_json(rows)
        return
    print_table([(row.key, row.text, row.layer, row.place) for row in rows], ("key", "value", "layer", "given at"))


@click.command()
@key_argument
@model_option
@tenant_option
@click.option("--explain", "explained", is_flag=True, help="Also print where it comes from and what it hides.")
@json_option(ConfigValue)
@app_options
def get(app: Application, key: str, model: str, tenant: str, *, explained: bool, as_json: bool) -> None:
    """Print one effective value; --explain names file and line, variable, class or change that gives it.

    \b
    Examples:
      traits config get HasSlug.max_length
      traits config get HasSlug.max_length --model Article --tenant acme --explain
    """
    _get(app, key, model, tenant, explained=explained, as_json=as_json)


@click.command()
@key_argument
@model_option
@tenant_option
@json_option(ConfigValue)
@app_options
def explain(app: Application, key: str, model: str, tenant: str, *, as_json: bool) -> None:
    """Say which layer gives a value, where, and what it hides.

    \b
    Example:
      traits config explain HasSlug.max_length --model Article
    """
    _get(app, key, model, tenant, explained=True, as_json=as_json)


def _get(app: Application, key: str, model: str, tenant: str, *, explained: bool, as_json: bool) -> None:
    facts = known(app)
    owner, declared = facts.key(key)
    using = facts.model(model, owner) if model else None
    resolved = facts.resolve(declared, using, tenant)
    if as_json:
        print_json(_value(declared, resolved, using, tenant))
    elif explained:
        click.echo(_explained(declared, resolved))
    else:
        click.echo(_plain(declared, resolved))


@click.command()
@key_argument
@json_option(Declared)
@app_options
def show(app: Application, key: str, *, as_json: bool) -> None:
    """Say what a key is: type, default, variables, and its value for every model that has it.

    \b
    Example:
      traits config show HasSlug.max_length
    """
    facts = known(app)
    owner, declared = facts.key(key)
    using = [None, *(model for model in facts.models.values() if owner.path in model.traits)]
    values = tuple(_value(declared, facts.resolve(declared, model, ""), model, "") for model in using)
    option = declared.option
    declaration = Declared(
        f"{owner.short}.{declared.name}", option.doc, type_text(declared.type), declared.constraint,
        _value_text(declared, declared.default()), option.env, option.secret, option.locked, option.since,
        option.deprecated, values,
    )  # fmt: skip
    if as_json:
        print_json(declaration)
        return
    click.secho(declaration.key, bold=True)
    click.echo(declaration.doc)
    facts_shown = (("type", declared.expected), ("default", declaration.default), ("env", ", ".join(declaration.env)))
    flags = (("secret", declaration.secret), ("locked to its variable", declaration.locked))
    history = (("since", declaration.since), ("deprecated", declaration.deprecated))
    print_table([*(pair for pair in (*facts_shown, *history) if pair[1]), *((n, "yes") for n, on in flags if on)], "  ")
    click.echo()
    print_table(
        [(value.model or "(any)", value.text, value.layer, value.place) for value in values],
        ("model", "value", "layer", "given at"),
    )


@click.command("set")
@key_argument
@click.argument("value")
@aim_options
@app_options
def set_(app: Application, key: str, value: str, aim: Aim) -> None:
    """Store an override: for all, for one model, for one tenant, or for one tenant's model.

    The value is checked as the key's type; a wrong one, an unknown key and a locked key store nothing.

    \b
    Examples:
      traits config set HasSlug.max_length 90 --reason "long titles"
      traits config set HasSlug.max_length 40 --model Article --dry-run
    """
    write(app, key, aim, value)


@click.command()
@key_argument
@aim_options
@app_options
def unset(app: Application, key: str, aim: Aim) -> None:
    """Take an override back; the layers below hold again.

    \b
    Example:
      traits config unset HasSlug.max_length --model Article
    """
    write(app, key, aim, None)


@click.command()
@click.argument("name", metavar="TRAIT[.FEATURE]|'*'", shell_complete=completes("feature_names"))
@aim_options
@app_options
def enable(app: Application, name: str, aim: Aim) -> None:
    """Switch a trait or a feature on; '*' is everything.

    \b
    Example:
      traits config enable Searchable.search_indexing --model Article
    """
    write(app, name, aim, value=True, text=False)


@click.command()
@click.argument("name", metavar="TRAIT[.FEATURE]|'*'", shell_complete=completes("feature_names"))
@click.option("--yes", is_flag=True, help="Do not ask before switching everything off.")
@aim_options
@app_options
def disable(app: Application, name: str, aim: Aim, *, yes: bool) -> None:
    """Switch a trait or a feature off; '*' is everything.

    \b
    Example:
      traits config disable Searchable.search_indexing --reason "reindexing"
    """
    if name == "*" and not aim.dry_run:
        confirm("This switches every trait of the application off.", yes=yes)
    write(app, name, aim, value=False, text=False)


@click.command()
@click.argument("key", default="", metavar="[TRAIT[.KEY]]", shell_complete=completes("key_names"))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many changes.")
@json_option(list[Change])
@app_options
def history(app: Application, key: str, limit: int, *, as_json: bool) -> None:
    """Print who changed what, when and why, newest first. Secrets are masked.

    \b
    Examples:
      traits config history
      traits config history HasSlug.max_length --json
    """
    print_history(app, key, lambda _facts, _change: True, limit, as_json=as_json)


def print_history(
    app: Application, name: str, matches: Callable[[Known, Change], bool], limit: int, *, as_json: bool
) -> None:
    """The changes of the store, newest first.

    Args:
        app: The application.
        name: A trait, or a trait and a key; empty for all. One that is in no change has to be declared.
        matches: Which of them.
        limit: How many.
        as_json: Whether to print JSON.
    """
    facts = known(app)
    changes = [change for change in _changes(app, facts) if matches(facts, change)]
    rows = [change for change in changes if not name or _concerns(change, name)]
    if name and not rows:
        facts.key(name)
    if as_json:
        print_json(rows[:limit])
        return
    if not rows:
        click.echo("No change is stored.", err=True)
        return
    rows = rows[:limit]
    print_table([_change_row(change) for change in rows], ("", "at", "by", "key", "for", "before", "after", "why"))


def _concerns(change: Change, name: str) -> bool:
    """Whether a change is of a trait, or of a key of it; a feature's rollout is the feature's."""
    return name in (change.trait, f"{change.trait}.{change.key}", f"{change.trait}.{_feature(change)}")


def _feature(change: Change) -> str:
    return change.key.removesuffix(".rollout").removesuffix(".subjects")


def _changes(app: Application, facts: Known) -> list[Change]:
    store = app.open_store()
    if facts.how == "imported" or store is None:
        from traits_runtime import config as live_config

        return list(live_config.history(100_000))
    if not store.is_file():
        return []
    from traits_runtime._core.config.sqlite import SQLiteStore

    opened = SQLiteStore(store)
    try:
        with using_store(store):
            return [_masked(change, facts) for change in opened.history(100_000)]
    finally:
        opened.close()


def _masked(change: Change, facts: Known) -> Change:
    """A change whose values are masked for a secret key, and for one that the sources do not know."""
    name = _feature(change)
    keys = [trait.keys[name] for trait in facts.traits.values() if trait.short == change.trait and name in trait.keys]
    if change.trait == "*" or (keys and not any(key.option.secret for key in keys)):
        return change
    return msgspec.structs.replace(change, before=change.before and MASK, after=change.after and MASK)


def _change_row(change: Change) -> tuple[str, ...]:
    at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(change.at))
    target = " ".join(part for part in (change.model.rpartition(".")[2], change.tenant) if part)
    before, after = _shown(change, change.before), _shown(change, change.after) or "(unset)"
    return str(change.number), at, change.by, f"{change.trait}.{change.key}", target, before, after, change.why


def _shown(change: Change, value: str) -> str:
    """A stored value for a reader: a rollout as its share."""
    if not change.key.endswith(".rollout") or not value:
        return value
    rollout = msgspec.json.decode(value, type=Rollout | None)
    return "(ended)" if rollout is None else f"{rollout.share:g} %"


def _values(facts: Known, trait: str, model: str, tenant: str) -> Iterator[ConfigValue]:
    using = facts.model(model) if model else None
    owners: list[KnownClass] = list(facts.traits.values())
    if trait:
        owners = [facts.find("trait", trait, facts.traits)]
    for owner in owners:
        if using is not None and owner.path not in using.traits:
            continue
        for key in owner.keys.values():
            yield _value(key, facts.resolve(key, using, tenant), using, tenant)


def _value(key: Key, resolved: Resolved[Any], model: KnownClass | None, tenant: str) -> ConfigValue:
    value, path = _json_value(key, resolved.value), "" if model is None else model.path
    return ConfigValue(
        f"{key.trait}.{key.name}", value, resolved.layer, resolved.place, type_text(key.type), resolved.hides,
        resolved.rejected, path, tenant, _value_text(key, resolved.value),
    )  # fmt: skip


def _json_value(key: Key, value: object) -> object:
    if value is REQUIRED:
        return None
    if key.option.secret:
        return MASK
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except TypeError:
        return key.show(value)


def _value_text(key: Key, value: object) -> str:
    return "(required)" if value is REQUIRED else key.show(value)


def _plain(key: Key, resolved: Resolved[Any]) -> str:
    """A value for a script: a string bare, everything else as Python writes it."""
    if resolved.value is REQUIRED:
        from traits_runtime.errors import MissingConfigValueError

        raise MissingConfigValueError(key.trait, key.name, key.option.env)
    return resolved.value if isinstance(resolved.value, str) and not key.option.secret else key.show(resolved.value)


def _explained(key: Key, resolved: Resolved[Any]) -> str:
    """The value, who gives it, and what was passed over."""
    value_text = "(required, no value)" if resolved.value is REQUIRED else key.show(resolved.value)
    lines = [f"{key.trait}.{key.name} = {value_text}  [{resolved.layer}: {resolved.place}]"]
    lines += [f"  hides {value}  [{layer}: {place}]" for layer, place, value in resolved.hides]
    lines += [f"  rejected: {text}" for text in resolved.rejected]
    return "\n".join(lines)
