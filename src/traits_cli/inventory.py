"""`traits inventory`: the table of models × traits."""

from __future__ import annotations

import csv
import io
import sys

import click
import msgspec

from sphinx_traits.manifest import Manifest
from sphinx_traits.project import Project
from traits_cli.output import console, json_option, print_json
from traits_cli.sources import read_sources, source_options, warnings


class InventoryRow(msgspec.Struct, frozen=True):
    """A model with its traits, in MRO order."""

    model: str
    traits: tuple[str, ...]
    complete: bool


@click.command()
@json_option(list[InventoryRow])
@click.option("--csv", "as_csv", is_flag=True, help="Print it as CSV: a row a model, a column a trait.")
@source_options
def inventory(project: Project, *, as_json: bool, as_csv: bool) -> None:
    """Print which model has which trait: `x` where the class names it, `.` where another trait brings it.

    \b
    Examples:
      traits inventory --project examples/blog
      traits inventory --package shop --csv > traits.csv
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    manifest = read_sources(project)
    if as_json:
        rows = [InventoryRow(model.name, model.traits, model.complete) for model in manifest.models]
        print_json(rows, warnings=warnings(manifest))
    elif as_csv:
        click.echo(_csv(manifest), nl=False)
    else:
        _draw(manifest)


def matrix(manifest: Manifest) -> list[tuple[str, ...]]:
    """Rows of the table, the header first; a model's row holds its name and a mark for each trait."""
    traits = [trait.name for trait in manifest.traits]
    header = ("model", *traits)
    rows = []
    for model in manifest.models:
        direct = {base.name for base in model.bases}
        rows.append(
            (model.name, *("x" if trait in direct else "." if trait in model.traits else "" for trait in traits)),
        )
    return [header, *rows]


def _csv(manifest: Manifest) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(matrix(manifest))
    return out.getvalue()


def _draw(manifest: Manifest) -> None:
    from rich.table import Table

    header, *rows = matrix(manifest)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for number, _ in enumerate(header[1:], 1):
        table.add_column(str(number), justify="center")
    for model in rows:
        table.add_row(*model)
    out = console()
    with out.capture() as captured:
        out.print(table)
    for line in captured.get().splitlines():
        out.file.write(line.rstrip() + "\n")
    out.print()
    for number, trait in enumerate(header[1:], 1):
        out.print(f"{number:>3} {trait}")
    unfinished = [model.name for model in manifest.models if not model.complete]
    if unfinished:
        click.echo(f"Incomplete, a base is unknown: {', '.join(unfinished)}", file=sys.stderr)
