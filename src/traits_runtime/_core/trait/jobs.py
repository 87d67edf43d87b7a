"""`job`: a method or function that can be called now, or queued to run later."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar, overload
from weakref import WeakValueDictionary

from traits_runtime._core import registry, runtime
from traits_runtime._core.actor import Actor
from traits_runtime._core.metadata import has_metadata, metadata_of
from traits_runtime._core.queue import InlineBackend, JobBackend, JobMessage, Ref, WhenMissing
from traits_runtime.errors import MissingReferenceError, UnknownJobError, UnknownModelError, UnsavedInstanceError
from traits_runtime.rules.identity import path_of
from traits_runtime.rules.naming import event_name

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_KEY = 200
"""Characters of a key that an outbox and every engine take; of a longer one its digest travels."""

known: WeakValueDictionary[str, Job[Any, Any]] = WeakValueDictionary()
"""Jobs by name, for the worker that gets a message."""

_live: ContextVar[tuple[dict[tuple[str, Any], object], ...]] = ContextVar("traits_live", default=())


class Keeping:
    """Find these instances by identity while jobs run, where no host can fetch them; for tests and inline jobs.

    Args:
        held: The instances by model and identity.
    """

    __slots__ = ("_held", "_token")

    def __init__(self, instances: dict[tuple[str, Any], object]) -> None:
        self._held = instances

    def __enter__(self) -> None:
        self._token = _live.set((*_live.get(), self._held))

    def __exit__(self, *_error: object) -> None:
        _live.reset(self._token)


def being_sent() -> dict[tuple[str, Any], object]:
    """The instances of the job that is being queued, by model and identity."""
    live = _live.get()
    return live[-1] if live else {}


class Job(Generic[P, R]):
    """A declared job; made by `job`.

    Args:
        function: The method or function.
        queue: Name of the queue, empty for the default one.
        key: Jobs of the same key are one while they wait; ``{pk}`` stands for the instance. A key is the job's own:
            another job, another model and another tenant never share it.
        delay: Seconds to wait at least.
        max_attempts: How often it is tried.
        backoff: Seconds before the second attempt; doubled for each one after it.
        priority: Higher goes first.
        when_missing: What to do where an instance is gone when the job runs.
    """

    name: str
    owner: str
    wire: str

    def __init__(
        self, function: Callable[..., R], *, queue: str = "", key: str = "", delay: float = 0, max_attempts: int = 1,
        backoff: float = 5, priority: int = 0, when_missing: WhenMissing = "discard",
    ) -> None:  # fmt: skip
        self.function = function
        self.queue = queue
        self.key = key
        self.delay = delay
        self.max_attempts = max_attempts
        self.backoff = backoff
        self.priority = priority
        self.when_missing: WhenMissing = when_missing
        self.name = function.__name__
        self.owner = ""
        self.wire = path_of(function)
        self.__doc__ = function.__doc__
        self.__name__: str = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__wrapped__ = function
        known[self.wire] = self

    def __set_name__(self, owner: type, name: str) -> None:
        known.pop(self.wire, None)
        self.name = name
        self.owner = owner.__name__
        self.wire = event_name(owner.__name__, name)
        other = known.get(self.wire)
        if other is not None and other.__module__ != self.__module__:
            _report_shared(self.wire, other, self)
        known[self.wire] = self

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Job[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> BoundJob[P, R]: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Job[P, R] | BoundJob[P, R]:
        return self if instance is None else BoundJob(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Run the function now."""
        return self.function(*args, **kwargs)

    def enqueue(self, *args: Any, **kwargs: Any) -> str:
        """Queue the job; for a method the instance is the first argument. Returns its id."""
        return self.send(args, kwargs)

    def send(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], *, queue: str = "", delay: float | None = None
    ) -> str:
        """Queue the job with another queue or delay than it declares."""
        instances: dict[tuple[str, Any], object] = {}
        queued = message(
            self.wire,
            args=tuple([pack(argument, instances) for argument in args]),
            kwargs={name: pack(argument, instances) for name, argument in kwargs.items()},
            queue=queue or self.queue,
            key=self._key(args, kwargs) if self.key else "",
            delay=self.delay if delay is None else delay,
            max_attempts=self.max_attempts,
            backoff=self.backoff,
            priority=self.priority,
            when_missing=self.when_missing,
        )
        runtime.telemetry.record(self.wire, "counter", 1, outcome="enqueued")
        backend: JobBackend = runtime.job_backend or InlineBackend(run_job)
        with Keeping(instances):
            return backend.enqueue(queued)

    def _key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The key with what tells it from others: the tenant, the job, and of an instance the model.

        Models that share a trait count their rows alike, and so may tenants: row 7 of one is not row 7 of another.
        """
        key = self.key
        if "{pk}" in key:
            first = args[0] if args else next(iter(kwargs.values()), "")
            is_model = has_metadata(type(first))
            key = key.replace("{pk}", f"{path_of(type(first))}:{runtime.identify(first)}" if is_model else str(first))
        tenant = runtime.current_tenant_id()
        whole = f"{self.wire}:{key}" if tenant is None else f"t:{tenant}:{self.wire}:{key}"
        return whole if len(whole) <= LONGEST_KEY else _digest(whole)

    def __repr__(self) -> str:
        return f"<Job {self.wire}>"


def _digest(key: str) -> str:
    import hashlib

    return hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def _report_shared(wire: str, first: Job[Any, Any], last: Job[Any, Any]) -> None:
    """Log that a name stands for two jobs; classes of one module replace each other, as where it is loaded again."""
    import logging

    logging.getLogger("traits_runtime.jobs").warning(
        "%s and %s are both the job %r: a queued one runs as the latter. Give one of the two classes another name.",
        path_of(first.function), path_of(last.function), wire,
    )  # fmt: skip


class BoundJob(Generic[P, R]):
    """A job of one instance: call it to run it now, `enqueue` it to run later."""

    __slots__ = ("job", "sender")

    def __init__(self, job: Job[P, R], sender: object) -> None:
        self.job: Job[P, R] = job
        self.sender: object = sender

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the method now."""
        return self.job.function(self.sender, *args, **kwargs)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Queue the job; the instance travels by identity. Returns the job's id.

        Raises:
            UnsavedInstanceError: The instance has no identity yet.
            TypeError: An argument has no JSON form.
        """
        return self.job.send((self.sender, *args), dict(kwargs))


def job(
    *, queue: str = "", key: str = "", delay: float = 0, max_attempts: int = 1, backoff: float = 5, priority: int = 0,
    when_missing: WhenMissing = "discard",
) -> Callable[[Callable[Concatenate[Any, P], R]], Job[P, R]]:  # fmt: skip
    """Declare a method (or a function whose first argument is an instance) as a job.

    Args:
        queue: Name of the queue, empty for the default one.
        key: Jobs of the same key are one while they wait; ``{pk}`` stands for the instance. A key is the job's own:
            another job, another model and another tenant never share it.
        delay: Seconds to wait at least.
        max_attempts: How often it is tried before it is a dead letter.
        backoff: Seconds before the second attempt, more or less; doubled for each one after it.
        priority: Higher goes first, where the outbox or the engine can tell.
        when_missing: ``discard`` drops the job where an instance is gone when it runs, ``fail`` makes it a dead
            letter at once, ``retry`` tries again as after any error.

    >>> from traits_runtime import Trait
    >>> class HasIndex(Trait):
    ...     @job(queue="search")
    ...     def reindex(self, full: bool = False) -> None:
    ...         print("indexed", full)
    >>> class Page(HasIndex):
    ...     id = 7
    >>> job_id = Page().reindex.enqueue(full=True)
    indexed True
    """

    def decorate(function: Callable[Concatenate[Any, P], R]) -> Job[P, R]:
        return Job(
            function, queue=queue, key=key, delay=delay, max_attempts=max_attempts, backoff=backoff,
            priority=priority, when_missing=when_missing,
        )  # fmt: skip

    return decorate


class TraitJob:
    """Base of classes that hold the operations of a trait: ``class SearchJobs(TraitJob, trait=HasSearch)``.

    An operation ``reindex`` is the method ``process_reindex(self, model, **data)``; `queue_operation` finds it.
    """

    operations: ClassVar[dict[str, Job[Any, Any]]] = {}
    trait: ClassVar[str | None] = None
    """Dotted path of the trait."""

    def __init_subclass__(cls, *, trait: type | None = None, queue: str = "", **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls.operations = dict(cls.operations)
        for name, method in vars(cls).copy().items():
            if name.startswith("process_"):
                cls.operations[name.removeprefix("process_")] = _operation(cls, name, method, trait, queue)
        if trait is not None:
            cls.trait = path_of(trait)
            _operations.setdefault(path_of(trait), []).append(cls)


_operations: dict[str, list[type[TraitJob]]] = {}


def _operation(cls: type[TraitJob], name: str, method: Any, trait: type | None, queue: str) -> Job[Any, Any]:
    def run(model: object, **data: Any) -> Any:
        return method(cls(), model, **data)

    run.__name__ = name.removeprefix("process_")
    run.__doc__ = method.__doc__
    operation: Job[Any, Any] = Job(run, queue=queue)
    known.pop(operation.wire, None)
    operation.wire = event_name((trait or cls).__name__, run.__name__)
    known[operation.wire] = operation
    return operation


def queue_operation(instance: object, operation: str, data: dict[str, Any] | None = None, *, queue: str = "") -> str:
    """Queue an operation of one of an instance's traits by its name; returns the job's id.

    Args:
        instance: The instance.
        operation: Name of a `job` of its class, or of an operation of a `TraitJob` for one of its traits.
        data: Keyword arguments.
        queue: Another queue than the one declared.

    Raises:
        UnknownJobError: No trait of the instance has such an operation.
    """
    metadata = metadata_of(type(instance))
    operations: dict[str, Job[Any, Any]] = {}
    for base in reversed(metadata.all):
        for jobs in _operations.get(base.path, ()):
            operations.update(jobs.operations)
        operations.update({name: value for name, value in vars(base.cls).items() if isinstance(value, Job)})
    if operation not in operations:
        raise UnknownJobError(operation, operations)
    return operations[operation].send((instance,), data or {}, queue=queue)


def message(name: str, **fields: Any) -> JobMessage:
    """A message with what is current here: tenant, actor, and what else crosses over.

    Ids begin with the time, so that rows of an outbox are added at the end of its index.
    """
    actor = runtime.current_actor()
    return JobMessage(
        id=f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}",
        name=name,
        tenant=runtime.current_tenant_id() or "",
        actor=None if actor is None else (actor.id, actor.type, actor.label),
        context=_context(),
        **fields,
    )


def run_job(message: JobMessage) -> object:
    """Run a job that an engine delivers: in its tenant, with its instances fetched again.

    Raises:
        UnknownJobError: This process knows no job of that name.
        MissingReferenceError: An instance is gone, and the job does not say ``when_missing="discard"``.
    """
    declared = known.get(message.name)
    if declared is None:
        raise UnknownJobError(message.name, known)
    return copy_context().run(_apart, declared, message)


def _apart(declared: Job[Any, Any], message: JobMessage) -> object:
    with crossed(message):
        return _run(declared, message)


@contextmanager
def crossed(message: JobMessage) -> Iterator[None]:
    """In a context of its own: what was current where a message was made. No open block covers it any more."""
    runtime.leave_blocks()
    with runtime.acting_as(Actor(*message.actor) if message.actor else None), ExitStack() as contexts:
        if message.tenant:
            contexts.enter_context(runtime.tenant(message.tenant))
        for name, value in message.context.items():
            if name in runtime.propagators:
                contexts.enter_context(runtime.propagators[name].restore(value))
        yield


def _run(declared: Job[Any, Any], message: JobMessage) -> object:
    try:
        args = [unpack(argument) for argument in message.args]
        kwargs = {name: unpack(argument) for name, argument in message.kwargs.items()}
    except MissingReferenceError:
        runtime.telemetry.record(message.name, "counter", 1, outcome="discarded")
        if message.when_missing != "discard":
            raise
        runtime.bus.emit("trait.runtime.job_discarded", None, job=message.name, id=message.id)
        return None
    try:
        result: object = declared.function(*args, **kwargs)
        if hasattr(result, "__await__"):
            result = _finished(result)
    except Exception:
        runtime.telemetry.record(message.name, "counter", 1, outcome="error")
        raise
    runtime.telemetry.record(message.name, "counter", 1, outcome="ok")
    return result


def _finished(result: Any) -> object:
    """What a coroutine gives; in a thread of its own where this one has an event loop that waits for us."""
    import asyncio

    async def awaited() -> object:
        return await result

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(awaited())
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as alone:
        return alone.submit(copy_context().run, asyncio.run, awaited()).result()


def _context() -> dict[str, Any]:
    """What crosses over besides tenant and actor."""
    captured = ((name, propagator.capture()) for name, propagator in runtime.propagators.items())
    return {name: value for name, value in captured if value is not None}


def pack(value: Any, instances: dict[tuple[str, Any], object]) -> Any:
    """An instance as its `Ref`, anything else as it is.

    Args:
        value: What is to travel.
        instances: Receives the instance, by model and identity.
    """
    if not has_metadata(type(value)):
        return value
    identity = runtime.identify(value)
    path = path_of(type(value))
    if identity is None:
        raise UnsavedInstanceError(type(value).__name__, "a job cannot name it")
    instances[path, identity] = value
    return Ref(path, identity)


def unpack(value: Any) -> Any:
    """What `pack` was given, fetched again.

    Raises:
        MissingReferenceError: The instance is gone, or its model is not known here.
    """
    if not (isinstance(value, dict) and value.get("$ref") == "model"):
        return value
    path, identity = value["model"], value["identity"]
    try:
        instance = runtime.load(registry.find_model(path).cls, identity)
    except UnknownModelError:
        instance = None
    if instance is None:
        instance = next(
            (instances[path, identity] for instances in reversed(_live.get()) if (path, identity) in instances), None
        )
    if instance is None:
        raise MissingReferenceError(path, identity)
    return instance
