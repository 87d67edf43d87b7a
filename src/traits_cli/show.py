"""`traits show`: the pages of models and traits on the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from sphinx_traits.effective import EffectiveValue
from sphinx_traits.manifest import ConfigKey, Feature
from sphinx_traits.page.catalogue import Catalogue
from sphinx_traits.page.page import class_page
from sphinx_traits.page.section import Context
from sphinx_traits.page.sections.selection import matching
from sphinx_traits.page.write_terminal import TerminalWriter
from sphinx_traits.project import Project
from sphinx_traits.resolve import Composition
from traits_cli.base import fail
from traits_cli.completion import completes
from traits_cli.output import json_option, print_json
from traits_cli.sources import read_sources, source_options, the_one, warnings

if TYPE_CHECKING:
    from sphinx_traits.page.write_terminal import Line
    from sphinx_traits.resolve import Index


class ShownKey(EffectiveValue, frozen=True, kw_only=True):
    """A config key with the value that holds."""

    key: ConfigKey


class ShownFeature(EffectiveValue, frozen=True, kw_only=True):
    """A feature with the value that holds."""

    key: Feature


class Shown(Composition, frozen=True, kw_only=True):
    """A composition as ``--json`` prints it: says which of its values are keys and which are features."""

    config: tuple[ShownKey, ...] = ()
    features: tuple[ShownFeature, ...] = ()


class ShownClasses(msgspec.Struct, frozen=True):
    """What ``--json`` prints for several names, a pattern, or ``--all``; bases are among the models."""

    models: Sequence[Shown]
    traits: Sequence[Shown]


_STYLES: dict[str, dict[str, Any]] = {"bold": {"bold": True}, "dim": {"dim": True}, "warning": {"fg": "red"}}
_WILDCARDS = frozenset("*?[")


@click.command()
@click.argument("names", nargs=-1, metavar="[MODEL|TRAIT]...", shell_complete=completes("class_names"))
@json_option((Shown, ShownClasses))
@click.option("--all", "everything", is_flag=True, help="Show all models and traits.")
@click.option("--members", is_flag=True, help="Also list methods, properties and attributes.")
@source_options
def show(project: Project, names: tuple[str, ...], *, as_json: bool, everything: bool, members: bool) -> None:
    """Say what models and traits really are: traits, hooks in the order they run, effective values, events.

    The last part of a name is enough where it is the only one; patterns take any number of classes. Nothing is
    imported.

    \b
    Examples:
      traits show Article --project examples/blog
      traits show 'shop.models.*' HasSlug
      traits show --all --json
    """
    if everything == bool(names):
        fail("Name models and traits, or give --all.")
    catalogue = Catalogue(read_sources(project))
    selected = _selected(catalogue.index, names)
    if as_json:
        single = len(names) == 1 and not _is_pattern(names[0])
        data = catalogue.compose(selected[0]) if single else _compositions(catalogue, selected)
        print_json(data, warnings=warnings(catalogue.manifest))
        return
    for number, name in enumerate(selected):
        click.echo(("\n" if number else "") + _text(catalogue, name, members=members))


def _selected(index: Index, names: Iterable[str]) -> list[str]:
    """Full names of the classes that names and patterns mean; all models and traits where none are given."""
    all_names = [*index.models, *index.traits]
    if not names:
        return all_names
    selected: list[str] = []
    for name in names:
        matches = matching(all_names, [name]) if _is_pattern(name) else []
        selected += matches or [the_one("model or trait", name, index.find(name, index.by_name), index.by_name)]
    return list(dict.fromkeys(selected))


def _is_pattern(name: str) -> bool:
    return not _WILDCARDS.isdisjoint(name)


def _compositions(catalogue: Catalogue, names: Iterable[str]) -> dict[str, list[Composition]]:
    compositions: dict[str, list[Composition]] = {"models": [], "traits": []}
    for name in names:
        compositions["traits" if name in catalogue.index.traits else "models"].append(catalogue.compose(name))
    return compositions


def _text(catalogue: Catalogue, name: str, *, members: bool) -> str:
    page = class_page(Context(catalogue), name)
    if not members:
        sections = [section for section in page.sections if section.name != "members"]
        page = msgspec.structs.replace(page, sections=sections)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return "\n".join(_styled(TerminalWriter(width).page(page)))


def _styled(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        yield click.style(line.text, **_STYLES[line.style]) if line.style else line.text
