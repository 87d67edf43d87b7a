"""`TraitEvent`: an event that a trait declares, and emits by calling it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, ParamSpec, TypeVar, overload

from traits_runtime._core.events.bus import Declared, Route
from traits_runtime._core.events.listener import Envelope, Mode, Subscription
from traits_runtime._core.runtime import bus
from traits_runtime.rules.naming import event_name

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")
L = TypeVar("L", bound=Callable[..., Any])


class TraitEvent(Generic[P, T]):
    """An event of a trait, ``trait.{Trait}.{attribute}`` on the bus.

    Called on an instance it emits; the arguments are those of the payload's class and are checked by type
    checkers. The payload is made only if somebody listens. On a hot path ask first: ``if self.slug_generated:``.

    Args:
        payload: A Struct, dataclass or TypedDict (any callable); None for an event that carries nothing.
        doc: When it happens.
        before: Whether it comes before what it names: listeners may ``raise Veto(...)`` and failures reach the emitter.
        after_commit: Whether listeners that do not say otherwise wait for the commit of the sender's transaction.

    >>> import msgspec
    >>> from traits_runtime import Trait
    >>> class SlugGenerated(msgspec.Struct):
    ...     slug: str
    >>> class HasAddress(Trait):
    ...     slug_generated = TraitEvent(SlugGenerated, doc="After a slug was made.")
    >>> class Page(HasAddress):
    ...     pass
    >>> with HasAddress.slug_generated.listen(lambda envelope: print(envelope.name, envelope.payload.slug)):
    ...     Page().slug_generated(slug="a")
    trait.HasAddress.slug_generated a
    """

    __slots__ = ("_declared", "doc", "name", "owner", "payload", "wire")

    name: str
    owner: str
    wire: str

    @overload
    def __init__(
        self: TraitEvent[[], None], payload: None = None, *, doc: str = "", before: bool = False,
        after_commit: bool = False,
    ) -> None: ...  # fmt: skip
    @overload
    def __init__(
        self, payload: Callable[P, T], *, doc: str = "", before: bool = False, after_commit: bool = False
    ) -> None: ...
    @overload
    def __init__(
        self: TraitEvent[..., V], payload: type[V], *, doc: str = "", before: bool = False, after_commit: bool = False
    ) -> None: ...
    def __init__(
        self, payload: Callable[..., Any] | None = None, *, doc: str = "", before: bool = False,
        after_commit: bool = False,
    ) -> None:  # fmt: skip
        self.payload: Callable[..., Any] | None = payload
        self.doc: str = doc
        self.name = ""
        self.owner = ""
        self.wire = ""
        self._declared = Declared(payload or _nothing, before=before, after_commit=after_commit)

    @property
    def before(self) -> bool:
        """Whether listeners may veto."""
        return self._declared.before

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__
        self.wire = event_name(owner.__name__, name)
        bus.declare(self.wire, self._declared)

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> TraitEvent[P, T]: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> BoundEvent[P]: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> TraitEvent[P, T] | BoundEvent[P]:
        if instance is None:
            return self
        try:
            route = bus.routes[self._declared]
        except KeyError:
            route = bus.route(self.wire, self._declared)
        return NOOP if route.empty else BoundEvent(route, instance)

    def listen(
        self,
        function: Callable[[Envelope[T]], object],
        *,
        priority: int = 0,
        model: type | None = None,
        once: bool = False,
        weak: bool = False,
        after_commit: bool | None = None,
        mode: Mode = "now",
        collapse: bool = False,
    ) -> Subscription:
        """Call a function when the event happens; the arguments are those of ``events.listen``."""
        return bus.listen(
            self.wire, function, priority=priority, model=model, once=once, weak=weak, after_commit=after_commit,
            mode=mode, collapse=collapse,
        )  # fmt: skip

    def listener(self, function: L) -> L:
        """Decorator: `listen` without options. The function stays what it is."""
        bus.listen(self.wire, function)
        return function

    def __repr__(self) -> str:
        return f"<TraitEvent {self.wire}>"


class BoundEvent(Generic[P]):
    """An event of one instance; true while somebody listens."""

    __slots__ = ("_route", "_sender")

    def __init__(self, route: Route, sender: object) -> None:
        self._route = route
        self._sender = sender

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Emit the event.

        Raises:
            Veto: A listener of a before-event said no.
        """
        route = self._route
        bus.deliver(route, Envelope(route.name, route.payload(*args, **kwargs), self._sender))  # type: ignore[misc]

    def aemit(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, None]:
        """Emit the event; to be awaited: its listeners run one after the other."""
        route = self._route
        payload: Any = route.payload
        return bus.adeliver(route, Envelope(route.name, payload(*args, **kwargs), self._sender))


class _Noop(tuple[()]):
    """An event to which nobody listens; an empty tuple, so that asking for its truth runs no Python code."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    async def aemit(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""


NOOP: Final[Any] = tuple.__new__(_Noop)


def _nothing() -> None:
    return None
