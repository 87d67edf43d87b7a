"""`feature`: a part of a trait that can be switched; and what answers whether it is on."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, overload

from traits_runtime._core import runtime
from traits_runtime._core.actor import Actor
from traits_runtime._core.declare import Block
from traits_runtime._core.features import muted
from traits_runtime._core.metadata import TraitMetadata, metadata_of
from traits_runtime._core.rollouts import DealtBy, Plan, subject_text
from traits_runtime._core.runtime import MUTES, OVERRIDES, SCOPED, TENANT
from traits_runtime.errors import FeatureDisabledError
from traits_runtime.rules.keys import Option
from traits_runtime.rules.layers import Resolved


class Feature:
    """A declared feature; made by `feature`. Reading it on an instance says whether it is on."""

    __slots__ = ("dealt_by", "doc", "name", "option", "owner")

    name: str
    owner: str

    def __init__(self, option: Option, dealt_by: DealtBy = "actor") -> None:
        self.option: Option = option
        self.dealt_by: DealtBy = dealt_by
        self.doc: str = option.doc
        self.name = ""
        self.owner = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__
        self.option.name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Feature: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> bool: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Feature | bool:
        if instance is None:
            return self
        if not SCOPED.get():
            try:
                return instance.__trait_metadata__.flags[self.name]  # type: ignore[attr-defined, no-any-return]
            except KeyError:
                pass
        return is_enabled(instance, self.name)

    def __repr__(self) -> str:
        return f"<Feature {self.owner}.{self.name}>"


def feature(
    default: bool = True, *, doc: str = "", env: str | tuple[str, ...] = (), dealt_by: DealtBy = "actor",
    since: str = "", deprecated: str = "",
) -> Feature:  # fmt: skip
    """Declare a part of a trait that can be switched on and off, in every layer in which config can be given.

    Args:
        default: Whether it is on while no layer says otherwise.
        doc: What it does.
        env: Environment variables that switch it; the first that is set wins.
        dealt_by: The subject of its rollout where the caller gives none: the current ``actor``, the current
            ``tenant``, or the ``row`` by its primary key.
        since: Version that introduced it.
        deprecated: Version or sentence, empty while current.

    >>> from traits_runtime import Trait
    >>> class HasTitle(Trait):
    ...     follow = feature(False, doc="Follow the title.")
    >>> class Post(HasTitle):
    ...     __traits__ = {HasTitle: {"follow": True}}
    >>> Post.enabled("follow"), Post().follow, HasTitle.enabled("follow")
    (True, True, False)
    """
    names = (env,) if isinstance(env, str) else tuple(env)
    return Feature(Option(default, None, doc, names, {}, (False, False), (since, deprecated)), dealt_by)


def is_enabled(instance: Any, name: str) -> bool:
    """Whether a feature is on for an instance."""
    if not SCOPED.get():
        try:
            return instance.__trait_metadata__.flags[name]  # type: ignore[no-any-return]
        except KeyError:
            pass
    return _is_on(instance, metadata_of(type(instance)), name, instance)


def is_enabled_for(cls: Any, name: str) -> bool:
    """Whether a feature is on for a class."""
    if not SCOPED.get():
        try:
            return cls.__trait_metadata__.flags[name]  # type: ignore[no-any-return]
        except KeyError:
            pass
    return _is_on(cls, metadata_of(cls), name, None)


def is_on_for(target: Any, name: str, subject: object) -> bool:
    """Whether a subject has a feature, with the subject given instead of the one in scope."""
    text = subject if type(subject) is str else subject_of(subject)
    if type(target) is type or isinstance(target, type):
        return _is_on(target, metadata_of(target), name, None, text)
    return _is_on(target, metadata_of(type(target)), name, target, text)


def _is_on(target: object, metadata: TraitMetadata, name: str, instance: object, subject: str | None = None) -> bool:
    """The one question: nothing above the feature is off, no block mutes it, and toggle and rollout have the subject.

    Args:
        target: The instance or class, for the blocks that are open for it.
        metadata: That of the class.
        name: The feature, or a trait.
        instance: The instance, None for a class.
        subject: The text of a subject, None for the subject in scope.
    """
    plan = plan_of(metadata, name, instance)
    state = plan.constant
    if state is None:
        state = plan.includes(_subject_in_scope(plan, instance) if subject is None else subject)
    return state and not is_muted(target, metadata, name)


def plan_of(metadata: TraitMetadata, name: str, instance: object) -> Plan:
    """The toggle and the rollout of a feature in the current context."""
    tenant = None if TENANT.get() is None else runtime.current_tenant_id()
    overrides = OVERRIDES.get()
    return metadata.plan_in(name, tenant, overrides, instance) if overrides else metadata.plan(name, tenant)


def is_muted(target: object, metadata: TraitMetadata, name: str) -> bool:
    """Whether an open block mutes a feature or a trait."""
    mutes = MUTES.get()
    if not mutes:
        return False
    key = metadata.feature_key(name)
    return muted(mutes, key.trait, key.name if key.kind == "feature" else "", target)


def _subject_in_scope(plan: Plan, instance: object) -> str:
    if plan.dealt_by == "actor":
        return subject_of(runtime.current_actor())
    if plan.dealt_by == "tenant":
        return subject_text(runtime.current_tenant_id())
    return subject_text(None if instance is None else runtime.identify(instance))


def subject_of(subject: object) -> str:
    """The text of a subject: of an actor its key's, else the key's own."""
    return subject_text(subject.id if isinstance(subject, Actor) else subject)


def trait_is_on(target: object, metadata: TraitMetadata, trait: str) -> bool:
    """Whether a trait as a whole is on: its lifecycle hooks run."""
    instance = None if isinstance(target, type) else target
    return _is_on(target, metadata, trait, instance)


def has_on(target: object, trait: Any) -> bool:
    """Whether a trait is on for an instance or a model, also where the model has an attribute ``enabled``.

    Args:
        target: The instance or model.
        trait: The trait.
    """
    cls: Any = target if isinstance(target, type) else type(target)
    path = trait.__trait_metadata__.path
    if not SCOPED.get() and cls.__trait_metadata__.flags.get(path):
        return True
    return trait_is_on(target, metadata_of(cls), path)


def refuse_if_off(target: object, trait: Any, operation: str) -> None:
    """Refuse an operation of a trait that is switched off.

    Args:
        target: The instance or model.
        trait: The trait.
        operation: The method.

    Raises:
        FeatureDisabledError: The trait is off.
    """
    if not has_on(target, trait):
        metadata = metadata_of(target if isinstance(target, type) else type(target))
        key, place = _reason(target, metadata, trait.__trait_metadata__.path)
        raise FeatureDisabledError(metadata.name, operation, key, place)


def _reason(target: object, metadata: TraitMetadata, trait: str) -> tuple[str, str]:
    """The key that switches a trait off, and where."""
    key = metadata.feature_key(trait)
    instance = None if isinstance(target, type) else target
    switch = metadata.switched_off_by(key, runtime.current_tenant_id(), OVERRIDES.get(), instance)
    if switch is None:
        return f"{key.trait}.{key.name}", "an open `without_features` block"
    return f"{switch.trait}.{switch.key}", ": ".join(filter(None, (switch.layer, switch.place)))


def explain_feature(metadata: TraitMetadata, name: str) -> Resolved[Any]:
    """The toggle of a feature with the layer that gave it."""
    return runtime.resolver.resolve(
        metadata.feature_key(name), metadata.subject_of(), runtime.current_tenant_id(), OVERRIDES.get()
    )


class EnabledMethod:
    """``enabled`` of classes and instances alike, as type checkers see it; classes get a function from `enabled_of`."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type[Any]) -> Callable[[str], bool]:
        return MethodType(is_enabled_for, owner) if instance is None else MethodType(is_enabled, instance)


def enabled_of(cls: type) -> Callable[..., bool]:
    """``enabled`` for one class: called on an instance a plain method, and that is twice as fast as a descriptor.

    On the class it is called with the name alone, and knows the class because it was made for it.
    """

    def enabled(target: Any, name: str | None = None) -> bool:
        if name is None:
            return is_enabled_for(cls, target)
        if not SCOPED.get():
            try:
                return target.__trait_metadata__.flags[name]  # type: ignore[no-any-return]
            except KeyError:
                pass
        return is_enabled(target, name)

    enabled.trait_made = True  # type: ignore[attr-defined]
    return enabled


class BlockMethod:
    """A function that makes a block for a model or an instance, as a method of both.

    Args:
        make: Called with the names and ``model=``.
        within: How a name is written that means the one of a trait.
        whole: The name that stands for all of a trait; empty where the trait's own name does.
    """

    __slots__ = ("_make", "_whole", "_within")

    def __init__(self, make: Callable[..., Block], within: str, whole: str = "") -> None:
        self._make = make
        self._within = within
        self._whole = whole

    def __get__(self, instance: object, owner: type[Any]) -> Callable[..., Block]:
        metadata = metadata_of(owner)
        model = instance if instance is not None else owner if metadata.kind == "model" else None
        make = self._make

        def block(*names: Any) -> Block:
            if metadata.kind == "model" or instance is not None:
                return make(*names, model=model)
            return make(*self._of_trait(metadata.name, names))

        return block

    def _of_trait(self, trait: str, names: tuple[Any, ...]) -> tuple[str, ...]:
        if not names and not self._whole:
            return (trait,)
        return tuple(self._within.format(trait, feature) for feature in names or (self._whole,))
