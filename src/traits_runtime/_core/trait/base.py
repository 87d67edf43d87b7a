"""`Trait`: the base of traits, and through them of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from traits_runtime._core import runtime
from traits_runtime._core.metadata import METADATA, TraitMetadata
from traits_runtime._core.trait.columns import TraitColumn
from traits_runtime._core.trait.config import TraitConfig, keys_of
from traits_runtime._core.trait.events import TraitEvent
from traits_runtime._core.trait.features import BlockMethod, EnabledMethod, Feature, enabled_of
from traits_runtime._core.trait.instantiation import attach, prepare
from traits_runtime._core.trait.scopes import ScopesMethod
from traits_runtime.errors import AttributeClashError, DeclarationError, UnknownConfigKeyError, UnknownTraitError
from traits_runtime.rules.identity import path_of
from traits_runtime.rules.keys import Key, toggle

_new = object.__new__

HELD = (TraitConfig, TraitEvent, Feature)
"""What a class body may hold under a name of its own, and two traits of a model may not both hold."""


class Trait:
    """Base of all traits.

    A class that names `Trait` itself among its bases is a trait; any other class that inherits a trait is a
    model. Traits declare hooks, config, features, events and jobs in their bodies, and may use other traits.
    A model gives values to its traits' keys and features in ``__traits__``.

    No metaclass and no instance attributes: works with plain classes, dataclasses, attrs, msgspec, pydantic,
    SQLAlchemy, SQLModel and Django.

    >>> from traits_runtime import hook
    >>> class HasTags(Trait):
    ...     @hook("initialize")
    ...     def start_empty(self) -> None:
    ...         self.tags: list[str] = []
    >>> class Photo(HasTags):
    ...     pass
    >>> Photo().tags
    []
    """

    __slots__ = ()

    __traits__: ClassVar[Mapping[type[Trait] | str, Mapping[str, object]]] = {}
    """Values for keys and features of the traits of a model, by trait."""

    enabled: ClassVar[EnabledMethod] = EnabledMethod()
    """``enabled("follow_title")``: whether a feature is on, of a class or an instance."""

    without_features: ClassVar[BlockMethod] = BlockMethod(runtime.without_features, "{0}.{1}")
    """``with article.without_features("follow_title"):`` for one instance, or for a model; no names: everything."""

    without_feature: ClassVar[BlockMethod] = BlockMethod(runtime.without_feature, "{0}.{1}")
    """`without_features` for one name."""

    scopes: ClassVar[ScopesMethod] = ScopesMethod()
    """``Article.scopes.published()``: a scope of a model's traits, as a condition for queries."""

    quietly: ClassVar[BlockMethod] = BlockMethod(runtime.quietly, "trait.{0}.{1}", "*")
    """``with article.quietly():`` drops the events of one instance, or of a model."""

    if not TYPE_CHECKING:

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            """Make a bare instance, after the model has booted."""
            try:
                metadata = cls.__trait_metadata__
            except AttributeError:
                metadata = adopt(cls)
            if metadata.ready is not cls:
                metadata = prepare(_adopted(cls))
            make = metadata.make
            return _new(cls) if make is None else make(cls, *args, **kwargs)

    def __init_subclass__(cls, **arguments: Any) -> None:
        metadata = adopt(cls)
        if metadata.kind == "model":
            runtime.hosts.prepare(cls)
        super().__init_subclass__(**arguments)


def _adopted(cls: type) -> type:
    """The class, with a record also if a base in front of `Trait` kept ``__init_subclass__`` to itself."""
    if METADATA not in cls.__dict__:
        adopt(cls)
    return cls


def _hide_annotations(cls: type) -> None:
    """Remove annotations of columns and events: hosts would read an annotated attribute as a field."""
    annotations = vars(cls).get("__annotations__", {})
    for name, value in vars(cls).items():
        if isinstance(value, (TraitColumn, TraitEvent)):
            annotations.pop(name, None)


def adopt(cls: type) -> TraitMetadata:
    """Read what a new class declares, and refuse what cannot work.

    Raises:
        DeclarationError: A declaration is wrong, or two traits declare the same attribute.
        UnknownFeatureError: A hook names a feature that neither the class nor one of its bases declares.
        UnknownTraitError: ``__traits__`` names a trait that the class does not have.
        UnknownConfigKeyError: ``__traits__`` names a key that the trait does not declare.
        InvalidConfigValueError: A key does not take the value that ``__traits__`` gives it.
    """
    if cls is Trait:
        raise DeclarationError(path_of(cls), "has no instances; inherit it: `class HasSlug(Trait): ...`.")
    metadata = TraitMetadata(cls, "trait" if Trait in cls.__bases__ else "model")
    metadata.inherited_new = super(Trait, cls).__new__  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    if metadata.kind == "trait":
        _hide_annotations(cls)
    metadata.features = _names_of(cls, Feature)
    metadata.declared_names = _names_of(cls, HELD)
    _add_keys(cls, metadata)
    _refuse_unknown_features(metadata)
    _refuse_clashes(metadata)
    metadata.class_overrides = dict(_given(metadata))
    type.__setattr__(cls, METADATA, metadata)
    runtime.know(cls)
    inherited = next(vars(base)["enabled"] for base in cls.__mro__ if "enabled" in vars(base))
    if isinstance(inherited, EnabledMethod) or hasattr(inherited, "trait_made"):
        type.__setattr__(cls, "enabled", enabled_of(cls))
    attach(cls, metadata)
    return metadata


def _names_of(cls: type, kinds: type | tuple[type, ...]) -> tuple[str, ...]:
    return tuple(name for name, value in vars(cls).items() if isinstance(value, kinds))


def _add_keys(cls: type, metadata: TraitMetadata) -> None:
    for key in _own_keys(cls, metadata):
        if key.name in metadata.keys:
            raise DeclarationError(
                metadata.path, f"{key.name!r} is declared twice: keys and features share one namespace."
            )
        metadata.keys[key.name] = key


def _refuse_unknown_features(metadata: TraitMetadata) -> None:
    for entry in metadata.hooks:
        if entry.mark.feature:
            metadata.feature_key(entry.mark.feature)


def _own_keys(cls: type, metadata: TraitMetadata) -> Iterator[Key]:
    if metadata.kind == "trait":
        yield toggle(metadata.name, metadata.path)
    for name, value in list(vars(cls).items()):
        if isinstance(value, TraitConfig):
            yield from keys_of(value, metadata.name, metadata.path, name)
        elif isinstance(value, Feature):
            yield Key(metadata.name, metadata.path, name, bool, value.option, "feature")


def _refuse_clashes(metadata: TraitMetadata) -> None:
    holders: dict[str, TraitMetadata] = {}
    for base in metadata.all:
        for name in base.declared_names:
            first = holders.setdefault(name, base)
            if first is not base and not issubclass(first.cls, base.cls):
                raise AttributeClashError(metadata.path, name, (first.path, base.path))


def _given(metadata: TraitMetadata) -> Iterator[tuple[tuple[str, str], object]]:
    """The values in the class's own ``__traits__``, checked."""
    overrides: Mapping[Any, Mapping[str, object]] = vars(metadata.cls).get("__traits__", {})
    for trait, values in overrides.items():
        name = trait if isinstance(trait, str) else path_of(trait)
        owner = next((base for base in metadata.all if name in (base.name, base.path)), None)
        if owner is None:
            raise UnknownTraitError(name, [base.name for base in metadata.traits])
        for key, value in values.items():
            if key not in owner.keys:
                raise UnknownConfigKeyError(owner.name, key, owner.keys)
            owner.keys[key].check(value, "model")
            yield (owner.path, key), value
