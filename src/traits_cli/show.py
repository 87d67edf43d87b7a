"""`traits show`: one class on one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from sphinx_traits.manifest import Column, ConfigKey, Fact, Feature, Listener, Scope, Value, masked
from sphinx_traits.project import Project
from sphinx_traits.resolve import Composition, EffectiveValue, Index, compose
from traits_cli.completion import completes
from traits_cli.output import console, json_option, print_json, print_table
from traits_cli.sources import read_sources, source_options, the_one, warnings

if TYPE_CHECKING:
    from rich.console import Console


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


Row = Sequence[str]
Short = Callable[[str], str]
Section = tuple[str, Row, list[Row]]


@click.command()
@click.argument("name", metavar="MODEL|TRAIT", shell_complete=completes("class_names"))
@json_option(Shown)
@click.option("--members", is_flag=True, help="Also list methods, properties and attributes.")
@source_options
def show(project: Project, name: str, *, as_json: bool, members: bool) -> None:
    """Say what a model or a trait really is: traits, hooks in the order they run, effective values, events.

    The last part of the name is enough where it is the only one. Nothing is imported.

    \b
    Examples:
      traits show Article --project examples/blog
      traits show wagtail.models.Page --package wagtail
    """
    index = Index(masked(read_sources(project)))
    composition = compose(index, the_one("model or trait", name, index.find(name), index.by_name))
    if as_json:
        print_json(composition, warnings=warnings(index.manifest))
        return
    _draw(console(), index, composition, members=members)


def _draw(out: Console, index: Index, it: Composition, *, members: bool) -> None:
    from rich.text import Text

    subject = it.subject
    kind = "model" if subject.name in index.models else "trait"
    out.print(Text.assemble((subject.name, "bold"), f"  {kind}, {subject.host}  {subject.location}"))
    if subject.why:
        out.print(Text(f"{subject.via}: {subject.why}", style="dim"))
    if subject.doc:
        out.print(Text(" ".join(subject.doc.split("\n\n")[0].split())))
    if not subject.complete:
        out.print(Text(f"incomplete: {subject.reason}", style="bold red"))
    for title, header, rows in (*sections(index, it), *(_members(it) if members else ())):
        out.print()
        out.print(Text(title, style="bold"))
        print_table(rows, header, out=out, indent=2)


def sections(index: Index, it: Composition) -> Iterator[Section]:
    """The tables of a class, those without rows left out: title, header, rows."""
    short = labels(it.subject.mro)
    every: list[Section] = [
        ("Traits, in MRO order", ("", "trait", "through", "at"), list(_traits(index, it, short))),
        (
            "Hooks, for each moment in the order they run",
            ("moment", "method", "from", "priority", "when", "at"),
            [
                (one.moment, one.name, short(one.owner), str(one.priority or ""), one.when, _place(one))
                for one in it.hooks
            ],
        ),
        ("Config", ("key", "value", "set by", "from", "type", "env", "at"), list(_config(it.config, short))),
        ("Features", ("feature", "value", "set by", "from", "", "", "at"), list(_config(it.features, short))),
        (
            "Events",
            ("event", "emitted at", "heard by"),
            [(use.event.wire, _places(use.emits), _heard(use.listeners)) for use in it.events],
        ),
        (
            "Signals that its methods send",
            ("signal", "sent at", "heard by"),
            [(one.name, _places(one.emits), _heard(one.listeners)) for one in it.signals],
        ),
        ("Jobs", ("job", "queue", "from", "at"), [(j.name, j.queue, short(j.owner), _place(j)) for j in it.jobs]),
        (
            "Columns",
            ("column", "kind", "type", "from", "at"),
            [(one.name, one.kind, _column_type(one), short(one.owner), _place(one)) for one in it.columns],
        ),
        (
            "Scopes",
            ("scope", "holds", "from", "at"),
            [(f"{one.name}{one.signature}", _holds(one), short(one.owner), _place(one)) for one in it.scopes],
        ),
        (
            "Listeners for it alone",
            ("event", "listener", "when", "at"),
            [
                (one.pattern, one.target, one.why, _place(one))
                for one in index.listeners
                if one.model and one.model in it.subject.mro
            ],
        ),
        (
            "Findings",
            ("", "what", "at"),
            [(one.level, f"{one.message} {one.hint}", str(one.location)) for one in it.findings],
        ),
        ("Used by", ("model",), [(name,) for name in index.users.get(it.subject.name, ())]),
    ]
    return ((title, header, rows) for title, header, rows in every if rows)


def _places(facts: Iterable[Fact]) -> str:
    return "\n".join(str(one.location) for one in facts)


def _heard(listeners: Iterable[Listener]) -> str:
    return "\n".join(f"{one.name} ({one.location})" for one in listeners)


def _holds(scope: Scope) -> str:
    """When a scope restricts a query."""
    if not scope.always:
        return "when asked" if scope.certainty == "certain" else f"when asked, {scope.certainty}"
    return f"always, unless {' or '.join(scope.lifted_by)}" if scope.lifted_by else "always"


def _column_type(column: Column) -> str:
    """The type, and what a relation points to."""
    target = column.target if column.target not in ("", column.type) else ""
    return " → ".join(one for one in (column.type, target) if one)


def _traits(index: Index, it: Composition, short: Short) -> Iterator[Row]:
    for use in it.traits:
        through = ", ".join(short(one) for one in use.through)
        yield str(use.position), use.name, through or "direct", str(index.traits[use.name].location)


def _config(values: Iterable[EffectiveValue], short: Short) -> Iterator[Row]:
    for one in values:
        yield (
            one.key.name,
            _value(one.value),
            "\n".join((f"{one.layer} ({one.setting.location})" if one.setting else one.layer, *one.notes)),
            short(one.key.owner),
            getattr(one.key, "type", ""),
            ", ".join(getattr(one.key, "env", ())),
            _place(one.key),
        )


def _members(it: Composition) -> Iterator[Section]:
    short = labels(it.subject.mro)
    rows: list[Row] = [
        (
            f"{one.name}{one.winner.signature}",
            short(one.winner.owner),
            ", ".join(
                f"{short(shadowed.owner)}{'' if place < one.reaches else ' (not reached)'}"
                for place, shadowed in enumerate(one.chain[1:], 1)
            ),
            _place(one.winner),
        )
        for one in it.members
    ]
    if rows:
        yield "Members", ("member", "from", "overrides", "at"), rows


def _value(value: Value) -> str:
    return value.text if value.kind != "required" else "(required)"


def _place(fact: Fact) -> str:
    return str(fact.location)


def labels(names: Iterable[str]) -> Short:
    """A function that shortens dotted names to their last part, or to as much as tells some names apart.

    >>> short = labels(["shop.models.Page", "cms.models.Page", "cms.models.Site"])
    >>> short("shop.models.Page"), short("cms.models.Site")
    ('shop.models.Page', 'Site')
    """
    known = [name.split(".") for name in dict.fromkeys(names)]

    def short(name: str) -> str:
        parts = name.split(".")
        for length in range(1, len(parts)):
            if sum(one[-length:] == parts[-length:] for one in known) <= 1:
                return ".".join(parts[-length:])
        return name

    return short
