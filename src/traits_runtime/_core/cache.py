"""The cache: a protocol for backends, the one in this process, and one computation per cold key."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from threading import Event, Lock, get_ident
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")


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

    def set(self, key: str, value: object, ttl: float, scopes: tuple[str, ...]) -> None:
        """Keep a value for a number of seconds."""
        ...

    def delete(self, key: str) -> None:
        """Forget one value."""
        ...

    def bump(self, scope: str) -> None:
        """Forget all values of a scope."""
        ...


class _Entry:
    __slots__ = ("epoch", "expires", "scopes", "stamps", "used", "value")

    def __init__(
        self, value: object, expires: float, epoch: int, scopes: tuple[str, ...], stamps: tuple[int, ...]
    ) -> None:
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
        self._scopes: dict[str, int] = {}
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

    def set(self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = ()) -> None:
        """Keep a value for a number of seconds."""
        with self._lock:
            stamps = tuple(self._scopes.get(one, 0) for one in scopes)
            self._entries.pop(key, None)
            self._entries[key] = _Entry(value, self._clock() + ttl, self._epoch, scopes, stamps)
            if len(self._entries) > self._size:
                self._evict()

    def delete(self, key: str) -> None:
        """Forget one value."""
        with self._lock:
            self._entries.pop(key, None)

    def bump(self, scope: str) -> None:
        """Forget all values of a scope."""
        with self._lock:
            self._scopes[scope] = self._scopes.get(scope, 0) + 1
            self._epoch += 1

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._epoch += 1

    def __len__(self) -> int:
        return len(self._entries)

    def _renew(self, entry: _Entry) -> bool:
        """Whether an entry from before the last bump still holds."""
        epoch = self._epoch
        if entry.stamps != tuple(self._scopes.get(one, 0) for one in entry.scopes):
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

    def set(self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = ()) -> None:
        """Do nothing."""

    def delete(self, key: str) -> None:
        """Do nothing."""

    def bump(self, scope: str) -> None:
        """Do nothing."""


class _Flight:
    __slots__ = ("done", "thread", "value")

    def __init__(self) -> None:
        self.done = Event()
        self.thread = get_ident()
        self.value: object = MISSING


class Cache:
    """Reads through a backend; a missing value is computed once, however many ask for it at the same time.

    When the computation fails, the one who computed gets the exception and the next in line tries.

    Args:
        backend: Where values are kept.
        jitter: Share by which a time to live varies, so that values made together do not expire together.
    """

    def __init__(self, backend: CacheBackend, jitter: float = 0.1) -> None:
        self.backend = backend
        self.jitter = jitter
        self._flights: dict[str, _Flight] = {}
        self._waits: dict[tuple[int, str], Any] = {}
        self._lock = Lock()

    def put(self, key: str, value: object, ttl: float, scopes: tuple[str, ...]) -> None:
        """Keep a value for about a number of seconds."""
        import random

        spread = 1 + self.jitter * (2 * random.random() - 1)  # noqa: S311 - spreads load, guards nothing
        self.backend.set(key, value, ttl * spread, scopes)

    def remember(self, key: str, compute: Callable[[], T], ttl: float, scopes: tuple[str, ...]) -> T:
        """The kept value, or the computed one, which is kept then."""
        found: Any = self.backend.get(key)
        while found is MISSING:
            with self._lock:
                flight = self._flights.get(key)
                mine = flight is None
                if flight is None:
                    flight = self._flights[key] = _Flight()
            if mine:
                return self._lead(flight, key, compute, ttl, scopes)
            if flight.thread == get_ident():
                return compute()
            flight.done.wait()
            found = flight.value
            if found is MISSING:
                found = self.backend.get(key)
        value: T = found
        return value

    def _lead(self, flight: _Flight, key: str, compute: Callable[[], T], ttl: float, scopes: tuple[str, ...]) -> T:
        try:
            kept: Any = self.backend.get(key)
            if kept is MISSING:
                kept = compute()
                self.put(key, kept, ttl, scopes)
            flight.value = kept
            value: T = kept
            return value
        finally:
            with self._lock:
                self._flights.pop(key, None)
            flight.done.set()

    async def aremember(self, key: str, compute: Callable[[], Awaitable[T]], ttl: float, scopes: tuple[str, ...]) -> T:
        """As `remember`, with a coroutine function; one computation among the tasks of an event loop."""
        import asyncio

        found: Any = self.backend.get(key)
        mark = (id(asyncio.get_running_loop()), key)
        while found is MISSING:
            leader, turn = self._waits.get(mark, (None, None))
            if turn is None:
                return await self._alead(mark, compute, ttl, scopes)
            if leader is asyncio.current_task():
                return await compute()
            await turn.wait()
            found = self.backend.get(key)
        value: T = found
        return value

    async def _alead(
        self, mark: tuple[int, str], compute: Callable[[], Awaitable[T]], ttl: float, scopes: tuple[str, ...]
    ) -> T:
        import asyncio

        turn = asyncio.Event()
        self._waits[mark] = (asyncio.current_task(), turn)
        try:
            value = await compute()
            self.put(mark[1], value, ttl, scopes)
            return value
        finally:
            self._waits.pop(mark, None)
            turn.set()


def escape(part: str) -> str:
    """A part of a key with the separators of keys escaped, so that two keys are never the same by accident.

    >>> escape("a:b%")
    'a%3Ab%25'
    """
    return part.replace("%", "%25").replace(":", "%3A") if ":" in part or "%" in part else part
