"""`traits manifest`: all facts as JSON."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from sphinx_traits.manifest import dumps, json_schema
from sphinx_traits.project import Project
from traits_cli.sources import read_sources, source_options
from traits_runtime.rules.output import write_file


@click.command()
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write instead of stdout."
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the manifest and stop.")
@source_options
def manifest(project: Project, packages: tuple[str, ...], output: Path | None, schema: bool) -> None:
    """Print all facts about the models and traits of PACKAGEs as JSON.

    Packages are analysed whole; others on the search path are only read where a base class leads into them.
    Nothing is imported.

    \b
    Examples:
      traits manifest shop --output shop.json
      traits manifest --project examples/blog
    """
    if schema:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(json_schema())))
        return
    if packages:
        project = replace(project, packages=packages)
    text = dumps(read_sources(project))
    if output is None:
        sys.stdout.buffer.write(text)
    else:
        write_file(output, text)
        click.echo(f"Wrote {output}.", err=True)
