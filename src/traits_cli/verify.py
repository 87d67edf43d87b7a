"""`traits verify`: compares the manifest with the running program."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import click

from sphinx_traits.manifest import Manifest, ManifestError, loads
from sphinx_traits.project import Project
from traits_cli.app import Application, app_options, make_importable
from traits_cli.base import fail
from traits_cli.output import json_option, print_json, print_table
from traits_cli.sources import project_of, read_sources
from traits_cli.verification import Verification, import_program, verify_manifest


@click.command()
@click.option(
    "--import", "first", multiple=True, metavar="MODULE", help="Module to import before all others; may be given again."
)
@click.option(
    "--manifest",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Manifest to verify, as `traits manifest` writes it. Default: the manifest of the sources.",
)
@click.option("--no-rows", is_flag=True, help="Write no rows: leave out the recorded order of hooks.")
@json_option(Verification)
@app_options
def verify(app: Application, first: tuple[str, ...], file: Path | None, *, no_rows: bool, as_json: bool) -> None:
    """Import the program and compare every fact of the manifest with it.

    Compared are: which classes are models, MRO, the winner of each public name, hooks in the
    order in which they run, effective config and features, columns, listeners, and what classes
    declare.

    This runs your code: it imports the packages, and starts the application that [tool.traits]
    names. To record the order of hooks, it inserts, updates and deletes one row of each
    SQLAlchemy model that has hooks, in a SQLite database in memory. That transaction is rolled
    back, events are held back, and statements on any other engine of SQLAlchemy are refused.
    What else a hook does, it does: --no-rows leaves this out. Django is set up where
    DJANGO_SETTINGS_MODULE is set.

    Ends with code 1 where there are differences.

    \b
    Examples:
      traits verify --project examples/blog
      traits verify --package shop --import shop.app --json
      traits verify --manifest published.json
    """
    project = project_of(app.sources)
    manifest = read_sources(project) if file is None else _read_manifest(file)
    _start(app, project, first)
    program = import_program(manifest, project.exclude)
    verification = verify_manifest(program, patterns=project.model_names, write_rows=not no_rows)
    if as_json:
        print_json(verification, ok=not verification.differences)
    else:
        _print(verification)
    if not verification.compared:
        fail("Nothing could be compared: the manifest has no class that can be imported.")
    raise SystemExit(1 if verification.differences else 0)


def _read_manifest(file: Path) -> Manifest:
    try:
        return loads(file.read_bytes())
    except ManifestError as error:
        fail(f"{file}: {error}")


def _start(app: Application, project: Project, modules: tuple[str, ...]) -> None:
    """Make the packages importable, import some modules, and start the application that the project names."""
    for path in reversed(project.search_paths):
        make_importable(path)
    settings = os.environ.get("DJANGO_SETTINGS_MODULE")
    try:
        if settings:
            importlib.import_module("django").setup()
    except Exception as error:  # settings and applications may raise anything
        fail(f"Django cannot be set up with {settings}: {type(error).__name__}: {error}")
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # a module may raise anything
            fail(f"{name} cannot be imported: {type(error).__name__}: {error}")
    if app.named:
        app.load()
    else:
        app.configure()


def _print(verification: Verification) -> None:
    """Print a table of the kinds, then each difference, then what has no result."""
    rows = [
        (count.kind, *map(str, (count.compared, count.equal, count.different, count.uncertain, count.incomparable)))
        for count in verification.counts
    ]
    print_table(rows, ("Facts", "Compared", "Equal", "Different", "Not certain", "Not comparable"))
    for difference in verification.differences:
        click.echo(str(difference))
    for gap in verification.gaps:
        click.echo(
            f"{gap.kind}: {gap.count} {'not certain' if gap.uncertain else 'not comparable'}: {gap.reason} "
            f"({gap.example})"
        )
    click.echo(f"{verification.compared} facts compared, {len(verification.differences)} differences.", err=True)
