"""Events across processes on RabbitMQ: ``forward = "rabbitmq"``, set up in ``[engines.rabbitmq]``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Final, TypeVar

import msgspec

from traits_runtime._core.engines import needs
from traits_runtime._core.queue import Consumer, DeadLetter, Delivery, JobMessage, encode

with needs("rabbitmq"):
    import pika  # type: ignore[import-untyped]  # pika has no types
    from pika.exceptions import AMQPError  # type: ignore[import-untyped]

T = TypeVar("T")

ATTEMPT: Final = "traits-attempt"
"""Header with the number of deliveries: a failed event is published again, so every type of queue counts."""


class RabbitMQ:
    """Events through one exchange, with a durable queue of the server's default type for each application.

    A failed event waits in a second queue until it is delivered again; dead letters are in a third. An event without
    a queue is dropped, so an application has to listen once before it receives events.

    Args:
        url: Address, ``amqp://guest:guest@localhost:5672//``.
        prefix: Prefix of the names of exchange and queues.
        idle: Heartbeat in seconds; after about twice the time the event of a dead consumer is delivered to another.
        pause: Seconds before a failed event is delivered again.
    """

    name: str = "rabbitmq"

    def __init__(
        self, url: str = "amqp://guest:guest@localhost:5672//", *, prefix: str = "traits.", idle: float = 600,
        pause: float = 60,
    ) -> None:  # fmt: skip
        self.exchange: str = f"{prefix}events"
        self.pause = pause
        self._url = url.removesuffix("//") + "/%2F" if url.endswith("//") else url
        self._idle = int(idle)
        self._open: tuple[int, Any] = 0, None
        self._lock = Lock()

    def enqueue(self, message: JobMessage) -> str:
        """Accept an event; returns when RabbitMQ has confirmed it."""
        self.run(lambda channel: publish(channel, self.exchange, message.name, encode(message)))
        return message.id

    def consumer(self, application: str) -> Consumer:
        """Open a consumer."""
        return _Consumer(self, application)

    def dead(self, application: str, most: int = 100) -> list[DeadLetter]:
        """The dead letters of an application, the latest first."""

        def read(channel: Any) -> list[DeadLetter]:
            with self._letters(channel, application) as letters:
                return [letter for _, letter in letters]

        return self.run(read)[::-1][:most]

    def revive(self, application: str, message_id: str) -> bool:
        """Deliver a dead letter again."""

        def put_back(channel: Any, letter: DeadLetter) -> None:
            data = encode(msgspec.structs.replace(letter.message, attempt=1))
            publish(channel, "", self.queue(application), data)

        return self._remove_letter(application, message_id, put_back)

    def drop(self, application: str, message_id: str) -> bool:
        """Delete a dead letter."""
        return self._remove_letter(application, message_id, lambda _channel, _letter: None)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._disconnect()

    def queue(self, application: str) -> str:
        """The name of an application's queue."""
        return f"{self.exchange}.{application}"

    def connect(self, heartbeat: int) -> Any:
        """A channel with publisher confirms, on a connection of its own."""
        parameters = pika.URLParameters(self._url)
        parameters.heartbeat = heartbeat
        parameters.blocked_connection_timeout = 30
        channel = pika.BlockingConnection(parameters).channel()
        channel.confirm_delivery()
        channel.exchange_declare(self.exchange, "topic", durable=True)
        return channel

    def declare(self, channel: Any, application: str) -> None:
        """Declare the queues of an application."""
        name = self.queue(application)
        channel.queue_declare(name, durable=True)
        channel.queue_bind(name, self.exchange, "#")
        return_to_queue = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": name}
        channel.queue_declare(f"{name}.again", durable=True, arguments=return_to_queue)
        channel.queue_declare(f"{name}.dead", durable=True)

    def run(self, use: Callable[[Any], T]) -> T:
        """Call a function with the channel of this process; a second time with a new one where it was closed."""
        with self._lock:
            for is_last_attempt in (False, True):
                try:
                    if self._open[0] != os.getpid():
                        self._open = os.getpid(), self.connect(60)
                    return use(self._open[1])
                except (AMQPError, OSError):
                    self._disconnect()
                    if is_last_attempt:
                        raise
        raise AssertionError

    def _disconnect(self) -> None:
        owner, channel = self._open
        self._open = 0, None
        if owner == os.getpid():
            with suppress(AMQPError, OSError):
                channel.connection.close()

    def _remove_letter(self, application: str, message_id: str, use: Callable[[Any, DeadLetter], None]) -> bool:
        def find(channel: Any) -> bool:
            with self._letters(channel, application) as letters:
                for tag, letter in letters:
                    if letter.message.id == message_id:
                        use(channel, letter)
                        channel.basic_ack(tag)
                        letters.remove((tag, letter))
                        return True
            return False

        return self.run(find)

    @contextmanager
    def _letters(self, channel: Any, application: str) -> Iterator[list[tuple[int, DeadLetter]]]:
        """The dead letters, the oldest first; those that remain in the list are requeued."""
        self.declare(channel, application)
        letters: list[tuple[int, DeadLetter]] = []
        method, _, data = channel.basic_get(f"{self.queue(application)}.dead")
        while method is not None:
            letters.append((method.delivery_tag, msgspec.json.decode(data, type=DeadLetter)))
            method, _, data = channel.basic_get(f"{self.queue(application)}.dead")
        try:
            yield letters
        finally:
            for tag, _ in letters:
                channel.basic_nack(tag, requeue=True)


class _Consumer:
    """A consumer of an application's queue; it processes one event at a time."""

    def __init__(self, broker: RabbitMQ, application: str) -> None:
        self._broker = broker
        self._queue = broker.queue(application)
        self._channel = broker.connect(broker._idle)
        broker.declare(self._channel, application)
        self._channel.basic_qos(prefetch_count=1)

    def take(self, seconds: float) -> Delivery | None:
        """The next event."""
        method, properties, data = next(self._channel.consume(self._queue, inactivity_timeout=seconds))
        if method is None:
            return None
        attempt = int((properties.headers or {}).get(ATTEMPT, 1))
        delivery = Delivery(data, attempt, method.delivery_tag)
        if method.redelivered:
            self._republish(delivery, self._queue)
            return None
        return delivery

    def done(self, delivery: Delivery) -> None:
        """Acknowledge an event."""
        self._channel.basic_ack(delivery.handle)

    def again(self, delivery: Delivery) -> None:
        """Publish an event to the waiting queue, with its number of deliveries."""
        self._republish(delivery, f"{self._queue}.again", expiration=str(int(self._broker.pause * 1000)))

    def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """Store an event as a dead letter."""
        publish(self._channel, "", f"{self._queue}.dead", msgspec.json.encode(letter))
        self.done(delivery)

    def close(self) -> None:
        """Close the connection; an unacknowledged event is delivered to another consumer."""
        with suppress(AMQPError, OSError):
            self._channel.connection.close()

    def _republish(self, delivery: Delivery, queue: str, **properties: Any) -> None:
        """Publish an event to a queue and acknowledge its delivery."""
        publish(self._channel, "", queue, delivery.data, headers={ATTEMPT: delivery.attempt + 1}, **properties)
        self.done(delivery)


def publish(channel: Any, exchange: str, key: str, data: bytes, **properties: Any) -> None:
    """Publish a persistent message."""
    channel.basic_publish(exchange, key, data, pika.BasicProperties(delivery_mode=2, **properties))


def open_forward(settings: Mapping[str, Any]) -> RabbitMQ:
    """The broker from its settings."""
    return RabbitMQ(**settings)
