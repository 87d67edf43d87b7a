"""Runs the lifecycle moments of rows during a flush.

``before_flush`` runs the moments before the statements; ``after_flush`` those after them, when keys are known and
attribute history is still available. `traits_runtime.rules.moments` lists them. A hook may change the row, and may add
rows to the session, whose moments run next. An exception stops the flush.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction
from sqlalchemy.orm.attributes import flag_modified

from traits_runtime._core import runtime
from traits_runtime._core.metadata import METADATA, metadata_of
from traits_runtime._core.trait.columns import Unchanged, trait_columns
from traits_runtime._core.trait.hooks import arun_hooks, hears, is_awaited, run_hooks, runner
from traits_runtime._core.trait.instantiation import initialize
from traits_runtime.adapters.sqlalchemy._private import (
    await_,
    changed_fields,
    in_greenlet,
    is_changed,
    is_orphan,
    may_be_orphan,
    state_of,
    touched,
)
from traits_runtime.adapters.sqlalchemy.bulk import kept_columns
from traits_runtime.adapters.sqlalchemy.columns import on_model
from traits_runtime.adapters.sqlalchemy.transactions import ACTIVE
from traits_runtime.rules.moments import OPERATIONS, Operation
from traits_runtime.rules.naming import matches

OPERATION_OF: Final[Mapping[str, Operation]] = {
    "new": OPERATIONS["insert"],
    "dirty": OPERATIONS["update"],
    "deleted": OPERATIONS["delete"],
    "forced": OPERATIONS["force_delete"],
    "trashed": OPERATIONS["trash"],
    "restored": OPERATIONS["restore"],
}
"""Operation of a flush by the row's list in the session, or by its pending state."""
WRITTEN: Final = ("dirty", "trashed", "restored")
"""Kinds that lead to an ``UPDATE``."""

Run = Callable[[Any], object]

_WORK = "traits_work"
_PENDING_STATES = "traits_pending_states"


class Recorder(Protocol):
    """Receives the changes of each flush."""

    def wants(self, model: type, kind: str) -> bool:
        """Whether the recorder receives changes of a model's rows."""
        ...

    def before(self, session: Session, rows: list[tuple[Any, str]]) -> Any:
        """Collect old and new values before the statements, after all hooks."""
        ...

    def after(self, session: Session, noted: Any) -> None:
        """Write what `before` returned, after the statements, when keys are known."""
        ...


recorders: Final[list[Recorder]] = []


def set_pending_state(session: Session, row: object, kind: str) -> None:
    """Set the operation of the next flush for a row: ``trashed``, ``restored`` or ``forced``."""
    session.info.setdefault(_PENDING_STATES, {})[id(row)] = (row, kind)


def run_asked(row: object, kind: str) -> None:
    """Run the moments of an operation that come at the call, before any flush."""
    for moment in OPERATION_OF[kind].asked:
        run_moment(row, moment)


class Plan:
    """What a flush does with the rows of one class, in one of the three lists of the session.

    Args:
        model: The class.
        kind: The operation, a key of `OPERATION_OF`.
    """

    __slots__ = ("after", "before", "far", "has_columns", "kept", "kind", "matters", "recorders")

    def __init__(self, model: type, kind: str) -> None:
        self.before: tuple[Run, ...] = tuple(_runners(model, OPERATION_OF[kind].before))
        self.after: tuple[Run, ...] = tuple(_runners(model, OPERATION_OF[kind].after))
        self.kept: tuple[str, ...] = kept_columns(model) if kind in WRITTEN else ()
        self.far: tuple[Far, ...] = tuple(_far_columns(model)) if kind in WRITTEN else ()
        self.has_columns: bool = bool(self.kept or self.far)
        self.kind: str = kind
        self.recorders: tuple[Recorder, ...] = tuple(recorder for recorder in recorders if recorder.wants(model, kind))
        self.matters: bool = bool(self.before or self.after or self.has_columns or self.recorders)


class Far(NamedTuple):
    """A column that changes whenever its row does, of a model with several tables.

    Args:
        name: The attribute.
        make: Makes its value.
        near: The attributes in the same table: where one of them changes, the database's statement changes it.
    """

    name: str
    make: Callable[[type[Any]], Any]
    near: frozenset[str]

    def follow(self, row: Any) -> None:
        """Change the column where only another table of the row is written."""
        if changed_fields(row).isdisjoint(self.near):
            value = self.make(type(row))
            if not isinstance(value, Unchanged):
                setattr(row, self.name, value)


def _far_columns(model: type) -> Iterator[Far]:
    mapper: Any = inspect(model)
    if len(mapper.tables) > 1:
        for name, declared in trait_columns(model).items():
            if declared.on_update is not None:
                table = mapper.columns[name].table
                near = [
                    attribute.key
                    for attribute in mapper.column_attrs
                    if any(column.table is table for column in attribute.columns)
                ]
                yield Far(name, declared.on_update, frozenset(near))


def _runners(model: type, moments: Iterable[str]) -> Iterator[Run]:
    for moment in moments:
        if in_greenlet() and is_awaited(model, moment):
            yield partial(run_moment, moment=moment)
        else:
            run = runner(model, moment)
            if run is not None:
                yield run


class Work:
    """The rows of one flush with moments to run."""

    def __init__(self, pending: dict[int, tuple[object, str]]) -> None:
        self.pending = pending
        self.noted: list[tuple[Recorder, Any]] = []
        self.plans: dict[str, dict[type, Plan | None]] = {}
        self.seen: set[int] = set()
        self.done: list[tuple[Any, Plan]] = []
        self.skipped: bool = False

    def take(self, kind: str, rows: Iterable[Any]) -> bool:
        """Run the first moments of rows that have not run them; returns whether any hook ran."""
        first_new = len(self.done)
        seen, taken_rows, pending, is_dirty = self.seen, self.done, self.pending, kind == "dirty"
        usual = plans = self.plans.setdefault(kind, {})
        state = kind
        for row in rows:
            cls = type(row)
            if pending:
                state = pending[id(row)][1] if id(row) in pending else kind
                plans = usual if state == kind else self.plans.setdefault(state, {})
            if cls not in plans:
                plans[cls] = _plan(cls, state)
            plan = plans[cls]
            if plan is None or id(row) in seen:
                continue
            if is_dirty and not is_changed(row):
                self.skipped = True
                continue
            seen.add(id(row))
            taken_rows.append((row, plan))
            for run in plan.before:
                run(row)
            if plan.has_columns:
                _update_columns(row, plan)
        return any(plan.before for _, plan in taken_rows[first_new:])

    def note_before(self, session: Session) -> None:
        """Hand the rows to the recorders, after all hooks and before the statements."""
        by_recorder: dict[Recorder, list[tuple[Any, str]]] = {}
        for row, plan in self.done:
            for recorder in plan.recorders:
                by_recorder.setdefault(recorder, []).append((row, plan.kind))
        self.noted = [(recorder, recorder.before(session, rows)) for recorder, rows in by_recorder.items()]


def _update_columns(row: Any, plan: Plan) -> None:
    """Change the columns of other tables, and write again those that the ``UPDATE`` would change."""
    for far in plan.far:
        far.follow(row)
    for name in plan.kept:
        if name in row.__dict__:
            flag_modified(row, name)


def _plan(cls: type, kind: str) -> Plan | None:
    if METADATA not in cls.__dict__:
        return None
    plan = Plan(cls, kind)
    return plan if plan.matters else None


def run_moment(row: object, moment: str, changes: Collection[str] | None = None) -> None:
    """Run the hooks of a moment; in an async session coroutine functions are awaited in place."""
    if in_greenlet() and is_awaited(type(row), moment):
        await_(arun_hooks(row, moment, changes=changes))
    else:
        run_hooks(row, moment, changes=changes)


def is_stored(row: object) -> bool:
    """Whether a row is in the database."""
    state = state_of(row)
    return state is not None and state.has_identity


def before_flush(session: Session, _context: UOWTransaction, _instances: Collection[Any] | None) -> None:
    """Run the moments that come before the statements."""
    if not session.in_transaction():
        session.begin()
    work = Work(session.info.pop(_PENDING_STATES, {}))
    session.info[_WORK] = work
    token = ACTIVE.set(session)
    try:
        while _take(session, work):
            pass
        work.note_before(session)
    finally:
        ACTIVE.reset(token)


def _take(session: Session, work: Work) -> bool:
    """Run the moments of all rows that have not run them; returns whether hooks may have added rows."""
    sizes = touched(session)
    ran = work.take("new", session.new)
    dirty = session.dirty
    orphans = [row for row in dirty if may_be_orphan(row) and is_orphan(row)]
    ran |= work.take("deleted", [*session.deleted, *orphans])
    ran |= work.take("dirty", dirty)
    return ran and (work.skipped or touched(session) != sizes)


def after_flush(session: Session, _context: UOWTransaction) -> None:
    """Run the moments that come after the statements."""
    work: Work | None = session.info.pop(_WORK, None)
    if work is None or not work.done:
        return
    token = ACTIVE.set(session)
    try:
        for recorder, noted in work.noted:
            recorder.after(session, noted)
        for row, plan in work.done:
            for run in plan.after:
                run(row)
    finally:
        ACTIVE.reset(token)


def forget_pending_states(session: Session, _ended: SessionTransaction) -> None:
    """Drop the pending states of a transaction that was rolled back."""
    session.info.pop(_PENDING_STATES, None)


# Rows that are loaded.

_checked_listeners: list[tuple[Any, ...]] = [()]
_retrieving: set[type] = set()


def watch_retrieved() -> None:
    """Register the listener for read rows once a hook or listener needs it; called before every query."""
    listeners = runtime.bus.listeners
    if listeners is _checked_listeners[0]:
        return
    _checked_listeners[0] = listeners
    patterns = [listener.pattern for listener in listeners]
    for cls in runtime.known_classes():
        if cls not in _retrieving and "__mapper__" in vars(cls) and vars(cls)[METADATA].kind == "model":
            name = f"model.{cls.__name__}.retrieved"
            if any(matches(pattern, name) for pattern in patterns):
                _retrieve(cls)


def _retrieve(cls: type) -> None:
    _retrieving.add(cls)
    event.listen(cls, "load", _loaded)


def _loaded(row: Any, _context: object) -> None:
    metadata = metadata_of(type(row))
    if metadata.initializers:
        initialize(row)
    if hears(type(row), "retrieved"):
        run_moment(row, "retrieved", ())


def _mapped(cls: type) -> None:
    metadata = metadata_of(cls)
    if metadata.initializers or metadata.hooks_at("retrieved"):
        _retrieve(cls)


on_model.append(_mapped)
