"""The cache: a protocol for backends, the one in this process, and one computation per cold key."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from threading import Event, Lock
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

T = TypeVar("T")


Stamp: TypeAlias = "tuple[int | str, ...]"
"""The generation of each of a value's scopes."""


class Missing:
    """Stands where no value is; None is a value."""

    def __repr__(self) -> str:
        return "missing"


MISSING: Final = Missing()


class CacheBackend(Protocol):
    """Where cached values are kept.

    A value belongs to scopes (its instance, model, trait, tags). Bumping a scope forgets all of its values at
    once, without looking for them.
    """

    def get(self, key: str) -> object:
        """The value, or `MISSING`; also where one of its scopes was bumped since it was set."""
        ...

    def set(self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp | None = None) -> None:
        """Keep a value for a number of seconds.

        Args:
            key: Its key.
            value: The value.
            ttl: Seconds.
            scopes: What it belongs to.
            stamp: What `stamp` gave before the value was computed: a scope that was bumped since forgets it too.
        """
        ...

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """How the scopes stand now."""
        ...

    def delete(self, key: str) -> None:
        """Forget one value."""
        ...

    def bump(self, scope: str) -> None:
        """Forget all values of a scope."""
        ...


class SharedCache(CacheBackend, Protocol):
    """A backend that several processes share: one of them computes a missing value, and coroutines need not block.

    `set` and `delete` end the lease of their key: what its holder is computing is out of date.
    """

    def lease(self, key: str, seconds: float) -> str:
        """Become the one who computes a value; returns a token, empty where somebody else is at it.

        Args:
            key: The key.
            seconds: After this time another may compute it, should the holder have died.
        """
        ...

    def release(self, key: str, token: str) -> None:
        """Give a lease back, if it is still held."""
        ...

    def keep(self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str) -> None:
        """As `set`, by the holder of a lease: does nothing where `set` or `delete` have ended it."""
        ...

    async def aget(self, key: str) -> object:
        """As `get`."""
        ...

    async def aset(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp | None = None
    ) -> None:
        """As `set`."""
        ...

    async def astamp(self, scopes: tuple[str, ...]) -> Stamp:
        """As `stamp`."""
        ...

    async def adelete(self, key: str) -> None:
        """As `delete`."""
        ...

    async def abump(self, scope: str) -> None:
        """As `bump`."""
        ...

    async def alease(self, key: str, seconds: float) -> str:
        """As `lease`."""
        ...

    async def arelease(self, key: str, token: str) -> None:
        """As `release`."""
        ...

    async def akeep(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str
    ) -> None:
        """As `keep`."""
        ...


class _Entry:
    __slots__ = ("epoch", "expires", "scopes", "stamps", "used", "value")

    def __init__(self, value: object, expires: float, epoch: int, scopes: tuple[str, ...], stamps: Stamp) -> None:
        self.scopes = scopes
        self.value = value
        self.expires = expires
        self.epoch = epoch
        self.stamps = stamps
        self.used = False


class MemoryCache:
    """Values in this process, at most ``size`` of them; those not used lately go first.

    Values are kept as they are, not copied: treat what comes out as read-only.

    Args:
        size: How many values are kept.
        clock: Seconds that only go forward.
    """

    def __init__(self, size: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._scopes: dict[str, int] = {"": 0}
        self._epoch = 0
        self._lock = Lock()

    def get(self, key: str) -> object:
        """The value, or `MISSING`."""
        try:
            entry = self._entries[key]
        except KeyError:
            return MISSING
        if entry.expires <= self._clock():
            return MISSING
        if entry.epoch != self._epoch and not self._renew(entry):
            return MISSING
        entry.used = True
        return entry.value

    def set(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """Keep a value for a number of seconds."""
        with self._lock:
            now = self.stamp(scopes)
            self._entries.pop(key, None)
            if stamp is not None and stamp != now:
                return
            self._entries[key] = _Entry(value, self._clock() + ttl, self._epoch, scopes, now)
            if len(self._entries) > self._size:
                self._evict()

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """How the scopes stand now."""
        generations = self._scopes
        rest = generations[""]
        return tuple([generations.get(scope, rest) for scope in scopes])

    def delete(self, key: str) -> None:
        """Forget one value."""
        with self._lock:
            self._entries.pop(key, None)

    def bump(self, scope: str) -> None:
        """Forget all values of a scope."""
        with self._lock:
            if len(self._scopes) > self._size:
                self._begin_anew()
            self._scopes[scope] = self._epoch + 1
            self._epoch += 1

    def _begin_anew(self) -> None:
        """Forget which scopes were bumped, of which there is one for every row: from now on all are as old.

        Values that hold are given the new age; what is just being computed has the old one, and is not kept.
        """
        valid = [entry for entry in self._entries.values() if entry.stamps == self.stamp(entry.scopes)]
        self._scopes = {"": self._epoch + 1}
        self._epoch += 1
        for entry in valid:
            entry.stamps = (self._epoch,) * len(entry.scopes)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._epoch += 1

    def __len__(self) -> int:
        return len(self._entries)

    def after_fork(self) -> None:
        """In a child: a thread that was writing is not here to let go."""
        self._lock = Lock()

    def _renew(self, entry: _Entry) -> bool:
        """Whether an entry from before the last bump still holds."""
        epoch = self._epoch
        if entry.stamps != self.stamp(entry.scopes):
            return False
        entry.epoch = epoch
        return True

    def _evict(self) -> None:
        """Drop the oldest that was not used since it was last passed over."""
        for key in list(self._entries):
            entry = self._entries.pop(key)
            if not entry.used or entry.expires <= self._clock():
                return
            entry.used = False
            self._entries[key] = entry


class NullCache:
    """Keeps nothing."""

    def get(self, key: str) -> object:
        """Always `MISSING`."""
        return MISSING

    def set(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """Do nothing."""

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """Nothing."""
        return ()

    def delete(self, key: str) -> None:
        """Do nothing."""

    def bump(self, scope: str) -> None:
        """Do nothing."""


class _Flight:
    """One computation of a missing value, which others wait for.

    Args:
        done: Set when it ends.
        scopes: What the value belongs to.
    """

    __slots__ = ("done", "scopes", "stale", "value", "waits_for")

    def __init__(self, done: Any, scopes: tuple[str, ...]) -> None:
        self.done = done
        self.scopes = scopes
        self.value: object = MISSING
        self.stale = False
        self.waits_for: list[_Flight] = []

    def needs(self, flights: tuple[_Flight, ...]) -> bool:
        """Whether it is one of some flights or waits for one, directly or by way of others."""
        pending, visited = [self], set[int]()
        while pending:
            flight = pending.pop()
            if flight in flights:
                return True
            if id(flight) not in visited:
                visited.add(id(flight))
                pending += flight.waits_for
        return False


_LEADING: ContextVar[tuple[_Flight, ...]] = ContextVar("_leading", default=())
"""The computations that the current code is part of, also in tasks and threads that they have started."""


class Cache:
    """Reads through a backend; a missing value is computed once, however many ask for it at the same time.

    Once among threads and tasks of a process, and where the backend is shared, among processes. When the computation
    fails, the one who computed gets the exception and the next in line tries.

    A value that is forgotten or set while it is computed goes to those who asked before, and is not kept; whoever asks
    later gets a fresh one. A computation that waits for itself, by way of others too, computes again instead.

    Args:
        backend: Where values are kept.
        jitter: Share by which a time to live varies, so that values made together do not expire together.
        lease: Seconds after which another process may compute a value that one is computing.
    """

    def __init__(self, backend: CacheBackend, jitter: float = 0.1, lease: float = 30) -> None:
        self.backend = backend
        self.jitter = jitter
        self.lease = lease
        self._flights: dict[str, _Flight] = {}
        self._async_flights: dict[tuple[int, str], _Flight] = {}
        self._lock = Lock()

    def after_fork(self) -> None:
        """In a child: whoever is computing a value does so in the parent, and nobody here has to wait."""
        self._lock = Lock()
        self._flights, self._async_flights = {}, {}
        if isinstance(self.backend, MemoryCache):
            self.backend.after_fork()

    def spread(self, ttl: float) -> float:
        """A time to live, longer or shorter by up to the share of `jitter`."""
        import random

        return ttl * (1 + self.jitter * (2 * random.random() - 1))  # noqa: S311 - spreads load, guards nothing

    def shared(self) -> SharedCache | None:
        """The backend, if several processes share it."""
        return cast(SharedCache, self.backend) if hasattr(self.backend, "lease") else None

    def put(self, key: str, value: object, ttl: float, scopes: tuple[str, ...]) -> None:
        """Keep a value for about a number of seconds."""
        with self._lock:
            self._land(key)
            self.backend.set(key, value, self.spread(ttl), scopes)

    def forget(self, key: str) -> None:
        """Forget one value."""
        with self._lock:
            self._land(key)
            self.backend.delete(key)

    def forget_scope(self, scope: str) -> None:
        """Forget all values of a scope."""
        with self._lock:
            self._land(None, scope)
            self.backend.bump(scope)

    async def aput(self, key: str, value: object, ttl: float, scopes: tuple[str, ...]) -> None:
        """As `put`, without blocking where the backend is shared."""
        shared = self.shared()
        if shared is None:
            self.put(key, value, ttl, scopes)
        else:
            with self._lock:
                self._land(key)
            await shared.aset(key, value, self.spread(ttl), scopes)

    async def aforget(self, key: str) -> None:
        """As `forget`, without blocking where the backend is shared."""
        shared = self.shared()
        if shared is None:
            self.forget(key)
        else:
            with self._lock:
                self._land(key)
            await shared.adelete(key)

    async def aforget_scope(self, scope: str) -> None:
        """As `forget_scope`, without blocking where the backend is shared."""
        shared = self.shared()
        if shared is None:
            self.forget_scope(scope)
        else:
            with self._lock:
                self._land(None, scope)
            await shared.abump(scope)

    def _land(self, key: str | None, scope: str = "") -> None:
        """Mark the computations of a key or scope as out of date: nobody joins them, and what they make is not kept."""
        for name, flight in list(self._flights.items()):
            if name == key or scope in flight.scopes:
                flight.stale = True
                del self._flights[name]
        for mark, flight in list(self._async_flights.items()):
            if mark[1] == key or scope in flight.scopes:
                flight.stale = True
                del self._async_flights[mark]

    def remember(self, key: str, compute: Callable[[], T], ttl: float, scopes: tuple[str, ...]) -> T:
        """The kept value, or the computed one, which is kept then."""
        cached: Any = self.backend.get(key)
        while cached is MISSING:
            leading = _LEADING.get()
            with self._lock:
                flight = self._flights.get(key)
                is_leader = flight is None
                if flight is None:
                    flight = self._flights[key] = _Flight(Event(), scopes)
                is_circle = not is_leader and not _wait(leading, flight)
            if is_leader:
                return self._lead(flight, key, compute, ttl)
            if is_circle:
                return compute()
            try:
                flight.done.wait()
            finally:
                _end_wait(leading, flight)
            cached = flight.value
            if cached is MISSING:
                cached = self.backend.get(key)
        value: T = cached
        return value

    def _lead(self, flight: _Flight, key: str, compute: Callable[[], T], ttl: float) -> T:
        """Compute for all threads of this process, once no other process does."""
        shared, token = self.shared(), ""
        entered = _LEADING.set((*_LEADING.get(), flight))
        try:
            cached: Any = self.backend.get(key)
            if cached is MISSING and shared is not None:
                token, cached = self._turn(shared, key)
            if cached is MISSING:
                stamp = self.backend.stamp(flight.scopes)
                cached = compute()
                self._keep(flight, key, cached, ttl, stamp, token)
            flight.value = cached
            value: T = cached
            return value
        finally:
            _LEADING.reset(entered)
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            flight.done.set()
            if token and shared is not None:
                shared.release(key, token)

    def _keep(self, flight: _Flight, key: str, value: object, ttl: float, stamp: Stamp, token: str) -> None:
        shared = self.shared()
        if shared is not None:
            shared.keep(key, value, self.spread(ttl), flight.scopes, stamp, token)
            return
        with self._lock:  # `forget` and `put` hold it too: the value goes in before them, or not at all
            if not flight.stale:
                self.backend.set(key, value, self.spread(ttl), flight.scopes, stamp)

    def _turn(self, shared: SharedCache, key: str) -> tuple[str, object]:
        """Wait for the lease of a key, or for the value that its holder makes."""
        for pause in _pauses():
            token = shared.lease(key, self.lease)
            cached = shared.get(key)
            if token or cached is not MISSING:
                return token, cached
            time.sleep(pause)
        raise AssertionError

    async def aremember(self, key: str, compute: Callable[[], Awaitable[T]], ttl: float, scopes: tuple[str, ...]) -> T:
        """As `remember`, with a coroutine function; one computation among the tasks of an event loop."""
        import asyncio

        cached: Any = await self._aget(key)
        mark = (id(asyncio.get_running_loop()), key)
        while cached is MISSING:
            leading = _LEADING.get()
            with self._lock:
                flight = self._async_flights.get(mark)
                is_leader = flight is None
                if flight is None:
                    flight = self._async_flights[mark] = _Flight(asyncio.Event(), scopes)
                is_circle = not is_leader and not _wait(leading, flight)
            if is_leader:
                return await self._alead(flight, mark, compute, ttl)
            if is_circle:
                return await compute()
            try:
                await flight.done.wait()
            finally:
                _end_wait(leading, flight)
            cached = flight.value
            if cached is MISSING:
                cached = await self._aget(key)
        value: T = cached
        return value

    async def _aget(self, key: str) -> object:
        shared = self.shared()
        return self.backend.get(key) if shared is None else await shared.aget(key)

    async def _alead(
        self, flight: _Flight, mark: tuple[int, str], compute: Callable[[], Awaitable[T]], ttl: float
    ) -> T:
        entered = _LEADING.set((*_LEADING.get(), flight))
        try:
            shared = self.shared()
            if shared is not None:
                value = await self._aonce(shared, flight, mark[1], compute, ttl)
            else:
                stamp = self.backend.stamp(flight.scopes)
                value = await compute()
                self._keep(flight, mark[1], value, ttl, stamp, "")
            flight.value = value
            return value
        finally:
            _LEADING.reset(entered)
            with self._lock:
                if self._async_flights.get(mark) is flight:
                    del self._async_flights[mark]
            flight.done.set()

    async def _aonce(
        self, shared: SharedCache, flight: _Flight, key: str, compute: Callable[[], Awaitable[T]], ttl: float
    ) -> T:
        token, cached = await self._aturn(shared, key)
        try:
            if cached is MISSING:
                stamp = await shared.astamp(flight.scopes)
                cached = await compute()
                await shared.akeep(key, cached, self.spread(ttl), flight.scopes, stamp, token)
            return cast(T, cached)
        finally:
            if token:
                await shared.arelease(key, token)

    async def _aturn(self, shared: SharedCache, key: str) -> tuple[str, object]:
        import asyncio

        for pause in _pauses():
            token = await shared.alease(key, self.lease)
            cached = await shared.aget(key)
            if token or cached is not MISSING:
                return token, cached
            await asyncio.sleep(pause)
        raise AssertionError


def _wait(leading: tuple[_Flight, ...], flight: _Flight) -> bool:
    """Note that computations wait for another; False where it waits for one of them itself."""
    if leading and flight.needs(leading):
        return False
    for leader in leading:
        leader.waits_for.append(flight)
    return True


def _end_wait(leading: tuple[_Flight, ...], flight: _Flight) -> None:
    for leader in leading:
        leader.waits_for.remove(flight)


def _pauses() -> Iterator[float]:
    """How long to wait before asking again: 4 ms, growing to a tenth of a second, no two the same."""
    import random

    pause = 0.004
    while True:
        yield pause * (0.5 + random.random())  # noqa: S311 - spreads load, guards nothing
        pause = min(pause * 1.6, 0.1)


def escape(part: str) -> str:
    """A part of a key with the separators of keys escaped, so that two keys are never the same by accident.

    >>> escape("a:b%")
    'a%3Ab%25'
    """
    return part.replace("%", "%25").replace(":", "%3A") if ":" in part or "%" in part else part
