"""Statements that write many rows at once: their events, the bulk mode of a model, columns that stay unchanged.

A model says with ``__bulk__`` what becomes of an ``INSERT``, ``UPDATE`` or ``DELETE`` of the ORM: ``"event"`` (the
default) emits ``model.{Model}.bulk_updating`` before and ``bulk_updated`` after it; ``"instances"`` loads the rows and
writes them one by one, so that every hook runs; ``"forbid"`` raises. Statements of the Core, on a table or on a
connection, tell nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Result, bindparam, inspect, select, update
from sqlalchemy.orm import Mapper, ORMExecuteState, Session

from traits_runtime._core import runtime
from traits_runtime._core.events.bus import LIFECYCLE
from traits_runtime._core.events.listener import Envelope
from traits_runtime._core.metadata import METADATA
from traits_runtime._core.trait.columns import Unchanged, trait_columns
from traits_runtime.adapters.sqlalchemy._private import Counted, assigned, is_by_key, rows_of
from traits_runtime.adapters.sqlalchemy.mapper_info import owner_of, same_row
from traits_runtime.adapters.sqlalchemy.transactions import ACTIVE
from traits_runtime.errors import TraitsError

MOMENTS: Final = {
    "insert": ("bulk_creating", "bulk_created"),
    "update": ("bulk_updating", "bulk_updated"),
    "delete": ("bulk_deleting", "bulk_deleted"),
}

INNER: Final = "traits_inner"
"""Marks a statement that is part of another one, which has been checked and has emitted its events."""

_QUIET: Final = {"synchronize_session": False, INNER: True}


class BulkChange(msgspec.Struct, frozen=True):
    """Many rows are written at once: the payload of ``model.{Model}.bulk_updated`` and its kin.

    Args:
        model: The model.
        operation: ``insert``, ``update`` or ``delete``.
        values: What the statement gives to columns; for several rows one mapping each.
        rows: How many rows were written, -1 where that is not known (yet).
        statement: The statement; None for the ``bulk_...`` methods of the session.
        session: The session that executes it.
    """

    model: type
    operation: str
    values: Sequence[Mapping[str, Any]]
    rows: int
    statement: Any
    session: Session


class BulkForbiddenError(TraitsError):
    """A model requires that its rows are written one by one."""

    def __init__(self, model: str, operation: str) -> None:
        super().__init__(
            f"{model} forbids bulk statements (`__bulk__ = 'forbid'`), this {operation.upper()} is one. "
            f"Load the rows and write them one by one, or set the execution option bulk='event' on purpose."
        )
        self.model = model
        self.operation = operation


def keep_columns(state: ORMExecuteState) -> None:
    """Leave columns unchanged in an ``UPDATE`` of a model whose ``on_update`` says so."""
    model = model_of(state)
    if model is None or not state.is_update:
        return
    column_names = kept_columns(model)
    if column_names and not is_by_key(state):
        assigned_names = assigned(state.statement)
        statement: Any = state.statement
        state.statement = statement.values(
            {name: getattr(model, name) for name in column_names if name not in assigned_names}
        )


def kept_columns(model: type) -> tuple[str, ...]:
    """The columns with an ``on_update`` that leaves them unchanged now."""
    return tuple(
        name
        for name, declared in trait_columns(model).items()
        if declared.on_update is not None and isinstance(declared.on_update(model), Unchanged)
    )


def model_of(state: ORMExecuteState) -> type | None:
    """The model that a statement of the ORM writes to, None for other statements."""
    mapper = state.bind_mapper if state.is_orm_statement else None
    return mapper.class_ if mapper is not None and METADATA in vars(mapper.class_) else None


def execute_bulk(state: ORMExecuteState, is_scoped: Callable[[type], bool]) -> Result[Any] | None:
    """Execute a statement that writes many rows by its model's bulk mode; None where SQLAlchemy executes it unchanged.

    Args:
        state: The statement.
        is_scoped: Whether a change of a model's rows by key needs conditions besides the key.
    """
    operation = _operation_of(state)
    model = model_of(state) if operation else None
    if model is None:
        return None
    how = state.execution_options.get("bulk", getattr(model, "__bulk__", "event"))
    if how == "forbid":
        raise BulkForbiddenError(model.__name__, operation)
    if how == "instances":
        return _one_by_one(state, model, operation)
    by_key = is_by_key(state) and (is_scoped(model) or bool(kept_columns(model)))
    if not _has_listeners(model, operation):
        return _key_by_key(state, model) if by_key else None
    result: Result[Any] = telling(
        state.session, model, operation, given_values(state), state.statement,
        lambda: _key_by_key(state, model) if by_key else state.invoke_statement(),
    )  # fmt: skip
    return result


def _operation_of(state: ORMExecuteState) -> str:
    """``insert``, ``update`` or ``delete``; empty for a statement that writes nothing."""
    if state.is_insert:
        return "insert"
    if state.is_update:
        return "update"
    return "delete" if state.is_delete else ""


def telling(
    session: Session,
    model: type,
    operation: str,
    values: Sequence[Mapping[str, Any]],
    statement: Any,
    execute: Callable[[], Any],
) -> Any:
    """Execute a write of many rows between its two events."""
    change = BulkChange(model, operation, values, -1, statement, session)
    before, after = MOMENTS[operation]
    token = ACTIVE.set(session)
    try:
        emit(before, change)
        result = execute()
        rows = getattr(result, "rowcount", -1)
        emit(after, msgspec.structs.replace(change, rows=rows if isinstance(rows, int) else -1))
        return result
    finally:
        ACTIVE.reset(token)


def emit(moment: str, change: BulkChange) -> None:
    """Emit the event of a model's moment."""
    name = f"{LIFECYCLE}{change.model.__name__}.{moment}"
    route = runtime.bus.route(name)
    if not route.empty:
        runtime.bus.deliver(route, Envelope(name, change, change.model))


def _has_listeners(model: type, operation: str) -> bool:
    return any(not runtime.bus.route(f"{LIFECYCLE}{model.__name__}.{moment}").empty for moment in MOMENTS[operation])


def given_values(state: ORMExecuteState) -> Sequence[Mapping[str, Any]]:
    """The values of a statement: its parameters, else its values clause; empty for ``INSERT ... SELECT``."""
    parameters: Any = state.parameters
    if parameters:
        return list(parameters) if isinstance(parameters, Sequence) else [parameters]
    return rows_of(state.statement)


def _one_by_one(state: ORMExecuteState, model: type, operation: str) -> Result[Any]:
    """Write rows as instances, so that their hooks run."""
    session, values = state.session, given_values(state)
    statement: Any = state.statement
    _refuse_forms(statement, model, operation, values)
    if operation == "insert":
        rows: list[Any] = [model(**values_of_row) for values_of_row in values]
        session.add_all(rows)
    elif is_by_key(state):
        rows = [_changed(session, model, values_of_row) for values_of_row in values]
    else:
        query: Any = select(model).where(*([] if statement.whereclause is None else [statement.whereclause]))
        rows = list(session.scalars(query, execution_options=state.local_execution_options))
        for row in rows:
            if operation == "delete":
                session.delete(row)
            else:
                _assign(row, values[0])
    session.flush()
    return Counted(len(rows))


def _refuse_forms(statement: Any, model: type, operation: str, values: Sequence[Mapping[str, Any]]) -> None:
    """Refuse statements that cannot be written as instances.

    Raises:
        BulkForbiddenError: The statement has ``RETURNING``, ``ON CONFLICT``, or takes its rows from a ``SELECT``.
    """
    if getattr(statement, "_returning", ()) or (operation == "insert" and not values):
        raise BulkForbiddenError(model.__name__, f"{operation} with RETURNING or from a SELECT")
    if getattr(statement, "_post_values_clause", None) is not None:
        raise BulkForbiddenError(model.__name__, f"{operation} with ON CONFLICT")


def _changed(session: Session, model: type, values: Mapping[str, Any]) -> object:
    mapper: Any = inspect(model)
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    row: object = session.get_one(model, tuple(values[name] for name in names))
    _assign(row, {name: value for name, value in values.items() if name not in names})
    return row


def _assign(row: object, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def _key_by_key(state: ORMExecuteState, model: type) -> Result[Any]:
    """An ``UPDATE`` by key with the conditions of scopes, and with columns that stay unchanged."""
    mapper: Any = inspect(model)
    rows = given_values(state)
    keys = {mapper.get_property_by_column(column).key: column for column in mapper.primary_key}
    shapes: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        shapes.setdefault(tuple(sorted(row)), []).append(row)
    for names, same_shape in shapes.items():
        by_owner: dict[Mapper[Any], list[str]] = {}
        for name in (*names, *kept_columns(model)):
            if name not in keys:
                by_owner.setdefault(owner_of(mapper, name), []).append(name)
        for owner, values_of_owner in by_owner.items():
            if not set(values_of_owner).isdisjoint(names):
                _update_by_key(
                    state.session, owner, keys, [name for name in values_of_owner if name in names], same_shape
                )
    return Counted(len(rows))


def _update_by_key(
    session: Session, owner: Mapper[Any], keys: Collection[str], names: list[str], rows: list[Mapping[str, Any]]
) -> None:
    """Update rows in one of their tables."""
    model: Any = owner.class_
    columns = {name: getattr(model, name) for name in names}
    values = {name: bindparam(f"value_{name}", type_=column.type) for name, column in columns.items()}
    column_names = [name for name in kept_columns(model) if name not in values and owner_of(owner, name) is owner]
    values.update({name: getattr(model, name) for name in column_names})
    statement = update(model).where(
        *(getattr(model, name) == bindparam(f"key_{name}") for name in keys), *same_row(owner)
    )
    for row in rows:
        parameters = {f"key_{name}": row[name] for name in keys} | {f"value_{name}": row[name] for name in names}
        session.execute(statement.values(values), parameters, execution_options=_QUIET)
