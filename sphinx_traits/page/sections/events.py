"""Events: what is emitted, where, and who hears it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Badge, Code, Description, Rubric
from sphinx_traits.page.layout import DASH, joined, lines, table
from sphinx_traits.page.prose import prose
from sphinx_traits.page.section import N_, Declared, Overview, Section, fact_reference, place
from sphinx_traits.page.sections.declaration import description
from sphinx_traits.page.sections.fields import field_code
from sphinx_traits.page.sections.selection import or_nothing, per_class
from sphinx_traits.page.sections.wiring import emit_line, emitted, heard, wiring
from sphinx_traits.resolve import is_trait_pattern

if TYPE_CHECKING:
    from sphinx_traits.manifest import Event
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition, EventUse


def events_section(page: Context, composition: Composition) -> Content:
    """Events with payload, emitting calls and listeners."""
    rows: list[list[CellSource]] = [
        [*_row(page, use), page.origin(use.event, composition.subject.name)] for use in composition.events
    ]
    return [table("events", [*_heads(page), page.gettext("From")], rows)]


def _heads(page: Context) -> list[str]:
    return [page.gettext("Event"), page.gettext("Emitted by"), page.gettext("Heard by")]


def _row(page: Context, use: EventUse) -> list[CellSource]:
    return [_name(page, use.event), emitted(page, use), heard(page, use)]


def _name(page: Context, event: Event) -> CellSource:
    """The event's name, whether a listener may veto it, and its payload."""
    name: list[Inline] = [fact_reference("event", event)]
    if event.before:
        name += [" ", Badge(page.gettext("can be vetoed"), "note")]
    return page.name_cell(name, event, _carries(page, event))


def _carries(page: Context, event: Event) -> CellSource:
    names = [f"{field.name}: {field.type}" if field.type else field.name for field in event.fields]
    if not names and event.payload:
        names = [event.payload.rpartition(".")[2]]
    return [page.gettext("carries "), *joined(map(Code, names))] if names else ""


def describe(page: Context, event: Event) -> Description:
    """The description of one event."""
    pairs: list[tuple[str, CellSource]] = [
        (page.gettext("Name"), Code(event.wire)),
        (page.gettext("Payload"), _payload(event)),
        (page.gettext("Veto"), page.gettext("a listener may veto it") if event.before else ""),
    ]
    usage = wiring(page, page.catalogue.index.event_use(event))
    return description(page, "event", event, pairs, aliases=[event.wire], usage=usage)


def _payload(event: Event) -> CellSource:
    rows: list[list[Inline]] = [[Code(event.payload)]] if event.payload else []
    for field in event.fields:
        doc: list[Inline] = [DASH, *prose(field.doc)] if field.doc else []
        rows.append([field_code(field), *doc])
    return lines(rows)


def events_overview(page: Context) -> Content:
    """All events, trait by trait, then signals of the host and listeners that no event reaches."""
    event_use = page.catalogue.index.event_use
    tables = per_class(page, "events", _heads(page), lambda cls: [_row(page, event_use(event)) for event in cls.events])
    more = () if page.options.get("traits") else (*_signals(page), *_unreached(page))
    return or_nothing(page, [*tables, *more])


def _signals(page: Context) -> Content:
    """Signals and events of the host, which no trait declares; the host may send them without an emit here."""
    rows: list[list[CellSource]] = []
    for use in page.catalogue.index.signals.values():
        emits = lines(emit_line(page, emit) for emit in use.emits)
        rows.append([Code(use.name), emits, heard(page, use)])
    if not rows:
        return []
    return [Rubric([page.gettext("Signals and events of the host")]), table("events", _heads(page), rows)]


def _unreached(page: Context) -> Content:
    """Listeners that no event reaches."""
    index = page.catalogue.index
    names = [*index.events, *(emit.name for emit in index.emits)]
    rows: list[list[CellSource]] = [
        [Code(f"{listener.name}()"), Code(listener.pattern), place(listener.location)]
        for listener in index.listeners
        if is_trait_pattern(listener.pattern) and not _is_reached(listener.pattern, names)
    ]
    if not rows:
        return []
    heads = [page.gettext("Listener"), page.gettext("Pattern"), page.gettext("Place")]
    return [Rubric([page.gettext("Listeners that no event reaches")]), table("deaf", heads, rows)]


def _is_reached(pattern: str, names: Iterable[str]) -> bool:
    from traits_runtime.rules.naming import matches

    return any(matches(pattern, name) for name in names)


SECTION = Section(
    "events",
    N_("Events"),
    lambda composition: composition.events,
    events_section,
    declared=Declared("events", "event", describe),
)
OVERVIEW = Overview("all-events", events_overview)
