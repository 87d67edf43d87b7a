"""`traits about`: versions, the project, and which adapters could be used."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from traits_cli.base import Sources, sources_options
from traits_cli.output import json_option, print_json, print_table
from traits_runtime.rules.files import VARIABLE, find_file

PARTNERS = (
    *("sqlalchemy", "django", "pydantic", "redis", "celery", "rq", "dramatiq", "taskiq", "huey", "procrastinate"),
    *(
        "opentelemetry-sdk",
        "prometheus-client",
        "openfeature-sdk",
        "starlette",
        "sphinx",
        "griffelib",
        "rich",
        "libcst",
    ),
)
"""Libraries that adapters and commands work with."""


class Fact(msgspec.Struct, frozen=True):
    """One line: in which section, its name, and what it says."""

    section: str
    name: str
    value: str


@click.command()
@json_option(list[Fact])
@sources_options
def about(sources: Sources, *, as_json: bool) -> None:
    """Say which versions, project and libraries are here: what a report of a problem needs.

    \b
    Examples:
      traits about
      traits about --json
    """
    facts = list(_facts(sources))
    if as_json:
        print_json(facts)
        return
    for section in dict.fromkeys(one.section for one in facts):
        click.secho(section, bold=True)
        print_table([(f"  {one.name}", one.value) for one in facts if one.section == section], ("", ""))


def _facts(sources: Sources) -> Iterator[Fact]:
    yield Fact("Versions", "sphinx-traits", importlib.metadata.version("sphinx-traits"))
    yield Fact("Versions", "python", f"{platform.python_version()} ({sys.executable})")
    yield Fact("Versions", "platform", platform.platform())
    found = find_file(sources.root.resolve())
    yield Fact("Project", "folder", str(found.parent if found else "none: no [tool.traits] here or above"))
    yield Fact("Project", "config file", str(found or "none"))
    yield Fact("Project", f"${VARIABLE}", _environment_file())
    for name in PARTNERS:
        yield Fact("Libraries", name, _version(name))


def _environment_file() -> str:
    named = os.environ.get(VARIABLE)
    if not named:
        return "not set"
    return named if Path(named).is_file() else f"{named} (missing)"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
