"""`traits about`: versions, project and installed libraries."""

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

LIBRARIES = (
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
    """A line of the report: its section, its name and its value."""

    section: str
    name: str
    value: str


@click.command()
@json_option(list[Fact])
@sources_options
def about(sources: Sources, *, as_json: bool) -> None:
    """Print versions, project and installed libraries, for a bug report.

    \b
    Examples:
      traits about
      traits about --json
    """
    facts = list(_facts(sources))
    if as_json:
        print_json(facts)
        return
    for section in dict.fromkeys(fact.section for fact in facts):
        click.secho(section, bold=True)
        print_table([(f"  {fact.name}", fact.value) for fact in facts if fact.section == section], ("", ""))


def _facts(sources: Sources) -> Iterator[Fact]:
    yield Fact("Versions", "sphinx-traits", importlib.metadata.version("sphinx-traits"))
    yield Fact("Versions", "python", f"{platform.python_version()} ({sys.executable})")
    yield Fact("Versions", "platform", platform.platform())
    config_file = find_file(sources.root.resolve())
    yield Fact("Project", "folder", str(config_file.parent if config_file else "none: no [tool.traits] here or above"))
    yield Fact("Project", "config file", str(config_file or "none"))
    yield Fact("Project", f"${VARIABLE}", _environment_file())
    for name in LIBRARIES:
        yield Fact("Libraries", name, _version(name))


def _environment_file() -> str:
    variable = os.environ.get(VARIABLE)
    if not variable:
        return "not set"
    return variable if Path(variable).is_file() else f"{variable} (missing)"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
