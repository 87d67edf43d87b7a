"""Listeners, subscriptions, and the envelope that a listener is called with."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from traits_runtime._core.declare import is_coroutine_function, place_of
from traits_runtime.rules.identity import path_of

P = TypeVar("P")

Mode: TypeAlias = Literal["now", "task"]
OnError: TypeAlias = Literal["log", "raise", "collect"]


class Envelope(msgspec.Struct, Generic[P], frozen=True, repr_omit_defaults=True):
    """The argument of every listener.

    Args:
        name: The event's name, ``trait.HasSlug.slug_generated``.
        payload: What the event carries: the declared payload, or a mapping for an event without one.
        sender: The instance that emitted it, None for an event of no instance. For an event of another application
            it is a `Ref` where the instance cannot be loaded.
        origin: The application that emitted the event, empty for this process.
        id: Identity of an event of another application; the same when it is delivered again.

    >>> Envelope("blog.imported", {"rows": 3}, None).name
    'blog.imported'
    """

    name: str
    payload: P
    sender: Any = None
    origin: str = ""
    id: str = ""


class ListenerFailed(msgspec.Struct, frozen=True):
    """Payload of ``trait.runtime.listener_failed``: a listener raised and the exception was logged.

    Args:
        event: Name of the event that was delivered.
        listener: Dotted path of the listener.
        listens_at: Where the listener is defined.
        emitted_at: Where the event was emitted.
        error: The exception.
    """

    event: str
    listener: str
    listens_at: str
    emitted_at: str
    error: Exception


class Listener:
    """One registration of a callable for a pattern."""

    __slots__ = (
        "after_commit", "busy", "call", "cancelled", "collapse", "is_async", "mode", "model", "name",
        "once", "order", "pattern", "place", "priority",
    )  # fmt: skip

    def __init__(
        self,
        pattern: str,
        function: Callable[[Any], object],
        *,
        priority: int,
        order: int,
        model: type | None,
        once: bool,
        weak: bool,
        after_commit: bool | None,
        mode: Mode,
        collapse: bool,
        on_expiry: Callable[[Listener], None],
    ) -> None:
        self.pattern = pattern
        self.priority = priority
        self.order = order
        self.model = model
        self.once = once
        self.after_commit = after_commit
        self.mode = mode
        self.collapse = collapse
        self.is_async = is_coroutine_function(function)
        self.name = path_of(function)
        self.place = place_of(function)
        self.busy = False
        self.cancelled = False
        self.call: Callable[[Any], object] = self._weak_call(function, on_expiry) if weak else function

    @property
    def plain(self) -> bool:
        """Whether every emit simply calls it: no condition, no commit to wait for, no coroutine."""
        return self.plain_awaited and not self.is_async

    @property
    def plain_awaited(self) -> bool:
        """As `plain`, for `aemit`, which awaits coroutines."""
        return not (self.once or self.after_commit or self.collapse or self.model is not None)

    def wants(self, sender: object) -> bool:
        """Whether it is to be called for an event of this sender now."""
        if self.cancelled or (self.collapse and self.busy):
            return False
        return self.model is None or isinstance(sender, self.model) or sender is self.model

    def _weak_call(
        self, function: Callable[[Any], object], on_expiry: Callable[[Listener], None]
    ) -> Callable[[Any], object]:
        def forget(_reference: object) -> None:
            on_expiry(self)

        bound = hasattr(function, "__self__")
        reference: Any = weakref.WeakMethod(function, forget) if bound else weakref.ref(function, forget)

        def call(envelope: Any) -> object:
            target = reference()
            return target(envelope) if target is not None else None

        return call


class Subscription:
    """A registration that can be cancelled; also as ``with event.listen(...):``.

    Args:
        listeners: The registered listeners.
        cancel: Removes listeners from their bus.

    Attributes:
        listeners: The registered listeners.
        forget: Removes listeners from their bus.
    """

    __slots__ = ("forget", "listeners")

    def __init__(self, listeners: tuple[Listener, ...], cancel: Callable[[tuple[Listener, ...]], None]) -> None:
        self.listeners: tuple[Listener, ...] = listeners
        self.forget: Callable[[tuple[Listener, ...]], None] = cancel

    @property
    def active(self) -> bool:
        """Whether any of its listeners is still registered."""
        return any(not listener.cancelled for listener in self.listeners)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of its listeners."""
        return tuple(listener.pattern for listener in self.listeners)

    def cancel(self) -> None:
        """Remove the listeners; a delivery that has begun is completed. A second call does nothing."""
        self.forget(self.listeners)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_error: object) -> None:
        self.cancel()

    def __repr__(self) -> str:
        state = "" if self.active else ", cancelled"
        return f"<Subscription to {', '.join(self.patterns)}{state}>"
