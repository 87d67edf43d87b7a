"""Events across processes: those that config names go to a broker, and those of other applications are told here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from contextvars import copy_context
from threading import Event
from typing import Any, get_origin

import msgspec

from traits_runtime._core import runtime, wire
from traits_runtime._core.events.listener import Envelope
from traits_runtime._core.metadata import has_metadata
from traits_runtime._core.queue import Consumer, DeadLetter, Delivery, EventBroker, JobMessage, Outbox, Ref, decode
from traits_runtime._core.trait import jobs, references
from traits_runtime._core.trait.deliver import worker_context
from traits_runtime.errors import MissingReferenceError
from traits_runtime.rules.identity import path_of
from traits_runtime.rules.naming import matches

log = logging.getLogger("traits_runtime.forward")

OURS = "trait.runtime."
"""How the names of events begin that are about this process and stay in it."""

LONGEST = 10.0
"""Seconds between two attempts to reach a broker that is away."""


class Forward:
    """Sends events to a broker and hears those of others.

    With an outbox an event is a row until the broker has it; where the outbox is the application's database, a row of
    the sender's transaction. Without an outbox it is handed to the broker after the commit, and lost where that fails.

    Args:
        broker: Carries the events.
        outbox: Where they wait for the broker, None for handing them over at once.
        application: Whose events these are. Each application hears an event once, whichever of its processes does.
        events: Patterns of the events that go out: declared ones, and none that may be refused.
        include_own: Whether the application also hears from the broker what it has sent itself.
        attempts: How often an event is delivered before it is a dead letter.
    """

    def __init__(
        self, broker: EventBroker, outbox: Outbox | None, *, application: str, events: Sequence[str] = (),
        include_own: bool = False, attempts: int = 5,
    ) -> None:  # fmt: skip
        self.broker = broker
        self.outbox = outbox
        self.application = application
        self.events: tuple[str, ...] = tuple(events)
        self.include_own = include_own
        self.attempts = attempts

    def connect(self) -> None:
        """Begin to send.

        Raises:
            UnknownEventError: A pattern is a name that its trait does not declare.
        """
        after_commit = self.outbox is None or not self.outbox.transactional
        for number, pattern in enumerate(self.events):
            runtime.bus.listen(pattern, self._sender(pattern, self.events[:number]), after_commit=after_commit)

    def hear(self, stop: Event) -> None:
        """Tell local listeners what other applications emit, until told to stop; waits where the broker is away.

        Args:
            stop: Set by another thread.
        """
        pause = 0.1
        while not stop.is_set():
            try:
                with closing(self.broker.consumer(self.application)) as consumer:
                    while not stop.is_set():
                        self.step(consumer, 0.5)
                        pause = 0.1
            except Exception as error:
                log.warning("the broker of events cannot be reached: %s: %s", type(error).__name__, error)
                stop.wait(pause)
                pause = min(pause * 2, LONGEST)

    def step(self, consumer: Consumer, seconds: float) -> bool:
        """Wait for an event and see to it; whether one came.

        Args:
            consumer: Whom to ask.
            seconds: How long to wait at most.
        """
        deliveries = consumer.take(seconds)
        if deliveries is None:
            return False
        error = self._told(deliveries)
        if not error:
            consumer.done(deliveries)
        elif deliveries.attempt < self.attempts:
            consumer.again(deliveries)
        else:
            log.error("an event was delivered %d times in vain: %s", deliveries.attempt, error)
            consumer.bury(deliveries, _letter(deliveries, error))
        return True

    def _sender(self, pattern: str, earlier: Sequence[str]) -> Callable[[Envelope[Any]], None]:
        """The listener for a pattern; what an earlier one matches is that one's."""

        def send(envelope: Envelope[Any]) -> None:
            declared = runtime.bus.declared.get(envelope.name)
            if envelope.origin or declared is None or declared.before or envelope.name.startswith(OURS):
                return
            if any(matches(pattern, envelope.name) for pattern in earlier):
                return
            message, senders = message_of(envelope, self.application)
            with references.Keeping(senders):
                (self.outbox.put if self.outbox is not None else self.broker.enqueue)(message)
            runtime.telemetry.record(envelope.name, "counter", 1, outcome="forwarded")

        return send

    def _told(self, delivery: Delivery) -> str:
        """Tell an event to local listeners; what went wrong, empty for nothing."""
        if delivery.attempt > self.attempts:
            return f"taken {delivery.attempt - 1} times, and never done"
        try:
            message = decode(delivery.data)
            if message.kwargs["origin"] != self.application or self.include_own:
                tell(message)
        except ExceptionGroup as group:
            return "; ".join(_said(error) for error in group.exceptions)
        except Exception as error:
            log.warning("an event from elsewhere cannot be told: %s", _said(error))
            return _said(error)
        return ""


def message_of(envelope: Envelope[Any], origin: str) -> tuple[JobMessage, dict[tuple[str, Any], object]]:
    """An event as it travels, and the instance that it is about.

    Raises:
        TypeError: The payload has no JSON form.
    """
    senders: dict[tuple[str, Any], object] = {}
    sender = None
    if has_metadata(type(envelope.sender)):
        path, identity = path_of(type(envelope.sender)), runtime.identify(envelope.sender)
        sender = Ref(path, wire.pack(identity))
        senders[path, identity] = envelope.sender
    payload = msgspec.to_builtins(envelope.payload, enc_hook=_reference)
    kwargs = {"payload": payload, "sender": sender, "origin": origin}
    return jobs.message(envelope.name, kwargs=kwargs, kind="event"), senders


def tell(message: JobMessage) -> None:
    """Tell an event from elsewhere to local listeners, in its tenant and with its actor.

    Raises:
        ExceptionGroup: Listeners failed; the others have run.
        msgspec.ValidationError: The payload is not what is declared here.
        UnknownEventError: The trait is known here and declares no such event.
        MissingReferenceError: An instance in the payload is gone.
    """
    if not any(matches(listener.pattern, message.name) for listener in runtime.bus.listeners):
        return
    with worker_context():
        copy_context().run(_tell, message)
    runtime.telemetry.record(message.name, "counter", 1, outcome="heard")


def _tell(message: JobMessage) -> None:
    bus = runtime.bus
    with jobs.crossed(message):
        route = bus.route(message.name, bus.declared.get(message.name))
        payload = message.kwargs["payload"]
        kind: Any = route.payload
        if isinstance(kind, type) or get_origin(kind) is not None:
            payload = msgspec.convert(payload, kind, dec_hook=_instance)
        sender = _fetched(message.kwargs["sender"])
        envelope = Envelope(message.name, payload, sender, str(message.kwargs["origin"]), message.id)
        if any(listener.is_async for listener in route.listeners):
            import asyncio

            asyncio.run(bus.adeliver(route, envelope))
        else:
            bus.deliver(route, envelope)


def _fetched(reference: dict[str, Any] | None) -> object:
    """The instance that an event is about, its `Ref` where this process cannot fetch it."""
    try:
        return references.unpack(reference)
    except MissingReferenceError:
        unloaded = msgspec.convert(reference, Ref)
        return Ref(unloaded.model, wire.unpack(unloaded.identity))


def _reference(value: object) -> object:
    """An instance in a payload, by identity."""
    if not has_metadata(type(value)):
        raise NotImplementedError  # msgspec's word for a type that is not known
    return msgspec.to_builtins(references.pack(value, {}))


def _instance(kind: type, value: object) -> object:
    instance = references.unpack(value)
    if not isinstance(instance, kind):
        raise NotImplementedError  # as above
    return instance


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _letter(delivery: Delivery, error: str) -> DeadLetter:
    import time

    try:
        message = decode(delivery.data)
    except msgspec.MsgspecError:
        unread = {"data": delivery.data.decode(errors="replace")}
        message = jobs.message("", kwargs=unread, kind="event")
    return DeadLetter(msgspec.structs.replace(message, attempt=delivery.attempt), error, time.time())
