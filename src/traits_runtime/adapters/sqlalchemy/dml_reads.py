"""Conditions on what a writing statement reads: queries inside an ``INSERT``, other models, tables of a parent.

SQLAlchemy puts conditions on the model that an ``UPDATE`` or ``DELETE`` writes and on queries inside it. It puts none
on an ``INSERT ... SELECT``, none on other models in an ``UPDATE ... FROM``, and for a model with several tables it
names the parent's table without a condition that selects its row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Result, inspect, select, tuple_
from sqlalchemy.orm import ORMExecuteState, aliased

from traits_runtime.adapters.sqlalchemy import extend
from traits_runtime.adapters.sqlalchemy._private import (
    around_statement,
    entities_in,
    is_by_key,
    lifts_inside,
    statement_inside,
    with_option,
)
from traits_runtime.adapters.sqlalchemy.bulk import INNER
from traits_runtime.adapters.sqlalchemy.criteria import lifting, option_for, rules_of
from traits_runtime.adapters.sqlalchemy.mapper_info import same_row


def scope_reads(state: ORMExecuteState) -> Result[Any] | None:
    """Add conditions to what a statement reads, and execute it by the next function."""
    statement: Any = state.statement
    if state.is_insert and state.is_orm_statement:
        lifts = lifts_inside(statement)
        option = None if lifts is None else option_for(lifting(state.execution_options) | lifts)
        if option is not None:
            state.statement = with_option(statement, option)
    elif (state.is_update or state.is_delete) and state.bind_mapper is not None and not is_by_key(state):
        inside = statement_inside(statement)
        scoped = _scoped(state, state.bind_mapper, inside)
        if scoped is not inside:
            state.statement = scoped if inside is statement else around_statement(statement, scoped)
    return None


def _scoped(state: ORMExecuteState, mapper: Any, statement: Any) -> Any:
    """An ``UPDATE`` or ``DELETE`` with conditions on the other models, and on the tables of its own."""
    entities = entities_in(statement)
    read_entities = [
        entity
        for entity in entities
        if not (entity.is_mapper and mapper.isa(entity)) and rules_of(entity.mapper.class_)
    ]
    conditions = [_is_found(entity.entity) for entity in read_entities]
    conditions += same_row(mapper) if rules_of(mapper.class_) else []
    if not conditions:
        return statement
    several = "is_update_from" if state.is_update else "is_delete_using"
    state.update_execution_options(**{several: True, INNER: True})  # its query to synchronize belongs to it
    return statement.where(*conditions)


def _is_found(entity: Any) -> Any:
    """The condition that a query of this model or alias finds the row."""
    mapper: Any = inspect(entity).mapper
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    fresh = aliased(mapper.class_)
    outer_key, inner_key = ([getattr(aliased_entity, name) for name in names] for aliased_entity in (entity, fresh))
    return (outer_key[0] if len(outer_key) == 1 else tuple_(*outer_key)).in_(select(*inner_key))


def watch() -> None:
    """Register the function, before those that replace a statement."""
    extend.executors.insert(0, scope_reads)
