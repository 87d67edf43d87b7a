"""All global state of the package, in this one file: context variables, the bus, the layers, the known classes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet

from traits_runtime._core.actor import Actor, as_actor
from traits_runtime._core.cache import Cache, MemoryCache
from traits_runtime._core.config.override import OverrideFrame
from traits_runtime._core.declare import Block, Gate
from traits_runtime._core.events.bus import Chain, Declared, EventBus, QuietFrame
from traits_runtime._core.events.listener import ListenerFailed
from traits_runtime._core.events.payloads import RUNTIME_EVENTS
from traits_runtime._core.features import MuteFrame
from traits_runtime._core.hosts import METADATA, Hosts
from traits_runtime._core.locales import normal
from traits_runtime._core.queue import JobBackend, Outbox
from traits_runtime._core.scoped_values import ScopedValue, ValueBlock, innermost
from traits_runtime._core.telemetry import Telemetry
from traits_runtime.errors import InvalidConfigValueError, UnknownFeatureError
from traits_runtime.rules.layers import Resolver, Table

if TYPE_CHECKING:
    from pathlib import Path

GATE: Final = Gate("traits_gate")
"""Open while a block is open that features and config have to ask about."""

SCOPED: Final = GATE.is_open
MUTES: Final[ContextVar[tuple[MuteFrame, ...]]] = GATE.watch(ContextVar("traits_mutes", default=()))
QUIETS: Final[ContextVar[tuple[QuietFrame, ...]]] = ContextVar("traits_quiets", default=())
OVERRIDES: Final[ContextVar[tuple[OverrideFrame, ...]]] = GATE.watch(ContextVar("traits_overrides", default=()))
TENANT: Final[ContextVar[ScopedValue[str | None] | None]] = GATE.watch(ContextVar("traits_tenant", default=None))
ACTOR: Final[ContextVar[ScopedValue[Actor | None] | None]] = ContextVar("traits_actor", default=None)
LOCALE: Final[ContextVar[ScopedValue[str | None] | None]] = ContextVar("traits_locale", default=None)
CHAIN: Final[ContextVar[Chain]] = ContextVar("traits_chain", default=())

OPEN_QUIETS: Final[list[QuietFrame]] = []

bus: Final = EventBus(QUIETS, OPEN_QUIETS, CHAIN)
"""Who listens to what."""

classes: Final[WeakSet[type]] = WeakSet()
"""Every trait and model that is alive; `registry` gives them by name."""

classes_lock: Final = Lock()


def know(cls: type) -> None:
    """Add a new trait or model."""
    with classes_lock:
        classes.add(cls)


def known_classes() -> list[type]:
    """Every trait and model that is alive now."""
    with classes_lock:
        return list(classes)


boot_lock: Final = RLock()
"""Held while a model boots: two threads that make the first instances boot it once."""

hosts: Final = Hosts(known_classes)
"""Who serves which models."""

host_of: Final = hosts.of
register_host: Final = hosts.register
identify: Final = hosts.identify
load: Final = hosts.load
bus.defer = hosts.after_commit
bus.awaiter = hosts.awaiter

cache: Final = Cache(MemoryCache())
"""The cache of all traits; its backend can be replaced."""


def report_listener(failure: ListenerFailed) -> None:
    """Log a failing listener with both places."""
    import logging

    logging.getLogger("traits_runtime.events").error(
        "%s (%s) failed on %s, emitted at %s", failure.listener, failure.listens_at, failure.event, failure.emitted_at,
        exc_info=failure.error, extra={"trait_event": failure.event, "trait_listener": failure.listener},
    )  # fmt: skip


problems: list[tuple[InvalidConfigValueError, str]] = []
"""Values of files and of the environment that have no effect, with their place; `traits diagnose` shows them."""


def report_value(error: InvalidConfigValueError, place: str) -> None:
    """Keep and log a value that has no effect."""
    import logging

    problems.append((error, place))
    logging.getLogger("traits_runtime.config").warning("%s (%s) The value has no effect.", error, place)


resolver: Final = Resolver(os.environ, report_value)
"""The layers below ``with`` blocks."""

_files_read = False
_file: Path | None = None


def read_files(path: Path | None = None) -> None:
    """Read the file layer.

    Args:
        path: The file, from now on; by default the last one that was given here, or else the one that
            ``TRAITS_CONFIG`` names, or the nearest above the working folder.
    """
    from pathlib import Path

    from traits_runtime.rules.files import find_config, read_file

    config_file = path or _file or find_config(Path.cwd(), resolver.environ)
    use_files(read_file(config_file).table if config_file is not None else Table(), path or _file)


def ensure_files() -> None:
    """Read the file layer, unless that was done."""
    if not _files_read:
        read_files()


def files_are_read() -> bool:
    """Whether the file layer was read."""
    return _files_read


def named_file() -> Path | None:
    """The file that was given to `read_files`."""
    return _file


def forget_files() -> None:
    """Read the file layer again when it is next needed, from wherever it is found then."""
    global _files_read, _file
    resolver.files = Table()
    _files_read, _file = False, None
    invalidate()


def use_files(table: Table, named: Path | None = None) -> None:
    """Put a table in place of the file layer.

    Args:
        table: What the file gives.
        named: The file to read again; by default the one that is found then.
    """
    global _files_read, _file
    resolver.files = table
    _files_read, _file = True, named
    invalidate()


def invalidate() -> None:
    """Forget all snapshots; the next read makes new ones.

    Dictionaries are replaced and not emptied: a reader that is just filling one fills the old one.
    """
    for cls in known_classes():
        cls.__dict__[METADATA].forget()


def current_tenant_id() -> str | None:
    """The current tenant, None for none."""
    frame = innermost(TENANT.get())
    return frame.value if frame is not None else None


def is_unscoped() -> bool:
    """Whether the innermost tenant block is an `unscoped` one."""
    frame = innermost(TENANT.get())
    return frame is not None and frame.value is None


def tenant(name: str) -> ValueBlock[str | None]:
    """Work for a tenant: config, cache keys, jobs and logs are that tenant's inside the block.

    Args:
        name: The tenant, as it stands in the database's tenant column.

    >>> with tenant("acme"):
    ...     current_tenant_id()
    'acme'
    """
    if not name:
        raise ValueError("tenant() needs a name. To work without a tenant say why: `with unscoped(reason=...):`.")
    return ValueBlock(TENANT, GATE.refresh, name)


def unscoped(*, reason: str) -> ValueBlock[str | None]:
    """Work without a tenant on purpose; the event ``trait.runtime.unscoped`` and the log say so.

    Args:
        reason: Why, for the one who reads the log.
    """
    if not reason:
        raise ValueError("unscoped() needs a reason.")
    return _Unscoped(reason)


class _Unscoped(ValueBlock[str | None]):
    """A tenant block that announces itself."""

    __slots__ = ()

    def __init__(self, reason: str) -> None:
        super().__init__(TENANT, GATE.refresh, None, reason)

    def __enter__(self) -> _Unscoped:
        import logging

        hidden = current_tenant_id()
        logging.getLogger("traits_runtime.tenancy").info(
            "unscoped: %s", self._reason, extra={"reason": self._reason, "tenant": hidden}
        )
        bus.emit("trait.runtime.unscoped", None, reason=self._reason, tenant=hidden)
        super().__enter__()
        return self


actor_resolver: Callable[[], object] | None = None
"""What a project gives to tell the actor where no block says who it is."""


class _Answer:
    """Who the resolver said acts; kept while the block that asks once is open, and not by tasks that outlive it."""

    __slots__ = ("actor", "asked", "open")

    def __init__(self) -> None:
        self.actor: Actor | None = None
        self.asked: bool = False
        self.open: bool = True


ANSWER: Final[ContextVar[_Answer | None]] = ContextVar("traits_actor_answer", default=None)


def resolve_actor_with(resolver: Callable[[], object] | None) -> Callable[[], object] | None:
    """Ask a function for the actor wherever no `acting_as` block is open; returns the one before.

    A flush of a `TraitSession`, and a statement of it that writes, ask once for all their rows; what is called outside
    of these asks each time.

    Args:
        resolver: Returns an instance, a key, an `Actor`, or None for nobody.
    """
    global actor_resolver
    before, actor_resolver = actor_resolver, resolver
    return before


def current_actor() -> Actor | None:
    """On whose behalf the running code works, None for nobody."""
    frame = innermost(ACTOR.get())
    if frame is not None:
        return frame.value
    if actor_resolver is None:
        return None
    answer = ANSWER.get()
    if answer is None or not answer.open:
        return _resolved(actor_resolver)
    if not answer.asked:
        answer.actor, answer.asked = _resolved(actor_resolver), True
    return answer.actor


def _resolved(resolver: Callable[[], object]) -> Actor | None:
    who = resolver()
    return None if who is None else as_actor(who, identify)


@contextmanager
def asking_actor_once() -> Iterator[None]:
    """Ask the project's function for the actor at most once inside, when somebody wants to know."""
    outer = ANSWER.get()
    if actor_resolver is None or (outer is not None and outer.open):
        yield
        return
    answer = _Answer()
    token = ANSWER.set(answer)
    try:
        yield
    finally:
        answer.open = False
        ANSWER.reset(token)


def acting_as(who: object) -> ValueBlock[Actor | None]:
    """Work on somebody's behalf: in this thread or task and in the tasks started inside, and in jobs queued inside.

    Args:
        who: An instance of a model, its key, an `Actor`, or None for nobody. Only key, model name and label are kept.

    >>> with acting_as(7):
    ...     current_actor()
    Actor(id=7, type='', label='')
    """
    return ValueBlock(ACTOR, _nothing_changed, None if who is None else as_actor(who, identify))


def current_locale() -> str | None:
    """The language in which the running code reads and writes, None where no `locale` block is open."""
    frame = innermost(LOCALE.get())
    return None if frame is None else frame.value


def locale(name: str) -> ValueBlock[str | None]:
    """Read and write translated attributes in a language: in this thread or task and in the tasks started inside.

    Args:
        name: The language, ``de`` or ``pt-BR``.

    Raises:
        InvalidLocaleError: It names none.

    >>> with locale("pt_BR"):
    ...     current_locale()
    'pt-BR'
    """
    return ValueBlock(LOCALE, _nothing_changed, normal(name))


def _nothing_changed() -> None:
    """Actor and language are no part of what features and config ask about."""


class _Without(Block):
    __slots__ = ("_is_checked", "_names", "_owner")

    def __init__(self, names: frozenset[str], owner: object) -> None:
        super().__init__(MUTES, GATE)
        self._names = names
        self._owner = owner
        self._is_checked: bool = False

    def _frame(self) -> MuteFrame:
        if not self._is_checked:
            _refuse_unknown_features(self._names, self._owner)
            self._is_checked = True
        return MuteFrame(self, self._names, self._owner)


class _Quietly(Block):
    __slots__ = ("_owner", "_patterns")

    def __init__(self, patterns: tuple[str, ...], owner: object) -> None:
        super().__init__(QUIETS, GATE, OPEN_QUIETS)
        self._patterns = patterns
        self._owner = owner

    def _frame(self) -> QuietFrame:
        return QuietFrame(self, self._patterns, self._owner)


def as_now() -> Callable[[], AbstractContextManager[None]]:
    """What puts tenant, actor and language back as they are now, where something is done later on their account."""
    values = (TENANT.get(), ACTOR.get(), LOCALE.get())

    @contextmanager
    def around() -> Iterator[None]:
        tokens = (TENANT.set(values[0]), ACTOR.set(values[1]), LOCALE.set(values[2]))
        GATE.refresh()
        try:
            yield
        finally:
            LOCALE.reset(tokens[2])
            ACTOR.reset(tokens[1])
            TENANT.reset(tokens[0])
            GATE.refresh()

    return around


def leave_blocks() -> None:
    """Close every block for the rest of this context; the tenant stays."""
    MUTES.set(())
    QUIETS.set(())
    OVERRIDES.set(())
    GATE.refresh()


_checked_names: Final[set[str]] = set()
"""Names of features and traits that a trait has declared."""


def _refuse_unknown_features(names: frozenset[str], owner: object) -> None:
    """Refuse names that mean nothing; checked when a block opens, as traits may be imported after its creation."""
    if owner is not None:
        model = owner if isinstance(owner, type) else type(owner)
        for name in names if METADATA in model.__dict__ else ():
            model.__dict__[METADATA].feature_key(name)
        return
    if names <= _checked_names:
        return
    known_names = {name for cls in known_classes() for name in cls.__dict__[METADATA].mutable_names()}
    for name in names:
        if name not in known_names:
            raise UnknownFeatureError("", name, known_names)
    _checked_names.update(names)


def without_features(*names: str | type, model: object = None) -> Block:
    """Switch features off for what the block encloses, in this thread or task and in those started inside.

    Args:
        names: Features (``"follow_title"``, ``"HasSlug.follow_title"``) or traits (the class or its name); without
            any, everything. A trait that is off runs no lifecycle hooks.
        model: Only for this model or this instance.

    Raises:
        UnknownFeatureError: No trait declares such a feature; raised when the block opens.

    >>> from traits_runtime import Trait, feature
    >>> class HasTitle(Trait):
    ...     follow_title = feature(True)
    >>> with without_features("follow_title"):
    ...     HasTitle.enabled("follow_title")
    False
    """
    return _Without(frozenset(name if isinstance(name, str) else name.__name__ for name in names), model)


def without_feature(name: str | type, *, model: object = None) -> Block:
    """`without_features` for one."""
    return without_features(name, model=model)


def quietly(*patterns: str, model: object = None) -> Block:
    """Hold back events in what the block encloses; they are dropped, not kept.

    Args:
        patterns: The events, all without any.
        model: Only those of this model or this instance.
    """
    return _Quietly(patterns, model)


def caller() -> Iterator[str]:
    """The places outside this package that led here, nearest first."""
    frame = sys._getframe(1)
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith("traits_runtime."):
            yield f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if frame.f_back is None:
            return
        frame = frame.f_back


telemetry: Final = Telemetry(current_tenant_id)
"""The numbers of this process."""

job_backend: JobBackend | None = None
"""What takes jobs; None runs them at once."""


flag_provider: Callable[[str, str, bool], bool] | None = None
"""A flag server's answer for a feature, a subject and the toggle; None where we decide."""


def use_flag_provider(evaluate: Callable[[str, str, bool], bool] | None) -> None:
    """Let a flag server decide rollouts, None for deciding here.

    Args:
        evaluate: Given ``HasSlug.follow_title``, the subject and the toggle, says whether the subject has the feature.
    """
    global flag_provider
    flag_provider = evaluate
    invalidate()


no_fork: Final = RLock()
"""Held by threads of ours that use a database or a broker: a process that forks meanwhile would inherit their locks."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=no_fork.acquire, after_in_parent=no_fork.release, after_in_child=no_fork.release)


def _after_fork_in_child() -> None:
    cache.after_fork()
    telemetry.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

outbox: Outbox | None = None
"""Where jobs are kept until they are done; None where they go to an engine directly, or run at once."""

queue_checks: Final[list[Callable[[object], None]]] = []
"""Called with each instance that a job names when it is queued; they raise where it must not be."""


class Propagator(NamedTuple):
    """How something of the caller's context reaches a job."""

    capture: Callable[[], Any]
    restore: Callable[[Any], AbstractContextManager[object]]


propagators: Final[dict[str, Propagator]] = {"locale": Propagator(current_locale, locale)}
"""What crosses over to jobs besides tenant and actor, by name."""


def propagate(
    name: str, capture: Callable[[], Any], restore: Callable[[Any], AbstractContextManager[object]]
) -> Callable[[], None]:
    """Let something of the caller's context cross over to jobs; returns how to stop that.

    Args:
        name: Names it in the message.
        capture: Gives its value where a job is queued, of a type that arguments of jobs may have; None for nothing.
        restore: A context manager in which the job runs, given that value.

    >>> from contextlib import nullcontext
    >>> stop = propagate("request", lambda: "4711", lambda request: nullcontext())
    >>> stop()
    """
    propagators[name] = Propagator(capture, restore)
    return lambda: propagators.pop(name, None) and None


started: object = None
"""What `engines.start` has put in place last."""


def use_outbox(new: Outbox | None) -> Outbox | None:
    """Put another outbox in place; returns the one before."""
    global outbox
    before, outbox = outbox, new
    return before


def use_job_backend(backend: JobBackend | None) -> JobBackend | None:
    """Put another backend in place, None for running jobs at once; returns the one before."""
    global job_backend
    before, job_backend = job_backend, backend
    return before


def _report(failure: ListenerFailed) -> None:
    telemetry.record(failure.event, "counter", 1, outcome="listener_failed")
    report_listener(failure)


bus.report = _report

for _name, _payload in RUNTIME_EVENTS.items():
    bus.declare(_name, Declared(_payload, before=False, after_commit=False))
