"""How commands write overrides: one way for config and features, with a dry run, a reason and a diff."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click
import msgspec

from traits_cli.app import Application, using_store
from traits_cli.base import fail
from traits_cli.completion import completes
from traits_cli.key_catalog import Known, KnownClass, live
from traits_cli.output import print_json
from traits_runtime.rules.keys import Key
from traits_runtime.rules.layers import Address, Resolved

C = TypeVar("C", bound=Callable[..., Any])


class Aim(NamedTuple):
    """For whom an override is written, by whom and why.

    Args:
        model: A model's name, empty for all.
        tenant: The tenant, empty for all.
        reason: Why, for the history.
        by: Who, for the history.
        expected: The store's version that the writer has seen; None for whatever it is.
        dry_run: Whether to say what would change and change nothing.
        as_json: Whether to print JSON.
    """

    model: str
    tenant: str
    reason: str
    by: str
    expected: int | None
    dry_run: bool
    as_json: bool


class Written(msgspec.Struct, frozen=True):
    """What a write did.

    Args:
        key: ``HasSlug.max_length``.
        model: Dotted path of the model, empty for all.
        tenant: The tenant, empty for all.
        before: The effective value before, as text; secrets are masked.
        after: The effective value after.
        layer: The layer that gives it now.
        place: Where that layer gives it.
        number: The number of the change, 0 for a dry run.
        dry_run: Whether nothing was written.
    """

    key: str
    model: str
    tenant: str
    before: str
    after: str
    layer: str
    place: str
    number: int
    dry_run: bool


def aim_options(command: C) -> C:
    """`--model`, `--tenant`, `--reason`, `--by`, `--expect`, `--dry-run` and `--json` as one `Aim` named ``aim``."""
    import functools

    @functools.wraps(command)
    def call(
        *args: Any, model: str, tenant: str, reason: str, by: str, expect: int | None, dry_run: bool, as_json: bool,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        aim = Aim(model, tenant, reason, by or _user(), expect, dry_run, as_json)
        return command(*args, aim=aim, **kwargs)

    call.__traits_json__ = Written  # type: ignore[attr-defined]
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing."),
        click.option("--expect", type=int, metavar="VERSION", help="Refuse if the store is at another version."),
        click.option("--by", default="", help="Who does it, for the history. Default: the user."),
        click.option("--reason", default="", help="Why, for the history."),
        click.option("--tenant", default="", help="For one tenant only."),
        click.option(
            "--model", default="", help="For one model only.", shell_complete=completes("model_names")
        ),
    ):  # fmt: skip
        option(call)
    return call  # type: ignore[return-value]  # the same command, with its options made into one


def _user() -> str:
    """Who runs this; a container may run as a number that has no name."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else ""


class Target(NamedTuple):
    """Key, trait and model that a name on the command line refers to in the running application."""

    catalog: Known
    owner: KnownClass | None
    key: Key
    model: KnownClass | None


def target_of(app: Application, name: str, aim: Aim) -> Target:
    """Load the application and find the key; ``*`` is everything."""
    from traits_runtime.rules.keys import EVERYTHING

    app.load()
    catalog = live()
    if name == "*":
        return Target(catalog, None, EVERYTHING, catalog.model(aim.model) if aim.model else None)
    owner, key = catalog.key(name)
    return Target(catalog, owner, key, catalog.model(aim.model, owner) if aim.model else None)


def write(app: Application, name: str, aim: Aim, value: object, *, text: bool = True) -> None:
    """Store an override, or with None take it back, and print what that changed.

    Args:
        app: The application.
        name: ``HasSlug.max_length``, a trait for its toggle, or ``*``.
        aim: For whom, by whom, why.
        value: The value; None takes the override back.
        text: Whether the value is text of the command line.
    """
    from traits_runtime import config
    from traits_runtime._core.trait.config import refuse_locked

    at = target_of(app, name, aim)
    refuse_locked(at.key)
    before = effective(at, aim.tenant)
    trait = "*" if at.owner is None else at.owner.path
    model = None if at.model is None else at.model.path
    if value is not None:
        at.key.check(value, "stored", text=text)
    if aim.dry_run:
        _say(at, aim, before, _foreseen(at, aim, value, text=text), 0)
        return
    writes(aim)
    if value is None and not _is_stored(at, aim):
        _say(at, aim, before, before, 0)
        return
    target = {"model": model, "tenant": aim.tenant, "by": aim.by, "why": aim.reason, "expected": aim.expected}
    with using_store(app.open_store()):
        if value is None:
            change = config.unset(trait, at.key.name, **target)  # type: ignore[arg-type]
        else:
            change = config.set(trait, at.key.name, value, text=text, **target)  # type: ignore[arg-type]
    _say(at, aim, before, effective(at, aim.tenant), change.number)


def effective(at: Target, tenant: str) -> Resolved[Any]:
    """The value that holds now."""
    from traits_runtime._core import runtime
    from traits_runtime.rules.layers import Subject

    owner = at.model or at.owner
    subject = owner.subject if owner is not None else Subject(None, (), {})
    return runtime.resolver.resolve(at.key, subject, tenant)


def _foreseen(at: Target, aim: Aim, value: object, *, text: bool) -> Resolved[Any]:
    """The value that would hold, worked out on a copy of the stored overrides."""
    from traits_runtime._core import runtime
    from traits_runtime.rules.layers import Table

    stored = runtime.resolver.stored
    address = _address(at, aim)
    values = {other: value for other, value in stored.values.items() if other != address}
    if value is not None:
        values[address] = (at.key.check(value, "stored", text=text), f"a change by {aim.by}")
    runtime.resolver.stored = Table(values)
    try:
        return effective(at, aim.tenant)
    finally:
        runtime.resolver.stored = stored


def _address(at: Target, aim: Aim) -> Address:
    return at.key.trait, at.key.name, "" if at.model is None else at.model.path, aim.tenant


def _is_stored(at: Target, aim: Aim) -> bool:
    """Whether there is an override to take back."""
    from traits_runtime._core import runtime

    return _address(at, aim) in runtime.resolver.stored.values


def writes(aim: Aim) -> None:
    """End the process where an override would be lost, or where the store is not at the expected version."""
    from traits_runtime import MemoryStore, config

    if isinstance(config.store, MemoryStore):
        fail(
            "The application keeps overrides in memory: this one would be lost with this process. "
            "Say --store FILE, or in the application: config.use(store=...)."
        )
    if aim.expected is not None and aim.expected != config.version:
        from traits_runtime.errors import ConfigConflictError

        raise ConfigConflictError(aim.expected, config.version)


def _say(at: Target, aim: Aim, before: Resolved[Any], after: Resolved[Any], number: int) -> None:
    old, new = at.key.show(before.value), at.key.show(after.value)
    model = "" if at.model is None else at.model.path
    name = f"{at.key.trait}.{at.key.name}"
    if aim.as_json:
        print_json(Written(name, model, aim.tenant, old, new, after.layer, after.place, number, aim.dry_run))
        return
    if not number and not aim.dry_run:
        click.echo(f"{name} = {old}  [{before.layer}: {before.place}]")
        click.echo("Nothing is stored for it: nothing was written.", err=True)
        return
    click.secho(f"- {name} = {old}  [{before.layer}: {before.place}]", fg="red")
    click.secho(f"+ {name} = {new}  [{after.layer}: {after.place}]", fg="green")
    for line in _untouched(at, aim, after) if number else ():
        click.echo(line, err=True)
    click.echo(f"Change {number}." if number else "Dry run: nothing was written.", err=True)


def _untouched(at: Target, aim: Aim, after: Resolved[Any]) -> list[str]:
    """Models that keep a value of their own, where a value for all was written."""
    if at.owner is None or at.model is not None:
        return []
    lines = []
    for model in at.catalog.models.values():
        if at.owner.path in model.traits:
            resolved = at.catalog.resolve(at.key, model, aim.tenant)
            if (resolved.layer, resolved.place) != (after.layer, after.place):
                lines.append(f"{model.path} keeps {at.key.show(resolved.value)}  [{resolved.layer}: {resolved.place}]")
    return lines
