"""The JSON Schema of what each command prints with ``--json``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from traits_cli.commands import main
from traits_cli.output import Envelope


def commands() -> Iterator[tuple[str, click.Command]]:
    """All commands by their full names, groups before what is in them."""
    yield from _below(main, "")


def _below(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is not None:
            yield prefix + name, command
        if isinstance(command, click.Group):
            yield from _below(command, f"{prefix}{name} ")


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of every command's envelope, by the name that stands in it."""
    return dict(sorted(_schemas()))


def _schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, command in commands():
        of = getattr(command.callback, "__traits_json__", None)
        if of is not None:
            yield f"traits/{name.replace(' ', '-')}/1", _schema(of if isinstance(of, tuple) else (of,))


def _schema(data_types: tuple[Any, ...]) -> dict[str, Any]:
    """The schema of an envelope around data of one of some types."""
    envelope: Any = Envelope
    envelopes = [envelope[data_type] for data_type in data_types]
    schemas, definitions = msgspec.json.schema_components(
        envelopes, schema_hook=_as_text, ref_template="#/$defs/{name}"
    )
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    first, *more = schemas
    return {**({"anyOf": list(schemas)} if more else first), "$defs": definitions}


def _as_text(type_: type) -> dict[str, Any]:
    """The schema of a class that `print_json` writes by ``str``."""
    return {"type": "string", "description": inspect.cleandoc(type_.__doc__ or "").partition("\n")[0]}
