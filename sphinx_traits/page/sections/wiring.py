"""Wiring: who emits an event and who hears it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Code
from sphinx_traits.page.layout import facts, lines, text
from sphinx_traits.page.section import Overview, place
from sphinx_traits.resolve import EventUse

if TYPE_CHECKING:
    from sphinx_traits.manifest import Emit, Listener
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import SignalUse


def emitted(page: Context, use: EventUse | SignalUse) -> CellSource:
    """The functions that emit an event; of a library's trait not every module was read."""
    if use.emits:
        return lines(emit_line(page, emit) for emit in use.emits)
    foreign = isinstance(use, EventUse) and not page.catalogue.manifest.owns(use.event.owner)
    return text(page.gettext("its library") if foreign else page.gettext("nobody"), "traits-none")


def emit_line(page: Context, emit: Emit) -> list[Inline]:
    """One emitting call."""
    owner, _dot, function = emit.function.rpartition(".")
    name = f"{owner.rpartition('.')[2]}.{function}" if owner in page.catalogue.index.by_name else function
    return [Code(f"{name}()"), " ", *place(emit.location)]


def heard(page: Context, use: EventUse | SignalUse) -> CellSource:
    """The listeners of an event."""
    if not use.listeners:
        return text(page.gettext("nobody"), "traits-none")
    return lines(listener_line(page, listener) for listener in use.listeners)


def listener_line(page: Context, listener: Listener, *, on_page_of_model: bool = False) -> list[Inline]:
    """One listener: its name, a wildcard that it hears by, its model unless the page is about it, its place."""
    content: list[Inline] = [Code(f"{listener.name}()")]
    if "*" in listener.pattern:
        content += [page.gettext(" by "), Code(listener.pattern)]
    if listener.model and not on_page_of_model:
        model = page.reference(listener.model) if "." in listener.model else Code(listener.model)
        content += [page.gettext(" for "), model]
    return [*content, " ", *place(listener.location)]


def wiring(page: Context, use: EventUse) -> Content:
    """Who emits and who hears one event, below its description."""
    return [facts([(page.gettext("Emitted by"), emitted(page, use)), (page.gettext("Heard by"), heard(page, use))])]


def wiring_of_event(page: Context) -> Content:
    """The wiring of the event that the options name; nothing where there is no such event."""
    event = page.catalogue.index.events.get(page.options["event"])
    return wiring(page, page.catalogue.index.event_use(event)) if event else []


OVERVIEW = Overview("event-wiring", wiring_of_event)
