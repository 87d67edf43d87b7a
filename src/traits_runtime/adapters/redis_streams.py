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

LOOK: Final = 5.0
"""Seconds between two looks for what every application has heard, and what dead consumers have left, at most."""

DAY: Final = 86_400_000


class RedisStreams:
    """Events in one stream, with a consumer group for each application.

    What all groups have heard is trimmed; an application that is new hears what is left. A stream that no application
    listens to grows; ``most`` bounds it. Redis keeps what it has on disk: with ``appendfsync always`` all it has taken.

    Args:
        url: Address, ``redis://localhost:6379/0``.
        prefix: What our keys begin with.
        idle: Seconds after which another consumer takes over what one has taken and not done, also one that failed.
        most: How many events are kept, more or less, heard or not; 0 for all.
        timeout: Seconds after which an answer is no longer waited for.
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
        """Take an event; returns when Redis has it."""
        self.client.xadd(self.stream, {"data": encode(message)}, maxlen=self._most)
        return message.id

    def consumer(self, application: str) -> Consumer:
        """Begin to receive."""
        return _Consumer(self, application)

    def dead(self, application: str, most: int = 100) -> list[DeadLetter]:
        """The dead letters of an application, the latest first."""
        return [letter for _, letter in self._letters(application, most)]

    def revive(self, application: str, message_id: str) -> bool:
        """Let a dead letter come again; other applications pass it over."""
        for key, letter in self._letters(application):
            if letter.message.id == message_id:
                again = encode(msgspec.structs.replace(letter.message, attempt=1))
                with self.client.pipeline() as both:
                    both.xadd(self.stream, {"data": again, "only": application})
                    both.xdel(self.cemetery(application), key)
                    both.execute()
                return True
        return False

    def drop(self, application: str, message_id: str) -> bool:
        """Forget a dead letter."""
        keys = [key for key, letter in self._letters(application) if letter.message.id == message_id]
        return bool(keys and self.client.xdel(self.cemetery(application), *keys))

    def close(self) -> None:
        """Close connections."""
        self.client.close()

    def cemetery(self, application: str) -> str:
        """The key of an application's dead letters."""
        return f"{self.stream}:dead:{application}"

    def _letters(self, application: str, most: int | None = None) -> Iterator[tuple[bytes, DeadLetter]]:
        for key, fields in self.client.xrevrange(self.cemetery(application), count=most):
            yield key, msgspec.json.decode(fields[b"letter"], type=DeadLetter)


class _Consumer:
    """One consumer of an application's group, with one event in hand at a time."""

    def __init__(self, broker: RedisStreams, application: str) -> None:
        self._broker = broker
        self._client = broker.client
        self._stream = broker.stream
        self._group = application
        self._name = f"{socket.gethostname()}-{os.getpid()}-{get_ident()}"
        self._looked = 0.0
        self._begin()

    def take(self, seconds: float) -> Delivery | None:
        """The next event: one that was left by another, or a new one."""
        return self._left() or self._new(seconds)

    def done(self, delivery: Delivery) -> None:
        """Forget an event that was heard."""
        self._client.xack(self._stream, self._group, delivery.handle)

    def again(self, delivery: Delivery) -> None:
        """It is taken over when it has been idle for long enough."""

    def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """Keep an event as a dead letter."""
        with self._client.pipeline() as both:
            both.xadd(self._broker.cemetery(self._group), {"letter": msgspec.json.encode(letter)})
            both.xack(self._stream, self._group, delivery.handle)
            both.execute()

    def close(self) -> None:
        """Leave the group, unless something is left to be taken over."""
        pending = self._client.xpending_range(self._stream, self._group, "-", "+", 1, self._name)
        if not pending:
            self._client.xgroup_delconsumer(self._stream, self._group, self._name)

    def _begin(self) -> None:
        """Begin with all that is there: after Redis has lost its keys, others may have sent before we notice."""
        try:
            self._client.xgroup_create(self._stream, self._group, "0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _new(self, seconds: float) -> Delivery | None:
        wait = max(1, int(seconds * 1000))
        reply = self._client.xreadgroup(self._group, self._name, {self._stream: ">"}, count=1, block=wait)
        return self._delivery(*reply[0][1][0]) if reply else None

    def _left(self) -> Delivery | None:
        """What another consumer has left; asked for now and then, and again while there is something."""
        now = time.monotonic()
        if now - self._looked < min(LOOK, self._broker.idle / 4000):
            return None
        _, entries, *_ = self._client.xautoclaim(self._stream, self._group, self._name, self._broker.idle, count=1)
        if entries:
            return self._delivery(*entries[0], is_new=False)
        self._looked = now
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
        """Forget what every group is done with, and consumers that have gone."""
        oldest: list[tuple[int, ...]] = []
        for group in self._client.xinfo_groups(self._stream):
            waiting = self._client.xpending(self._stream, group["name"])["min"]
            oldest.append(tuple(int(part) for part in (waiting or group["last-delivered-id"]).split(b"-")))
        if oldest:
            first, second = min(oldest)
            self._client.xtrim(self._stream, minid=f"{first}-{second}", approximate=False)
        for consumer in self._client.xinfo_consumers(self._stream, self._group):
            if consumer["pending"] == 0 and consumer["idle"] > DAY:
                self._client.xgroup_delconsumer(self._stream, self._group, consumer["name"])


def open_forward(settings: Mapping[str, Any]) -> RedisStreams:
    """The broker that config names."""
    return RedisStreams(**settings)
