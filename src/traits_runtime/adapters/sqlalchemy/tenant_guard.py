"""What a statement may do with rows of tenants.

A statement reaches rows of tenants through models alone, because conditions can be put on these. What it writes has to
name the current tenant and rows of the current tenant, however the values are given. Everything else is refused,
because nobody can tell whose rows it would touch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy.orm import ORMExecuteState

from traits_runtime._core import runtime
from traits_runtime.adapters.sqlalchemy import tenancy
from traits_runtime.adapters.sqlalchemy._private import (
    NO_PARAMETERS,
    cache_key_of,
    guard_upsert,
    names_no_table,
    prefixes_of,
    raw_tables,
    rows_of,
    targets_of,
    upserted_values,
)
from traits_runtime.adapters.sqlalchemy.bulk import model_of
from traits_runtime.adapters.sqlalchemy.columns import on_model
from traits_runtime.adapters.sqlalchemy.criteria import Memo
from traits_runtime.adapters.sqlalchemy.tenancy import UnscopedStatementError
from traits_runtime.traits.tenancy import tenant_column

_HARMLESS_PREFIXES: Final = frozenset(
    ["DELAYED", "HIGH_PRIORITY", "IGNORE", "LOW_PRIORITY", "OR ABORT", "OR FAIL", "OR IGNORE", "OR ROLLBACK", "QUICK"]
)
"""Prefixes of a statement that writes after which it changes no row that it does not name."""


_raw: Final[dict[tuple[bool, Any], frozenset[Any]]] = {}
_NONE: Final[frozenset[Any]] = frozenset()
_KNOWN: Final = 1000
"""How many statements are remembered by what they compile to."""


def guard(state: ORMExecuteState, memo: Memo) -> None:
    """Refuse what is not the current tenant's to do.

    Raises:
        CrossTenantError: Values of another tenant, or a session of another one.
        UnscopedStatementError: A statement on a tenants' table that names no model.
    """
    tenant = runtime.current_tenant_id()
    if not tenancy.tenant_tables or (tenant is None and runtime.is_unscoped()):
        return
    tenancy.check_session(state.session, tenant)
    _refuse_tables(state, memo)
    if state.is_insert or state.is_update:
        _guard_values(state)


def _refuse_tables(state: ORMExecuteState, memo: Memo) -> None:
    """Refuse a statement that names tenants' tables as tables, unless SQLAlchemy itself loads by it."""
    if memo.raw is None:
        memo.raw = _raw_of(state, memo)
    if memo.raw and not (memo.is_reload or memo.is_relationship):
        raise UnscopedStatementError(table.name for table in memo.raw)
    if state.bind_mapper in tenancy.other_classes():
        raise UnscopedStatementError([str(table) for table in state.bind_mapper.tables])


def _raw_of(state: ORMExecuteState, memo: Memo) -> frozenset[Any]:
    """The tenants' tables that a statement names as tables; asked once of queries that compile to the same."""
    if memo.is_select and memo.of_orm and not tenancy.other_classes() and names_no_table(state.statement):
        return _NONE
    key = cache_key_of(state.statement) if memo.is_select else None
    tables = None if key is None else _raw.get((memo.of_orm, key))
    if tables is None:
        tables = frozenset(
            raw_tables(
                state.statement, tenancy.tenant_tables, of_core=not memo.of_orm, unscoped=tenancy.other_classes()
            )
        )
        if len(_raw) >= _KNOWN:
            _raw.clear()
        if key is not None:
            _raw[memo.of_orm, key] = tables
    return tables


def _guard_values(state: ORMExecuteState) -> None:
    """Refuse values of another tenant, and keep an upsert away from rows of another one."""
    model = model_of(state)
    if model is None:
        return
    tenancy.refuse_values(state.session, model, list(_written_rows(state)))
    if tenancy.is_tenants(model):
        _refuse_prefixes(state.statement, model)
        if state.is_insert:
            _guard_insert(state, model)


def _written_rows(state: ORMExecuteState) -> Iterator[Mapping[str, Any]]:
    """All values that a statement may give to columns: in itself, as bound parameters, in lists, on a conflict."""
    given: Any = state.parameters or ()
    parameter_sets: list[Mapping[str, Any]] = [given] if isinstance(given, Mapping) else list(given)
    yield from parameter_sets
    if rows_of(state.statement) or upserted_values(state.statement):
        for parameters in parameter_sets or [NO_PARAMETERS]:
            yield from rows_of(state.statement, parameters)
            yield upserted_values(state.statement, parameters)


def _refuse_prefixes(statement: Any, model: type) -> None:
    """Refuse prefixes as ``OR REPLACE``, by which a statement replaces rows that it does not name."""
    for prefix in prefixes_of(statement):
        if prefix not in _HARMLESS_PREFIXES:
            raise UnscopedStatementError(
                [model.__name__], f"a statement with the prefix {prefix}", "Write it with on_conflict_do_update()"
            )


def _guard_insert(state: ORMExecuteState, model: type) -> None:
    """Refuse a query that fills the tenant's column; narrow an upsert to rows of the current tenant."""
    name = tenant_column(model)
    columns = tenancy.names_of(model, name)
    if not columns.isdisjoint(targets_of(state.statement)):
        raise UnscopedStatementError([f"INSERT INTO {model.__name__} ... SELECT with {name}, which"])
    condition = getattr(model, name) == tenancy.current_key(model)
    for attribute in sorted(columns):
        state.statement = guard_upsert(state.statement, condition, attribute)


def _forget(_cls: type) -> None:
    """Forget what was remembered of statements: another model may have rows of tenants."""
    _raw.clear()


on_model.append(_forget)
