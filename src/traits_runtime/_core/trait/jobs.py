"""`job`: a method or function that can be called now, or queued to run later."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar, overload
from weakref import WeakValueDictionary

from traits_runtime._core import runtime, wire
from traits_runtime._core.actor import Actor
from traits_runtime._core.metadata import has_metadata, metadata_of
from traits_runtime._core.queue import (
    InlineBackend,
    JobBackend,
    JobMessage,
    WhenMissing,
    encode,
    joins_transaction,
    keeps_instances,
)
from traits_runtime._core.trait.references import Keeping, pack, unpack
from traits_runtime._core.wire import UnsupportedValueError
from traits_runtime.errors import (
    MissingReferenceError,
    UnknownJobError,
    UnloadableModelError,
    UnloadableReferenceError,
    UnsupportedArgumentError,
)
from traits_runtime.rules.identity import path_of
from traits_runtime.rules.naming import event_name

if TYPE_CHECKING:
    from logging import Logger

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_KEY = 200
"""Characters of a key that an outbox and every engine take; of a longer one its digest travels."""

known: WeakValueDictionary[str, Job[Any, Any]] = WeakValueDictionary()
"""Jobs by name, for the worker that gets a message."""


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
        backoff: float = 5, priority: int = 0, when_missing: WhenMissing = "retry",
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
        backend: JobBackend = runtime.job_backend or InlineBackend(run_job)
        queued = message(
            self.wire,
            args=tuple([self._pack(number, argument, instances) for number, argument in enumerate(args)]),
            kwargs={name: self._pack(name, argument, instances) for name, argument in kwargs.items()},
            queue=queue or self.queue,
            key=self._key(args, kwargs) if self.key else "",
            delay=self.delay if delay is None else delay,
            max_attempts=self.max_attempts,
            backoff=self.backoff,
            priority=self.priority,
            when_missing=self.when_missing,
        )
        _check(instances.values(), backend)
        runtime.telemetry.record(self.wire, "counter", 1, outcome="enqueued")
        return _dispatch(queued, instances, backend)

    def _pack(self, parameter: int | str, argument: object, instances: dict[tuple[str, Any], object]) -> Any:
        try:
            return pack(argument, instances)
        except UnsupportedValueError as error:
            name = parameter if isinstance(parameter, str) else _parameter_name(self.function, parameter)
            raise UnsupportedArgumentError(self.wire, name, error.kind) from error

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


def _parameter_name(function: Callable[..., Any], position: int) -> str:
    """The name of the parameter that takes a positional argument."""
    import inspect

    parameters = list(inspect.signature(function).parameters)
    return parameters[min(position, len(parameters) - 1)]


def _check(instances: Collection[object], backend: JobBackend) -> None:
    """Refuse a job whose instances cannot be loaded where it will run."""
    for instance in instances:
        for check in runtime.queue_checks:
            check(instance)
        if not keeps_instances(backend) and not runtime.hosts.can_load(type(instance)):
            raise UnloadableModelError(path_of(type(instance)))


def _dispatch(queued: JobMessage, instances: dict[tuple[str, Any], object], backend: JobBackend) -> str:
    """Hand a job to its backend: after the commit of its instances' session, unless it joins the transaction."""
    if joins_transaction(backend):
        with Keeping(instances):
            return backend.enqueue(queued)
    encode(queued)
    hand_over, report = partial(_hand_over, queued, backend), partial(_report_rollback, queued)
    if runtime.hosts.after_commit_of(instances.values(), hand_over, report):
        return queued.id
    return backend.enqueue(queued)


def _hand_over(queued: JobMessage, backend: JobBackend) -> None:
    """Hand over a job whose transaction is committed; nobody is left who could handle an error."""
    try:
        backend.enqueue(queued)
    except Exception:
        _log().exception(
            "%s (%s) is lost: its transaction is committed, and the queue did not take it", queued.name, queued.id
        )
        runtime.telemetry.record(queued.name, "counter", 1, outcome="error")


def _report_rollback(queued: JobMessage) -> None:
    _log().info("%s (%s) is not queued: its transaction ended without a commit", queued.name, queued.id)


def _log() -> Logger:
    import logging

    return logging.getLogger("traits_runtime.jobs")


def _digest(key: str) -> str:
    import hashlib

    return hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def _report_shared(wire: str, first: Job[Any, Any], last: Job[Any, Any]) -> None:
    """Log that a name stands for two jobs; classes of one module replace each other, as where it is loaded again."""
    _log().warning(
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
            UnloadableModelError: No host loads instances of the class, and the job would run in another process.
            UnsupportedArgumentError: An argument does not travel.
            TenantMismatchError: The row belongs to another tenant than the current one.
        """
        return self.job.send((self.sender, *args), dict(kwargs))


def job(
    *, queue: str = "", key: str = "", delay: float = 0, max_attempts: int = 1, backoff: float = 5, priority: int = 0,
    when_missing: WhenMissing = "retry",
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
        when_missing: Where an instance is gone when the job runs, ``retry`` treats it as any error: tried
            ``max_attempts`` times, then a dead letter with the reason. ``fail`` makes the job a dead letter at once,
            ``discard`` drops it and logs that.

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
        actor=None if actor is None else (wire.pack(actor.id), actor.type, actor.label),
        context=_context(),
        **fields,
    )


def run_job(message: JobMessage) -> object:
    """Run a job that an engine delivers: in its tenant, with its instances fetched again.

    Raises:
        UnknownJobError: This process knows no job of that name.
        MissingReferenceError: An instance is gone, and the job does not say ``when_missing="discard"``.
        UnloadableReferenceError: This process cannot load instances of the model.
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
    with runtime.acting_as(_actor(message)), ExitStack() as contexts:
        if message.tenant:
            contexts.enter_context(runtime.tenant(message.tenant))
        for name, value in message.context.items():
            if name in runtime.propagators:
                contexts.enter_context(runtime.propagators[name].restore(wire.unpack(value)))
        yield


def _actor(message: JobMessage) -> Actor | None:
    if message.actor is None:
        return None
    key, kind, label = message.actor
    return Actor(wire.unpack(key), kind, label)


def _run(declared: Job[Any, Any], message: JobMessage) -> object:
    try:
        args = [unpack(argument) for argument in message.args]
        kwargs = {name: unpack(argument) for name, argument in message.kwargs.items()}
    except MissingReferenceError as error:
        if message.when_missing == "discard" and not isinstance(error, UnloadableReferenceError):
            _discard(message, error)
            return None
        runtime.telemetry.record(message.name, "counter", 1, outcome="error")
        raise
    try:
        result: object = declared.function(*args, **kwargs)
        if hasattr(result, "__await__"):
            result = _finished(result)
    except Exception:
        runtime.telemetry.record(message.name, "counter", 1, outcome="error")
        raise
    runtime.telemetry.record(message.name, "counter", 1, outcome="ok")
    return result


def _discard(message: JobMessage, error: MissingReferenceError) -> None:
    _log().warning("%s (%s) is discarded: %s", message.name, message.id, error)
    runtime.telemetry.record(message.name, "counter", 1, outcome="discarded")
    runtime.bus.emit("trait.runtime.job_discarded", None, job=message.name, id=message.id)


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
    return {name: wire.pack(value) for name, value in captured if value is not None}
