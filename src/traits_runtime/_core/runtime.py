"""All global state of the package, in this one file: context variables, the bus, the layers, the known classes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import msgspec

from traits_runtime._core.cache import Cache, MemoryCache
from traits_runtime._core.config.resolver import OverrideFrame, Resolver, Table
from traits_runtime._core.declare import Block, Gate
from traits_runtime._core.events.bus import FAILED, Chain, Declared, EventBus, QuietFrame
from traits_runtime._core.events.listener import ListenerFailed
from traits_runtime._core.features import MuteFrame
from traits_runtime._core.queue import JobBackend
from traits_runtime._core.telemetry import Telemetry
from traits_runtime._core.tenancy import TenantBlock, TenantFrame, innermost
from traits_runtime.errors import InvalidConfigValueError

if TYPE_CHECKING:
    from pathlib import Path

GATE: Final = Gate("traits_gate")
"""Open while a block is open that features and config have to ask about."""

SCOPED: Final = GATE.is_open
MUTES: Final[ContextVar[tuple[MuteFrame, ...]]] = GATE.watch(ContextVar("traits_mutes", default=()))
QUIETS: Final[ContextVar[tuple[QuietFrame, ...]]] = ContextVar("traits_quiets", default=())
OVERRIDES: Final[ContextVar[tuple[OverrideFrame, ...]]] = GATE.watch(ContextVar("traits_overrides", default=()))
TENANT: Final[ContextVar[TenantFrame | None]] = GATE.watch(ContextVar("traits_tenant", default=None))
CHAIN: Final[ContextVar[Chain]] = ContextVar("traits_chain", default=())

bus: Final = EventBus(QUIETS, CHAIN)
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

change_readers: list[Callable[[Any], Collection[str] | None]] = []
"""What hosts give to tell the changed fields of an instance; the first that answers counts."""


identity_readers: list[Callable[[Any], object]] = []
"""What hosts give to tell an instance's key, None for one that has none; the first that answers counts."""

loaders: list[Callable[[type, Any], object]] = []
"""What hosts give to fetch an instance by its key, None where there is none; the first that answers counts."""

cache: Final = Cache(MemoryCache())
"""The cache of all traits; its backend can be replaced."""


def identify(instance: object) -> object:
    """The key of an instance, None for an unsaved one."""
    for read in identity_readers:
        found = read(instance)
        if found is not None:
            return found
    found = getattr(instance, "id", None)
    return found if found is not None else getattr(instance, "pk", None)


def load(model: type, identity: object) -> object:
    """An instance by its key, None where no host finds it."""
    return next((found for fetch in loaders if (found := fetch(model, identity)) is not None), None)


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


def read_files(path: Path | None = None) -> None:
    """Read the file layer.

    Args:
        path: The file; by default the one that ``TRAITS_CONFIG`` names, or the nearest above the working folder.
    """
    global _files_read
    from pathlib import Path

    from traits_runtime._core.config.files import VARIABLE, find_file, read_file

    if path is None:
        named = resolver.environ.get(VARIABLE)
        path = Path(named) if named else find_file(Path.cwd())
    resolver.files = read_file(path) if path is not None else Table()
    _files_read = True
    invalidate()


def ensure_files() -> None:
    """Read the file layer, unless that was done."""
    if not _files_read:
        read_files()


def files_are_read() -> bool:
    """Whether the file layer was read."""
    return _files_read


def forget_files() -> None:
    """Read the file layer again when it is next needed."""
    global _files_read
    resolver.files = Table()
    _files_read = False
    invalidate()


def use_files(table: Table) -> None:
    """Put a table in place of the file layer."""
    global _files_read
    resolver.files = table
    _files_read = True
    invalidate()


def invalidate() -> None:
    """Forget all snapshots; the next read makes new ones.

    Dictionaries are replaced and not emptied: a reader that is just filling one fills the old one.
    """
    for one in known_classes():
        one.__dict__["__trait_record__"].forget()


def current_tenant_id() -> str | None:
    """The current tenant, None for none."""
    frame = innermost(TENANT.get())
    return frame.tenant if frame is not None else None


def tenant(name: str) -> TenantBlock:
    """Work for a tenant: config, cache keys, jobs and logs are that tenant's inside the block.

    Args:
        name: The tenant, as it stands in the database's tenant column.

    >>> with tenant("acme"):
    ...     current_tenant_id()
    'acme'
    """
    if not name:
        raise ValueError("tenant() needs a name. To work without a tenant say why: `with unscoped(reason=...):`.")
    return TenantBlock(TENANT, GATE.refresh, name)


def unscoped(*, reason: str) -> TenantBlock:
    """Work without a tenant on purpose; the event ``trait.runtime.unscoped`` and the log say so.

    Args:
        reason: Why, for the one who reads the log.
    """
    if not reason:
        raise ValueError("unscoped() needs a reason.")
    return _Unscoped(reason)


class _Unscoped(TenantBlock):
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


class _Without(Block):
    __slots__ = ("_names", "_owner")

    def __init__(self, names: frozenset[str], owner: object) -> None:
        super().__init__(MUTES, GATE)
        self._names = names
        self._owner = owner

    def _frame(self) -> MuteFrame:
        return MuteFrame(self, self._names, self._owner)


class _Quietly(Block):
    __slots__ = ("_owner", "_patterns")

    def __init__(self, patterns: tuple[str, ...], owner: object) -> None:
        super().__init__(QUIETS, GATE)
        self._patterns = patterns
        self._owner = owner

    def _frame(self) -> QuietFrame:
        return QuietFrame(self, self._patterns, self._owner)


def leave_blocks() -> None:
    """Close every block for the rest of this context; the tenant stays."""
    MUTES.set(())
    QUIETS.set(())
    OVERRIDES.set(())
    GATE.refresh()


def without_features(*names: str | type, model: object = None) -> Block:
    """Switch features off for what the block encloses, in this thread or task and in those started inside.

    Args:
        names: Features (``"follow_title"``, ``"HasSlug.follow_title"``) or traits (the class or its name); without
            any, everything. A trait that is off runs no lifecycle hooks.
        model: Only for this model or this instance.

    >>> with without_features("follow_title"):
    ...     pass
    """
    return _Without(frozenset(one if isinstance(one, str) else one.__name__ for one in names), model)


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


def use_job_backend(backend: JobBackend | None) -> JobBackend | None:
    """Put another backend in place, None for running jobs at once; returns the one before."""
    global job_backend
    before, job_backend = job_backend, backend
    return before


def _report(failure: ListenerFailed) -> None:
    telemetry.record(failure.event, "counter", 1, outcome="listener_failed")
    report_listener(failure)


bus.report = _report


class Unscoped(msgspec.Struct, frozen=True):
    """Somebody works without a tenant on purpose; ``trait.runtime.unscoped``.

    Args:
        reason: Why.
        tenant: The tenant that was current, None for none.
    """

    reason: str
    tenant: str | None = None


class JobDiscarded(msgspec.Struct, frozen=True):
    """A job was dropped because its instance is gone; ``trait.runtime.job_discarded``.

    Args:
        job: The job's name.
        id: The job's id.
    """

    job: str
    id: str


class ConfigChanged(msgspec.Struct, frozen=True):
    """An override was stored or taken back; ``trait.runtime.config_changed``. Values are masked for secrets.

    Args:
        trait: The trait.
        key: The key or feature.
        model: Dotted path of the model, empty for all.
        tenant: The tenant, empty for all.
        before: The override before, as text.
        after: The override after, as text.
        by: Who.
        why: Why.
    """

    trait: str
    key: str
    model: str
    tenant: str
    before: str
    after: str
    by: str
    why: str


for _name, _payload in (
    (FAILED, ListenerFailed),
    ("trait.runtime.unscoped", Unscoped),
    ("trait.runtime.job_discarded", JobDiscarded),
    ("trait.runtime.config_changed", ConfigChanged),
):
    bus.declare(_name, Declared(_payload, before=False, after_commit=False))
