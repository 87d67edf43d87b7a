"""Output of commands: JSON in a versioned envelope, and tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
C = TypeVar("C", bound=Callable[..., Any])


class Envelope(msgspec.Struct, Generic[T], frozen=True):
    """What ``--json`` prints.

    Args:
        schema: ``traits/{command}/{version}``; the version rises with an incompatible change.
        ok: Whether the exit code is 0.
        data: The result.
        warnings: Warnings about the sources, a sentence each.
    """

    schema: str
    ok: bool
    data: T
    warnings: tuple[str, ...] = ()


def json_option(of: Any) -> Callable[[C], C]:
    """`--json`, given to the command as ``as_json``.

    Args:
        of: The type of the data, or a tuple of types; the published JSON Schema is made from it.
    """

    def decorate(command: C) -> C:
        command.__traits_json__ = of  # type: ignore[attr-defined]
        decorated: C = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)
        return decorated

    return decorate


def print_json(data: object, *, ok: bool = True, warnings: Iterable[str] = ()) -> None:
    """Print the result of the running command in its envelope."""
    envelope = Envelope(schema_name(click.get_current_context()), ok, data, tuple(warnings))
    click.echo(msgspec.json.format(msgspec.json.encode(envelope, enc_hook=str)))


def schema_name(ctx: click.Context) -> str:
    """``traits/config-list/1`` for ``traits config list``."""
    names: list[str] = []
    while ctx.parent is not None:
        names.insert(0, ctx.command.name or "")
        ctx = ctx.parent
    return f"traits/{'-'.join(names)}/1"


def counted(count: int, what: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def console() -> Console:
    """A console on standard output: as wide as the terminal, unlimited in a pipe, coloured as `--color` says."""
    from rich.console import Console

    colour = click.get_current_context().color
    terminal = sys.stdout.isatty()
    system: Any = None
    if colour or (colour is None and terminal):
        system = "standard" if colour else "auto"
    width = None if terminal else 10_000
    return Console(
        highlight=False,
        width=width,
        force_terminal=True if colour else None,
        color_system=system,
        no_color=False if colour else None,
    )


def print_table(
    rows: Sequence[Sequence[str]], header: Sequence[str], *, out: Console | None = None, indent: int = 0
) -> None:
    """Print rows in columns, without spaces at the end of lines."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), show_header=any(header))
    for name in header:
        drawn.add_column(name, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    screen = out or console()
    with screen.capture() as captured:
        screen.print(Padding(drawn, (0, 0, 0, indent), expand=False))
    for line in captured.get().splitlines():
        screen.file.write(line.rstrip() + "\n")
