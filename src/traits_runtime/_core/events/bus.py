"""The event bus: registration of listeners, and delivery along cached routes.

A route is the tuple of listeners of one event name. Emitting is a dictionary look-up and a loop; patterns are matched
only at the first emit of a name. Every registration clears the routes. References are strong unless ``weak=True``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
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
"""How deeply deliveries may nest in one context."""

MAX_ROUTES = 10_000
"""Maximum number of cached routes; bounds the memory of programs that build event names from data."""

FAILED = "trait.runtime.listener_failed"
"""Emitted when a listener failed and `EventBus.on_error` is ``log``."""

LIFECYCLE = "model."
"""Prefix of the names of lifecycle moments: ``model.Article.creating``."""

Chain = tuple[str, ...]


class Declared:
    """The declaration of an event name: its payload, and whether it is emitted before what it names."""

    __slots__ = ("after_commit", "before", "payload")

    def __init__(self, payload: Callable[..., object] | None, *, before: bool, after_commit: bool) -> None:
        self.payload: Callable[..., object] | None = payload
        self.before: bool = before
        self.after_commit: bool = after_commit


UNDECLARED = Declared(None, before=False, after_commit=False)
BEFORE = Declared(None, before=True, after_commit=False)


class Route:
    """Listeners of one event name, cached until the registry changes.

    ``calls`` and ``acalls`` are the callables where every listener is simply called, else None.
    """

    __slots__ = ("acalls", "calls", "declared", "depth", "empty", "listeners", "name", "payload")

    def __init__(self, name: str, listeners: tuple[Listener, ...], declared: Declared) -> None:
        self.name: str = name
        self.payload: Callable[..., object] | None = declared.payload
        self.depth: int = 0
        self.listeners: tuple[Listener, ...] = listeners
        self.declared: Declared = declared
        self.empty: bool = not listeners
        is_immediate = not declared.before and not declared.after_commit
        calls = tuple(listener.call for listener in listeners)
        is_plain = is_immediate and all(listener.plain for listener in listeners)
        is_plain_awaited = is_immediate and all(listener.plain_awaited for listener in listeners)
        self.calls: tuple[Callable[[Any], object], ...] | None = calls if is_plain else None
        self.acalls: tuple[Callable[[Any], object], ...] | None = calls if is_plain_awaited else None


def _defer_nothing(_sender: object, _deliver: Callable[[], None]) -> bool:
    """No host has transactions."""
    return False


class EventBus:
    """Registrations and delivery.

    Exceptions of listeners: those of a before-event propagate to the emitter. Those of other events are logged with
    the place that emitted and the place that listens, and the remaining listeners run; `on_error` can make them
    propagate. Those of an event from another application are logged, and raised after all listeners have run, so that
    the broker delivers the event again.

    Args:
        quiet: The open `quietly` frames of the context.
        quiets: The frames that are open anywhere in the process; while it is empty, no context is read.
        chain: The deliveries that started the tasks of the context.
    """

    def __init__(self, quiet: ContextVar[tuple[Any, ...]], quiets: list[QuietFrame], chain: ContextVar[Chain]) -> None:
        self.routes: dict[str | Declared, Route] = {}
        self._without_listeners: set[str] = set()
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
            weak: Hold a weak reference: the listener is removed with the function or its object.
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
        """Refuse a malformed pattern, and a name that its trait does not declare."""
        if not is_name_or_pattern(pattern):
            raise ValueError(
                f"{pattern!r} is not an event name or pattern: each segment is letters, digits and _, or * for one "
                "whole segment, or ** for one or more."
            )
        if not is_pattern(pattern):
            self.lookup(pattern)

    def forget(self, function: Callable[..., object]) -> int:
        """Cancel every registration of a function; returns how many there were."""
        registered = tuple(listener for listener in self._listeners if listener.call == function)
        self._remove(registered)
        return len(registered)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """All registrations, in the order in which they are called."""
        return self._listeners

    def declare(self, name: str, declared: Declared) -> None:
        """Declare an event; from now on a name that its trait does not declare is refused."""
        with self._lock:
            self.declared[name] = declared
            self._owners.add(name.rpartition(".")[0])
            self._forget_routes()

    def lookup(self, name: str) -> Declared:
        """The declaration of an event name.

        Raises:
            UnknownEventError: The trait exists and declares no such event.
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
        """For tests: suppress events that match a pattern, or all events without patterns.

        Unlike ``quietly()`` this covers other threads and tasks too.
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
        """For tests: undo at the end of the block what it registers and cancels."""
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
        """Cancel a listener with ``once=True``; False where another thread was first."""
        with self._lock:
            is_first = not listener.cancelled
            listener.cancelled = True
            self._replace(other for other in self._listeners if other is not listener)
        return is_first

    def _replace(self, listeners: Iterable[Listener]) -> None:
        self._listeners = tuple(sorted(listeners, key=lambda listener: (-listener.priority, listener.order)))
        self._forget_routes()

    def _forget_routes(self) -> None:
        """Replace the dictionaries instead of emptying them: a concurrent `route` stores into the old ones."""
        self.routes = {}
        self._without_listeners = set()

    def route(self, name: str, declared: Declared | None = None) -> Route:
        """The route of a name, cached until the registry changes.

        Args:
            name: The event's name.
            declared: The declaration of the emitting trait. Two traits may have the same short name, and with it the
                same event names; each emits its own payload.
        """
        routes, without_listeners = self.routes, self._without_listeners
        route = routes.get(declared or name)
        if route is None:
            if len(routes) >= MAX_ROUTES:
                self._forget_routes()
                routes, without_listeners = self.routes, self._without_listeners
            route = routes[declared or name] = Route(name, self._matching(name), declared or self.lookup(name))
            if route.empty and declared is None:
                without_listeners.add(name)
        return route

    def _matching(self, name: str) -> tuple[Listener, ...]:
        """The listeners of a name; none where a `muted` block suppresses it."""
        for patterns in self._muted:
            if any(matches(pattern, name) for pattern in patterns):
                return ()
        return tuple(listener for listener in self._listeners if matches(listener.pattern, name))

    # emitting

    def emit(self, name: str, sender: object = None, /, **payload: Any) -> None:
        """Call the listeners of a name.

        Args:
            name: The event's name. Names below ``trait.`` belong to declared events.
            sender: The instance that emits, None for none.
            payload: The fields of the declared payload; an event without one carries them as a mapping.

        Raises:
            UnknownEventError: The trait declares no such event.
            Veto: A listener of a before-event vetoed.

        >>> from traits_runtime import events
        >>> with events.listen("shop.*", lambda envelope: print(envelope.payload)):
        ...     events.emit("shop.opened", hour=9)
        {'hour': 9}
        """
        if name in self._without_listeners:
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
        """As `emit`, awaiting coroutine functions one after the other, or concurrently."""
        if name in self._without_listeners:
            return _noop()
        try:
            route = self.routes[name]
        except KeyError:
            route = self.route(name)
            if route.empty:
                return _noop()
        make = route.payload
        envelope = Envelope(name, make(**payload) if make is not None else payload, sender)
        return self._adeliver_concurrently(route, envelope) if concurrent else self.adeliver(route, envelope)

    def deliver(self, route: Route, envelope: Envelope[Any]) -> None:
        """Call the listeners of a route, in order."""
        if self._quiets and self._silenced(envelope):
            return
        depth = route.depth
        if depth >= MAX_DEPTH:
            depth = self._actual_depth(route)
        route.depth = depth + 1
        failures: list[Exception] | None = None
        try:
            for call in route.calls if route.calls is not None else self._callables(route, envelope):
                try:
                    call(envelope)
                except Exception as error:
                    failures = self._handle_failure(route, envelope, call, error, failures)
        finally:
            route.depth = depth
        if failures:
            raise ExceptionGroup(f"listeners of {envelope.name} failed", failures)

    async def adeliver(self, route: Route, envelope: Envelope[Any]) -> None:
        """Call the listeners of a route, awaiting coroutines one after the other."""
        if self._quiets and self._silenced(envelope):
            return
        depth = route.depth
        if depth >= MAX_DEPTH:
            depth = self._actual_depth(route)
        route.depth = depth + 1
        failures: list[Exception] | None = None
        try:
            for call in route.acalls if route.acalls is not None else self._callables(route, envelope, wait=True):
                try:
                    result: Any = call(envelope)
                    if type(result) is CoroutineType or (result is not None and hasattr(result, "__await__")):
                        await result
                except Exception as error:
                    failures = self._handle_failure(route, envelope, call, error, failures)
        finally:
            route.depth = depth
        if failures:
            raise ExceptionGroup(f"listeners of {envelope.name} failed", failures)

    async def _adeliver_concurrently(self, route: Route, envelope: Envelope[Any]) -> None:
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

    def _actual_depth(self, route: Route) -> int:
        """The depth of a route on this stack.

        ``Route.depth`` is shared by all threads and tasks without a lock. Each restores the value that it read, so the
        counter may be too high, which costs this inspection; it is never negative, and correct again afterwards.
        """
        names = tuple(reversed([*_delivering(), *self._chain.get()]))
        depth = names.count(route.name) - 1
        if depth >= MAX_DEPTH:
            raise EventDepthError(names)
        return depth

    def _callables(
        self, route: Route, envelope: Envelope[Any], *, wait: bool = False
    ) -> Iterator[Callable[[Any], object]]:
        """The callables of the listeners to call now; postponed ones are left out."""
        for listener in route.listeners:
            if not listener.wants(envelope.sender):
                continue
            if listener.once and not self._claim(listener):
                continue
            after_commit = listener.after_commit
            if after_commit is None:
                after_commit = route.declared.after_commit
            if after_commit and self._defer(envelope, listener):
                continue
            yield self._callable_of(listener, wait=wait)

    def _callable_of(self, listener: Listener, *, wait: bool) -> Callable[[Any], object]:
        if listener.collapse:
            return self._collapsing(listener)
        if not listener.is_async or wait:
            return listener.call

        def start_task(envelope: Envelope[Any]) -> None:
            if listener.mode != "task":
                raise AsyncListenerError(envelope.name, listener.name)
            self._start_task(listener, envelope)

        return _with_listener(listener, start_task)

    def _collapsing(self, listener: Listener) -> Callable[[Any], object]:
        if listener.is_async:

            async def acall(envelope: Any) -> None:
                listener.busy = True
                try:
                    await listener.call(envelope)  # type: ignore[misc]
                finally:
                    listener.busy = False

            return _with_listener(listener, acall)

        def call(envelope: Any) -> None:
            listener.busy = True
            try:
                listener.call(envelope)
            finally:
                listener.busy = False

        return _with_listener(listener, call)

    def _start_task(self, listener: Listener, envelope: Envelope[Any]) -> None:
        import asyncio

        async def run() -> None:
            try:
                await listener.call(envelope)  # type: ignore[misc]
            except Exception as error:
                self._report_failure(envelope, listener, error, "a task")

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _defer(self, envelope: Envelope[Any], listener: Listener) -> bool:
        emitted = _emitter()

        def deliver() -> None:
            finish = self.awaiter() if listener.is_async and listener.mode != "task" else None
            try:
                result = self._callable_of(listener, wait=finish is not None)(envelope)
                if finish is not None:
                    finish(result)
            except Exception as error:
                self._report_failure(envelope, listener, error, emitted)

        return self.defer(envelope.sender, deliver)

    # failures

    def _handle_failure(
        self,
        route: Route,
        envelope: Envelope[Any],
        call: Callable[..., object],
        error: Exception,
        failures: list[Exception] | None,
    ) -> list[Exception] | None:
        """Raise, log or collect the exception of a listener; returns the collected ones.

        An event of another application is always collected, so that its broker delivers it again.
        """
        if isinstance(error, EventDepthError):
            raise error
        listener = _listener_of(route, call)
        if route.declared.before:
            _complete_veto(error, envelope, listener)
            raise error
        error.add_note(f"in {listener.name} ({listener.place}), listening to {envelope.name} emitted at {_emitter()}")
        if envelope.origin:
            self._report_failure(envelope, listener, error, envelope.origin)
        elif self.on_error == "raise":
            raise error
        elif self.on_error == "log":
            self._report_failure(envelope, listener, error, _emitter())
            return failures
        return [*(failures or ()), error]

    def _report_failure(self, envelope: Envelope[Any], listener: Listener, error: Exception, emitted: str) -> None:
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
        patterns: The events that it suppresses; empty for all.
        owner: The model or instance whose events it suppresses, None for all.
    """

    __slots__ = ("owner", "patterns")

    def __init__(self, block: object, patterns: tuple[str, ...], owner: object) -> None:
        super().__init__(block)
        self.patterns = patterns
        self.owner = owner

    def covers(self, name: str, sender: object) -> bool:
        """Whether it suppresses an event of a sender."""
        if not belongs(sender, self.owner):
            return False
        return not self.patterns or any(matches(pattern, name) for pattern in self.patterns)


async def _noop() -> None:
    """Awaited where an event has no listeners."""


def _delivering() -> Iterator[str]:
    """The event names that the current stack is delivering, innermost first."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_code in (EventBus.deliver.__code__, EventBus.adeliver.__code__):
            yield frame.f_locals["route"].name
        frame = frame.f_back


def _with_listener(listener: Listener, call: Callable[[Any], object]) -> Callable[[Any], object]:
    """Attach the listener, which `_listener_of` reads where the callable fails."""
    call.listener = listener  # type: ignore[attr-defined]
    return call


def _listener_of(route: Route, call: Any) -> Listener:
    """The listener of a callable of a route, which is its own or one of `_with_listener`."""
    for listener in route.listeners:
        if listener.call is call:
            return listener
    attached: Listener = call.listener
    return attached


def _complete_veto(error: Exception, envelope: Envelope[Any], listener: Listener) -> None:
    """Name the event and the listener of a veto."""
    if isinstance(error, Veto) and not error.moment:
        error.moment, error.source = envelope.name, listener.name


def _emitter() -> str:
    """The place that emitted: the nearest frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("traits_runtime."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
