"""`traits list`: models and traits, one a line."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import click
import msgspec

from sphinx_traits.manifest import Class
from sphinx_traits.project import Project
from sphinx_traits.resolve import Index
from traits_cli.base import fail
from traits_cli.output import counted, json_option, print_json, print_table
from traits_cli.sources import read_sources, source_options, warnings


class Listed(msgspec.Struct, frozen=True):
    """A model or a trait.

    Args:
        name: Dotted path.
        kind: ``model`` or ``trait``.
        host: The framework around it.
        via: ``declared`` or ``inferred``.
        traits: Its traits, in MRO order.
        used_by: Of a trait, the models that have it.
        complete: Whether all its bases are known.
        location: File and line.
        doc: The first sentence of its documentation.
    """

    name: str
    kind: str
    host: str
    via: str
    traits: tuple[str, ...]
    used_by: tuple[str, ...]
    complete: bool
    location: str
    doc: str


@click.command()
@click.argument("pattern", default="*", metavar="[PATTERN]")
@click.option("--models", is_flag=True, help="Only models.")
@click.option("--traits", is_flag=True, help="Only traits.")
@json_option(list[Listed])
@source_options
def list_(project: Project, pattern: str, *, models: bool, traits: bool, as_json: bool) -> None:
    """List models and traits whose name matches PATTERN. Nothing is imported.

    \b
    Examples:
      traits list --project examples/blog
      traits list 'Has*' --traits --json
    """
    manifest = read_sources(project)
    rows = [row for row in _rows(Index(manifest), models=models, traits=traits) if _matches(row.name, pattern)]
    if not rows and pattern != "*":
        fail(f"No model or trait matches {pattern!r}. `traits list` shows all of them.")
    if as_json:
        print_json(rows, warnings=warnings(manifest))
        return
    table = [(row.kind, row.name, _count(row), row.location, row.doc) for row in rows]
    print_table(table, ("", "name", "", "at", ""))


def _rows(index: Index, *, models: bool, traits: bool) -> Iterator[Listed]:
    if models or not traits:
        for model in index.models.values():
            yield _row(model, "model", model.traits, ())
    if traits or not models:
        yield from _trait_rows(index)


def _trait_rows(index: Index) -> Iterator[Listed]:
    for trait in index.traits.values():
        used = tuple(name for name in trait.mro[1:] if name in index.traits)
        yield _row(trait, "trait", used, index.users.get(trait.name, ()))


def _row(class_: Class, kind: str, traits: tuple[str, ...], used_by: tuple[str, ...]) -> Listed:
    first = " ".join(class_.doc.split("\n\n")[0].split())
    return Listed(
        class_.name, kind, class_.host, class_.via, traits, used_by, class_.complete, str(class_.location), first
    )


def _count(row: Listed) -> str:
    if row.kind == "model":
        return counted(len(row.traits), "trait")
    return f"in {counted(len(row.used_by), 'model')}"


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern fits the whole name or its last part."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[2], pattern)
