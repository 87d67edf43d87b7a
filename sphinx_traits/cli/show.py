"""`traits show`: one class on one screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from sphinx_traits.cli.sources import read_sources, source_options, the_one
from sphinx_traits.manifest import Fact, Value
from sphinx_traits.project import Project
from sphinx_traits.resolve import Composition, EffectiveValue, Index, compose

if TYPE_CHECKING:
    from rich.console import Console

Row = Sequence[str]
Section = tuple[str, Row, list[Row]]


@click.command()
@click.argument("name", metavar="MODEL|TRAIT")
@click.option("--json", "as_json", is_flag=True, help="Print the composition as JSON.")
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
    index = Index(read_sources(project))
    known = tuple(index.by_name)
    composition = compose(index, the_one("model or trait", name, index.find(name), known))
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(composition)))
        return
    from sphinx_traits.cli.terminal import console

    _draw(console(), index, composition, members=members)


def _draw(out: Console, index: Index, it: Composition, *, members: bool) -> None:
    from rich.padding import Padding
    from rich.table import Table
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
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for column in header:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        out.print()
        out.print(Text(title, style="bold"))
        out.print(Padding(table, (0, 0, 0, 2), expand=False))


def sections(index: Index, it: Composition) -> Iterator[Section]:
    """The tables of a class, those without rows left out: title, header, rows."""
    every: list[Section] = [
        ("Traits, in MRO order", ("", "trait", "through", "at"), list(_traits(index, it))),
        (
            "Hooks, in the order they run",
            ("moment", "method", "from", "priority", "when", "at"),
            [
                (one.moment, one.name, _short(one.owner), str(one.priority or ""), one.when, _place(one))
                for one in it.hooks
            ],
        ),
        ("Config", ("key", "value", "set by", "from", "type", "env", "at"), list(_config(it.config))),
        ("Features", ("feature", "value", "set by", "from", "", "", "at"), list(_config(it.features))),
        (
            "Events",
            ("event", "emitted at", "heard by"),
            [
                (
                    use.event.wire,
                    ", ".join(str(one.location) for one in use.emits),
                    ", ".join(f"{one.name} ({one.location})" for one in use.listeners),
                )
                for use in it.events
            ],
        ),
        ("Jobs", ("job", "queue", "from", "at"), [(j.name, j.queue, _short(j.owner), _place(j)) for j in it.jobs]),
        (
            "Columns",
            ("column", "kind", "type", "from", "at"),
            [(one.name, one.kind, one.type, _short(one.owner), _place(one)) for one in it.columns],
        ),
        (
            "Findings",
            ("", "what", "at"),
            [(one.level, f"{one.message} {one.hint}", str(one.location)) for one in it.findings],
        ),
        ("Used by", ("model",), [(name,) for name in index.users.get(it.subject.name, ())]),
    ]
    return ((title, header, rows) for title, header, rows in every if rows)


def _traits(index: Index, it: Composition) -> Iterator[Row]:
    for use in it.traits:
        through = ", ".join(_short(one) for one in use.through)
        yield str(use.position), use.name, through or "direct", str(index.traits[use.name].location)


def _config(values: Iterable[EffectiveValue]) -> Iterator[Row]:
    for one in values:
        secret = getattr(one.key, "secret", False)
        yield (
            one.key.name,
            "••••" if secret else _value(one.value),
            f"{one.layer} ({one.setting.location})" if one.setting else one.layer,
            _short(one.key.owner),
            getattr(one.key, "type", ""),
            ", ".join(getattr(one.key, "env", ())),
            _place(one.key),
        )


def _members(it: Composition) -> Iterator[Section]:
    rows: list[Row] = [
        (
            f"{one.name}{one.winner.signature}",
            _short(one.winner.owner),
            ", ".join(
                f"{_short(shadowed.owner)}{'' if place < one.reaches else ' (not reached)'}"
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


def _short(name: str) -> str:
    return name.rpartition(".")[2]
