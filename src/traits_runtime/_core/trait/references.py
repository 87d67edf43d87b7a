"""Instances in messages: named by identity where a job is queued, loaded again where it runs."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import Any

from traits_runtime._core import registry, runtime, wire
from traits_runtime._core.metadata import has_metadata
from traits_runtime._core.queue import Ref
from traits_runtime.errors import (
    MissingReferenceError,
    UnknownModelError,
    UnloadableReferenceError,
    UnsavedInstanceError,
)
from traits_runtime.rules.identity import path_of

_live: ContextVar[tuple[dict[tuple[str, Any], object], ...]] = ContextVar("traits_live", default=())


class Keeping:
    """Find these instances by identity while jobs run, where no host can load them; for tests and inline jobs.

    Args:
        instances: The instances by model and identity.
    """

    __slots__ = ("_instances", "_token")

    def __init__(self, instances: dict[tuple[str, Any], object]) -> None:
        self._instances = instances

    def __enter__(self) -> None:
        self._token = _live.set((*_live.get(), self._instances))

    def __exit__(self, *_error: object) -> None:
        _live.reset(self._token)


def being_sent() -> dict[tuple[str, Any], object]:
    """The instances of the job that is being queued, by model and identity."""
    live = _live.get()
    return live[-1] if live else {}


def pack(value: Any, instances: dict[tuple[str, Any], object]) -> Any:
    """A value as it travels: `wire.pack`, with instances as their `Ref`.

    Args:
        value: The value.
        instances: Receives the instances, by model and identity.

    Raises:
        UnsavedInstanceError: An instance has no identity, or is in no session that would save it.
        UnsupportedValueError: A value of another type.
    """
    return wire.pack(value, partial(_reference, instances=instances))


def _reference(value: Any, instances: dict[tuple[str, Any], object]) -> Ref:
    if not has_metadata(type(value)):
        return wire.refuse(value)  # type: ignore[no-any-return]
    host = runtime.host_of(type(value))
    identity = runtime.identify(value)
    if identity is None or (host.identity(value) is None and host.session_of(value) is None):
        raise UnsavedInstanceError(type(value).__name__, "a job cannot name it")
    path = path_of(type(value))
    instances[path, identity] = value
    return Ref(path, wire.pack(identity))


def unpack(value: Any) -> Any:
    """The value that `pack` was given, with instances loaded again.

    Raises:
        MissingReferenceError: An instance is gone.
        UnloadableReferenceError: This process cannot load instances of the model.
    """
    return wire.unpack(value, _load)


def _load(reference: dict[str, Any]) -> object:
    path, identity = reference["model"], wire.unpack(reference["identity"])
    try:
        model = registry.find_model(path).cls
    except UnknownModelError:
        model = None
    instance = None if model is None else runtime.load(model, identity)
    if instance is None:
        instance = _live_instance(path, identity)
    if instance is None:
        obstacle = "its module is not imported here" if model is None else runtime.hosts.load_obstacle(model)
        raise UnloadableReferenceError(path, identity, obstacle) if obstacle else MissingReferenceError(path, identity)
    return instance


def _live_instance(path: str, identity: Any) -> object:
    if isinstance(identity, list):  # a composite key of a message that was written by hand
        identity = tuple(identity)
    for instances in reversed(_live.get()):
        if (path, identity) in instances:
            return instances[path, identity]
    return None
