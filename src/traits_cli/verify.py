"""`traits verify`: what was read, beside the running program."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

import click

from sphinx_traits.extract.verify import Difference, differences, observe
from sphinx_traits.project import Project
from traits_cli.base import fail
from traits_cli.output import json_option, print_json
from traits_cli.sources import read_sources, source_options


@click.command()
@click.option(
    "--import", "first", multiple=True, metavar="MODULE", help="Module to import before all others; may be given again."
)
@json_option(list[Difference])
@source_options
def verify(project: Project, first: tuple[str, ...], *, as_json: bool) -> None:
    """Import the program and say where it differs from what was read: MRO, members, declared facts.

    This runs your code. Django is set up where DJANGO_SETTINGS_MODULE is set. Ends with
    code 1 where there are differences.

    \b
    Examples:
      traits verify --project examples/blog
      traits verify --package shop --import shop.app
    """
    manifest = read_sources(project)
    _prepare(project, first)
    observed = observe(manifest, project.search_paths)
    found = differences(manifest, observed, _inventory(project))
    if as_json:
        print_json(found, ok=not found)
    else:
        for one in found:
            click.echo(str(one))
    click.echo(f"{len(observed.classes)} classes compared, {len(found)} differences.", err=True)
    raise SystemExit(1 if found else 0)


def _prepare(project: Project, modules: tuple[str, ...]) -> None:
    for path in reversed(project.search_paths):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        importlib.import_module("django").setup()
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            fail(f"{name} cannot be imported: {error}")


def _inventory(project: Project) -> object:
    """The runtime's own inventory of the project's packages; None where the program does not use the runtime."""
    runtime: ModuleType | None = sys.modules.get("traits_runtime")
    return None if runtime is None else runtime.inventory(*project.packages)
