"""Findings that need the whole manifest: events without emits, listeners without events, shared names, cut chains."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import TypeAlias

from sphinx_traits.config_keys import unknown_names
from sphinx_traits.manifest import (
    Class,
    Column,
    ConfigKey,
    Emit,
    Event,
    Finding,
    Listener,
    Manifest,
    Member,
    Model,
    Trait,
)
from traits_runtime.errors import UnknownTraitError
from traits_runtime.rules.naming import PREFIX, matches

_KEEPS_ROWS = frozenset(
    f"traits_runtime.traits.{name}"
    for name in ("activity.LogsActivity", "comments.HasComments", "search.Searchable", "tags.HasTags")
)
"""Traits with a table for all models, whose rows name a model by its short name."""
_LIFECYCLE = frozenset({"save", "delete", "clean", "full_clean", "__init__", "setUp", "refresh_from_db"})

_Method: TypeAlias = tuple[Class, Member]
"""A method with the class that defines it."""


def cross_check(manifest: Manifest) -> Iterator[Finding]:
    """All findings of a whole manifest.

    Args:
        manifest: The facts, without these findings.
    """
    by_name = {cls.name: cls for cls in manifest.classes()}
    events: dict[str, Event] = {}
    emits, listeners = list(manifest.emits), list(manifest.listeners)
    for cls in manifest.classes():
        events |= {event.wire: event for event in cls.events}
        emits += cls.emits
        listeners += cls.listeners
    yield from _never_emitted({wire: event for wire, event in events.items() if manifest.owns(event.owner)}, emits)
    yield from _undeclared(events, emits)
    yield from _unheard(events, emits, listeners)
    yield from _shared_environment(manifest)
    yield from _shared_names(manifest)
    yield from _shared_rows(manifest, by_name)
    yield from _unknown_settings(manifest)
    methods = _overridden(by_name.values())
    for model in manifest.models:
        yield from _broken_chains(model, methods)
        yield from _clashing_columns(model, by_name)


def _never_emitted(events: dict[str, Event], emits: list[Emit]) -> Iterator[Finding]:
    patterns = [emit.name for emit in emits if emit.certainty == "pattern"]
    exact = {emit.name for emit in emits}
    for wire, event in events.items():
        if wire in exact or any(_may_be(pattern, wire) for pattern in patterns):
            continue
        yield Finding(
            location=event.location,
            code="event_never_emitted",
            message=f"{event.owner} declares the event {wire}, and no call emits it.",
            hint=f"Emit it, as self.{event.name}(...), or drop the declaration. Code outside the analysed packages "
            "may emit it all the same.",
            subject=event.owner,
            level="info",
        )


def _may_be(pattern: str, wire: str) -> bool:
    """Whether a name with ``{placeholders}`` may become a wire name."""
    rest = wire
    for position, part in enumerate(_constant_parts(pattern)):
        at = rest.find(part)
        if at < 0 or (position == 0 and at > 0 and not pattern.startswith("{")):
            return False
        rest = rest[at + len(part) :]
    return True


def _constant_parts(pattern: str) -> list[str]:
    parts: list[str] = []
    depth, current = 0, ""
    for char in pattern:
        if char == "{":
            parts, current = [*parts, current], ""
        depth += (char == "{") - (char == "}")
        if depth == 0 and char != "}":
            current += char
    return [part for part in (*parts, current) if part]


def _undeclared(events: dict[str, Event], emits: list[Emit]) -> Iterator[Finding]:
    for emit in emits:
        if emit.certainty != "certain" or emit.name in events or not emit.name.startswith(f"{PREFIX}."):
            continue
        yield Finding(
            location=emit.location,
            code="undeclared_event",
            message=f"{emit.function or emit.owner} emits {emit.name}, which no trait declares.",
            hint=f"Declare it on the trait: {emit.name.rpartition('.')[2]} = TraitEvent(Payload).",
            subject=emit.owner,
        )


def _unheard(events: dict[str, Event], emits: list[Emit], listeners: list[Listener]) -> Iterator[Finding]:
    wires = {*events, *(emit.name for emit in emits)}
    for listener in listeners:
        ours = listener.pattern.startswith(f"{PREFIX}.") and listener.certainty == "certain"
        if not ours or any(matches(listener.pattern, wire) for wire in wires):
            continue
        yield Finding(
            location=listener.location,
            code="listener_hears_nothing",
            message=f"{listener.target} listens to {listener.pattern}, and no declared event has such a name.",
            hint="Compare the pattern with the names in the table of events.",
            subject=listener.owner,
        )


def _shared_environment(manifest: Manifest) -> Iterator[Finding]:
    first_keys: dict[str, str] = {}
    for key in _config_keys(manifest):
        key_path = f"{key.owner}.{key.name}"
        for name in key.env:
            first = first_keys.setdefault(name, key_path)
            if first != key_path:
                yield Finding(
                    location=key.location,
                    code="shared_environment_variable",
                    message=f"The environment variable {name} sets both {first} and {key_path}.",
                    hint="Give each key a variable of its own.",
                    subject=key.owner,
                )


def _config_keys(manifest: Manifest) -> Iterator[ConfigKey]:
    for cls in manifest.classes():
        yield from cls.config


def _shared_names(manifest: Manifest) -> Iterator[Finding]:
    """Events and jobs of two classes with one short name: their wire names contain the short name only."""
    first: dict[tuple[str, str], str] = {}
    for cls in manifest.classes():
        for kind, facts, harm in (
            ("event", cls.events, "listeners to one hear both"),
            ("job", cls.jobs, "a queued one runs as the job of the class that was defined last"),
        ):
            for fact in facts:
                wire = f"{PREFIX}.{cls.short}.{fact.name}"
                other = first.setdefault((kind, wire), cls.name)
                if other != cls.name:
                    yield Finding(
                        location=fact.location,
                        code="shared_name",
                        message=f"{other} and {cls.name} both have the {kind} {wire}: {harm}.",
                        hint=f"Give one of the two classes, or its {kind}, a name of its own.",
                        subject=cls.name,
                    )


def _shared_rows(manifest: Manifest, by_name: dict[str, Class]) -> Iterator[Finding]:
    """Models of one short name with a trait that stores rows about all models in one table."""
    first: dict[tuple[str, str], str] = {}
    for model in manifest.models:
        top = [ancestor for ancestor in model.mro if isinstance(by_name.get(ancestor), Model)][-1:]
        for trait in model.traits:
            if top and trait in _KEEPS_ROWS:
                name = by_name[top[0]].short
                other = first.setdefault((name, trait), top[0])
                if other != top[0]:
                    yield Finding(
                        location=model.location,
                        code="shared_rows",
                        message=f"What {by_name[trait].short} keeps about {other} and about {model.name} is kept under "
                        f"one name, {name}: each of them shows the other's.",
                        hint="Give one of the two models a name of its own.",
                        subject=model.name,
                    )


def _unknown_settings(manifest: Manifest) -> Iterator[Finding]:
    for setting, error in unknown_names(manifest):
        yield Finding(
            location=setting.location,
            code="unknown_trait" if isinstance(error, UnknownTraitError) else "unknown_key",
            message=str(error),
            hint="The value has no effect.",
            subject=setting.model or setting.trait,
        )


def _overridden(classes: Collection[Class]) -> dict[str, list[_Method]]:
    """The methods of each class whose names several classes have."""
    methods: dict[str, list[_Method]] = {}
    for cls in classes:
        own = [member for member in cls.members if member.kind == "method" and not member.removed]
        methods[cls.name] = [(cls, member) for member in own]
    count: Counter[str] = Counter()
    for own_methods in methods.values():
        count.update(member.name for _, member in own_methods)
    return {name: [method for method in own if count[method[1].name] > 1] for name, own in methods.items()}


def _broken_chains(model: Model, methods: dict[str, list[_Method]]) -> Iterator[Finding]:
    """Traits whose method never calls ``super()`` although a later trait has the same method."""
    chains: dict[str, list[_Method]] = defaultdict(list)
    for ancestor in model.mro:
        for cls, member in methods.get(ancestor, ()):
            chains[member.name].append((cls, member))
    for name, chain in chains.items():
        cooperative = name in _LIFECYCLE or any(member.calls_super != "no" for _, member in chain)
        for (owner, member), (next_owner, _) in pairwise(chain if cooperative else ()):
            if _breaks_chain(owner, member, next_owner):
                yield Finding(
                    location=member.location,
                    code="broken_super_chain",
                    message=f"In {model.name}, {owner.name}.{name}() does not call super(), "
                    f"so {next_owner.name}.{name}() never runs.",
                    hint=f"Call super().{name}(...) in it, or put {next_owner.short} in front.",
                    subject=model.name,
                )


def _breaks_chain(owner: Class, member: Member, next_owner: Class) -> bool:
    of_traits = isinstance(owner, Trait) and isinstance(next_owner, Trait)
    return of_traits and member.calls_super == "no" and next_owner.name not in owner.mro


def _clashing_columns(model: Model, by_name: dict[str, Class]) -> Iterator[Finding]:
    """Columns that two unrelated traits of one model both declare."""
    seen: dict[str, tuple[Class, Column]] = {}
    for name in model.mro:
        cls = by_name.get(name)
        if not isinstance(cls, Trait):
            continue
        for column in cls.columns:
            first = seen.setdefault(column.name, (cls, column))
            if first[0] is not cls and cls.name not in first[0].mro:
                yield Finding(
                    location=first[1].location,
                    code="column_clash",
                    message=f"In {model.name}, both {first[0].name} and {cls.name} declare the column {column.name!r}; "
                    f"the one of {first[0].short} holds.",
                    hint="Rename one of them, or declare the column on the model.",
                    subject=model.name,
                )


def unique(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings sorted by place, each once."""
    return tuple(sorted(set(findings)))
