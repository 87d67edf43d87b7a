"""Boot and initialize: once per model before its first instance, once per instance after its constructor.

Nothing here relies on cooperative ``super().__init__()``: one base that does not call it would silently skip
every trait behind it. Hosts that make instances without a constructor are met where they end: msgspec's
``__post_init__`` and pydantic's ``model_post_init``; object mappers that load rows call `initialize`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from traits_runtime._core import runtime
from traits_runtime._core.metadata import TraitMetadata, metadata_of
from traits_runtime._core.trait.columns import columns_of, named
from traits_runtime.errors import AsyncHookError, BootError, NotSupportedError


def boot(model: type) -> None:
    """Run the boot hooks of a model and before them those of the models it inherits from; once, ever.

    Happens by itself before the first instance is made; a host calls it when the model is complete.

    Raises:
        BootError: The model is already booting: a boot hook needs an instance of it.
    """
    metadata = metadata_of(model)
    if metadata.booted:
        return
    with runtime.boot_lock:
        for base in reversed(metadata.all):
            if base.kind == "model":
                _boot(base)


def _boot(metadata: TraitMetadata) -> None:
    if metadata.booted:
        return
    if metadata.booting:
        raise BootError(metadata.path)
    metadata.booting = True
    try:
        for entry in metadata.hooks_at("boot"):
            getattr(metadata.cls, entry.name)()
        metadata.booted = True
    finally:
        metadata.booting = False


def initialize(instance: object) -> None:
    """Run the initialize hooks of an instance; for hosts that make instances without their constructor."""
    for entry in prepare(type(instance)).initializers:
        getattr(instance, entry.name)()


def prepare(cls: type) -> TraitMetadata:
    """Boot a model and find out how its instances are made; called before the first one."""
    metadata = metadata_of(cls)
    if metadata.ready is cls:
        return metadata
    boot(cls)
    _refuse_lost_columns(cls, metadata)
    with runtime.boot_lock:
        if metadata.ready is not cls:
            metadata.make = _maker(cls, metadata)
            if metadata.initializers and not _has_own_end(cls):
                type.__setattr__(cls, "__init__", _initializing(cls, metadata))
            metadata.ready = cls
    return metadata


def _refuse_lost_columns(cls: type, metadata: TraitMetadata) -> None:
    """Refuse traits whose columns the host does not write: their values would be lost.

    Raises:
        NotSupportedError: There are such columns.
    """
    host = runtime.host_of(cls)
    columns = None if host.adds_columns else host.columns(cls)
    if columns is None:
        return
    names = ((named(metadata, declared), declared.owner) for declared in columns_of(metadata))
    lost = {name: owner for name, owner in names if name not in columns}
    if lost:
        needed = ", ".join(f"{name} ({owner})" for name, owner in sorted(lost.items()))
        raise NotSupportedError(
            metadata.name,
            f"traits give no columns to models of {host.name}, so what they keep in {needed} would be lost.",
            "Declare the fields in the model, or leave the traits out.",
        )


def attach(cls: type, metadata: TraitMetadata) -> None:
    """Find the initialize hooks of a new class, and hook into hosts that call no constructor."""
    metadata.initializers = metadata.hooks_at("initialize")
    bad = next((coroutine for coroutine in metadata.initializers if coroutine.is_async), None)
    if bad is not None:
        raise AsyncHookError(metadata.path, bad.name)
    if _is_struct(cls):
        _extend(cls, metadata, "__post_init__")
    elif _is_pydantic(cls) and metadata.initializers:
        _extend(cls, metadata, "model_post_init")


def _maker(cls: type, metadata: TraitMetadata) -> Callable[..., Any] | None:
    """What makes the bare instance after `Trait.__new__`; None for ``object.__new__``, which takes no arguments."""
    if metadata.inherited_new is not object.__new__:
        return metadata.inherited_new
    return _without_arguments if _constructor(cls) is object.__init__ and not metadata.initializers else None


def _without_arguments(cls: type, *args: Any, **kwargs: Any) -> Any:
    if args or kwargs:
        raise TypeError(f"{cls.__name__}() takes no arguments")
    return object.__new__(cls)


def _initializing(cls: type, metadata: TraitMetadata) -> Callable[..., None]:
    original = _constructor(cls)
    hooks = tuple(getattr(cls, entry.name) for entry in metadata.initializers)

    @wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, *args, **kwargs)
        if type(self) is cls:
            for run in hooks:
                run(self)

    return __init__


def _constructor(cls: type) -> Callable[..., None]:
    """The constructor that counts: `typing.Protocol` puts one in front that refuses to work from inside another."""
    inherited = next(base.__dict__["__init__"] for base in cls.__mro__ if _constructs(base))
    constructor: Callable[..., None] = inherited
    return constructor


def _constructs(base: type) -> bool:
    constructor = base.__dict__.get("__init__")
    return constructor is not None and getattr(constructor, "__name__", "") != "_no_init_or_replace_init"


def _extend(cls: type, metadata: TraitMetadata, name: str) -> None:
    """Give a class an end of construction that runs the one it has, and then the hooks."""
    original = getattr(cls, name, None)

    def end(self: Any, *args: Any) -> None:
        if type(self) is cls:
            prepare(cls)
        if original is not None:
            original(self, *args)
        if type(self) is cls:
            for entry in metadata.initializers:
                getattr(self, entry.name)()

    end.__name__ = name
    type.__setattr__(cls, name, end)


def _has_own_end(cls: type) -> bool:
    return _is_struct(cls) or _is_pydantic(cls)


def _is_struct(cls: type) -> bool:
    return type(cls).__module__ == "msgspec._core"


def _is_pydantic(cls: type) -> bool:
    return hasattr(cls, "__pydantic_decorators__") or hasattr(cls, "__pydantic_validator__")
