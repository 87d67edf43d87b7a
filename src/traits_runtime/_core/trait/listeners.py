"""`listen`: registering listeners where they are written, so that a reader and the documentation find them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from traits_runtime._core.events.listener import Envelope, Mode, Subscription
from traits_runtime._core.runtime import bus

L = TypeVar("L", bound=Callable[..., Any])

_MARK = "__trait_listens__"


def listen(
    pattern: str,
    *,
    priority: int = 0,
    model: type | None = None,
    once: bool = False,
    after_commit: bool | None = None,
    mode: Mode = "now",
    collapse: bool = False,
) -> Callable[[L], L]:
    """Register a function for events; it stays what it is and can be called.

    On a method in a class body nothing is registered yet: `subscribe` does it for the methods of an object.

    Args:
        pattern: An event's name, or a pattern: ``*`` is one segment, ``**`` the rest.
        priority: Higher is called first.
        model: Hear only instances of this class.
        once: Hear one event, then no more.
        after_commit: Wait for the commit of the sender's transaction; None does what the event declares.
        mode: ``task`` starts a coroutine function as a task when the event is emitted synchronously.
        collapse: Skip events that are emitted while this listener runs.
    """
    options = {
        "priority": priority, "model": model, "once": once, "after_commit": after_commit, "mode": mode,
        "collapse": collapse,
    }  # fmt: skip
    bus.check(pattern)

    def decorate(function: L) -> L:
        if _is_method(function):
            marks = (*getattr(function, _MARK, ()), (pattern, options))
            function.__trait_listens__ = marks  # type: ignore[attr-defined]
        else:
            bus.listen(pattern, function, **options)  # type: ignore[arg-type]
        return function

    return decorate


def subscribe(subscriber: object) -> Subscription:
    """Register all methods of an object that are marked with `listen`.

    >>> from traits_runtime import events
    >>> class Audit:
    ...     @listen("shop.*")
    ...     def note(self, envelope: Envelope[Any]) -> None:
    ...         print(envelope.name)
    >>> with subscribe(Audit()):
    ...     events.emit("shop.closed")
    shop.closed
    """
    subscriptions: list[Subscription] = []
    for name in dir(type(subscriber)):
        for pattern, options in getattr(getattr(type(subscriber), name, None), _MARK, ()):
            subscriptions.append(bus.listen(pattern, getattr(subscriber, name), **options))
    if isinstance(subscriber, TraitEventListener) and hasattr(subscriber, "pattern"):
        listener_options = {"priority": subscriber.priority, "model": subscriber.model}
        subscriptions.append(bus.listen(subscriber.pattern, subscriber.handle, **listener_options))  # type: ignore[arg-type]
    if not subscriptions:
        what = "no pattern" if isinstance(subscriber, TraitEventListener) else "no method marked with @listen(...)"
        raise TypeError(f"{type(subscriber).__name__} has {what}.")
    return Subscription(
        tuple(listener for subscription in subscriptions for listener in subscription.listeners),
        subscriptions[0].forget,
    )


class TraitEventListener:
    """Base of listeners that are classes: ``class Audit(TraitEventListener): pattern = "trait.**"``.

    Give an instance to `subscribe`. It hears the events of `pattern` through `handle`.
    """

    pattern: ClassVar[str]
    """An event's name, or a pattern."""

    priority: ClassVar[int] = 0
    """Higher is called first."""

    model: ClassVar[type | None] = None
    """The only class whose instances are heard, None for all."""

    def handle(self, envelope: Envelope[Any]) -> object:
        """Called for every event that matches."""
        raise NotImplementedError


def _is_method(function: Callable[..., Any]) -> bool:
    """Whether a function is written in a class body, told from its qualified name."""
    return "." in getattr(function, "__qualname__", "").rpartition("<locals>.")[2]
