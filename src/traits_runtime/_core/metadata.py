"""What is known about one trait or model class: its declarations, and what they mean along its MRO."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Literal, NamedTuple

from traits_runtime._core import runtime
from traits_runtime._core.declare import HookMark, is_coroutine_function
from traits_runtime._core.hosts import METADATA as METADATA
from traits_runtime._core.rollouts import Plan, ProvidedPlan, Rollout, SubjectOverride
from traits_runtime.errors import DeclarationError, UnknownConfigKeyError, UnknownFeatureError
from traits_runtime.host import Host
from traits_runtime.rules.identity import path_of
from traits_runtime.rules.keys import ENABLED, EVERYTHING, Key, Option
from traits_runtime.rules.layers import Resolved, Subject

_numbers = count()

Code = Mapping[tuple[str, str], tuple[tuple[object, str], ...]]


class HookEntry(NamedTuple):
    """A hook of one class.

    Args:
        name: The method.
        mark: The declaration.
        owner: Short name of the declaring class.
        is_async: Whether the method is a coroutine function.
        in_trait: Whether the declaring class is a trait, which can be switched off.
    """

    name: str
    mark: HookMark
    owner: str
    is_async: bool
    in_trait: bool


class TraitMetadata:
    """The declarations of one class and, worked out when first needed, what it gets from its bases.

    Args:
        cls: The class.
        kind: ``trait`` or ``model``.
    """

    __slots__ = (
        "__weakref__",
        "booted",
        "booting",
        "class_overrides",
        "cls",
        "declared_names",
        "feature_keys",
        "features",
        "flags",
        "hidden_keys",
        "hooks",
        "host",
        "inherited_new",
        "initializers",
        "keys",
        "kind",
        "lineage",
        "make",
        "moments",
        "name",
        "names",
        "number",
        "path",
        "plans",
        "ready",
        "snapshots",
        "subject",
    )  # fmt: skip

    def __init__(self, cls: type, kind: Literal["trait", "model"]) -> None:
        self.cls: type[Any] = cls
        self.kind = kind
        self.name: str = cls.__name__
        self.number: int = next(_numbers)
        self.path: str = path_of(cls)
        self.hooks: tuple[HookEntry, ...] = tuple(_own_hooks(cls, kind == "trait"))
        self.keys: dict[str, Key] = {}
        self.declared_names: tuple[str, ...] = ()
        self.features: tuple[str, ...] = ()
        bases = (base for base in cls.__mro__[1:] if has_metadata(base))
        self.lineage: tuple[TraitMetadata, ...] = tuple(map(metadata_of, bases))
        self.class_overrides: dict[tuple[str, str], object] = {}
        self.moments: dict[str, tuple[HookEntry, ...]] = {}
        self.names: dict[str, str] = {}
        self.snapshots: dict[Any, Any] = {}
        self.flags: dict[str, bool] = {}
        self.feature_keys: dict[str, Key] = {}
        self.plans: dict[tuple[str, str | None], Plan] = {}
        self.hidden_keys: dict[str, tuple[Key, Key]] = {}
        self.subject: Subject | None = None
        self.booted: bool = False
        self.booting: bool = False
        self.ready: type[Any] | None = None
        self.inherited_new: Callable[..., Any] = object.__new__
        self.make: Any = None
        self.host: Host | None = None
        self.initializers: tuple[HookEntry, ...] = ()

    def forget(self) -> None:
        """Drop what was worked out from config."""
        self.snapshots = {}
        self.flags = {}
        self.plans = {}

    def rollout_keys(self, feature: str) -> tuple[Key, Key]:
        """The keys behind a feature's share and its subjects' overrides; set through `rollouts` alone."""
        key = self.feature_key(feature)
        keys = self.hidden_keys.get(key.name)
        if keys is None:
            keys = (hidden_key(key, "rollout", Rollout | None, None), hidden_key(key, "subjects", Subjects, {}))
            self.hidden_keys[key.name] = keys
        return keys

    def plan(self, feature: str, tenant: str | None) -> Plan:
        """A feature with its rollout, made ready for quick answers."""
        plans, flags = self.plans, self.flags
        plan = plans.get((feature, tenant))
        if plan is None:
            plan = self.plan_in(feature, tenant, ())
            plans[feature, tenant] = plan
        if tenant is None and plan.constant is not None:
            flags[feature] = plan.constant
        return plan

    def plan_in(self, feature: str, tenant: str | None, frames: tuple[Any, ...], instance: object = None) -> Plan:
        """As `plan`, worked out anew with the values of ``with`` blocks."""
        runtime.ensure_files()
        key = self.feature_key(feature)
        subject = self.subject_of(instance)
        off = self.switched_off_by(key, tenant, frames, instance) is not None
        toggle = runtime.resolver.value(key, subject, tenant, frames) is True
        name = f"{key.trait}.{key.name}"
        if key.kind == "toggle":
            return Plan(name, toggle, off, None, {})
        share, subjects = (
            runtime.resolver.value(hidden, subject, tenant, frames) for hidden in self.rollout_keys(feature)
        )
        dealt_by = vars(self._owner_of(key).cls)[key.name].dealt_by
        if runtime.flag_provider is not None:
            return ProvidedPlan(name, toggle, off, subjects, runtime.flag_provider, dealt_by)  # type: ignore[arg-type]
        return Plan(name, toggle, off, share, subjects, dealt_by)  # type: ignore[arg-type]

    def switched_off_by(
        self, key: Key, tenant: str | None, frames: tuple[Any, ...], instance: object = None
    ) -> Resolved[Any] | None:
        """The switch that is off for everybody: of everything, of the trait, or a layer that switches the feature off.

        A feature whose declared default is off is not switched off: a rollout may give it to some.
        """
        subject = self.subject_of(instance)
        for switch in dict.fromkeys((*self._switches(key), key)):
            if runtime.resolver.value(switch, subject, tenant, frames) is True:
                continue
            switched = runtime.resolver.resolve(switch, subject, tenant, frames)
            if switch is not key or switched.layer != "default":
                return switched
        return None

    @property
    def all(self) -> tuple[TraitMetadata, ...]:
        """This class and its bases, in MRO order."""
        return (self, *self.lineage)

    @property
    def traits(self) -> tuple[TraitMetadata, ...]:
        """The traits of this class, in MRO order; for a trait the trait itself first."""
        return tuple(metadata for metadata in self.all if metadata.kind == "trait")

    def hooks_at(self, moment: str) -> tuple[HookEntry, ...]:
        """The hooks of a moment in the order in which they run: MRO, then priority, then definition."""
        entries = self.moments.get(moment)
        if entries is None:
            entries = tuple(self._ordered(moment))
            self.moments[moment] = entries
        return entries

    def _ordered(self, moment: str) -> Iterator[HookEntry]:
        seen: set[str] = set()
        for owner in self.all:
            if not owner.hooks:
                continue
            fresh = [entry for entry in owner.hooks if entry.name not in seen]
            seen.update(entry.name for entry in fresh)
            due = [
                entry
                for entry in fresh
                if entry.mark.moment == moment and callable(getattr(self.cls, entry.name, None))
            ]
            for hook_entry in sorted(due, key=lambda entry: -entry.mark.priority):
                awaited = is_coroutine_function(getattr(self.cls, hook_entry.name))
                yield hook_entry if awaited is hook_entry.is_async else hook_entry._replace(is_async=awaited)

    def subject_of(self, instance: object = None) -> Subject:
        """This class as config resolution sees it."""
        if self.subject is None:
            self.subject = Subject(self.cls, tuple(metadata.path for metadata in self.all), self._code())
        return self.subject if instance is None else self.subject._replace(instance=instance)

    def _code(self) -> Code:
        overrides: dict[tuple[str, str], list[tuple[object, str]]] = {}
        for owner in self.all:
            for address, value in owner.class_overrides.items():
                overrides.setdefault(address, []).append((value, f"{owner.path}.__traits__"))
        return {address: tuple(values) for address, values in overrides.items()}

    def key(self, trait: str, name: str) -> Key:
        """A key of one of the traits of this class.

        Raises:
            UnknownConfigKeyError: The trait does not declare it.
        """
        owner = next((metadata for metadata in self.all if trait in (metadata.name, metadata.path)), None)
        key_names = [key for metadata in self.all if trait in (metadata.name, metadata.path) for key in metadata.keys]
        if owner is None or name not in owner.keys:
            raise UnknownConfigKeyError(trait, name, key_names)
        return owner.keys[name]

    def feature_key(self, name: str) -> Key:
        """The key behind a feature: ``follow_title``, ``HasSlug.follow_title``, or a trait's name.

        Raises:
            UnknownFeatureError: No trait of this class declares it.
        """
        feature_key = self.feature_keys.get(name)
        if feature_key is None:
            feature_key = self.feature_keys[name] = self._find_feature(name)
        return feature_key

    def _find_feature(self, name: str) -> Key:
        trait, _, short = name.rpartition(".")
        for owner in self.all:
            if name in (owner.name, owner.path) and ENABLED in owner.keys:
                return owner.keys[ENABLED]
            if short in owner.features and trait in ("", owner.name, owner.path):
                return owner.keys[short]
        raise UnknownFeatureError(self.path, name, self.mutable_names())

    def mutable_names(self) -> tuple[str, ...]:
        """The names by which blocks and questions mean a feature of this class, or one of its traits."""
        names: list[str] = []
        for owner in self.all:
            names += owner.features
            names += [f"{owner.name}.{feature}" for feature in owner.features]
            if ENABLED in owner.keys:
                names.append(owner.name)
        return tuple(names)

    def state(self, name: str, tenant: str | None) -> bool:
        """Whether a feature is on by the layers below blocks and without a subject."""
        return self.plan(name, tenant).includes("")

    def _switches(self, key: Key) -> tuple[Key, ...]:
        """What must be on before a key of a trait counts: everything, and the trait (a model has no toggle)."""
        owner = self._owner_of(key)
        return (EVERYTHING, owner.keys[ENABLED]) if ENABLED in owner.keys else (EVERYTHING,)

    def _owner_of(self, key: Key) -> TraitMetadata:
        return next(metadata for metadata in self.all if metadata.path == key.path)

    def __repr__(self) -> str:
        return f"<TraitMetadata of {self.kind} {self.path}>"


Subjects = Mapping[str, SubjectOverride]


def hidden_key(key: Key, name: str, of: Any, default: object) -> Key:
    """A key behind a feature that is set through `rollouts` alone."""
    option = Option(default, None, "", (), {}, (False, False), ("", ""))
    return Key(key.trait, key.path, f"{key.name}.{name}", of, option, "feature")


def has_metadata(cls: type) -> bool:
    """Whether a class is a trait or a model."""
    return METADATA in cls.__dict__


def metadata_of(cls: type) -> TraitMetadata:
    """The record of a trait or model.

    Raises:
        DeclarationError: The class is neither.
    """
    stored = cls.__dict__.get(METADATA)
    if stored is None:
        raise DeclarationError(path_of(cls), "is neither a trait nor a model: it does not inherit from Trait.")
    metadata: TraitMetadata = stored
    return metadata


def _own_hooks(cls: type, in_trait: bool) -> Iterator[HookEntry]:
    for name, value in cls.__dict__.items():
        target = getattr(value, "__func__", value)
        for mark in getattr(target, "__trait_hooks__", ()) if hasattr(target, "__code__") else ():
            if mark.moment == "boot" and not isinstance(value, classmethod):
                raise DeclarationError(
                    path_of(cls), f"the boot hook {name!r} must be a classmethod: it runs per model."
                )
            yield HookEntry(name, mark, cls.__name__, is_coroutine_function(target), in_trait)
