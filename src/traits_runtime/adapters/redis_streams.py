"""Events across processes on Redis Streams: ``forward = "redis_streams"``, set up in ``[engines.redis_streams]``."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from threading import get_ident
from typing import Any, Final

import msgspec

from traits_runtime._core.engines import needs
from traits_runtime._core.queue import Consumer, DeadLetter, Delivery, JobMessage, encode

with needs("redis_streams", extra="redis"):
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import ResponseError
    from redis.retry import Retry

RECOVERY_INTERVAL_S: Final = 5.0
"""Maximum seconds between two checks for abandoned events and for events to trim."""

DAY_MS: Final = 86_400_000


class RedisStreams:
    """Events in one stream, with a consumer group for each application.

    Events that all groups have acknowledged are trimmed; a new application receives the rest. A stream without
    applications grows; ``most`` bounds it. Durability is that of Redis: ``appendfsync always`` loses no event.

    Args:
        url: Address, ``redis://localhost:6379/0``.
        prefix: Prefix of all keys.
        idle: Seconds after which another consumer takes over an event that was not acknowledged.
        most: Approximate maximum number of events in the stream, acknowledged or not; 0 for no limit.
        timeout: Timeout of a command in seconds.
    """

    name: str = "redis_streams"

    def __init__(
        self, url: str = "redis://localhost:6379/0", *, prefix: str = "traits:", idle: float = 60, most: float = 0,
        timeout: float = 5,
    ) -> None:  # fmt: skip
        self.stream: str = f"{prefix}events"
        self.idle: int = int(idle * 1000)
        self._most = int(most) or None
        self.client: Any = redis.Redis.from_url(
            url, retry=Retry(NoBackoff(), 1), socket_timeout=timeout, socket_connect_timeout=timeout
        )

    def enqueue(self, message: JobMessage) -> str:
        """Accept an event; returns when Redis has stored it."""
        self.client.xadd(self.stream, {"data": encode(message)}, maxlen=self._most)
        return message.id

    def consumer(self, application: str) -> Consumer:
        """Open a consumer."""
        return _Consumer(self, application)

    def dead(self, application: str, most: int = 100) -> list[DeadLetter]:
        """The dead letters of an application, the latest first."""
        return [letter for _, letter in self._letters(application, most)]

    def revive(self, application: str, message_id: str) -> bool:
        """Deliver a dead letter again; other applications skip it."""
        for key, letter in self._letters(application):
            if letter.message.id == message_id:
                data = encode(msgspec.structs.replace(letter.message, attempt=1))
                with self.client.pipeline() as pipeline:
                    pipeline.xadd(self.stream, {"data": data, "only": application})
                    pipeline.xdel(self.dead_stream(application), key)
                    pipeline.execute()
                return True
        return False

    def drop(self, application: str, message_id: str) -> bool:
        """Delete a dead letter."""
        keys = [key for key, letter in self._letters(application) if letter.message.id == message_id]
        return bool(keys and self.client.xdel(self.dead_stream(application), *keys))

    def close(self) -> None:
        """Close connections."""
        self.client.close()

    def dead_stream(self, application: str) -> str:
        """The key of the dead letters of an application."""
        return f"{self.stream}:dead:{application}"

    def _letters(self, application: str, most: int | None = None) -> Iterator[tuple[bytes, DeadLetter]]:
        for key, fields in self.client.xrevrange(self.dead_stream(application), count=most):
            yield key, msgspec.json.decode(fields[b"letter"], type=DeadLetter)


class _Consumer:
    """A consumer of an application's group; it processes one event at a time."""

    def __init__(self, broker: RedisStreams, application: str) -> None:
        self._broker = broker
        self._client = broker.client
        self._stream = broker.stream
        self._group = application
        self._name = f"{socket.gethostname()}-{os.getpid()}-{get_ident()}"
        self._last_check = 0.0
        self._create_group()

    def take(self, seconds: float) -> Delivery | None:
        """The next event: an abandoned one, else a new one."""
        return self._claim_abandoned() or self._read_new(seconds)

    def done(self, delivery: Delivery) -> None:
        """Acknowledge an event."""
        self._client.xack(self._stream, self._group, delivery.handle)

    def again(self, delivery: Delivery) -> None:
        """Do nothing: the event is claimed again after its idle time."""

    def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """Store an event as a dead letter."""
        with self._client.pipeline() as pipeline:
            pipeline.xadd(self._broker.dead_stream(self._group), {"letter": msgspec.json.encode(letter)})
            pipeline.xack(self._stream, self._group, delivery.handle)
            pipeline.execute()

    def close(self) -> None:
        """Leave the group, unless it has unacknowledged events."""
        pending = self._client.xpending_range(self._stream, self._group, "-", "+", 1, self._name)
        if not pending:
            self._client.xgroup_delconsumer(self._stream, self._group, self._name)

    def _create_group(self) -> None:
        """Create the group from the start of the stream, because Redis may have lost its keys and got new events."""
        try:
            self._client.xgroup_create(self._stream, self._group, "0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _read_new(self, seconds: float) -> Delivery | None:
        wait = max(1, int(seconds * 1000))
        reply = self._client.xreadgroup(self._group, self._name, {self._stream: ">"}, count=1, block=wait)
        return self._delivery(*reply[0][1][0]) if reply else None

    def _claim_abandoned(self) -> Delivery | None:
        """An event that another consumer has not acknowledged; checked at intervals, and again after each find."""
        now = time.monotonic()
        if now - self._last_check < min(RECOVERY_INTERVAL_S, self._broker.idle / 4000):
            return None
        _, entries, *_ = self._client.xautoclaim(self._stream, self._group, self._name, self._broker.idle, count=1)
        if entries:
            return self._delivery(*entries[0], is_new=False)
        self._last_check = now
        self._trim()
        return None

    def _delivery(self, key: bytes, fields: Mapping[bytes, bytes], *, is_new: bool = True) -> Delivery | None:
        if fields.get(b"only", self._group.encode()) != self._group.encode():
            self._client.xack(self._stream, self._group, key)
            return None
        attempt = 1
        if not is_new:
            (pending,) = self._client.xpending_range(self._stream, self._group, key, key, 1)
            attempt = pending["times_delivered"]
        return Delivery(fields[b"data"], attempt, key)

    def _trim(self) -> None:
        """Trim events that every group has acknowledged, and remove inactive consumers."""
        oldest: list[tuple[int, ...]] = []
        for group in self._client.xinfo_groups(self._stream):
            first_pending = self._client.xpending(self._stream, group["name"])["min"]
            entry_id = first_pending or group["last-delivered-id"]
            oldest.append(tuple(map(int, entry_id.split(b"-"))))
        if oldest:
            first, second = min(oldest)
            self._client.xtrim(self._stream, minid=f"{first}-{second}", approximate=False)
        for consumer in self._client.xinfo_consumers(self._stream, self._group):
            if consumer["pending"] == 0 and consumer["idle"] > DAY_MS:
                self._client.xgroup_delconsumer(self._stream, self._group, consumer["name"])


def open_forward(settings: Mapping[str, Any]) -> RedisStreams:
    """The broker from its settings."""
    return RedisStreams(**settings)
