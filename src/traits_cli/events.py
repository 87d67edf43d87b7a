"""`traits events`: the catalogue of events, with who emits and who hears each."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from sphinx_traits.manifest import Emit, Field, Listener
from sphinx_traits.project import Project
from sphinx_traits.resolve import Index
from traits_cli.base import did_you_mean, fail
from traits_cli.output import json_option, print_json, print_table
from traits_cli.sources import read_sources, source_options, warnings


class Place(msgspec.Struct, frozen=True):
    """A function that emits, or a listener with the pattern by which it hears."""

    name: str
    location: str
    pattern: str = ""
    priority: int = 0
    model: str = ""


class EventRow(msgspec.Struct, frozen=True):
    """An event.

    Args:
        event: Its name on the bus.
        owner: The trait that declares it, empty for a signal or an event of the host.
        location: Where it is declared.
        doc: Its documentation.
        payload: Dotted path of the payload's class.
        fields: The payload's fields.
        before: Whether a listener may veto.
        emitted: Who emits it.
        heard: Who hears it, strongest priority first.
    """

    event: str
    owner: str
    location: str
    doc: str
    payload: str
    fields: tuple[Field, ...]
    before: bool
    emitted: tuple[Place, ...]
    heard: tuple[Place, ...]


@click.command()
@click.argument("pattern", default="**", metavar="[PATTERN]")
@json_option(list[EventRow])
@source_options
def events(project: Project, pattern: str, *, as_json: bool) -> None:
    """List the events and signals whose name PATTERN matches: `*` is one part of the name, `**` the rest.

    Nothing is imported.

    \b
    Examples:
      traits events --project examples/blog
      traits events 'trait.HasSlug.*' --json
      traits events 'django.**' --package shop
    """
    from traits_runtime.rules.naming import matches

    manifest = read_sources(project)
    every = list(_rows(Index(manifest)))
    rows = [one for one in every if matches(pattern, one.event)]
    if not rows and pattern != "**":
        hint = did_you_mean(pattern, [one.event for one in every])
        fail(f"None of {len(every)} events matches {pattern!r}.{hint}")
    if as_json:
        print_json(rows, warnings=warnings(manifest))
        return
    print_table([_shown(one) for one in rows], ("event", "payload", "emitted at", "heard by"))


def _rows(index: Index) -> Iterator[EventRow]:
    for event in sorted(index.events.values(), key=lambda one: one.wire):
        use = index.event_use(event)
        yield EventRow(
            event.wire,
            event.owner,
            str(event.location),
            event.doc,
            event.payload,
            event.fields,
            event.before,
            tuple(_emitting(one) for one in use.emits),
            tuple(_hearing(one) for one in use.listeners),
        )
    for signal in index.signals.values():
        emitted, heard = map(_emitting, signal.emits), map(_hearing, signal.listeners)
        yield EventRow(signal.name, "", "", "", "", (), False, tuple(emitted), tuple(heard))


def _emitting(one: Emit) -> Place:
    return Place(one.function or one.owner, str(one.location))


def _hearing(one: Listener) -> Place:
    return Place(one.target or one.name, str(one.location), one.pattern, one.priority, one.model)


def _shown(one: EventRow) -> tuple[str, ...]:
    fields = ", ".join(f"{field.name}: {field.type}" for field in one.fields)
    heard = (_heard(place, one.event) for place in one.heard)
    return one.event, fields, "\n".join(place.location for place in one.emitted), "\n".join(heard)


def _heard(place: Place, event: str) -> str:
    by = "" if place.pattern == event else f" by {place.pattern}"
    sender = f" for {place.model.rpartition('.')[2]}" if place.model else ""
    return f"{place.name.rpartition('.')[2]}{by}{sender}"
