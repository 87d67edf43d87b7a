"""Events: what is emitted, where, and who hears it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked
from sphinx_traits._sphinx.parts import Cell, Content, Part, badge, code, facts, joined, lines, named, table, text
from sphinx_traits.resolve import EventUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sphinx_traits.manifest import Emit, Event, Field, Listener
    from sphinx_traits.resolve import Composition, SignalUse

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


def emitted(page: Page, use: EventUse | SignalUse) -> Cell:
    """The functions that emit an event; of a library's trait not every module was read."""
    if use.emits:
        return lines(emit_line(page, one) for one in use.emits)
    foreign = isinstance(use, EventUse) and not page.catalogue.index.manifest.owns(use.event.owner)
    return text(_("its library") if foreign else _("nobody"), "traits-none")


def emit_line(page: Page, one: Emit) -> list[Part]:
    """One emitting call."""
    owner, _dot, function = one.function.rpartition(".")
    shown = f"{owner.rpartition('.')[2]}.{function}" if owner in page.catalogue.index.by_name else function
    return [code(f"{shown}()"), " ", *page.linker.place(one.location)]


def heard(page: Page, use: EventUse | SignalUse) -> Cell:
    """The listeners of an event."""
    if not use.listeners:
        return text(_("nobody"), "traits-none")
    return lines(listener_line(page, one) for one in use.listeners)


def listener_line(page: Page, one: Listener, *, own: bool = False) -> list[Part]:
    """One listener: its name, a wildcard that it hears by, its model unless the page is about it, its place."""
    found: list[Part] = [code(f"{one.name}()")]
    if "*" in one.pattern:
        found += [_(" by "), code(one.pattern)]
    if one.model and not own:
        found += [_(" for "), page.linker.cls(one.model) if "." in one.model else code(one.model)]
    return [*found, " ", *page.linker.place(one.location)]


def wiring(page: Page, options: Mapping[str, Any]) -> Content:
    """Who emits and who hears one event, below its description."""
    event = page.catalogue.index.events.get(options["event"])
    if event is None:
        return []
    use = page.catalogue.index.event_use(event)
    return [facts([(_("Emitted by"), emitted(page, use)), (_("Heard by"), heard(page, use))])]


def signals_table(page: Page, it: Composition) -> Content:
    """Signals that the methods of a class send, and who hears them."""
    rows: list[list[Cell]] = [[code(one.name), emitted(page, one), heard(page, one)] for one in it.signals]
    return [table("signals", [_("Signal"), _("Sent by"), _("Heard by")], rows, span=True)]


def listeners_table(page: Page, it: Composition) -> Content:
    """Who hears signals and events of the host for this class alone."""
    rows: list[list[Cell]] = [[code(one.pattern), listener_line(page, one, own=True)] for one in it.heard_by]
    return [table("listeners", [_("Event"), _("Heard by")], rows, span=True)]


BLOCK = Block("events", marked("Events"), lambda it: bool(it.events), events_table)
SIGNALS = Block(
    "signals",
    marked("Signals"),
    lambda it: bool(it.signals),
    signals_table,
    marked("Sent by its methods; no trait declares them."),
)
LISTENERS = Block(
    "listeners",
    marked("Listeners"),
    lambda it: bool(it.heard_by),
    listeners_table,
    marked("Called for signals and events of the host that are about this class."),
)
