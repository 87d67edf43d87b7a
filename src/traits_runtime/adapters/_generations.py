"""Base of the backends on third-party caches: JSON values, invalidated by the generations of their scopes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import to_thread
from collections.abc import Sequence
from typing import TypeVar
from uuid import uuid4

import msgspec

from traits_runtime._core.cache import MISSING, Stamp

LIMIT = 30 * 86_400.0
"""Maximum lifetime of a value in seconds; a generation lives twice as long, so no value outlives it."""

T = TypeVar("T")


class StoredValue(msgspec.Struct, array_like=True):
    """The stored form of a value.

    Args:
        scopes: The scopes that it belongs to.
        stamp: The generation of each scope when it was computed.
        value: The value as JSON.
    """

    scopes: tuple[str, ...]
    stamp: Stamp
    value: msgspec.Raw


_decoder = msgspec.json.Decoder(StoredValue)


def pack(value: object, scopes: tuple[str, ...], stamp: Stamp) -> bytes:
    """The stored form of a value.

    Raises:
        TypeError: It has no JSON form.
    """
    return msgspec.json.encode(StoredValue(scopes, stamp, msgspec.Raw(msgspec.json.encode(value))))


def unpack(data: bytes) -> StoredValue:
    """The value from its stored form."""
    return _decoder.decode(data)


def token() -> str:
    """A new random generation or lease token."""
    return uuid4().hex


class GenerationCache(ABC):
    """A cache backend on four operations of a third-party cache; generations are random tokens.

    A generation that the cache evicts gets a new token, so its values stay invalid.
    """

    @abstractmethod
    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """The stored bytes of each name, None where there are none."""

    @abstractmethod
    def write(self, name: str, data: bytes, seconds: float) -> None:
        """Store bytes under a name."""

    @abstractmethod
    def add(self, name: str, data: bytes, seconds: float) -> bool:
        """Store bytes under a name that does not exist; returns whether it did not exist."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a name."""

    def get(self, key: str) -> object:
        """The value, or `MISSING`."""
        (data,) = self.read([f"v:{key}"])
        if data is None:
            return MISSING
        stored = unpack(data)
        if self._generations(stored.scopes) != list(stored.stamp):
            return MISSING
        return msgspec.json.decode(stored.value)

    def set(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """Store a value for a number of seconds, 30 days at most."""
        data = pack(value, scopes, self.stamp(scopes) if stamp is None else stamp)
        self.remove(f"l:{key}")
        self.write(f"v:{key}", data, min(ttl, LIMIT))

    def keep(self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str) -> None:
        """As `set`, by the holder of a lease; does nothing where the lease has ended."""
        data = pack(value, scopes, stamp)
        if self._holds(key, token):
            self.write(f"v:{key}", data, min(ttl, LIMIT))
            if not self._holds(key, token):  # it ended between the check and the write
                self.remove(f"v:{key}")

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """Current generation of each scope; creates missing ones."""
        generations = zip(scopes, self._generations(scopes), strict=True)
        return tuple(generation or self._create_generation(scope) for scope, generation in generations)

    def _generations(self, scopes: Sequence[str]) -> list[str | None]:
        if not scopes:
            return []
        stored = self.read([f"s:{scope}" for scope in scopes])
        return [None if data is None else data.decode() for data in stored]

    def _create_generation(self, scope: str) -> str:
        new_generation = token()
        if self.add(f"s:{scope}", new_generation.encode(), LIMIT * 2):
            return new_generation
        (generation,) = self._generations([scope])
        return generation or new_generation

    def delete(self, key: str) -> None:
        """Remove one value."""
        self.remove(f"l:{key}")
        self.remove(f"v:{key}")

    def bump(self, scope: str) -> None:
        """Invalidate all values of a scope."""
        self.write(f"s:{scope}", token().encode(), LIMIT * 2)

    def lease(self, key: str, seconds: float) -> str:
        """Acquire the right to compute a value; returns a token, empty where another process holds the lease."""
        new_token = token()
        return new_token if self.add(f"l:{key}", new_token.encode(), seconds) else ""

    def release(self, key: str, token: str) -> None:
        """Release a lease, if it has not expired."""
        if self._holds(key, token):
            self.remove(f"l:{key}")

    def _holds(self, key: str, token: str) -> bool:
        (holder,) = self.read([f"l:{key}"])
        return holder == token.encode()

    async def aget(self, key: str) -> object:
        """As `get`, in a thread."""
        return await to_thread(self.get, key)

    async def aset(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """As `set`, in a thread."""
        await to_thread(self.set, key, value, ttl, scopes, stamp)

    async def astamp(self, scopes: tuple[str, ...]) -> Stamp:
        """As `stamp`, in a thread."""
        return await to_thread(self.stamp, scopes)

    async def adelete(self, key: str) -> None:
        """As `delete`, in a thread."""
        await to_thread(self.delete, key)

    async def abump(self, scope: str) -> None:
        """As `bump`, in a thread."""
        await to_thread(self.bump, scope)

    async def akeep(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str
    ) -> None:
        """As `keep`, in a thread."""
        await to_thread(self.keep, key, value, ttl, scopes, stamp, token)

    async def alease(self, key: str, seconds: float) -> str:
        """As `lease`, in a thread."""
        return await to_thread(self.lease, key, seconds)

    async def arelease(self, key: str, token: str) -> None:
        """As `release`, in a thread."""
        await to_thread(self.release, key, token)
