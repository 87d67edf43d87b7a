"""Composes the facts of a model: inheritance, run order, effective values, emitters and listeners."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar

import msgspec

from sphinx_traits.config_keys import SourceConfig, subject_of, uses_traits, value_of
from sphinx_traits.effective import EffectiveValue, effective_values, masked_value
from sphinx_traits.manifest import (
    CacheKey,
    Class,
    Column,
    ConfigKey,
    Emit,
    Event,
    Fact,
    Feature,
    Finding,
    Hook,
    Job,
    Listener,
    Manifest,
    Member,
    Metric,
    Model,
    Scope,
    Setting,
    Trait,
    masked,
)
from sphinx_traits.type_arguments import type_arguments, with_type_arguments
from traits_runtime.rules.keys import ENABLED
from traits_runtime.rules.moments import order_of
from traits_runtime.rules.naming import nearest

F = TypeVar("F", bound=Fact)


class TraitUse(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A trait as one model uses it.

    Args:
        name: Dotted path of the trait.
        direct: Whether the model's own class statement names it.
        through: Where it is not direct: the classes between, from the model's side.
        position: Place in the MRO, the model itself is 0.
    """

    name: str
    direct: bool
    through: tuple[str, ...] = ()
    position: int = 0


class EventUse(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event with the calls that emit it and the listeners that receive it."""

    event: Event
    emits: tuple[Emit, ...] = ()
    listeners: tuple[Listener, ...] = ()


class SignalUse(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A signal or an event of the host, which no trait declares, with its senders and listeners.

    Args:
        name: Dotted path of the signal (``shop.signals.paid``), or the name of the event.
    """

    name: str
    emits: tuple[Emit, ...] = ()
    listeners: tuple[Listener, ...] = ()


class MemberChain(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All definitions of one name along the MRO: the first one wins, the others are shadowed.

    Args:
        name: The member's name.
        chain: Its definitions in MRO order.
        reaches: How many of them run: the winner, and as many after it as ``super()`` calls lead to.
    """

    name: str
    chain: tuple[Member, ...]
    reaches: int = 1

    @property
    def winner(self) -> Member:
        """The definition that an instance sees."""
        return self.chain[0]


class Composition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A class as it really is: its own facts and those of all its bases, in the order in which they count.

    Args:
        signals: Signals that its methods send.
        heard_by: Listeners for this class alone to events that no trait declares: those of its host, or plain signals.
    """

    subject: Class
    traits: tuple[TraitUse, ...] = ()
    hooks: tuple[Hook, ...] = ()
    config: tuple[EffectiveValue, ...] = ()
    features: tuple[EffectiveValue, ...] = ()
    events: tuple[EventUse, ...] = ()
    signals: tuple[SignalUse, ...] = ()
    heard_by: tuple[Listener, ...] = ()
    jobs: tuple[Job, ...] = ()
    metrics: tuple[Metric, ...] = ()
    cache_keys: tuple[CacheKey, ...] = ()
    columns: tuple[Column, ...] = ()
    scopes: tuple[Scope, ...] = ()
    members: tuple[MemberChain, ...] = ()
    findings: tuple[Finding, ...] = ()


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


class Index:
    """A manifest indexed by name, by user and by event. Build it once; it never changes.

    Args:
        manifest: The facts.
        mask_secrets: Whether the values of secret keys are masked, after their keys have checked them.
    """

    def __init__(self, manifest: Manifest, *, mask_secrets: bool = False) -> None:
        self.unmasked = manifest
        self._mask_secrets = mask_secrets
        manifest = masked(manifest) if mask_secrets else manifest
        self.manifest = manifest
        self.by_name: dict[str, Class] = {c.name: c for c in (*manifest.bases, *manifest.traits, *manifest.models)}
        self.models: dict[str, Model] = {m.name: m for m in manifest.models}
        self.traits: dict[str, Trait] = {t.name: t for t in manifest.traits}
        self._listeners_of: dict[str, tuple[Listener, ...]] = {}

    @cached_property
    def config(self) -> SourceConfig:
        """The values of the config file and of class bodies, ranked by the program's rules; secrets are not masked."""
        return SourceConfig(self.unmasked)

    def effective_values(
        self, lineage: Sequence[Class], facts: Iterable[ConfigKey | Feature]
    ) -> tuple[EffectiveValue, ...]:
        """Keys or features with their effective values for a class.

        Args:
            lineage: The class and its bases in MRO order.
            facts: The declarations.
        """
        values = effective_values(self.config, lineage, facts)
        return tuple(map(masked_value, values)) if self._mask_secrets else values

    def effective_value(self, name: str, fact: ConfigKey | Feature) -> EffectiveValue:
        """A key or feature with its effective value for a class.

        Args:
            name: Full dotted path of a model or trait.
            fact: The declaration.
        """
        lineage = [self.by_name[base] for base in self.by_name[name].mro if base in self.by_name]
        return self.effective_values(lineage, [fact])[0]

    @cached_property
    def users(self) -> dict[str, tuple[str, ...]]:
        """The models that have a trait anywhere in their MRO, by the trait's name."""
        models_of: dict[str, list[str]] = defaultdict(list)
        for model in self.manifest.models:
            for trait in model.traits:
                models_of[trait].append(model.name)
        return {trait: tuple(models) for trait, models in models_of.items()}

    @cached_property
    def listeners(self) -> tuple[Listener, ...]:
        """All listeners, those of classes too, strongest priority first."""
        listeners = [*self.manifest.listeners, *(listener for c in self.manifest.classes() for listener in c.listeners)]
        return tuple(sorted(listeners, key=lambda listener: (-listener.priority, listener.location, listener.name)))

    @cached_property
    def heard_by(self) -> dict[str, tuple[Listener, ...]]:
        """The listeners for one class alone that hear no trait's event, by the class's name."""
        by_model: dict[str, list[Listener]] = defaultdict(list)
        for listener in self.listeners:
            if listener.model and not is_trait_pattern(listener.pattern):
                by_model[listener.model].append(listener)
        return {name: tuple(listeners) for name, listeners in by_model.items()}

    @cached_property
    def emits(self) -> tuple[Emit, ...]:
        """All emitting calls, by place."""
        emits = [*self.manifest.emits, *(emit for c in self.manifest.classes() for emit in c.emits)]
        return tuple(sorted(emits, key=lambda emit: (emit.location, emit.name)))

    @cached_property
    def emitted_by(self) -> dict[str, tuple[Emit, ...]]:
        """The emitting calls of each event, by its name on the bus."""
        by_event: dict[str, list[Emit]] = defaultdict(list)
        for emit in self.emits:
            by_event[emit.name].append(emit)
        return {name: tuple(emits) for name, emits in by_event.items()}

    @cached_property
    def events(self) -> dict[str, Event]:
        """All declared events by their name on the bus."""
        return {event.wire: event for c in self.manifest.classes() for event in c.events}

    @cached_property
    def signals(self) -> dict[str, SignalUse]:
        """All signals and events of the host that have a sender or a listener, by name in alphabetical order."""
        listeners: dict[str, list[Listener]] = defaultdict(list)
        for listener in self.listeners:
            if not is_trait_pattern(listener.pattern):
                listeners[listener.pattern].append(listener)
        sent = {name: emits for name, emits in self.emitted_by.items() if name not in self.events}
        return {
            name: SignalUse(name=name, emits=sent.get(name, ()), listeners=tuple(listeners.get(name, ())))
            for name in sorted({*sent, *listeners})
        }

    def event_use(self, event: Event, model: str = "") -> EventUse:
        """The event with the calls that emit it and its listeners.

        Args:
            event: The event.
            model: Leave out listeners that only hear another model; empty keeps all.
        """
        from traits_runtime.rules.naming import matches  # brings the whole runtime: only for those who ask for events

        wire = event.wire
        classes = (
            {"", model, *self.by_name[model].mro} if model else set()
        )  # a listener for a base receives events of its subclasses
        if wire not in self._listeners_of:
            self._listeners_of[wire] = tuple(listener for listener in self.listeners if matches(listener.pattern, wire))
        return EventUse(
            event=event,
            emits=self.emitted_by.get(wire, ()),
            listeners=tuple(
                listener for listener in self._listeners_of[wire] if not model or listener.model in classes
            ),
        )

    def find(self, name: str, among: Container[str] | None = None) -> tuple[str, ...]:
        """Full names that a name may stand for: itself, else all that end in it.

        Args:
            name: A full dotted path or its last parts (``Article``, ``models.Article``).
            among: The names that may be meant, as `models` or `traits`; all classes by default.
        """
        names = self.by_name if among is None else among
        if name in names:
            return (name,)
        namesakes = self._by_last_part.get(name.rpartition(".")[2], ())
        return tuple(candidate for candidate in namesakes if candidate in names and candidate.endswith("." + name))

    @cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        by_last_part: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.by_name):
            by_last_part[name.rpartition(".")[2]].append(name)
        return dict(by_last_part)

    def suggest(self, name: str, among: Iterable[str] | None = None) -> str:
        """The known name nearest to a misspelt one, empty when none is near."""
        return nearest(name, self.by_name if among is None else among)


def is_trait_pattern(pattern: str) -> bool:
    """Whether a listener's pattern is about events of traits; others name a signal, or an event of the host.

    >>> is_trait_pattern("trait.HasSlug.*"), is_trait_pattern("django.db.models.signals.post_save")
    (True, False)
    """
    return pattern.startswith(("trait.", "*"))


def compose(index: Index, name: str) -> Composition:
    """What a model or a trait is, with all that its bases bring.

    Args:
        index: The manifest's index.
        name: Full dotted path of a model, trait or base.

    Raises:
        KeyError: The manifest has no such class.
    """
    subject = index.by_name[name]
    lineage = _lineage(index, subject)
    model = name if name in index.models else ""
    features = (*_toggles(index, lineage), *_nearest_facts(lineage, "features"))
    return Composition(
        subject=subject,
        traits=trait_uses(index, subject),
        hooks=hook_order(lineage),
        config=index.effective_values(lineage, _nearest_facts(lineage, "config")),
        features=index.effective_values(lineage, features),
        events=tuple(index.event_use(event, model) for event in _nearest_facts(lineage, "events")),
        signals=tuple(_sent_signals(index, lineage)),
        heard_by=index.heard_by.get(name, ()),
        jobs=_nearest_facts(lineage, "jobs"),
        metrics=_nearest_facts(lineage, "metrics"),
        cache_keys=_nearest_facts(lineage, "cache_keys"),
        columns=tuple(_columns_of_front(_first_wins(_remaining_columns(lineage)), lineage)),
        scopes=_first_wins(_remaining_scopes(lineage)),
        members=member_chains(lineage),
        findings=tuple(finding for finding in index.manifest.findings if finding.subject == name),
    )


def _lineage(index: Index, subject: Class) -> list[Class]:
    """The class and its bases in MRO order, with type arguments in place of type parameters."""
    arguments_of = type_arguments(index.by_name, subject)
    lineage = []
    for name in subject.mro:
        if name in index.by_name:
            cls, arguments = index.by_name[name], arguments_of.get(name)
            lineage.append(with_type_arguments(cls, arguments) if arguments else cls)
    return lineage or [subject]


def _sent_signals(index: Index, lineage: Sequence[Class]) -> Iterator[SignalUse]:
    """The signals that the classes of a lineage send, with the listeners that hear one of these classes."""
    sent: dict[str, list[Emit]] = defaultdict(list)
    for emit in (emit for owner in lineage for emit in owner.emits if emit.name in index.signals):
        sent[emit.name].append(emit)
    names = {"", *(owner.name for owner in lineage)}
    for name, emits in sorted(sent.items()):
        listeners = tuple(listener for listener in index.signals[name].listeners if listener.model in names)
        yield SignalUse(name=name, emits=tuple(emits), listeners=listeners)


def hook_order(lineage: Sequence[Class]) -> tuple[Hook, ...]:
    """The hooks in the order in which they run: moment, then MRO, then priority, then definition.

    A hook whose method a class nearer to the model overrides runs once, at the place of the class that
    declared it last, with that declaration's moment. Of a host's own method that is overridden (Django's ``save``)
    all that ``super()`` leads to run, one after the other.
    """
    overriding = _reached_overrides(lineage)
    seen = _removed_names(lineage)
    ordered: list[Hook] = []
    for owner in lineage:
        fresh = [hook for hook in owner.hooks if hook.name not in seen or (hook.owner, hook.name) in overriding]
        seen.update(hook.name for hook in fresh)
        ordered += sorted(fresh, key=lambda hook: (-hook.priority, hook.location.line))
    return tuple(sorted(ordered, key=lambda hook: order_of(hook.moment)))


def _reached_overrides(lineage: Sequence[Class]) -> set[tuple[str, str]]:
    """Owner and name of each definition of a host's own method that runs: the winner, and those behind ``super()``."""
    inferred = {hook.name for owner in lineage for hook in owner.hooks if hook.via == "inferred"}
    if not inferred:
        return set()
    chains = [chain for chain in member_chains(lineage) if chain.name in inferred]
    return {(member.owner, member.name) for chain in chains for member in chain.chain[: chain.reaches]}


def _removed_names(lineage: Sequence[Class]) -> set[str]:
    """The members that a class takes away (``note = None``) and none nearer to the model defines again."""
    removed: dict[str, bool] = {}
    for owner in reversed(lineage):
        for member in owner.members:
            removed[member.name] = member.removed
    return {name for name, is_removed in removed.items() if is_removed}


def member_chains(lineage: Sequence[Class]) -> tuple[MemberChain, ...]:
    """For each member name its definitions along the MRO, in the order in which the names first appear.

    A column hides what classes further from the model define under its name.
    """
    chains: dict[str, list[Member]] = {}
    hidden: set[str] = set()
    for owner in lineage:
        for member in owner.members:
            if member.name not in hidden:
                chains.setdefault(member.name, []).append(member)
        hidden.update(column.name for column in owner.columns)
    return tuple(
        MemberChain(name=name, chain=tuple(chain), reaches=_reach(chain))
        for name, chain in chains.items()
        if not chain[0].removed
    )


def _reach(chain: Sequence[Member]) -> int:
    for ran, member in enumerate(chain, 1):
        if member.calls_super == "no":
            return ran
    return len(chain)


def _nearest_facts(lineage: Sequence[Class], kind: str) -> tuple[Any, ...]:
    """Facts of one kind of a lineage; of several with one name the one nearest to the model.

    Args:
        lineage: The class and its bases in MRO order.
        kind: A field of `Class` that holds facts, such as ``jobs``.
    """
    return _first_wins(getattr(owner, kind) for owner in lineage)


def _first_wins(facts: Iterable[Iterable[F]]) -> tuple[F, ...]:
    """Facts of a lineage, one per name and owner's kind: the one nearest to the model."""
    first: dict[tuple[str, str], F] = {}
    for group in facts:
        for fact in group:
            first.setdefault((fact.name, _space(fact)), fact)
    return tuple(first.values())


def _space(fact: Fact) -> str:
    """Config keys of two traits may share a name; other facts share the class's one namespace."""
    return f"{fact.owner}.{fact.group}" if isinstance(fact, ConfigKey) else ""


def _remaining_columns(lineage: Sequence[Class]) -> Iterator[list[Column]]:
    """The columns of each class, without those that a class nearer to the model takes away (``note = None``)."""
    removed: set[str] = set()
    for owner in lineage:
        yield [column for column in owner.columns if column.name not in removed]
        removed.update(member.name for member in owner.members if member.removed)


def _columns_of_front(columns: Iterable[Column], lineage: Sequence[Class]) -> Iterator[Column]:
    """The columns as the class at the front of a lineage has them: with its own names, and pointing to itself.

    A column whose name is empty in code is not there. A relation of an abstract class to itself is one of the class
    that inherits it.
    """
    abstract = {owner.name for owner in lineage if owner.abstract}
    for column in columns:
        name = _name_in_code(column, lineage) if column.named_by else column.name
        target = column.target
        if target == column.owner and target in abstract and lineage[0].name not in abstract:
            target = lineage[0].name
        if name:
            yield msgspec.structs.replace(column, name=name, target=target)


def _name_in_code(column: Column, lineage: Sequence[Class]) -> str:
    """The value of the config key that names a column; files and environment do not shape tables.

    The column keeps its own name where the key is not known, or its value is no text.
    """
    keys = (key for owner in lineage for key in owner.config if key.name == column.named_by)
    key = next((key for key in keys if key.owner == column.owner), None)
    if key is None:
        return column.name
    code = subject_of(lineage, lambda setting: (value_of(setting.value), "")).code
    in_code = code.get((key.owner, key.name))
    name = in_code[0][0] if in_code else value_of(key.default)
    return name if isinstance(name, str) else column.name


def _remaining_scopes(lineage: Sequence[Class]) -> Iterator[list[Scope]]:
    """The scopes of each class, without those of a manager that a class nearer to the model replaces."""
    replaced: set[str] = set()
    for owner in lineage:
        yield [scope for scope in owner.scopes if scope.name.partition(".")[0] not in replaced]
        replaced.update(member.name for member in owner.members)


def _toggles(index: Index, lineage: Sequence[Class]) -> Iterator[Feature]:
    """The toggles of traits that a setting names: without one, a trait is on."""
    toggles = [setting for setting in (*index.manifest.settings, *_own_settings(lineage)) if setting.key == ENABLED]
    for owner in lineage:
        names = ("*", owner.name, owner.short)
        if isinstance(owner, Trait) and uses_traits(owner) and any(setting.trait in names for setting in toggles):
            doc = "Whether the trait does anything at all."
            yield Feature(name=ENABLED, owner=owner.name, location=owner.location, doc=doc)


def _own_settings(lineage: Sequence[Class]) -> Iterator[Setting]:
    return (setting for owner in lineage for setting in owner.settings)


def trait_uses(index: Index, subject: Class) -> tuple[TraitUse, ...]:
    """The traits of a class in MRO order, direct ones and those that come through others."""
    direct = {base.name for base in subject.bases}
    return tuple(
        TraitUse(
            name=name,
            direct=name in direct,
            through=() if name in direct else _path(index, subject, name),
            position=position,
        )
        for position, name in enumerate(subject.mro)
        if position and name in index.traits
    )


def _path(index: Index, subject: Class, target: str) -> tuple[str, ...]:
    """The classes between a class and one of its bases: the shortest way, leftmost first."""
    ways: list[tuple[str, ...]] = [(base.name,) for base in subject.bases]
    visited: set[str] = set()
    while ways:
        way = ways.pop(0)
        if way[-1] == target:
            return way[:-1]
        if way[-1] in visited or way[-1] not in index.by_name:
            continue
        visited.add(way[-1])
        ways += [(*way, base.name) for base in index.by_name[way[-1]].bases]
    return ()
