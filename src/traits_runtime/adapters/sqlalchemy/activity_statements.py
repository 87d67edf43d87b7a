"""The activity log of statements that write many rows of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, ORMExecuteState

from traits_runtime.adapters.sqlalchemy._private import assigned_attributes, conditions_of, is_by_key
from traits_runtime.adapters.sqlalchemy.activity import (
    EVENTS,
    Identity,
    Plan,
    insert_entries,
    json_text,
    key_text,
    recorder,
    shared_values,
    stored_values,
)
from traits_runtime.adapters.sqlalchemy.bulk import given_values, model_of
from traits_runtime.traits.activity import LogsActivity

Execute = Callable[[], sa.Result[Any] | None]
RowChange = tuple[Identity, dict[str, Any], dict[str, Any]]
"""Primary key, old and new values."""

_FEATURES: Final = dict(EVENTS.values())
_TRASH_OPTIONS: Final = ("with_trashed", "only_trashed")


def note_statement(state: ORMExecuteState, execute: Execute) -> sa.Result[Any] | None:
    """Execute a statement, and log it where it writes rows of a model with `LogsActivity`.

    Args:
        state: The statement.
        execute: Executes it; returns None where SQLAlchemy executes it unchanged.
    """
    event = _event_of(state)
    model = model_of(state) if event else None
    if model is None or not issubclass(model, LogsActivity):
        return execute()
    return note_bulk(state, model, event, execute)


def _event_of(state: ORMExecuteState) -> str:
    """The event that a statement stands for in the log; empty for one that writes nothing."""
    if state.is_insert:
        return "created"
    if state.is_delete:
        return "deleted"
    return "updated" if state.is_update else ""


def note_bulk(state: ORMExecuteState, model: Any, kind: str, execute: Execute) -> sa.Result[Any] | None:
    """Execute a statement that writes rows of a model, and log it as the model's config says.

    Args:
        state: The statement.
        model: The model, which may not log at all.
        kind: ``created``, ``updated``, ``deleted`` or ``trashed``.
        execute: As for `note_statement`.
    """
    if not _logs_bulk(state, model, kind):
        return execute()
    plan = recorder.plan_of(model)
    by_key = is_by_key(state)
    if model.activity_config.bulk == "rows" and kind != "created" and not by_key:
        return _note_rows(state, plan, kind, execute)
    result = _result(state, execute)
    values = given_values(state)
    count = len(values) if state.is_insert or by_key else getattr(result, "rowcount", -1)
    if count != 0:
        new = {} if by_key else _common_values(state, plan, values)
        entry = f"bulk_{kind}", "", None, json_text(plan.shown(new)), None, count or -1
        insert_entries(state.session, plan, [entry], shared_values(state.session))
    return result


def _logs_bulk(state: ORMExecuteState, model: Any, kind: str) -> bool:
    """Whether a statement is logged as such; rows that are written as instances are logged by their flush."""
    if not issubclass(model, LogsActivity) or model.activity_config.bulk == "off":
        return False
    mode = state.execution_options.get("bulk", getattr(model, "__bulk__", "event"))
    return mode == "event" and bool(model.enabled(_FEATURES[kind]))


def _common_values(state: ORMExecuteState, plan: Plan, values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The logged values that an ``UPDATE`` gives to all its rows; none for other statements."""
    if not state.is_update or len(values) != 1:
        return {}
    return {key: value for key, value in values[0].items() if key in plan.keys}


def _result(state: ORMExecuteState, execute: Execute) -> sa.Result[Any]:
    result = execute()
    return state.invoke_statement() if result is None else result


def _note_rows(state: ORMExecuteState, plan: Plan, kind: str, execute: Execute) -> sa.Result[Any]:
    """Read the rows that a statement will change, execute it, and log each of them."""
    mapper: Mapper[Any] = sa.inspect(plan.model)
    keys = sorted(plan.keys if state.is_delete else plan.keys.keys() & assigned_attributes(state.statement, mapper))
    before = _rows_before(state, plan, keys)
    result = _result(state, execute)
    changes: list[RowChange]
    if kind == "deleted":
        changes = [(key, old, {}) for key, old in before.items()]
    else:
        changes = _row_changes(before, stored_values(state.session, plan, keys, list(before)))
    entries = [
        (kind, key_text(key), json_text(plan.shown(old)), json_text(plan.shown(new)), None, 1)
        for key, old, new in changes
    ]
    if entries:
        insert_entries(state.session, plan, entries, shared_values(state.session))
    return result


def _rows_before(state: ORMExecuteState, plan: Plan, keys: Sequence[str]) -> dict[Identity, dict[str, Any]]:
    """The values of the rows that a statement is about to change, by primary key."""
    mapper: Mapper[Any] = sa.inspect(plan.model)
    columns = [mapper.column_attrs[key].class_attribute for key in (*plan.primary, *keys)]
    query = sa.select(*columns).where(*conditions_of(state.statement))
    options = {name: value for name, value in state.execution_options.items() if name in _TRASH_OPTIONS}
    rows = state.session.execute(query, execution_options=options)
    width = len(plan.primary)
    return {tuple(row[:width]): dict(zip(keys, row[width:], strict=True)) for row in rows}


def _row_changes(
    before: Mapping[Identity, dict[str, Any]], after: Mapping[Identity, dict[str, Any]]
) -> list[RowChange]:
    """The rows that differ, with the columns that differ."""
    changes = []
    for key, old in before.items():
        new = {name: value for name, value in after.get(key, {}).items() if value != old[name]}
        if new:
            changes.append((key, {name: old[name] for name in new}, new))
    return changes
