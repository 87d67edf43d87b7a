"""Running the hooks of a lifecycle moment; hosts call this, and so may anybody."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from traits_runtime._core import runtime
from traits_runtime._core.events.bus import LIFECYCLE
from traits_runtime._core.events.listener import Envelope
from traits_runtime._core.trait.construct import prepare
from traits_runtime._core.trait.features import trait_is_on
from traits_runtime._core.trait.record import HookEntry, Record
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
    record = prepare(type(instance))
    for entry in _due(instance, record, moment, changes):
        if entry.is_async:
            raise AsyncHookError(record.path, entry.name)
        try:
            getattr(instance, entry.name)()
        except Veto as veto:
            raise _explained(veto, entry, moment)  # noqa: B904 - it is the same veto
    name = f"{LIFECYCLE}{record.name}.{moment}"
    route = runtime.bus.routes.get(name) or runtime.bus.route(name)
    if not route.empty:
        runtime.bus.deliver(route, Envelope(name, {}, instance))


async def arun_hooks(instance: object, moment: str, *, changes: Collection[str] | None = None) -> None:
    """As `run_hooks`, awaiting hooks and listeners that are coroutine functions, one after the other."""
    record = prepare(type(instance))
    for entry in _due(instance, record, moment, changes):
        try:
            result: Any = getattr(instance, entry.name)()
            if entry.is_async:
                await result
        except Veto as veto:
            raise _explained(veto, entry, moment)  # noqa: B904 - it is the same veto
    await runtime.bus.aemit(f"{LIFECYCLE}{record.name}.{moment}", instance)


def _explained(veto: Veto, entry: HookEntry, moment: str) -> Veto:
    if not veto.moment:
        veto.moment, veto.source = moment, f"{entry.owner}.{entry.name}"
    return veto


def _due(instance: object, record: Record, moment: str, changes: Collection[str] | None) -> Iterator[HookEntry]:
    """The hooks that run now: those of traits that are on and whose condition holds."""
    if moment in ("boot", "initialize"):
        raise ValueError(f"{moment!r} is no lifecycle moment: call {moment}() instead.")
    for entry in record.hooks_at(moment):
        if entry.in_trait and not trait_is_on(instance, record, entry.owner):
            continue
        condition = entry.mark.when
        if condition is None or condition(instance, _changes(instance) if changes is None else changes):
            yield entry


def _changes(instance: object) -> Collection[str] | None:
    for read in runtime.change_readers:
        found = read(instance)
        if found is not None:
            return found
    return None
