"""Events: what is emitted, where, and who hears it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page
from sphinx_traits._sphinx.parts import Cell, Content, Part, badge, code, facts, joined, lines, named, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sphinx_traits.manifest import Emit, Event, Field, Listener
    from sphinx_traits.resolve import Composition, EventUse

_ = get_translation("sphinx_traits")


def events_table(page: Page, it: Composition) -> Content:
    """Events with payload, emitting calls and listeners."""
    rows: list[list[Cell]] = [
        [
            event_cell(page, use.event),
            emitted(page, use),
            heard(page, use),
            page.origin(use.event, it.subject.name),
        ]
        for use in it.events
    ]
    heads = [_("Event"), _("Emitted by"), _("Heard by"), _("From")]
    return [table("events", heads, rows)]


def event_cell(page: Page, event: Event) -> Cell:
    """The event's name, when it is emitted, and what it carries; one that a listener may veto is marked."""
    name = [page.name("event", event)]
    if event.before:
        name += [" ", badge(_("can be vetoed"), "note")]
    return named(name, event.doc, _carries(event))


def _carries(event: Event) -> Cell:
    if event.fields:
        return [_("carries "), *joined(code(_field(one)) for one in event.fields)]
    return [_("carries "), code(event.payload.rpartition(".")[2])] if event.payload else ""


def _field(one: Field) -> str:
    return f"{one.name}: {one.type}" if one.type else one.name


def field_text(one: Field) -> str:
    """A field's name, type and default as Python writes them."""
    kind = f": {one.type}" if one.type else ""
    return f"{one.name}{kind}{f' = {one.default}' if one.default else ''}"


def field_code(one: Field) -> Part:
    """A field as code."""
    return code(field_text(one))


def emitted(page: Page, use: EventUse) -> Cell:
    """The functions that emit an event."""
    return lines(emit_line(page, one) for one in use.emits) if use.emits else text(_("nobody"), "traits-none")


def emit_line(page: Page, one: Emit) -> list[Part]:
    """One emitting call."""
    owner, _dot, function = one.function.rpartition(".")
    shown = f"{owner.rpartition('.')[2]}.{function}" if owner in page.catalogue.index.by_name else function
    return [code(f"{shown}()"), " ", *page.linker.place(one.location)]


def heard(page: Page, use: EventUse) -> Cell:
    """The listeners of an event."""
    if not use.listeners:
        return text(_("nobody"), "traits-none")
    return lines(listener_line(page, one) for one in use.listeners)


def listener_line(page: Page, one: Listener) -> list[Part]:
    """One listener: its name, its pattern where that is a wildcard, and its place."""
    found: list[Part] = [code(f"{one.name}()")]
    if "*" in one.pattern:
        found += [_(" by "), code(one.pattern)]
    if one.model:
        found += [_(" for "), page.linker.cls(one.model)]
    return [*found, " ", *page.linker.place(one.location)]


def wiring(page: Page, options: Mapping[str, Any]) -> Content:
    """Who emits and who hears one event, below its description."""
    event = page.catalogue.index.events.get(options["event"])
    if event is None:
        return []
    use = page.catalogue.index.event_use(event)
    return [facts([(_("Emitted by"), emitted(page, use)), (_("Heard by"), heard(page, use))])]


BLOCK = Block("events", _("Events"), lambda it: bool(it.events), events_table)
