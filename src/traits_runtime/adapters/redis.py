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
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import NoScriptError
    from redis.exceptions import TimeoutError as RedisTimeoutError
    from redis.retry import Retry

log: Final = logging.getLogger("traits_runtime.cache")


class _Script:
    """A Lua script and its SHA-1 digest, by which the server calls it."""

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
local generations = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  if not generations[i] then
    generations[i] = ARGV[1]
    redis.call('SET', KEYS[i], ARGV[1], 'EX', ARGV[2])
  end
end
return generations
""")

SET: Final = _Script("redis.call('DEL', KEYS[2]) redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])")

KEEP: Final = _Script("""
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
""")

RELEASE: Final = _Script("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end")


class RedisCache:
    """Values in Redis as JSON, shared by processes; a cached value consists of dicts, lists and scalars.

    A hit is one round trip: a script compares the generations of the value on the server. While Redis is not reachable
    every read misses and each process computes for itself. After a second the connection is tried again, and pending
    invalidations are sent first. Where Redis evicts a generation, its values are invalid.

    Args:
        url: Address, ``redis://localhost:6379/0``.
        prefix: Prefix of all keys.
        timeout: Timeout of a command in seconds.
        retry_after: Seconds between attempts to reconnect.
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
        self._down_until = 0.0
        self._pending: dict[tuple[object, ...], None] = {}
        self._lock = Lock()

    def get(self, key: str) -> object:
        """The value, or `MISSING`."""
        return _value(self._run("EVALSHA", GET, 1, f"{self._prefix}v:{key}"))

    def set(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """Store a value for a number of seconds, 30 days at most.

        Raises:
            TypeError: The value has no JSON form.
        """
        data = msgspec.json.encode(value)
        current = self.stamp(scopes) if stamp is None else stamp
        if len(current) == len(scopes):
            self._run(*self._setting(SET, key, data, ttl, scopes, current))

    def keep(self, key: str, value: object, ttl: float, scopes: tuple[str, ...], stamp: Stamp, token: str) -> None:
        """As `set`, by the holder of a lease; does nothing where the lease has ended."""
        data = msgspec.json.encode(value)
        if len(stamp) == len(scopes):
            self._run(*self._setting(KEEP, key, data, ttl, scopes, stamp, token))

    def stamp(self, scopes: tuple[str, ...]) -> Stamp:
        """Current generation of each scope; creates missing ones."""
        return _stamp(self._run(*self._stamping(scopes))) if scopes else ()

    def delete(self, key: str) -> None:
        """Remove one value; while Redis is not reachable, as soon as it is again."""
        self._run(*self._deleting(key), retry=True)

    def bump(self, scope: str) -> None:
        """Invalidate all values of a scope; while Redis is not reachable, as soon as it is again."""
        self._run(*self._bumping(scope), retry=True)

    def lease(self, key: str, seconds: float) -> str:
        """Acquire the right to compute a value; without Redis every process has it."""
        lease_token = token()
        return _leased(lease_token, self._run(*self._leasing(key, lease_token, seconds), default=UNREACHABLE))

    def release(self, key: str, token: str) -> None:
        """Release a lease, if it has not expired."""
        self._run(*self._releasing(key, token))

    async def aget(self, key: str) -> object:
        """As `get`."""
        return _value(await self._arun("EVALSHA", GET, 1, f"{self._prefix}v:{key}"))

    async def aset(
        self, key: str, value: object, ttl: float, scopes: tuple[str, ...] = (), stamp: Stamp | None = None
    ) -> None:
        """As `set`."""
        data = msgspec.json.encode(value)
        current = await self.astamp(scopes) if stamp is None else stamp
        if len(current) == len(scopes):
            await self._arun(*self._setting(SET, key, data, ttl, scopes, current))

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
        await self._arun(*self._deleting(key), retry=True)

    async def abump(self, scope: str) -> None:
        """As `bump`."""
        await self._arun(*self._bumping(scope), retry=True)

    async def alease(self, key: str, seconds: float) -> str:
        """As `lease`."""
        lease_token = token()
        return _leased(lease_token, await self._arun(*self._leasing(key, lease_token, seconds), default=UNREACHABLE))

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

    def _leasing(self, key: str, lease_token: str, seconds: float) -> tuple[Any, ...]:
        return "SET", f"{self._prefix}l:{key}", lease_token, "NX", "PX", int(seconds * 1000)

    def _releasing(self, key: str, lease_token: str) -> tuple[Any, ...]:
        return "EVALSHA", RELEASE, 1, f"{self._prefix}l:{key}", lease_token

    def _run(self, command: str, *arguments: Any, default: object = None, retry: bool = False) -> Any:
        """Send a command; a script is called by its digest, and sent in full where the server does not have it.

        Args:
            command: The command.
            arguments: Its arguments; for ``EVALSHA`` the script first.
            default: The result while Redis is not reachable.
            retry: Whether the command is sent later where Redis is not reachable.
        """
        if self._down_until and not self._reconnect():
            return self._postpone(command, arguments, default, retry)
        script = arguments[0] if command == "EVALSHA" else None
        try:
            if script is None:
                return self._client.execute_command(command, *arguments)
            try:
                return self._client.execute_command(command, script.digest, *arguments[1:])
            except NoScriptError:
                return self._client.execute_command("EVAL", script.text, *arguments[1:])
        except (RedisConnectionError, RedisTimeoutError) as error:
            self._mark_down(error)
            return self._postpone(command, arguments, default, retry)

    async def _arun(self, command: str, *arguments: Any, default: object = None, retry: bool = False) -> Any:
        """As `_run`."""
        if self._down_until and not await asyncio.to_thread(self._reconnect):
            return self._postpone(command, arguments, default, retry)
        client = self._clients.get(asyncio.get_running_loop()) or self._connect()
        script = arguments[0] if command == "EVALSHA" else None
        try:
            if script is None:
                return await client.execute_command(command, *arguments)
            try:
                return await client.execute_command(command, script.digest, *arguments[1:])
            except NoScriptError:
                return await client.execute_command("EVAL", script.text, *arguments[1:])
        except (RedisConnectionError, RedisTimeoutError) as error:
            self._mark_down(error)
            return self._postpone(command, arguments, default, retry)

    def _connect(self) -> Any:
        from redis.asyncio.retry import Retry as AsyncRetry

        client = redis.asyncio.Redis.from_url(self._url, retry=AsyncRetry(NoBackoff(), 1), **self._options)
        self._clients[asyncio.get_running_loop()] = client
        return client

    def _mark_down(self, error: Exception) -> None:
        """Send no commands for `retry_after` seconds."""
        if not self._down_until:
            log.warning("the cache in Redis is not reachable (%s); values are computed until it is", error)
        self._down_until = time.monotonic() + self._retry_after

    def _postpone(self, command: str, arguments: tuple[Any, ...], default: object, retry: bool) -> object:
        if retry and len(self._pending) < MAX_PENDING:
            self._pending[command, *arguments] = None
        elif retry:
            log.error("too many pending invalidations while Redis is not reachable; lost: %s", arguments[0])
        return default

    def _reconnect(self) -> bool:
        """Whether Redis is reachable again; one thread tries, and sends the pending invalidations first."""
        if time.monotonic() < self._down_until or not self._lock.acquire(blocking=False):
            return False
        try:
            while self._pending:
                command = next(iter(self._pending))
                self._client.execute_command(*command)
                self._pending.pop(command, None)
            self._client.ping()
        except (RedisConnectionError, RedisTimeoutError) as error:
            self._mark_down(error)
            return False
        finally:
            self._lock.release()
        self._down_until = 0.0
        log.warning("the cache in Redis is reachable again")
        return True


UNREACHABLE: Final = object()
"""Result of a lease while Redis is not reachable."""

MAX_PENDING: Final = 100_000
"""Maximum number of pending invalidations."""


def _value(reply: Any) -> object:
    return MISSING if reply is None else msgspec.json.decode(reply)


def _stamp(reply: Any) -> Stamp:
    """The generations; without Redis an empty stamp, with which no value is stored."""
    return tuple(generation.decode() for generation in reply or ())


def _leased(lease_token: str, reply: Any) -> str:
    return lease_token if reply is UNREACHABLE or reply else ""


def open_cache(settings: Mapping[str, Any]) -> RedisCache:
    """The cache from its settings."""
    return RedisCache(**settings)
