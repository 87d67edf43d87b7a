"""Redis as the cache of traits: ``cache = "redis"``, its address in ``[engines.redis]``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from hashlib import sha1
from threading import Lock
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec

from traits_runtime._core.cache import MISSING, Stamp
from traits_runtime._core.engines import needs
from traits_runtime.adapters._generations import LIMIT, token

with needs("redis"):
    import redis
    import redis.asyncio
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as Unreachable
    from redis.exceptions import NoScriptError
    from redis.exceptions import TimeoutError as TooSlow
    from redis.retry import Retry

log: Final = logging.getLogger("traits_runtime.cache")


class _Script:
    """A Lua script, and the digest that the server knows it by."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text: str = text
        self.digest: str = sha1(text.encode(), usedforsecurity=False).hexdigest()


GET: Final = _Script("""
local data = redis.call('GET', KEYS[1])
if not data then return false end
local names, stamp, value = cmsgpack.unpack(data)
if #names > 0 then
  local now = redis.call('MGET', unpack(names))
  for i = 1, #names do
    if now[i] ~= stamp[i] then return false end
  end
end
return value
""")

STAMP: Final = _Script("""
local found = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  if not found[i] then
    found[i] = ARGV[1]
    redis.call('SET', KEYS[i], ARGV[1], 'EX', ARGV[2])
  end
end
return found
""")

SET: Final = _Script("redis.call('DEL', KEYS[2]) redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])")

KEEP: Final = _Script("""
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
""")

RELEASE: Final = _Script("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end")


class RedisCache:
    """Values in Redis, for all processes that use it; JSON, so what comes back is made of dicts, lists and scalars.

    A hit is one round trip: a script compares the value's generations where they lie. While Redis cannot be reached,
    nothing is found and every process computes for itself; it is tried again after a second, and what was to be
    forgotten meanwhile is forgotten first. Where Redis may evict keys, an evicted generation forgets its values.

    Args:
        url: Address, ``redis://localhost:6379/0``.
        prefix: What our keys begin with.
        timeout: Seconds after which an answer is no longer waited for.
        retry_after: Seconds between attempts to reach a Redis that is away.
    """

    def __init__(
        self, url: str = "redis://localhost:6379/0", *, prefix: str = "traits:", timeout: float = 0.5,
        retry_after: float = 1,
    ) -> None:  # fmt: skip
        self._url = url
        self._prefix = prefix
        self._options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        self._client: Any = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 1), **self._options)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._retry_after = retry_after
        self._away = 0.0
        self._owed: dict[tuple[object, ...], None] = {}
        self._lock = Lock()

    def get(self, key: str) -> object:
        """The value, or `MISSING`."""
        return _value(self._run("EVALSHA", GET, 1, f"{self._prefix}v:{key}"))

    def set(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """Keep a value for a number of seconds, 30 days at most.

        Raises:
            TypeError: The value has no JSON form.
        """
        data = msgspec.json.encode(value)
        now = self.stamp(scopes) if stamp is None else stamp
        if len(now) == len(scopes):
            self._run(*self._setting(SET, key, data, ttl, scopes, now))

    def keep(self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str) -> None:
        """As `set`, by the holder of a lease: does nothing where the lease has ended."""
        data = msgspec.json.encode(value)
        if len(stamp) == len(scopes):
            self._run(*self._setting(KEEP, key, data, ttl, scopes, stamp, token))

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """How the scopes stand now; those that have no generation get one."""
        return _stamp(self._run(*self._stamping(scopes))) if scopes else ()

    def delete(self, key: str) -> None:
        """Forget one value; where Redis is away, as soon as it is back."""
        self._run(*self._deleting(key), owed=True)

    def bump(self, scope: str) -> None:
        """Forget all values of a scope; where Redis is away, as soon as it is back."""
        self._run(*self._bumping(scope), owed=True)

    def lease(self, key: str, seconds: float) -> str:
        """Become the one who computes a value; without Redis everybody is."""
        new_token = token()
        return _leased(new_token, self._run(*self._leasing(key, new_token, seconds), lost=AWAY))

    def release(self, key: str, token: str) -> None:
        """Give a lease back, if it is still held."""
        self._run(*self._releasing(key, token))

    async def aget(self, key: str) -> object:
        """As `get`."""
        return _value(await self._arun("EVALSHA", GET, 1, f"{self._prefix}v:{key}"))

    async def aset(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """As `set`."""
        data = msgspec.json.encode(value)
        now = await self.astamp(scopes) if stamp is None else stamp
        if len(now) == len(scopes):
            await self._arun(*self._setting(SET, key, data, ttl, scopes, now))

    async def akeep(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str
    ) -> None:
        """As `keep`."""
        data = msgspec.json.encode(value)
        if len(stamp) == len(scopes):
            await self._arun(*self._setting(KEEP, key, data, ttl, scopes, stamp, token))

    async def astamp(self, scopes: tuple[str, ...]) -> Stamp:
        """As `stamp`."""
        return _stamp(await self._arun(*self._stamping(scopes))) if scopes else ()

    async def adelete(self, key: str) -> None:
        """As `delete`."""
        await self._arun(*self._deleting(key), owed=True)

    async def abump(self, scope: str) -> None:
        """As `bump`."""
        await self._arun(*self._bumping(scope), owed=True)

    async def alease(self, key: str, seconds: float) -> str:
        """As `lease`."""
        new_token = token()
        return _leased(new_token, await self._arun(*self._leasing(key, new_token, seconds), lost=AWAY))

    async def arelease(self, key: str, token: str) -> None:
        """As `release`."""
        await self._arun(*self._releasing(key, token))

    def close(self) -> None:
        """Close the connections of synchronous code."""
        self._client.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _scope(self, scope: str) -> str:
        return f"{self._prefix}s:{scope}"

    def _setting(
        self, script: _Script, key: str, data: bytes, ttl: float, scopes: tuple[str, ...], stamp: Stamp, *token: str
    ) -> tuple[Any, ...]:
        names = [self._scope(scope) for scope in scopes]
        packed = b"".join(map(msgspec.msgpack.encode, (names, stamp, data.decode())))
        keys = f"{self._prefix}v:{key}", f"{self._prefix}l:{key}"
        return "EVALSHA", script, 2, *keys, packed, int(min(ttl, LIMIT) * 1000) or 1, *token

    def _stamping(self, scopes: tuple[str, ...]) -> tuple[Any, ...]:
        return "EVALSHA", STAMP, len(scopes), *map(self._scope, scopes), token(), int(LIMIT * 2)

    def _deleting(self, key: str) -> tuple[Any, ...]:
        return "DEL", f"{self._prefix}v:{key}", f"{self._prefix}l:{key}"

    def _bumping(self, scope: str) -> tuple[Any, ...]:
        return "SET", self._scope(scope), token(), "EX", int(LIMIT * 2)

    def _leasing(self, key: str, new_token: str, seconds: float) -> tuple[Any, ...]:
        return "SET", f"{self._prefix}l:{key}", new_token, "NX", "PX", int(seconds * 1000)

    def _releasing(self, key: str, lease_token: str) -> tuple[Any, ...]:
        return "EVALSHA", RELEASE, 1, f"{self._prefix}l:{key}", lease_token

    def _run(self, command: str, *rest: Any, lost: object = None, owed: bool = False) -> Any:
        """Send a command; a script is named by its digest, and sent whole to a server that has forgotten it."""
        if self._away and not self._back():
            return self._later(command, rest, lost, owed)
        script = rest[0] if command == "EVALSHA" else None
        try:
            if script is None:
                return self._client.execute_command(command, *rest)
            try:
                return self._client.execute_command(command, script.digest, *rest[1:])
            except NoScriptError:
                return self._client.execute_command("EVAL", script.text, *rest[1:])
        except (Unreachable, TooSlow) as error:
            self._lose(error)
            return self._later(command, rest, lost, owed)

    async def _arun(self, command: str, *rest: Any, lost: object = None, owed: bool = False) -> Any:
        if self._away and not await asyncio.to_thread(self._back):
            return self._later(command, rest, lost, owed)
        client = self._clients.get(asyncio.get_running_loop()) or self._connect()
        script = rest[0] if command == "EVALSHA" else None
        try:
            if script is None:
                return await client.execute_command(command, *rest)
            try:
                return await client.execute_command(command, script.digest, *rest[1:])
            except NoScriptError:
                return await client.execute_command("EVAL", script.text, *rest[1:])
        except (Unreachable, TooSlow) as error:
            self._lose(error)
            return self._later(command, rest, lost, owed)

    def _connect(self) -> Any:
        from redis.asyncio.retry import Retry as AsyncRetry

        client = redis.asyncio.Redis.from_url(self._url, retry=AsyncRetry(NoBackoff(), 1), **self._options)
        self._clients[asyncio.get_running_loop()] = client
        return client

    def _lose(self, error: Exception) -> None:
        """Redis is away: leave it alone for a while."""
        if not self._away:
            log.warning("the cache in Redis cannot be reached (%s); values are computed until it is back", error)
        self._away = time.monotonic() + self._retry_after

    def _later(self, command: str, rest: tuple[Any, ...], lost: object, owed: bool) -> object:
        if owed and len(self._owed) < MOST_OWED:
            self._owed[command, *rest] = None
        elif owed:
            log.error("more is to be forgotten than is remembered while Redis is away: %s", rest[0])
        return lost

    def _back(self) -> bool:
        """Whether Redis is there again; one thread asks, and first has forgotten what was to be forgotten."""
        if time.monotonic() < self._away or not self._lock.acquire(blocking=False):
            return False
        try:
            while self._owed:
                owed = next(iter(self._owed))
                self._client.execute_command(*owed)
                self._owed.pop(owed, None)
            self._client.ping()
        except (Unreachable, TooSlow) as error:
            self._lose(error)
            return False
        finally:
            self._lock.release()
        self._away = 0.0
        log.warning("the cache in Redis is back")
        return True


AWAY: Final = object()

MOST_OWED: Final = 100_000


def _value(reply: Any) -> object:
    return MISSING if reply is None else msgspec.json.decode(reply)


def _stamp(reply: Any) -> Stamp:
    """Without Redis nothing can be said: a stamp shorter than the scopes, with which no value is kept."""
    return tuple(generation.decode() for generation in reply or ())


def _leased(new_token: str, reply: Any) -> str:
    return new_token if reply is AWAY or reply else ""


def open_cache(settings: Mapping[str, Any]) -> RedisCache:
    """The cache that config names."""
    return RedisCache(**settings)
