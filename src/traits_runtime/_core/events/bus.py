"""The bus: a tuple of callables per event name, made once and replaced when somebody comes or goes.

Emitting is a dictionary look-up and a loop; wildcards cost nothing after the first emit of a name, because the
route of a name is kept. Registering throws all routes away. References are strong unless asked otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from threading import Lock
from types import CoroutineType
from typing import Any

from traits_runtime._core.declare import Frame, belongs
from traits_runtime._core.events.listener import (
    Envelope,
    Listener,
    ListenerFailed,
    Mode,
    OnError,
    Subscription,
)
from traits_runtime.errors import AsyncListenerError, EventDepthError, UnknownEventError, Veto
from traits_runtime.rules.naming import is_name_or_pattern, is_pattern, matches

MAX_DEPTH = 32
"""How many deliveries may stand inside each other in one context."""

MAX_ROUTES = 10_000
"""How many names may have a route: a program that makes names from data would fill the memory."""

FAILED = "trait.runtime.listener_failed"
"""Emitted when a listener failed and the policy was to go on."""

LIFECYCLE = "model."
"""How the names of lifecycle moments begin: ``model.Article.creating``."""

Chain = tuple[str, ...]


class Declared:
    """What is declared about an event name: its payload, and whether it comes before what it names."""

    __slots__ = ("after_commit", "before", "payload")

    def __init__(self, payload: Callable[..., object] | None, *, before: bool, after_commit: bool) -> None:
        self.payload: Callable[..., object] | None = payload
        self.before: bool = before
        self.after_commit: bool = after_commit


UNDECLARED = Declared(None, before=False, after_commit=False)
BEFORE = Declared(None, before=True, after_commit=False)


class Route:
    """Who hears one event name."""

    __slots__ = ("acalls", "calls", "declared", "depth", "empty", "listeners", "name", "payload")

    def __init__(self, name: str, listeners: tuple[Listener, ...], declared: Declared) -> None:
        self.name: str = name
        self.payload: Callable[..., object] | None = declared.payload
        self.depth: int = 0
        self.listeners: tuple[Listener, ...] = listeners
        self.declared: Declared = declared
        self.empty: bool = not listeners
        plain = not declared.before and not declared.after_commit and all(listener.plain for listener in listeners)
        calls = tuple(listener.call for listener in listeners)
        self.calls: tuple[Callable[[Any], object], ...] | None = calls if plain else None
        awaited = (
            not declared.before and not declared.after_commit and all(listener.plain_awaited for listener in listeners)
        )
        self.acalls: tuple[Callable[[Any], object], ...] | None = calls if awaited else None


def _defer_nothing(_sender: object, _deliver: Callable[[], None]) -> bool:
    """No host has transactions."""
    return False


class EventBus:
    """Registrations and delivery.

    Failing listeners: those of a before-event raise to the emitter. Those of other events are reported, with the
    place that emitted and the place that listens, and the others still run; `on_error` can make them raise. Those of
    an event from elsewhere are reported and raise after all have run, so that it is delivered again.

    Args:
        quiet: Holds the open `quietly` frames of the context.
        quiets: Those open anywhere in the process: while there are none, no context need be asked.
        chain: Holds the deliveries that started the tasks of the context.
    """

    def __init__(self, quiet: ContextVar[tuple[Any, ...]], quiets: list[QuietFrame], chain: ContextVar[Chain]) -> None:
        self.routes: dict[str | Declared, Route] = {}
        self._unheard: set[str] = set()
        self._muted: list[tuple[str, ...]] = []
        self.on_error: OnError = "log"
        self.defer: Callable[[object, Callable[[], None]], bool] = _defer_nothing
        self.awaiter: Callable[[], Callable[[Any], object] | None] = lambda: None
        """What awaits from where a commit delivers; None where nothing can be awaited."""
        self.declared: dict[str, Declared] = {}
        self._owners: set[str] = set()
        self.report: Callable[[ListenerFailed], None] = lambda _failure: None
        self._listeners: tuple[Listener, ...] = ()
        self._quiet = quiet
        self._quiets = quiets
        self._chain = chain
        self._lock = Lock()
        self._order = count()
        self._tasks: set[Any] = set()

    # registering

    def listen(
        self,
        pattern: str,
        function: Callable[[Envelope[Any]], object],
        *,
        priority: int = 0,
        model: type | None = None,
        once: bool = False,
        weak: bool = False,
        after_commit: bool | None = None,
        mode: Mode = "now",
        collapse: bool = False,
    ) -> Subscription:
        """Call a function for every event whose name matches.

        Args:
            pattern: A name, or a pattern: ``*`` is one segment, ``**`` the rest.
            function: Called with the `Envelope`. A coroutine function is awaited by ``aemit``.
            priority: Higher is called first; equals in the order of registration.
            model: Hear only instances of this class.
            once: Hear one event, then no more.
            weak: Keep no reference: when the function or its object dies, the listener goes.
            after_commit: Wait for the commit of the sender's transaction, at once where there is none; False does not
                wait, None does what the event declares.
            mode: ``task`` starts a coroutine function as a task when the event is emitted synchronously.
            collapse: Skip events that are emitted while this listener runs.
        """
        self.check(pattern)
        listener = Listener(
            pattern, function, priority=priority, order=next(self._order), model=model, once=once, weak=weak,
            after_commit=after_commit, mode=mode, collapse=collapse, on_expiry=lambda expired: self._remove((expired,)),
        )  # fmt: skip
        with self._lock:
            self._replace((*self._listeners, listener))
        return Subscription((listener,), self._remove)

    def check(self, pattern: str) -> None:
        """Refuse what can never be heard: a malformed pattern, or a name that its trait does not declare."""
        if not is_name_or_pattern(pattern):
            raise ValueError(
                f"{pattern!r} is no event name or pattern: each segment is letters, digits and _, or * for one whole "
                "segment, or ** for one or more."
            )
        if not is_pattern(pattern):
            self.lookup(pattern)

    def forget(self, function: Callable[..., object]) -> int:
        """Take back every registration of a function; says how many there were."""
        registered = tuple(listener for listener in self._listeners if listener.call == function)
        self._remove(registered)
        return len(registered)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """All registrations, in the order in which they are called."""
        return self._listeners

    def declare(self, name: str, declared: Declared) -> None:
        """Say what an event carries; from now on nobody may listen to a name that its trait does not declare."""
        with self._lock:
            self.declared[name] = declared
            self._owners.add(name.rpartition(".")[0])
            self._forget_routes()

    def lookup(self, name: str) -> Declared:
        """What is declared about a name.

        Raises:
            UnknownEventError: The trait is known and declares no such event.
        """
        declared = self.declared.get(name)
        if declared is not None:
            return declared
        owner, _, last = name.rpartition(".")
        if owner in self._owners:
            raise UnknownEventError(name, [event for event in self.declared if event.startswith(owner + ".")])
        return BEFORE if name.startswith(LIFECYCLE) and last.endswith("ing") else UNDECLARED

    @contextmanager
    def muted(self, *patterns: str) -> Iterator[None]:
        """For tests: nobody in the process hears events that match, or any event without patterns.

        Unlike ``quietly()`` this reaches into other threads and tasks.
        """
        muted_patterns = patterns or ("**",)
        with self._lock:
            self._muted.append(muted_patterns)
            self._forget_routes()
        try:
            yield
        finally:
            with self._lock:
                self._muted.remove(muted_patterns)
                self._forget_routes()

    @contextmanager
    def connected_to(
        self, pattern: str, function: Callable[[Envelope[Any]], object], **options: Any
    ) -> Iterator[Subscription]:
        """For tests: `listen` while the block is open."""
        with self.listen(pattern, function, **options) as subscription:
            yield subscription

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """For tests: what the block registers or cancels is undone at its end."""
        before = self._listeners
        try:
            yield
        finally:
            self._restore(before)

    def silence(self) -> None:
        """For tests: drop all listeners; `isolated` brings them back."""
        with self._lock:
            self._replace(())

    def _restore(self, listeners: tuple[Listener, ...]) -> None:
        with self._lock:
            for listener in listeners:
                listener.cancelled = False
            for listener in self._listeners:
                listener.cancelled = listener not in listeners
            self._replace(listeners)

    def _remove(self, listeners: tuple[Listener, ...]) -> None:
        with self._lock:
            for listener in listeners:
                listener.cancelled = True
            self._replace(tuple(listener for listener in self._listeners if listener not in listeners))

    def _claim(self, listener: Listener) -> bool:
        """Take back a listener that hears one event; False where another thread has just done so."""
        with self._lock:
            is_first = not listener.cancelled
            listener.cancelled = True
            self._replace(other for other in self._listeners if other is not listener)
        return is_first

    def _replace(self, listeners: Iterable[Listener]) -> None:
        self._listeners = tuple(sorted(listeners, key=lambda listener: (-listener.priority, listener.order)))
        self._forget_routes()

    def _forget_routes(self) -> None:
        """Replaced and not emptied: an emit that is just making a route keeps it in what it took before it looked."""
        self.routes = {}
        self._unheard = set()

    def route(self, name: str, declared: Declared | None = None) -> Route:
        """Who hears a name; kept until somebody comes or goes.

        Args:
            name: The event's name.
            declared: What the emitting trait declares. Two traits may share a short name, and with it the names of
                their events; each emits its own payload.
        """
        routes, unheard = self.routes, self._unheard
        route = routes.get(declared or name)
        if route is None:
            if len(routes) >= MAX_ROUTES:
                self._forget_routes()
                routes, unheard = self.routes, self._unheard
            is_muted = any(matches(pattern, name) for muted_patterns in self._muted for pattern in muted_patterns)
            heard = (
                () if is_muted else tuple(listener for listener in self._listeners if matches(listener.pattern, name))
            )
            route = routes[declared or name] = Route(name, heard, declared or self.lookup(name))
            if route.empty and declared is None:
                unheard.add(name)
        return route

    # emitting

    def emit(self, name: str, sender: object = None, /, **payload: Any) -> None:
        """Tell everybody who listens to a name.

        Args:
            name: The event's name. Names below ``trait.`` belong to declared events.
            sender: The instance it is about, None for none.
            payload: What it carries: the fields of the declared payload; for others handed on as a mapping.

        Raises:
            UnknownEventError: The trait declares no such event.
            Veto: A listener of a before-event said no.

        >>> from traits_runtime import events
        >>> with events.listen("shop.*", lambda envelope: print(envelope.payload)):
        ...     events.emit("shop.opened", hour=9)
        {'hour': 9}
        """
        if name in self._unheard:
            return
        try:
            route = self.routes[name]
        except KeyError:
            route = self.route(name)
            if route.empty:
                return
        make = route.payload
        self.deliver(route, Envelope(name, make(**payload) if make is not None else payload, sender))

    def aemit(
        self, name: str, sender: object = None, /, *, concurrent: bool = False, **payload: Any
    ) -> Coroutine[Any, Any, None]:
        """As `emit`, to be awaited: coroutine functions run one after the other, or together with ``concurrent``."""
        if name in self._unheard:
            return _nothing()
        try:
            route = self.routes[name]
        except KeyError:
            route = self.route(name)
            if route.empty:
                return _nothing()
        make = route.payload
        envelope = Envelope(name, make(**payload) if make is not None else payload, sender)
        return self._together(route, envelope) if concurrent else self.adeliver(route, envelope)

    def deliver(self, route: Route, envelope: Envelope[Any]) -> None:
        """Call everybody on a route, in order."""
        if self._quiets and self._silenced(envelope):
            return
        depth = route.depth
        if depth >= MAX_DEPTH:
            depth = self._measure(route)
        route.depth = depth + 1
        failures: list[Exception] | None = None
        try:
            for call in route.calls if route.calls is not None else self._ready(route, envelope):
                try:
                    call(envelope)
                except Exception as error:
                    failures = self._failed(route, envelope, call, error, failures)
        finally:
            route.depth = depth
        if failures:
            raise ExceptionGroup(f"listeners of {envelope.name} failed", failures)

    async def adeliver(self, route: Route, envelope: Envelope[Any]) -> None:
        """Call everybody on a route, awaiting coroutines one after the other."""
        if self._quiets and self._silenced(envelope):
            return
        depth = route.depth
        if depth >= MAX_DEPTH:
            depth = self._measure(route)
        route.depth = depth + 1
        failures: list[Exception] | None = None
        try:
            for call in route.acalls if route.acalls is not None else self._ready(route, envelope, wait=True):
                try:
                    result: Any = call(envelope)
                    if type(result) is CoroutineType or (result is not None and hasattr(result, "__await__")):
                        await result
                except Exception as error:
                    failures = self._failed(route, envelope, call, error, failures)
        finally:
            route.depth = depth
        if failures:
            raise ExceptionGroup(f"listeners of {envelope.name} failed", failures)

    async def _together(self, route: Route, envelope: Envelope[Any]) -> None:
        import asyncio

        names = (*_delivering(), *self._chain.get(), route.name)
        if names.count(route.name) > MAX_DEPTH:
            raise EventDepthError(names)
        single_routes = [Route(route.name, (listener,), route.declared) for listener in route.listeners]
        before = self._chain.get()
        self._chain.set(names)
        try:
            await asyncio.gather(*(self.adeliver(single, envelope) for single in single_routes))
        finally:
            self._chain.set(before)

    def _measure(self, route: Route) -> int:
        """How deep this stack really is in a route.

        The counter is shared by all threads and tasks without a lock. Each puts back what it found, so it may stand
        too high, which costs this look, and is right again afterwards; it never falls below nothing.
        """
        names = tuple(reversed([*_delivering(), *self._chain.get()]))
        depth = names.count(route.name) - 1
        if depth >= MAX_DEPTH:
            raise EventDepthError(names)
        return depth

    def _ready(self, route: Route, envelope: Envelope[Any], *, wait: bool = False) -> Iterator[Callable[[Any], object]]:
        """The calls of a route with listeners that need more than a call."""
        for listener in route.listeners:
            if not listener.wants(envelope.sender):
                continue
            if listener.once and not self._claim(listener):
                continue
            waits = route.declared.after_commit if listener.after_commit is None else listener.after_commit
            if waits and self._defer(envelope, listener):
                continue
            yield self._call_of(listener, wait=wait)

    def _call_of(self, listener: Listener, *, wait: bool) -> Callable[[Any], object]:
        if listener.collapse:
            return self._collapsing(listener)
        if not listener.is_async or wait:
            return listener.call

        def later(envelope: Envelope[Any]) -> None:
            if listener.mode != "task":
                raise AsyncListenerError(envelope.name, listener.name)
            self._start(listener, envelope)

        return _for(listener, later)

    def _collapsing(self, listener: Listener) -> Callable[[Any], object]:
        if listener.is_async:

            async def acall(envelope: Any) -> None:
                listener.busy = True
                try:
                    await listener.call(envelope)  # type: ignore[misc]
                finally:
                    listener.busy = False

            return _for(listener, acall)

        def call(envelope: Any) -> None:
            listener.busy = True
            try:
                listener.call(envelope)
            finally:
                listener.busy = False

        return _for(listener, call)

    def _start(self, listener: Listener, envelope: Envelope[Any]) -> None:
        import asyncio

        async def run() -> None:
            try:
                await listener.call(envelope)  # type: ignore[misc]
            except Exception as error:
                self._log(envelope, listener, error, "a task")

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _defer(self, envelope: Envelope[Any], listener: Listener) -> bool:
        emitted = _emitter()

        def deliver() -> None:
            finish = self.awaiter() if listener.is_async and listener.mode != "task" else None
            try:
                result = self._call_of(listener, wait=finish is not None)(envelope)
                if finish is not None:
                    finish(result)
            except Exception as error:
                self._log(envelope, listener, error, emitted)

        return self.defer(envelope.sender, deliver)

    # what goes wrong

    def _failed(
        self,
        route: Route,
        envelope: Envelope[Any],
        call: Callable[..., object],
        error: Exception,
        failures: list[Exception] | None,
    ) -> list[Exception] | None:
        listener = next((listener for listener in route.listeners if listener.call is call), None) or _whose(call)
        if isinstance(error, EventDepthError):
            raise error
        if route.declared.before:
            if isinstance(error, Veto) and not error.moment:
                error.moment, error.source = envelope.name, listener.name
            raise error
        error.add_note(f"in {listener.name} ({listener.place}), listening to {envelope.name} emitted at {_emitter()}")
        policy = "collect" if envelope.origin else self.on_error
        if policy == "raise":
            raise error
        if policy == "log" or envelope.origin:
            self._log(envelope, listener, error, envelope.origin or _emitter())
        return [*(failures or ()), error] if policy == "collect" else failures

    def _log(self, envelope: Envelope[Any], listener: Listener, error: Exception, emitted: str) -> None:
        failure = ListenerFailed(envelope.name, listener.name, listener.place, emitted, error)
        self.report(failure)
        if envelope.name != FAILED:
            self.emit(FAILED, envelope.sender, **{name: getattr(failure, name) for name in failure.__struct_fields__})

    def _silenced(self, envelope: Envelope[Any]) -> bool:
        frames: tuple[QuietFrame, ...] = self._quiet.get()
        return any(frame.active and frame.covers(envelope.name, envelope.sender) for frame in frames)


class QuietFrame(Frame):
    """An open `quietly` block.

    Args:
        block: The block it belongs to.
        patterns: The events it holds back, all without any.
        owner: The model or instance whose events it holds back, None for all.
    """

    __slots__ = ("owner", "patterns")

    def __init__(self, block: object, patterns: tuple[str, ...], owner: object) -> None:
        super().__init__(block)
        self.patterns = patterns
        self.owner = owner

    def covers(self, name: str, sender: object) -> bool:
        """Whether an event of a sender is held back."""
        if not belongs(sender, self.owner):
            return False
        return not self.patterns or any(matches(pattern, name) for pattern in self.patterns)


async def _nothing() -> None:
    """What there is to await when nobody listens."""


def _delivering() -> Iterator[str]:
    """The names that this stack is delivering, innermost first."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_code in (EventBus.deliver.__code__, EventBus.adeliver.__code__):
            yield frame.f_locals["route"].name
        frame = frame.f_back


def _for(listener: Listener, call: Callable[[Any], object]) -> Callable[[Any], object]:
    call.listener = listener  # type: ignore[attr-defined]
    return call


def _whose(call: Any) -> Listener:
    listener: Listener = call.listener
    return listener


def _emitter() -> str:
    """The nearest place outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("traits_runtime."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def as_fields(payload: object) -> Mapping[str, object]:
    """The fields of any payload as a mapping, for logs and queues."""
    import msgspec

    built: Any = msgspec.to_builtins(payload, str_keys=True)
    return built if isinstance(built, dict) else {"value": built}
