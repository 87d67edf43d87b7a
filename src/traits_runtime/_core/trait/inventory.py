"""What this process has imported, as plain data in the words of the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from traits_runtime._core import registry, runtime
from traits_runtime._core.metadata import TraitMetadata
from traits_runtime._core.trait.events import TraitEvent
from traits_runtime._core.trait.features import Feature
from traits_runtime._core.trait.jobs import Job
from traits_runtime._core.trait.metrics import Metric
from traits_runtime.rules.coercion import thaw
from traits_runtime.rules.identity import path_of
from traits_runtime.rules.keys import Key

D = TypeVar("D")


class HookFact(msgspec.Struct, frozen=True, order=True):
    """A hook as its class declares it."""

    owner: str
    name: str
    moment: str
    priority: int
    is_async: bool


class KeyFact(msgspec.Struct, frozen=True, order=True):
    """A config key: who declares it, under which attribute, with which environment variables and constraints."""

    owner: str
    group: str
    name: str
    env: tuple[str, ...]
    constraints: tuple[str, ...]
    secret: bool
    locked: bool


class FeatureFact(msgspec.Struct, frozen=True, order=True):
    """A feature and its default."""

    owner: str
    name: str
    default: bool


class EventFact(msgspec.Struct, frozen=True, order=True):
    """An event, its name on the bus and its payload's class."""

    owner: str
    name: str
    wire: str
    payload: str
    before: bool


class JobFact(msgspec.Struct, frozen=True, order=True):
    """A job and its queue."""

    owner: str
    name: str
    queue: str


class MetricFact(msgspec.Struct, frozen=True, order=True):
    """A metric and its kind."""

    owner: str
    name: str
    kind: str


class ClassFact(msgspec.Struct, frozen=True, order=True):
    """A trait or model with its MRO."""

    name: str
    mro: tuple[str, ...]
    traits: tuple[str, ...]


class SettingFact(msgspec.Struct, frozen=True, order=True):
    """A value that a class body gives in ``__traits__``, as Python writes it."""

    model: str
    trait: str
    key: str
    value: str


class ListenerFact(msgspec.Struct, frozen=True, order=True):
    """A registered listener."""

    pattern: str
    target: str
    priority: int
    model: str


class Inventory(msgspec.Struct, frozen=True):
    """What this process has imported, in the words and the order of the manifest; all sorted, no live objects."""

    traits: tuple[ClassFact, ...]
    models: tuple[ClassFact, ...]
    hooks: tuple[HookFact, ...]
    keys: tuple[KeyFact, ...]
    features: tuple[FeatureFact, ...]
    events: tuple[EventFact, ...]
    jobs: tuple[JobFact, ...]
    metrics: tuple[MetricFact, ...]
    settings: tuple[SettingFact, ...]
    listeners: tuple[ListenerFact, ...]


def inventory(*packages: str) -> Inventory:
    """What is declared, as plain data that compares with the manifest that is extracted from the sources.

    Args:
        packages: Only classes and listeners of these packages, and the traits that those use; everything by default.
    """
    classes = _selected_metadata(packages)
    events = (_event_fact(metadata, event) for metadata, _, event in _declarations(classes, TraitEvent))
    jobs = (JobFact(metadata.path, name, job.queue) for metadata, name, job in _declarations(classes, Job))
    metrics = (MetricFact(metadata.path, name, m.kind) for metadata, name, m in _declarations(classes, Metric))
    return Inventory(
        traits=_class_facts(classes, "trait"),
        models=_class_facts(classes, "model"),
        hooks=tuple(sorted(_hook_facts(classes))),
        keys=tuple(sorted(_key_facts(classes))),
        features=tuple(sorted(_feature_facts(classes))),
        events=tuple(sorted(events)),
        jobs=tuple(sorted(jobs)),
        metrics=tuple(sorted(metrics)),
        settings=tuple(sorted(_setting_facts(classes))),
        listeners=tuple(sorted(_listener_facts(packages))),
    )


def _selected_metadata(packages: tuple[str, ...]) -> list[TraitMetadata]:
    """The classes of some packages and the traits that those use, in the order of the registry."""
    records = registry.records()
    if not packages:
        return list(records.values())
    selected = [metadata for path, metadata in records.items() if _within(path, packages)]
    paths = {used.path for metadata in selected for used in (metadata, *metadata.traits)}
    return [metadata for path, metadata in records.items() if path in paths]


def _declarations(classes: list[TraitMetadata], kind: type[D]) -> Iterator[tuple[TraitMetadata, str, D]]:
    """The declarations of one kind in class bodies, with their class and name."""
    for metadata in classes:
        for name, value in vars(metadata.cls).items():
            if isinstance(value, kind):
                yield metadata, name, value


def _within(path: str, packages: tuple[str, ...]) -> bool:
    return any(path == package or path.startswith(package + ".") for package in packages)


def _class_facts(classes: list[TraitMetadata], kind: str) -> tuple[ClassFact, ...]:
    return tuple(_class_fact(metadata) for metadata in classes if metadata.kind == kind)


def _class_fact(metadata: TraitMetadata) -> ClassFact:
    mro = tuple(path_of(base) for base in metadata.cls.__mro__)
    return ClassFact(metadata.path, mro, tuple(trait.path for trait in metadata.traits if trait is not metadata))


def _hook_facts(classes: list[TraitMetadata]) -> Iterator[HookFact]:
    for metadata in classes:
        for entry in metadata.hooks:
            yield HookFact(metadata.path, entry.name, entry.mark.moment, entry.mark.priority, entry.is_async)


def _key_facts(classes: list[TraitMetadata]) -> Iterator[KeyFact]:
    for metadata in classes:
        yield from (_key_fact(key) for key in metadata.keys.values() if key.kind == "option")


def _key_fact(key: Key) -> KeyFact:
    constraints = tuple(f"{name}={value!r}" for name, value in key.option.constraints.items())
    return KeyFact(key.path, key.group, key.name, key.option.env, constraints, key.option.secret, key.option.locked)


def _feature_facts(classes: list[TraitMetadata]) -> Iterator[FeatureFact]:
    for metadata, name, feature in _declarations(classes, Feature):
        yield FeatureFact(metadata.path, name, feature.option.default is True)


def _event_fact(metadata: TraitMetadata, event: TraitEvent[Any, Any]) -> EventFact:
    payload = "" if event.payload is None else path_of(event.payload)
    return EventFact(metadata.path, event.name, event.wire, payload, event.before)


def _setting_facts(models: list[TraitMetadata]) -> Iterator[SettingFact]:
    for metadata in models:
        for (trait, key), value in metadata.class_overrides.items():
            yield SettingFact(metadata.path, trait, key, repr(thaw(value)))


def _listener_facts(packages: tuple[str, ...]) -> Iterator[ListenerFact]:
    for listener in runtime.bus.listeners:
        if not packages or _within(listener.name, packages):
            yield ListenerFact(
                listener.pattern, listener.name, listener.priority, path_of(listener.model) if listener.model else ""
            )
