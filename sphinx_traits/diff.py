"""What changed between two manifests, and whether it breaks those who rely on the old one.

Breaking is what asks somebody outside the class to act: who overrides a key, listens to an event, runs a queue, reads
a dashboard, or relies on the order in which hooks run. Methods and attributes are left to `griffe check`, which
compares signatures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar

import msgspec

from sphinx_traits.effective import EffectiveValue
from sphinx_traits.manifest import (
    MASK,
    Class,
    Column,
    ConfigKey,
    Event,
    Fact,
    Feature,
    Field,
    Hook,
    Job,
    Location,
    Manifest,
    Metric,
    Model,
    Scope,
)
from sphinx_traits.resolve import Composition, Index, compose

What: TypeAlias = Literal["trait", "model", "config", "feature", "event", "hook", "job", "metric", "column", "scope"]
"""What changed; for facts of a class, the domain's object type."""

Kind: TypeAlias = Literal["added", "removed", "renamed", "changed"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between two manifests.

    Args:
        what: What kind of thing changed.
        name: Its full dotted name; of a renamed one the old name.
        kind: How it changed.
        part: Of a changed one, what of it: `default`, `type`, `payload`, `order`, ...
        before: The old value, empty where there was none.
        after: The new value, empty where there is none.
        breaking: Whether somebody outside has to act.
        location: Where it stands now; of a removed one, where it stood.
    """

    what: What
    name: str
    kind: Kind
    part: str = ""
    before: str = ""
    after: str = ""
    breaking: bool = False
    location: Location = Location()

    def __str__(self) -> str:
        sign = "!" if self.breaking else " "
        head = f"{sign} {self.what} {self.name}"
        if self.kind == "renamed":
            return f"{head} renamed to {self.after}"
        if self.kind == "changed":
            return f"{head} {self.part}: {self.before or 'none'} → {self.after or 'none'}"
        return f"{head} {self.kind}"


F = TypeVar("F", bound=Fact)

_KINDS: dict[str, What] = {
    "config": "config",
    "features": "feature",
    "events": "event",
    "hooks": "hook",
    "jobs": "job",
    "metrics": "metric",
    "columns": "column",
    "scopes": "scope",
}
"""The attribute of a class, and what its facts are called."""

_PARTS: dict[type[Fact], tuple[tuple[str, bool], ...]] = {
    ConfigKey: (
        ("type", True),
        ("default", True),
        ("env", True),
        ("constraints", True),
        ("group", True),
        ("locked", True),
        ("secret", False),
        ("deprecated", False),
    ),
    Feature: (("default", True),),
    Event: (("wire", True), ("payload", True), ("fields", True), ("before", True)),
    Hook: (("moment", True), ("priority", True), ("when", True), ("is_async", True)),
    Job: (("queue", True), ("parameters", True), ("options", False)),
    Metric: (("kind", True),),
    Column: (("kind", True), ("type", True), ("nullable", True), ("default", False), ("target", True)),
    Scope: (("signature", True),),
}
"""What of a fact is compared, and whether a change of it breaks."""

_NAMED_BY_OWNER = (ConfigKey, Feature, Event, Job, Metric)
"""Facts whose name in files, on the bus and in queues begins with their trait's: moving them renames them."""

_ADDED_IS_SAFE = frozenset({"env", "fields"})
"""Lists to which one may be added without harm; a job's new parameter is safe with a default."""


def diff(old: Manifest, new: Manifest) -> tuple[Change, ...]:
    """All changes, the breaking ones first, then by name.

    Args:
        old: What others rely on: the last release's manifest.
        new: What would be released.
    """
    before, after = Index(old), Index(new)
    changes = [*_classes(before, after), *_compositions(before, after)]
    return tuple(
        sorted(
            changes,
            key=lambda change: (not change.breaking, change.name, change.what, change.kind, change.part, change.before),
        )
    )


def as_text(changes: Sequence[Change]) -> str:
    """One change a line, `!` in front of a breaking one, and a last line that counts them.

    >>> as_text([])
    'No change.\\n'
    """
    if not changes:
        return "No change.\n"
    rows = [f"{change}{f'  ({change.location})' if change.location.path else ''}" for change in changes]
    broken = sum(change.breaking for change in changes)
    return "\n".join([*rows, f"{len(changes)} changes, {broken} of them breaking.", ""])


def as_json(changes: Sequence[Change], *, indent: int = 2) -> bytes:
    """The changes as a JSON list, for programs.

    Args:
        changes: What `diff` found.
        indent: Spaces per level; 0 puts it all on one line.
    """
    encoded = msgspec.json.encode(changes)
    return (msgspec.json.format(encoded, indent=indent) if indent else encoded) + b"\n"


# -- what classes declare


def _classes(old: Index, new: Index) -> Iterator[Change]:
    yield from _added_and_removed("trait", old.traits, new.traits)
    yield from _added_and_removed("model", old.models, new.models)
    before, after = old.by_name, new.by_name
    for name in before.keys() & after.keys():
        for attribute, kind in _KINDS.items():
            was, now = getattr(before[name], attribute), getattr(after[name], attribute)
            moved = dict(_moved(was, now, after, attribute, name))
            for fact in was:
                if fact.name in moved:
                    yield from _changed(kind, fact, moved[fact.name])
                    yield _has_moved(kind, fact, moved[fact.name])
            yield from _facts(kind, [fact for fact in was if fact.name not in moved], now)


def _moved(
    was: Sequence[F], now: Sequence[F], classes: Mapping[str, Class], attribute: str, name: str
) -> Iterator[tuple[str, F]]:
    """Facts that a class no longer declares and has from a base now; where the owner is in the public name, none."""
    declared = {fact.name for fact in now}
    for fact in was:
        if fact.name in declared or isinstance(fact, _NAMED_BY_OWNER):
            continue
        for base in classes[name].mro[1:]:
            inherited: Sequence[F] = getattr(classes[base], attribute) if base in classes else ()
            heir = next((candidate for candidate in inherited if candidate.name == fact.name), None)
            if heir is not None:
                yield fact.name, heir
                break


def _has_moved(what: What, old: Fact, new: Fact) -> Change:
    return Change(
        what=what,
        name=_full(old),
        kind="changed",
        part="declared by",
        before=old.owner,
        after=new.owner,
        location=new.location,
    )


def _added_and_removed(what: What, old: Mapping[str, Class], new: Mapping[str, Class]) -> Iterator[Change]:
    for name, cls in old.items():
        if name not in new:
            yield Change(what=what, name=name, kind="removed", breaking=True, location=cls.location)
    for name, cls in new.items():
        if name not in old:
            yield Change(what=what, name=name, kind="added", location=cls.location)


def _facts(what: What, old: Sequence[F], new: Sequence[F]) -> Iterator[Change]:
    """The changes among one class's facts of one kind."""
    before, after = {fact.name: fact for fact in old}, {fact.name: fact for fact in new}
    removed = [fact for fact in old if fact.name not in after]
    added = [fact for fact in new if fact.name not in before]
    for fact, successor in _renamed(removed, added):
        removed.remove(fact)
        added.remove(successor)
        yield Change(
            what=what,
            name=_full(fact),
            kind="renamed",
            before=fact.name,
            after=successor.name,
            breaking=True,
            location=successor.location,
        )
    for fact in removed:
        yield Change(what=what, name=_full(fact), kind="removed", breaking=True, location=fact.location)
    for fact in added:
        yield Change(what=what, name=_full(fact), kind="added", breaking=_must_be_given(fact), location=fact.location)
    for fact in new:
        if fact.name in before:
            yield from _changed(what, before[fact.name], fact)


def _full(fact: Fact) -> str:
    return f"{fact.owner}.{fact.name}"


def _must_be_given(fact: Fact) -> bool:
    """Whether something new asks every user for a value."""
    return isinstance(fact, ConfigKey) and fact.default.kind == "required"


def _renamed(removed: Sequence[F], added: Sequence[F]) -> list[tuple[F, F]]:
    """Pairs that differ in nothing but the name; none where two may be meant."""
    pairs: list[tuple[F, F]] = []
    for fact in removed:
        candidates = [other for other in added if _nameless(fact) == _nameless(other)]
        if len(candidates) == 1:
            pairs.append((fact, candidates[0]))
    successors = [successor for _fact, successor in pairs]
    return [(fact, successor) for fact, successor in pairs if successors.count(successor) == 1]


def _nameless(fact: F) -> F:
    emptied = {"name": "", "location": Location(), "why": ""}
    if isinstance(fact, Event):
        emptied["wire"] = ""
    return msgspec.structs.replace(fact, **emptied)


def _changed(what: What, old: Fact, new: Fact) -> Iterator[Change]:
    for part, breaking in _PARTS[type(new)]:
        was, now = getattr(old, part), getattr(new, part)
        if was == now:
            continue
        for before, after, safe in _pieces(part, was, now):
            yield Change(
                what=what,
                name=_full(new),
                kind="changed",
                part=part,
                before=_masked(old, before) if part == "default" else before,
                after=_masked(new, after) if part == "default" else after,
                breaking=breaking and not safe,
                location=new.location,
            )


def _masked(fact: Fact, value: str) -> str:
    """A value, not shown where the key is secret."""
    return MASK if value and isinstance(fact, ConfigKey) and fact.secret else value


def _pieces(part: str, was: object, now: object) -> Iterator[tuple[str, str, bool]]:
    """A change as old text, new text and whether it is safe all the same; of lists, one for each member."""
    if isinstance(was, tuple) and isinstance(now, tuple):
        yield from _members(part, was, now)
        return
    before, after = _text(was), _text(now)
    if before != after:
        yield before, after, part == "locked" and now is False


def _members(part: str, was: Sequence[object], now: Sequence[object]) -> Iterator[tuple[str, str, bool]]:
    removed = [member for member in was if member not in now]
    added = [member for member in now if member not in was]
    if not removed and not added and part != "fields":
        yield from _reordered(was, now)
    for member, other in _pairs(was, now, removed, added):
        removed.remove(member)
        added.remove(other)
        yield _text(member), _text(other), False
    for member in removed:
        yield _text(member), "", part == "constraints"
    for other in added:
        has_default = isinstance(other, Field) and bool(other.default)
        yield "", _text(other), part in _ADDED_IS_SAFE or has_default


def _reordered(was: Sequence[object], now: Sequence[object]) -> Iterator[tuple[str, str, bool]]:
    before, after = ", ".join(map(_text, was)), ", ".join(map(_text, now))
    if list(was) != list(now):
        yield before, after, False


def _pairs(
    was: Sequence[object], now: Sequence[object], removed: Sequence[object], added: Sequence[object]
) -> list[tuple[object, object]]:
    """Members that are the same one, changed: of one name, or fields of one type at one place."""
    pairs = []
    unmatched = list(added)
    for member in removed:
        key = _key(member)
        same = [other for other in unmatched if key and _key(other) == key]
        same = same or [other for other in unmatched if _stands_for(member, other, was.index(member), now.index(other))]
        if same:
            unmatched.remove(same[0])
            pairs.append((member, same[0]))
    return pairs


def _key(member: object) -> str:
    if isinstance(member, Field):
        return member.name
    return str(member).partition("=")[0] if "=" in str(member) else ""


def _stands_for(member: object, other: object, at: int, to: int) -> bool:
    return isinstance(member, Field) and isinstance(other, Field) and at == to and member.type == other.type


def _text(value: object) -> str:
    """A value as a reader writes it."""
    if isinstance(value, Field):
        kind = f": {value.type}" if value.type else ""
        return f"{value.name}{kind}{f' = {value.default}' if value.default else ''}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(getattr(value, "text", value))


# -- what classes are, with all that their bases bring


def _compositions(old: Index, new: Index) -> Iterator[Change]:
    for classes in ((old.models, new.models), (old.traits, new.traits)):
        for name in classes[0].keys() & classes[1].keys():
            before, after = compose(old, name), compose(new, name)
            yield from (
                change for change in _inheritance(before, after) if not _is_inherited(change, before, after, old, new)
            )
            yield from _hook_order(before, after)
            yield from _values(before, after)


def _inheritance(old: Composition, new: Composition) -> Iterator[Change]:
    was, now = [trait.name for trait in old.traits], [trait.name for trait in new.traits]
    for name in was:
        if name not in now:
            yield _of_class(new, "traits", before=name)
    for name in now:
        if name not in was:
            yield _of_class(new, "traits", after=name, breaking=False)
    before, after = _common(old.subject.mro, new.subject.mro)
    if before != after:
        yield _of_class(new, "order", before=_chain(before), after=_chain(after))


def _is_inherited(change: Change, old: Composition, new: Composition, before: Index, after: Index) -> bool:
    """Whether a base of the class has the same change, and therefore reports it."""
    shared = set(old.subject.mro[1:]) & set(new.subject.mro[1:]) & before.by_name.keys() & after.by_name.keys()
    for base in shared:
        was, now = before.by_name[base].mro, after.by_name[base].mro
        if change.part == "traits" and _gains(was, now, change):
            return True
        base_order = _common(was, now)
        if change.part == "order" and base_order[0] != base_order[1]:
            rest = [
                [ancestor for ancestor in composition.subject.mro if ancestor not in {*was, *now} - {base}]
                for composition in (old, new)
            ]
            outside = _common(*rest)
            if outside[0] == outside[1]:
                return True
    return False


def _gains(was: Sequence[str], now: Sequence[str], change: Change) -> bool:
    """Whether a base gained or lost the same trait."""
    name = change.after or change.before
    return (name in now, name in was) == (bool(change.after), bool(change.before))


def _hook_order(old: Composition, new: Composition) -> Iterator[Change]:
    was, now = _by_moment(old), _by_moment(new)
    for moment in was.keys() & now.keys():
        before, after = _common(was[moment], now[moment])
        if before != after:
            yield _of_class(new, f"hooks at {moment}", before=_chain(before, 2), after=_chain(after, 2))


def _by_moment(composition: Composition) -> dict[str, list[str]]:
    names_by_moment: dict[str, list[str]] = defaultdict(list)
    for hook in composition.hooks:
        names_by_moment[hook.moment].append(_full(hook))
    return names_by_moment


def _common(was: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
    """The members of both, in the order of each."""
    return [member for member in was if member in now], [member for member in now if member in was]


def _chain(names: Sequence[str], parts: int = 1) -> str:
    return ", ".join(".".join(name.split(".")[-parts:]) for name in names if name != "builtins.object")


def _values(old: Composition, new: Composition) -> Iterator[Change]:
    """Changed values of a layer; changed defaults and values for all models are reported on the trait."""
    before = {_full(value.key): value for value in (*old.config, *old.features)}
    for value in (*new.config, *new.features):
        was = before.get(_full(value.key))
        if was is None or was.value.text == value.value.text or not (_own(was, new) or _own(value, new)):
            continue
        yield Change(
            what=_what(new),
            name=new.subject.name,
            kind="changed",
            part=_chain([_full(value.key)], 2),
            before=f"{_masked(was.key, was.value.text)} ({was.layer})",
            after=f"{_masked(value.key, value.value.text)} ({value.layer})",
            breaking=True,
            location=value.setting.location if value.setting else new.subject.location,
        )


def _own(value: EffectiveValue, composition: Composition) -> bool:
    """Whether a value was given for this class and not to a trait as such."""
    if value.setting is None:
        return False
    return value.layer != "file" or value.key.owner == composition.subject.name


def _of_class(
    composition: Composition, part: str, *, before: str = "", after: str = "", breaking: bool = True
) -> Change:
    return Change(
        what=_what(composition),
        name=composition.subject.name,
        kind="changed",
        part=part,
        before=before,
        after=after,
        breaking=breaking,
        location=composition.subject.location,
    )


def _what(composition: Composition) -> What:
    return "model" if isinstance(composition.subject, Model) else "trait"
