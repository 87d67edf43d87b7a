"""What backends over somebody else's cache share: JSON, and forgetting by generation instead of by looking for keys."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import to_thread
from collections.abc import Sequence
from typing import TypeVar
from uuid import uuid4

import msgspec

from traits_runtime._core.cache import MISSING, Stamp

LIMIT = 30 * 86_400.0
"""Seconds that a value is kept at most; a generation is kept as long, so no value outlives it."""

T = TypeVar("T")


class Kept(msgspec.Struct, array_like=True):
    """A value as it is stored.

    Args:
        scopes: What it belongs to.
        stamp: The generation of each scope when it was computed.
        value: The value, JSON.
    """

    scopes: tuple[str, ...]
    stamp: Stamp
    value: msgspec.Raw


_decoder = msgspec.json.Decoder(Kept)


def pack(value: object, scopes: tuple[str, ...], stamp: Stamp) -> bytes:
    """The stored form of a value.

    Raises:
        TypeError: It has no JSON form.
    """
    return msgspec.json.encode(Kept(scopes, stamp, msgspec.Raw(msgspec.json.encode(value))))


def unpack(data: bytes) -> Kept:
    """Read the stored form."""
    return _decoder.decode(data)


def token() -> str:
    """A generation that never was."""
    return uuid4().hex


class GenerationCache(ABC):
    """A cache backend over four operations of another cache; every generation has a random name.

    A generation that the other cache evicts is given a new name: its values are forgotten, never brought back.
    """

    @abstractmethod
    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """What is stored under each name."""

    @abstractmethod
    def write(self, name: str, data: bytes, seconds: float) -> None:
        """Store."""

    @abstractmethod
    def add(self, name: str, data: bytes, seconds: float) -> bool:
        """Store where nothing is; says whether it did."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove."""

    def get(self, key: str) -> object:
        """The value, or `MISSING`."""
        (data,) = self.read([f"v:{key}"])
        if data is None:
            return MISSING
        stored = unpack(data)
        now = self.read([f"s:{scope}" for scope in stored.scopes]) if stored.scopes else []
        if [generation and generation.decode() for generation in now] != list(stored.stamp):
            return MISSING
        return msgspec.json.decode(stored.value)

    def set(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """Keep a value for a number of seconds, 30 days at most."""
        data = pack(value, scopes, self.stamp(scopes) if stamp is None else stamp)
        self.remove(f"l:{key}")
        self.write(f"v:{key}", data, min(ttl, LIMIT))

    def keep(self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str) -> None:
        """As `set`, by the holder of a lease: does nothing where the lease has ended."""
        data = pack(value, scopes, stamp)
        if self._holds(key, token):
            self.write(f"v:{key}", data, min(ttl, LIMIT))
            if not self._holds(key, token):  # ended between the look and the write
                self.remove(f"v:{key}")

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """How the scopes stand now; those that have no generation get one."""
        generations = self.read([f"s:{scope}" for scope in scopes]) if scopes else []
        return tuple(
            data.decode() if data is not None else self._begin(scope)
            for scope, data in zip(scopes, generations, strict=True)
        )

    def _begin(self, scope: str) -> str:
        new_generation = token()
        if self.add(f"s:{scope}", new_generation.encode(), LIMIT * 2):
            return new_generation
        (theirs,) = self.read([f"s:{scope}"])
        return new_generation if theirs is None else theirs.decode()

    def delete(self, key: str) -> None:
        """Forget one value."""
        self.remove(f"l:{key}")
        self.remove(f"v:{key}")

    def bump(self, scope: str) -> None:
        """Forget all values of a scope."""
        self.write(f"s:{scope}", token().encode(), LIMIT * 2)

    def lease(self, key: str, seconds: float) -> str:
        """Become the one who computes a value."""
        new_token = token()
        return new_token if self.add(f"l:{key}", new_token.encode(), seconds) else ""

    def release(self, key: str, token: str) -> None:
        """Give a lease back, if it is still held."""
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
