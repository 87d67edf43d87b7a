"""`TraitConfig`: the config of a trait as its code reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self, get_type_hints

from traits_runtime._core import runtime
from traits_runtime._core.config.override import OverrideFrame
from traits_runtime._core.declare import Block
from traits_runtime._core.metadata import TraitMetadata, metadata_of
from traits_runtime._core.runtime import OVERRIDES, SCOPED, TENANT
from traits_runtime.errors import DeclarationError, LockedConfigKeyError, MissingConfigValueError, UnknownConfigKeyError
from traits_runtime.rules.identity import path_of
from traits_runtime.rules.keys import REQUIRED, Key, Option
from traits_runtime.rules.layers import Resolved


class TraitConfig:
    """Base of config classes; a trait holds one under a name of its own.

    Reading a key gives the effective value for the model (and the current tenant) that reads it. What is read is
    an immutable snapshot: values that are read together belong together.

    >>> from traits_runtime import Trait, option
    >>> class SlugConfig(TraitConfig):
    ...     max_length: int = option(80, ge=8, doc="Longest slug.")
    >>> class HasSlug(Trait):
    ...     slug_config = SlugConfig()
    >>> class Article(HasSlug):
    ...     __traits__ = {HasSlug: {"max_length": 60}}
    >>> Article().slug_config.max_length, HasSlug.slug_config.max_length
    (60, 80)
    >>> Article.slug_config.explain("max_length").layer
    'model'
    """

    __options__: ClassVar[Mapping[str, Option]] = {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        declared = {name: value for name, value in vars(cls).items() if isinstance(value, Option)}
        for name, value in declared.items():
            if hasattr(TraitConfig, name) or name.startswith("_"):
                raise DeclarationError(
                    path_of(cls), f"a config key cannot be called {name!r}: the class uses the name."
                )
            if name not in cls.__annotations__:
                raise DeclarationError(
                    path_of(cls), f"the config key {name!r} needs a type: `{name}: ... = option(...)`."
                )
            value.name = name
        inherited = {name: option for base in reversed(cls.__mro__[1:]) for name, option in _options_of(base).items()}
        cls.__options__ = {**inherited, **declared}

    def __init__(self) -> None:
        for name, option in self.__options__.items():
            default = option.declared_default()
            if default is not REQUIRED:
                self.__dict__[name] = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.__dict__["_attribute"] = name

    def __get__(self, instance: object, owner: type[Any]) -> Self:
        metadata: TraitMetadata = owner.__trait_metadata__
        if not SCOPED.get():
            snapshot = metadata.snapshots.get(self)
            if snapshot is not None:
                return snapshot  # type: ignore[no-any-return]  # a name for the type would cost a tenth of the read
        elif not OVERRIDES.get():
            frame = TENANT.get()
            if frame is not None and not frame.abandoned:
                snapshot = metadata.snapshots.get((self, frame.value) if frame.value is not None else self)
                if snapshot is not None:
                    return snapshot  # type: ignore[no-any-return]
        new_snapshot: Self = _snapshot(self, metadata_of(owner), instance)
        return new_snapshot

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"{type(self).__name__}.{name} cannot be assigned: values are shared. "
            "Use `with ....override(...)`, or config.set(...)."
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.__options__:
            raise MissingConfigValueError(self._trait, name, self.__options__[name].env)
        raise UnknownConfigKeyError(self._trait, name, self.__options__)

    @property
    def _trait(self) -> str:
        metadata: TraitMetadata | None = self.__dict__.get("_record")
        return self._holder(metadata).name if metadata is not None else type(self).__name__

    def _holder(self, metadata: TraitMetadata) -> TraitMetadata:
        """The class that holds this config: the nearest whose body has the attribute."""
        attribute = self.__dict__["_attribute"]
        return next(metadata for metadata in metadata.all if attribute in metadata.cls.__dict__)

    def explain(self, key: str) -> Resolved[Any]:
        """The value of a key here and now, with the layer that gave it and what it hides.

        Raises:
            UnknownConfigKeyError: There is no such key.
        """
        metadata: TraitMetadata = self.__dict__["_record"]
        holder = self._holder(metadata)
        subject = metadata.subject_of(self.__dict__["_instance"])
        return runtime.resolver.resolve(
            holder.key(holder.path, key), subject, self.__dict__["_tenant"], OVERRIDES.get()
        )

    def explain_all(self) -> tuple[Resolved[Any], ...]:
        """`explain` for every key, in the order of declaration."""
        return tuple(self.explain(name) for name in self.__options__)

    def override(self, **values: Any) -> Block:
        """Other values inside a ``with`` block, for the model (or instance) it was read from.

        Raises:
            UnknownConfigKeyError: There is no such key.
            InvalidConfigValueError: A key does not take its value.
            LockedConfigKeyError: The environment sets a locked key.
        """
        metadata: TraitMetadata = self.__dict__["_record"]
        holder = self._holder(metadata)
        instance = self.__dict__["_instance"]
        owner = instance if instance is not None else metadata.cls if metadata.kind == "model" else None
        return override_block({holder.key(holder.path, key): value for key, value in values.items()}, owner)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__options__)

    def __repr__(self) -> str:
        metadata: TraitMetadata | None = self.__dict__.get("_record")
        if metadata is None:
            return f"<{type(self).__name__}>"
        return (
            f"<{type(self).__name__} of {metadata.path}: {', '.join(str(resolved) for resolved in self.explain_all())}>"
        )


class _Override(Block):
    __slots__ = ("_owner", "_values")

    def __init__(self, values: Mapping[tuple[str, str], object], owner: object) -> None:
        super().__init__(OVERRIDES, runtime.GATE)
        self._values = values
        self._owner = owner

    def _frame(self) -> OverrideFrame:
        return OverrideFrame(self, self._values, self._owner, next(runtime.caller(), ""))


def override_block(values: Mapping[Key, object], owner: object) -> Block:
    """A block with checked values."""
    checked: dict[tuple[str, str], object] = {}
    for key, value in values.items():
        refuse_locked(key)
        checked[(key.path, key.name)] = key.check(value, "block")
    return _Override(checked, owner)


def refuse_locked(key: Key) -> None:
    """Raise where the environment sets a locked key."""
    if key.option.locked:
        variable = next(
            (variable_name for variable_name in key.option.env if variable_name in runtime.resolver.environ), None
        )
        if variable is not None:
            raise LockedConfigKeyError(key.trait, key.name, variable)


def keys_of(config: TraitConfig, trait: str, path: str, attribute: str) -> Iterator[Key]:
    """The keys of a config class as one trait holds it."""
    types = _types(type(config))
    for name, option in config.__options__.items():
        if name not in types:
            raise DeclarationError(path, f"the type of the config key {name!r} cannot be found from its module.")
        yield Key(trait, path, name, types[name], option, "option", attribute)


def _types(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise DeclarationError(
            path_of(cls), f"the type {error.name!r} is not known at run time: import it outside `if TYPE_CHECKING:`."
        ) from error


def _options_of(base: type) -> Mapping[str, Option]:
    options: Mapping[str, Option] = base.__dict__.get("__options__", {})
    return options


def _snapshot(config: TraitConfig, metadata: TraitMetadata, instance: object) -> Any:
    tenant = runtime.current_tenant_id()
    mark = config if tenant is None else (config, tenant)
    snaps = metadata.snapshots
    snapshot = snaps.get(mark)
    if snapshot is None:
        runtime.ensure_files()
        snaps = metadata.snapshots
        snapshot = _made(config, metadata, tenant)
        snaps[mark] = snapshot
    frames = OVERRIDES.get()
    return _overlaid(snapshot, metadata, instance, frames) if frames else snapshot


def _made(config: TraitConfig, metadata: TraitMetadata, tenant: str | None) -> TraitConfig:
    holder = config._holder(metadata)
    subject = metadata.subject_of()
    snapshot = object.__new__(type(config))
    values = snapshot.__dict__
    for name in config.__options__:
        value = runtime.resolver.value(holder.key(holder.path, name), subject, tenant)
        if value is not REQUIRED:
            values[name] = value
    values.update(_attribute=config.__dict__["_attribute"], _record=metadata, _tenant=tenant, _instance=None)
    return snapshot


def _overlaid(
    snapshot: TraitConfig, metadata: TraitMetadata, instance: object, frames: tuple[OverrideFrame, ...]
) -> TraitConfig:
    path = snapshot._holder(metadata).path
    subject = metadata.subject_of(instance)
    copy = object.__new__(type(snapshot))
    copy.__dict__.update(snapshot.__dict__)
    copy.__dict__["_instance"] = instance
    for frame in frames:
        if frame.active and frame.covers(subject):
            copy.__dict__.update({name: value for (trait, name), value in frame.values.items() if trait == path})
    return copy
