"""The cache: protocols for backends, the in-process backend, and one computation per missing key."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from threading import Event, Lock
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

T = TypeVar("T")


Stamp: TypeAlias = "tuple[int | str, ...]"
"""Generations of a value's scopes; a value is stale when one of them has changed."""


class Missing:
    """Type of `MISSING`, the marker for no value; None is a value."""

    def __repr__(self) -> str:
        return "missing"


MISSING: Final = Missing()


class CacheBackend(Protocol):
    """Stores cached values.

    A value belongs to scopes (its instance, model, trait, tags). Bumping a scope invalidates all of its values at
    once, without a search for them.
    """

    def get(self, key: str) -> object:
        """The value, or `MISSING` where there is none or one of its scopes was bumped since it was set."""
        ...

    def set(self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp | None = None) -> None:
        """Store a value.

        Args:
            key: Its key.
            value: The value.
            ttl: Time to live in seconds.
            scopes: The scopes that it belongs to.
            stamp: Result of `stamp` from before the value was computed; a value whose scope was bumped since then
                is not stored.
        """
        ...

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """Current generation of each scope."""
        ...

    def delete(self, key: str) -> None:
        """Remove one value."""
        ...

    def bump(self, scope: str) -> None:
        """Invalidate all values of a scope."""
        ...


class SharedCache(CacheBackend, Protocol):
    """A backend that several processes share, with leases for one computation among them, and asynchronous twins.

    `set` and `delete` end the lease of their key, because the value that its holder computes is stale.
    """

    def lease(self, key: str, seconds: float) -> str:
        """Acquire the right to compute a value; returns a token, empty where another process holds the lease.

        Args:
            key: The key.
            seconds: Time after which the lease expires, should its holder have died.
        """
        ...

    def release(self, key: str, token: str) -> None:
        """Release a lease, if it has not expired."""
        ...

    def keep(self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str) -> None:
        """As `set`, by the holder of a lease; does nothing where `set` or `delete` has ended the lease."""
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
    """Values in this process, at most ``size`` of them; evicts those not used recently (second chance).

    Values are stored without a copy: treat a cached value as read-only.

    Args:
        size: The maximum number of values.
        clock: Monotonic seconds.
    """

    def __init__(self, size: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._generations: dict[str, int] = {"": 0}
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
        """Store a value for a number of seconds."""
        with self._lock:
            current = self.stamp(scopes)
            self._entries.pop(key, None)
            if stamp is not None and stamp != current:
                return
            self._entries[key] = _Entry(value, self._clock() + ttl, self._epoch, scopes, current)
            if len(self._entries) > self._size:
                self._evict()

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """Current generation of each scope."""
        generations = self._generations
        default = generations[""]
        return tuple([generations.get(scope, default) for scope in scopes])

    def delete(self, key: str) -> None:
        """Remove one value."""
        with self._lock:
            self._entries.pop(key, None)

    def bump(self, scope: str) -> None:
        """Invalidate all values of a scope."""
        with self._lock:
            if len(self._generations) > self._size:
                self._compact_generations()
            self._generations[scope] = self._epoch + 1
            self._epoch += 1

    def _compact_generations(self) -> None:
        """Give all scopes one common generation, because there is a scope for every row.

        Valid values get the new generation. A value that is being computed has the old one and is not stored.
        """
        valid = [entry for entry in self._entries.values() if entry.stamps == self.stamp(entry.scopes)]
        self._generations = {"": self._epoch + 1}
        self._epoch += 1
        for entry in valid:
            entry.stamps = (self._epoch,) * len(entry.scopes)

    def clear(self) -> None:
        """Remove all values."""
        with self._lock:
            self._entries.clear()
            self._epoch += 1

    def __len__(self) -> int:
        return len(self._entries)

    def after_fork(self) -> None:
        """Replace the lock in a child process: the thread that held it does not exist there."""
        self._lock = Lock()

    def _renew(self, entry: _Entry) -> bool:
        """Whether an entry from before the last bump is still valid."""
        epoch = self._epoch
        if entry.stamps != self.stamp(entry.scopes):
            return False
        entry.epoch = epoch
        return True

    def _evict(self) -> None:
        """Remove the oldest entry that was not used since the last eviction passed it."""
        for key in list(self._entries):
            entry = self._entries.pop(key)
            if not entry.used or entry.expires <= self._clock():
                return
            entry.used = False
            self._entries[key] = entry


class NullCache:
    """Stores nothing."""

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


class _Computation:
    """A running computation of a missing value, with an event for the callers that wait for it.

    Args:
        finished: Event that is set when it ends.
        scopes: The scopes of the value.
    """

    __slots__ = ("finished", "scopes", "stale", "value", "waits_for")

    def __init__(self, finished: Any, scopes: tuple[str, ...]) -> None:
        self.finished = finished
        self.scopes = scopes
        self.value: object = MISSING
        self.stale = False
        self.waits_for: list[_Computation] = []

    def needs(self, computations: tuple[_Computation, ...]) -> bool:
        """Whether it is one of some computations, or waits for one directly or indirectly."""
        pending, visited = [self], set[int]()
        while pending:
            computation = pending.pop()
            if computation in computations:
                return True
            if id(computation) not in visited:
                visited.add(id(computation))
                pending += computation.waits_for
        return False


_RUNNING: ContextVar[tuple[_Computation, ...]] = ContextVar("_running", default=())
"""The computations that run in this context, including tasks and threads that they have started."""


class Cache:
    """Reads through a backend; concurrent requests for a missing value share one computation.

    The computation is shared among threads and tasks of a process, and with a shared backend among processes. Where it
    fails, its caller gets the exception and the next waiting caller computes.

    A value that is invalidated or set while it is computed is returned to the callers that wait already, and not
    stored; later callers compute it again. A computation that would wait for itself, directly or indirectly, computes
    the value a second time.

    Args:
        backend: Stores the values.
        jitter: Share by which a time to live varies, so that values stored together do not expire together.
        lease: Seconds after which another process may compute a value that a process is computing.
    """

    def __init__(self, backend: CacheBackend, jitter: float = 0.1, lease: float = 30) -> None:
        self.backend = backend
        self.jitter = jitter
        self.lease = lease
        self._computations: dict[str, _Computation] = {}
        self._async_computations: dict[tuple[int, str], _Computation] = {}
        self._lock = Lock()

    def after_fork(self) -> None:
        """Drop pending computations in a child process: their threads are in the parent."""
        self._lock = Lock()
        self._computations, self._async_computations = {}, {}
        if isinstance(self.backend, MemoryCache):
            self.backend.after_fork()

    def spread(self, ttl: float) -> float:
        """A time to live, longer or shorter by up to the share of `jitter`."""
        import random

        return ttl * (1 + self.jitter * (2 * random.random() - 1))  # noqa: S311 - spreads load, guards nothing

    def shared(self) -> SharedCache | None:
        """The backend if several processes share it, else None."""
        return cast(SharedCache, self.backend) if hasattr(self.backend, "lease") else None

    def put(self, key: str, value: object, ttl: float, scopes: tuple[str, ...]) -> None:
        """Store a value; its time to live varies by the share of `jitter`."""
        with self._lock:
            self._mark_stale(key)
            self.backend.set(key, value, self.spread(ttl), scopes)

    def forget(self, key: str) -> None:
        """Remove one value."""
        with self._lock:
            self._mark_stale(key)
            self.backend.delete(key)

    def forget_scope(self, scope: str) -> None:
        """Invalidate all values of a scope."""
        with self._lock:
            self._mark_stale(None, scope)
            self.backend.bump(scope)

    async def aput(self, key: str, value: object, ttl: float, scopes: tuple[str, ...]) -> None:
        """As `put`, without blocking where the backend is shared."""
        shared = self.shared()
        if shared is None:
            self.put(key, value, ttl, scopes)
        else:
            with self._lock:
                self._mark_stale(key)
            await shared.aset(key, value, self.spread(ttl), scopes)

    async def aforget(self, key: str) -> None:
        """As `forget`, without blocking where the backend is shared."""
        shared = self.shared()
        if shared is None:
            self.forget(key)
        else:
            with self._lock:
                self._mark_stale(key)
            await shared.adelete(key)

    async def aforget_scope(self, scope: str) -> None:
        """As `forget_scope`, without blocking where the backend is shared."""
        shared = self.shared()
        if shared is None:
            self.forget_scope(scope)
        else:
            with self._lock:
                self._mark_stale(None, scope)
            await shared.abump(scope)

    def _mark_stale(self, key: str | None, scope: str = "") -> None:
        """Mark the computations of a key or scope as stale: no caller joins them, and their values are not stored."""
        for name, computation in list(self._computations.items()):
            if name == key or scope in computation.scopes:
                computation.stale = True
                del self._computations[name]
        for loop_key, computation in list(self._async_computations.items()):
            if loop_key[1] == key or scope in computation.scopes:
                computation.stale = True
                del self._async_computations[loop_key]

    def remember(self, key: str, compute: Callable[[], T], ttl: float, scopes: tuple[str, ...]) -> T:
        """The cached value, or else the computed one, which is then stored."""
        cached: Any = self.backend.get(key)
        while cached is MISSING:
            running = _RUNNING.get()
            with self._lock:
                computation = self._computations.get(key)
                is_leader = computation is None
                if computation is None:
                    computation = self._computations[key] = _Computation(Event(), scopes)
                is_circular = not is_leader and not _start_wait(running, computation)
            if is_leader:
                return self._compute(computation, key, compute, ttl)
            if is_circular:
                return compute()
            try:
                computation.finished.wait()
            finally:
                _end_wait(running, computation)
            cached = computation.value
            if cached is MISSING:
                cached = self.backend.get(key)
        value: T = cached
        return value

    def _compute(self, computation: _Computation, key: str, compute: Callable[[], T], ttl: float) -> T:
        """Compute for all waiting threads of this process, with the lease of a shared backend."""
        shared, token = self.shared(), ""
        entered = _RUNNING.set((*_RUNNING.get(), computation))
        try:
            cached: Any = self.backend.get(key)
            if cached is MISSING and shared is not None:
                token, cached = self._acquire(shared, key)
            if cached is MISSING:
                stamp = self.backend.stamp(computation.scopes)
                cached = compute()
                self._store(computation, key, cached, ttl, stamp, token)
            computation.value = cached
            value: T = cached
            return value
        finally:
            _RUNNING.reset(entered)
            with self._lock:
                if self._computations.get(key) is computation:
                    del self._computations[key]
            computation.finished.set()
            if token and shared is not None:
                shared.release(key, token)

    def _store(self, computation: _Computation, key: str, value: object, ttl: float, stamp: Stamp, token: str) -> None:
        shared = self.shared()
        if shared is not None:
            shared.keep(key, value, self.spread(ttl), computation.scopes, stamp, token)
            return
        with self._lock:  # `forget` and `put` hold it too, so the value is stored before them or not at all
            if not computation.stale:
                self.backend.set(key, value, self.spread(ttl), computation.scopes, stamp)

    def _acquire(self, shared: SharedCache, key: str) -> tuple[str, object]:
        """Wait for the lease of a key, or for the value that its holder computes."""
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
        loop_key = (id(asyncio.get_running_loop()), key)
        while cached is MISSING:
            running = _RUNNING.get()
            with self._lock:
                computation = self._async_computations.get(loop_key)
                is_leader = computation is None
                if computation is None:
                    computation = self._async_computations[loop_key] = _Computation(asyncio.Event(), scopes)
                is_circular = not is_leader and not _start_wait(running, computation)
            if is_leader:
                return await self._acompute(computation, loop_key, compute, ttl)
            if is_circular:
                return await compute()
            try:
                await computation.finished.wait()
            finally:
                _end_wait(running, computation)
            cached = computation.value
            if cached is MISSING:
                cached = await self._aget(key)
        value: T = cached
        return value

    async def _aget(self, key: str) -> object:
        shared = self.shared()
        return self.backend.get(key) if shared is None else await shared.aget(key)

    async def _acompute(
        self, computation: _Computation, loop_key: tuple[int, str], compute: Callable[[], Awaitable[T]], ttl: float
    ) -> T:
        """Compute for all waiting tasks of this event loop."""
        entered = _RUNNING.set((*_RUNNING.get(), computation))
        _, key = loop_key
        try:
            shared = self.shared()
            if shared is not None:
                value = await self._acompute_with_lease(shared, computation, key, compute, ttl)
            else:
                stamp = self.backend.stamp(computation.scopes)
                value = await compute()
                self._store(computation, key, value, ttl, stamp, "")
            computation.value = value
            return value
        finally:
            _RUNNING.reset(entered)
            with self._lock:
                if self._async_computations.get(loop_key) is computation:
                    del self._async_computations[loop_key]
            computation.finished.set()

    async def _acompute_with_lease(
        self, shared: SharedCache, computation: _Computation, key: str, compute: Callable[[], Awaitable[T]], ttl: float
    ) -> T:
        token, cached = await self._aacquire(shared, key)
        try:
            if cached is MISSING:
                stamp = await shared.astamp(computation.scopes)
                cached = await compute()
                await shared.akeep(key, cached, self.spread(ttl), computation.scopes, stamp, token)
            return cast(T, cached)
        finally:
            if token:
                await shared.arelease(key, token)

    async def _aacquire(self, shared: SharedCache, key: str) -> tuple[str, object]:
        import asyncio

        for pause in _pauses():
            token = await shared.alease(key, self.lease)
            cached = await shared.aget(key)
            if token or cached is not MISSING:
                return token, cached
            await asyncio.sleep(pause)
        raise AssertionError


def _start_wait(running: tuple[_Computation, ...], computation: _Computation) -> bool:
    """Record that computations wait for another; False where that one waits for them."""
    if running and computation.needs(running):
        return False
    for leader in running:
        leader.waits_for.append(computation)
    return True


def _end_wait(running: tuple[_Computation, ...], computation: _Computation) -> None:
    for leader in running:
        leader.waits_for.remove(computation)


def _pauses() -> Iterator[float]:
    """Seconds between two attempts: 4 ms, growing to 100 ms, with jitter."""
    import random

    pause = 0.004
    while True:
        yield pause * (0.5 + random.random())  # noqa: S311 - spreads load, guards nothing
        pause = min(pause * 1.6, 0.1)


def escape(part: str) -> str:
    """A part of a key with the separators escaped, so that different parts never give the same key.

    >>> escape("a:b%")
    'a%3Ab%25'
    """
    return part.replace("%", "%25").replace(":", "%3A") if ":" in part or "%" in part else part
