"""The actor: on whose behalf the running code works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """Who acts: a value, never a row, so that it outlives sessions and travels with jobs.

    Args:
        id: The key, as the tracking columns hold it.
        type: The model's name, empty where there is one kind of actor.
        label: A name to show.
    """

    id: Any
    type: str = ""
    label: str = ""


def as_actor(who: object, identify: Callable[[Any], object]) -> Actor:
    """The actor that an instance, a key or an actor stands for.

    Args:
        who: One of these.
        identify: Tells an instance's key.
    """
    if isinstance(who, Actor):
        return who
    if isinstance(who, int | str | bytes) or type(who).__module__ == "uuid":
        return Actor(who)
    identity = identify(who)
    if identity is None:
        raise ValueError(f"{type(who).__name__} has no key and cannot act: save it first, or give its key.")
    return Actor(identity, type(who).__name__)
