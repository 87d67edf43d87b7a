"""Running the hooks of a lifecycle moment; hosts call this, and so may anybody."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, cast

from traits_runtime._core import runtime
from traits_runtime._core.events.bus import LIFECYCLE, Route
from traits_runtime._core.events.listener import Envelope
from traits_runtime._core.metadata import HookEntry, TraitMetadata
from traits_runtime._core.runtime import SCOPED
from traits_runtime._core.trait.features import is_enabled, trait_is_on
from traits_runtime._core.trait.instantiation import prepare
from traits_runtime.errors import AsyncHookError, Veto


def run_hooks(instance: object, moment: str, *, changes: Collection[str] | None = None) -> None:
    """Run the hooks of a moment on an instance, then tell the listeners of ``model.{Model}.{moment}``.

    A hook that raises stops the moment, and the exception reaches the caller; so does a veto.

    Args:
        instance: An instance of a model.
        moment: ``creating``, ``saved``, ... or a moment of the project's own.
        changes: Names of the fields that changed, for hooks with a condition; None asks the host.

    Raises:
        Veto: A hook or a listener of an ``-ing`` moment said no.
        AsyncHookError: A hook is a coroutine function; use `arun_hooks`.

    >>> from traits_runtime import Trait, hook
    >>> class HasNumber(Trait):
    ...     @hook("creating")
    ...     def give_number(self) -> None:
    ...         print("numbered")
    >>> class Invoice(HasNumber):
    ...     pass
    >>> run_hooks(Invoice(), "creating")
    numbered
    """
    metadata = prepare(type(instance))
    for entry in _due(instance, metadata, moment, changes):
        if entry.is_async:
            raise AsyncHookError(metadata.path, entry.name)
        try:
            getattr(instance, entry.name)()
        except Veto as veto:
            raise _explained(veto, entry, moment)  # noqa: B904 - it is the same veto
    route = _route(metadata, moment)
    if not route.empty:
        runtime.bus.deliver(route, Envelope(route.name, {}, instance))


async def arun_hooks(instance: object, moment: str, *, changes: Collection[str] | None = None) -> None:
    """As `run_hooks`, awaiting hooks and listeners that are coroutine functions, one after the other."""
    metadata = prepare(type(instance))
    for entry in _due(instance, metadata, moment, changes):
        try:
            result: Any = getattr(instance, entry.name)()
            if entry.is_async:
                await result
        except Veto as veto:
            raise _explained(veto, entry, moment)  # noqa: B904 - it is the same veto
    await runtime.bus.aemit(f"{LIFECYCLE}{metadata.name}.{moment}", instance)


def hears(model: type, moment: str) -> bool:
    """Whether a hook or a listener waits for a moment of a model; a host that asks first saves the rest."""
    metadata = prepare(model)
    return bool(metadata.hooks_at(moment)) or not _route(metadata, moment).empty


def runner(model: type, moment: str) -> Callable[[Any], None] | None:
    """A function that runs a moment of a model's instances as `run_hooks` does, made once for many; None for nothing.

    Good as long as no listener comes or goes and no `with` block opens or closes: for one flush.
    """
    metadata = prepare(model)
    route = _route(metadata, moment)
    entries = metadata.hooks_at(moment)
    if SCOPED.get() or any(map(_is_decided_per_row, entries)):
        return partial(run_hooks, moment=moment)
    due = [entry for entry in entries if not entry.in_trait or trait_is_on(model, metadata, entry.owner)]
    calls = tuple((getattr(model, entry.name), entry) for entry in due)
    if not calls and route.empty:
        return None
    if len(calls) == 1 and route.empty and not moment.endswith("ing"):
        return cast("Callable[[Any], None]", calls[0][0])
    deliver, name = (None, "") if route.empty else (runtime.bus.deliver, route.name)

    def run(instance: Any) -> None:
        for call, entry in calls:
            try:
                call(instance)
            except Veto as veto:
                raise _explained(veto, entry, moment)  # noqa: B904 - it is the same veto
        if deliver is not None:
            deliver(route, Envelope(name, {}, instance))

    return run


def is_awaited(model: type, moment: str) -> bool:
    """Whether a moment of a model has coroutine functions among its hooks and listeners."""
    metadata = prepare(model)
    heard = any(listener.is_async for listener in _route(metadata, moment).listeners)
    return heard or any(entry.is_async for entry in metadata.hooks_at(moment))


def _route(metadata: TraitMetadata, moment: str) -> Route:
    name = f"{LIFECYCLE}{metadata.name}.{moment}"
    return runtime.bus.routes.get(name) or runtime.bus.route(name)


def _is_decided_per_row(entry: HookEntry) -> bool:
    return entry.is_async or entry.mark.when is not None or entry.mark.feature != ""


def _explained(veto: Veto, entry: HookEntry, moment: str) -> Veto:
    if not veto.moment:
        veto.moment, veto.source = moment, f"{entry.owner}.{entry.name}"
    return veto


def _due(
    instance: object, metadata: TraitMetadata, moment: str, changes: Collection[str] | None
) -> Iterator[HookEntry]:
    """The hooks that run now: those whose trait and feature are on and whose condition holds."""
    if moment in ("boot", "initialize"):
        raise ValueError(f"{moment!r} is no lifecycle moment: call {moment}() instead.")
    for entry in metadata.hooks_at(moment):
        if entry.in_trait and not trait_is_on(instance, metadata, entry.owner):
            continue
        if entry.mark.feature and not is_enabled(instance, entry.mark.feature):
            continue
        condition = entry.mark.when
        if condition is None or condition(instance, _changes(instance) if changes is None else changes):
            yield entry


def _changes(instance: object) -> Collection[str] | None:
    return runtime.host_of(type(instance)).changed_fields(instance)
