"""`traits events`: the events, with the places that emit each and its listeners."""

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


class Participant(msgspec.Struct, frozen=True):
    """A function that emits, or a listener with its pattern."""

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
        emitted: The places that emit it.
        heard: Its listeners, highest priority first.
    """

    event: str
    owner: str
    location: str
    doc: str
    payload: str
    fields: tuple[Field, ...]
    before: bool
    emitted: tuple[Participant, ...]
    heard: tuple[Participant, ...]


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
    catalogue = list(_rows(Index(manifest)))
    rows = [row for row in catalogue if matches(pattern, row.event)]
    if not rows and pattern != "**":
        hint = did_you_mean(pattern, [row.event for row in catalogue])
        fail(f"None of {len(catalogue)} events matches {pattern!r}.{hint}")
    if as_json:
        print_json(rows, warnings=warnings(manifest))
        return
    print_table([_table_row(row) for row in rows], ("event", "payload", "emitted at", "heard by"))


def _rows(index: Index) -> Iterator[EventRow]:
    for event in sorted(index.events.values(), key=lambda event: event.wire):
        use = index.event_use(event)
        yield EventRow(
            event.wire,
            event.owner,
            str(event.location),
            event.doc,
            event.payload,
            event.fields,
            event.before,
            tuple(_emitter(emit) for emit in use.emits),
            tuple(_listener(listener) for listener in use.listeners),
        )
    for signal in index.signals.values():
        emitted, heard = map(_emitter, signal.emits), map(_listener, signal.listeners)
        yield EventRow(signal.name, "", "", "", "", (), False, tuple(emitted), tuple(heard))


def _emitter(emit: Emit) -> Participant:
    return Participant(emit.function or emit.owner, str(emit.location))


def _listener(listener: Listener) -> Participant:
    return Participant(
        listener.target or listener.name, str(listener.location), listener.pattern, listener.priority, listener.model
    )


def _table_row(row: EventRow) -> tuple[str, ...]:
    fields = ", ".join(f"{field.name}: {field.type}" for field in row.fields)
    heard = (_listener_text(listener, row.event) for listener in row.heard)
    return row.event, fields, "\n".join(place.location for place in row.emitted), "\n".join(heard)


def _listener_text(listener: Participant, event: str) -> str:
    by = "" if listener.pattern == event else f" by {listener.pattern}"
    sender = f" for {listener.model.rpartition('.')[2]}" if listener.model else ""
    return f"{listener.name.rpartition('.')[2]}{by}{sender}"
