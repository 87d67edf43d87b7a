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
            envelope: Any = Envelope
            schema = msgspec.json.schema(envelope[of], schema_hook=_as_text)
            for one in schema["$defs"].values():
                if "description" in one:
                    one["description"] = inspect.cleandoc(one["description"])
            yield f"traits/{name.replace(' ', '-')}/1", schema


def _as_text(type_: type) -> dict[str, Any]:
    """The schema of a class that `print_json` writes by ``str``."""
    return {"type": "string", "description": inspect.cleandoc(type_.__doc__ or "").partition("\n")[0]}
