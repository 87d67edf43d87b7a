"""What the facts say together that none of them says alone: events nobody emits, listeners that hear nothing, ..."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise

from sphinx_traits.manifest import (
    Class,
    Column,
    Emit,
    Event,
    Finding,
    Listener,
    Location,
    Manifest,
    Member,
    Model,
    Trait,
)
from traits_runtime.rules.naming import PREFIX, matches

_KEEPS_ROWS = frozenset(
    f"traits_runtime.traits.{one}"
    for one in ("activity.LogsActivity", "comments.HasComments", "search.Searchable", "tags.HasTags")
)
"""Traits with a table for all models, whose rows name a model by its short name."""
_LIFECYCLE = frozenset({"save", "delete", "clean", "full_clean", "__init__", "setUp", "refresh_from_db"})


def cross_check(manifest: Manifest) -> Iterator[Finding]:
    """All findings of a whole manifest.

    Args:
        manifest: The facts, without these findings.
    """
    events = {event.wire: event for one in manifest.classes() for event in one.events}
    emits = [*manifest.emits, *(one for each in manifest.classes() for one in each.emits)]
    listeners = [*manifest.listeners, *(one for each in manifest.classes() for one in each.listeners)]
    by_name = {one.name: one for one in manifest.classes()}
    yield from _never_emitted({wire: one for wire, one in events.items() if manifest.owns(one.owner)}, emits)
    yield from _undeclared(events, emits)
    yield from _unheard(events, emits, listeners)
    yield from _shared_environment(manifest)
    yield from _shared_names(manifest)
    yield from _shared_rows(manifest, by_name)
    yield from _unknown_settings(manifest, by_name)
    methods = _overridden(by_name.values())
    for model in manifest.models:
        yield from _broken_chains(model, methods)
        yield from _clashing_columns(model, by_name)


def _never_emitted(events: dict[str, Event], emits: list[Emit]) -> Iterator[Finding]:
    patterns = [one.name for one in emits if one.certainty == "pattern"]
    exact = {one.name for one in emits}
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
    return [one for one in (*parts, current) if one]


def _undeclared(events: dict[str, Event], emits: list[Emit]) -> Iterator[Finding]:
    for one in emits:
        if one.certainty != "certain" or one.name in events or not one.name.startswith(f"{PREFIX}."):
            continue
        yield Finding(
            location=one.location,
            code="undeclared_event",
            message=f"{one.function or one.owner} emits {one.name}, which no trait declares.",
            hint=f"Declare it on the trait: {one.name.rpartition('.')[2]} = TraitEvent(Payload).",
            subject=one.owner,
        )


def _unheard(events: dict[str, Event], emits: list[Emit], listeners: list[Listener]) -> Iterator[Finding]:
    known = {*events, *(one.name for one in emits)}
    for one in listeners:
        ours = one.pattern.startswith(f"{PREFIX}.") and one.certainty == "certain"
        if not ours or any(matches(one.pattern, wire) for wire in known):
            continue
        yield Finding(
            location=one.location,
            code="listener_hears_nothing",
            message=f"{one.target} listens to {one.pattern}, and no declared event has such a name.",
            hint="Compare the pattern with the names in the table of events.",
            subject=one.owner,
        )


def _shared_environment(manifest: Manifest) -> Iterator[Finding]:
    users: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in manifest.classes():
        for key in one.config:
            for name in key.env:
                users[name].append((f"{key.owner}.{key.name}", ""))
    for one in manifest.classes():
        for key in one.config:
            for name in key.env:
                first, *others = users[name]
                mine = f"{key.owner}.{key.name}"
                if others and first[0] != mine:
                    yield Finding(
                        location=key.location,
                        code="shared_environment_variable",
                        message=f"The environment variable {name} sets both {first[0]} and {mine}.",
                        hint="Give each key a variable of its own.",
                        subject=key.owner,
                    )


def _shared_names(manifest: Manifest) -> Iterator[Finding]:
    """Events, and jobs, of two classes with one short name: only that stands in the names they travel under."""
    first: dict[tuple[str, str], str] = {}
    for one in manifest.classes():
        for kind, facts, harm in (
            ("event", one.events, "listeners to one hear both"),
            ("job", one.jobs, "a queued one runs as the job of the class that was defined last"),
        ):
            for fact in facts:
                wire = f"{PREFIX}.{one.short}.{fact.name}"
                other = first.setdefault((kind, wire), one.name)
                if other != one.name:
                    yield Finding(
                        location=fact.location,
                        code="shared_name",
                        message=f"{other} and {one.name} both have the {kind} {wire}: {harm}.",
                        hint=f"Give one of the two classes, or its {kind}, a name of its own.",
                        subject=one.name,
                    )


def _shared_rows(manifest: Manifest, by_name: dict[str, Class]) -> Iterator[Finding]:
    """Models of one short name with a trait that keeps rows about models in one table for all of them."""
    first: dict[tuple[str, str], str] = {}
    for model in manifest.models:
        top = [one for one in model.mro if isinstance(by_name.get(one), Model)][-1:]
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


def _unknown_settings(manifest: Manifest, by_name: dict[str, Class]) -> Iterator[Finding]:
    every = [*manifest.settings, *(one for each in manifest.classes() for one in each.settings)]
    for one in every:
        trait = by_name.get(one.trait)
        if trait is None:
            if "." not in one.trait:
                yield _no_such(one.location, f"No trait is called {one.trait!r}.", "unknown_trait", one.model)
            continue
        mro = [by_name[name] for name in trait.mro if name in by_name]
        keys = {fact.name for each in mro for fact in (*each.config, *each.features)}
        if one.key not in keys | {"enabled"} and trait.via == "declared":
            message = f"{trait.name} declares no config key or feature {one.key!r}."
            yield _no_such(one.location, message, "unknown_key", one.model or trait.name)


def _no_such(location: Location, message: str, code: str, context: str) -> Finding:
    hint = "See the trait's page for what can be set."
    return Finding(location=location, code=code, message=message, hint=hint, subject=context)


def _overridden(classes: Collection[Class]) -> dict[str, list[tuple[str, tuple[Class, Member]]]]:
    """The methods of each class by name, each with the class; only those whose names several classes have."""
    methods = {
        cls.name: [(one.name, (cls, one)) for one in cls.members if one.kind == "method" and not one.removed]
        for cls in classes
    }
    count = Counter(name for found in methods.values() for name, _one in found)
    return {cls: [(name, one) for name, one in found if count[name] > 1] for cls, found in methods.items()}


def _broken_chains(model: Model, methods: dict[str, list[tuple[str, tuple[Class, Member]]]]) -> Iterator[Finding]:
    """Traits whose method never calls ``super()`` though another trait behind it has the same method."""
    chains: dict[str, list[tuple[Class, Member]]] = defaultdict(list)
    for each in model.mro:
        for name, one in methods.get(each, ()):
            chains[name].append(one)
    for name, chain in chains.items():
        if len(chain) < 2:
            continue
        cooperative = any(member.calls_super != "no" for _, member in chain)
        for (owner, member), (behind, _) in pairwise(chain):
            cut = member.calls_super == "no" and isinstance(owner, Trait) and isinstance(behind, Trait)
            related = behind.name in owner.mro
            if cut and not related and (cooperative or name in _LIFECYCLE):
                yield Finding(
                    location=member.location,
                    code="broken_super_chain",
                    message=f"In {model.name}, {owner.name}.{name}() does not call super(), "
                    f"so {behind.name}.{name}() never runs.",
                    hint=f"Call super().{name}(...) in it, or put {behind.short} in front.",
                    subject=model.name,
                )


def _clashing_columns(model: Model, by_name: dict[str, Class]) -> Iterator[Finding]:
    """Columns that two unrelated traits of one model both declare."""
    seen: dict[str, tuple[Class, Column]] = {}
    for name in model.mro:
        one = by_name.get(name)
        if not isinstance(one, Trait):
            continue
        for column in one.columns:
            first = seen.setdefault(column.name, (one, column))
            if first[0] is not one and one.name not in first[0].mro:
                yield Finding(
                    location=first[1].location,
                    code="column_clash",
                    message=f"In {model.name}, both {first[0].name} and {one.name} declare the column {column.name!r}; "
                    f"the one of {first[0].short} holds.",
                    hint="Rename one of them, or declare the column on the model.",
                    subject=model.name,
                )


def unique(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings sorted by place, each once."""
    return tuple(sorted(set(findings)))
