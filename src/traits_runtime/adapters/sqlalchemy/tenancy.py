"""Tenants: reads scoped, writes stamped, what belongs to another tenant refused; no tenant is an error.

``statement`` -> pinned session? -> Core on a tenant's table? -> values of another tenant? -> scoped -> executed.
``flush`` -> rows of another tenant? rows that were never read here? references to another tenant's rows? -> written.

Not covered: ``text()``, and statements on a connection; for these there is PostgreSQL's row-level security
(`row_level_security`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import (
    BindParameter,
    ClauseElement,
    Executable,
    Table,
    TableClause,
    bindparam,
    event,
    inspect,
    select,
    tuple_,
)
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.orm import Mapper, Session, object_session
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.base import NO_VALUE

from traits_runtime._core import runtime
from traits_runtime.adapters.sqlalchemy._private import is_scoped_key
from traits_runtime.adapters.sqlalchemy.columns import on_model
from traits_runtime.adapters.sqlalchemy.criteria import UNSCOPED, Rule, everything_lifted, sources
from traits_runtime.errors import NoTenantError, TenantMismatchError, TraitsError
from traits_runtime.traits.tenancy import BelongsToTenant, as_key, tenant_column

_PINNED = "traits_tenant"
_UNREAD = "traits_unread"


class _Tables(dict[Table, type]):
    """Tables with rows of tenants; another table of the same name is the same table in the database.

    A table that another model has for itself, without the tenant's column, stands in another database.
    """

    def __contains__(self, table: object) -> bool:
        return super().__contains__(table) or (isinstance(table, TableClause) and self._is_named(table))

    def _is_named(self, table: TableClause) -> bool:
        return any(
            table.name == own.name
            and (table.schema == own.schema or None in (table.schema, own.schema))
            and (table not in _mapped_tables or tenant_column(model) in table.c)
            for own, model in self.items()
        )


_mapped_tables: Final[WeakSet[Any]] = WeakSet()
"""The tables of all mapped classes."""

_mappers: Final[WeakSet[Mapper[Any]]] = WeakSet()


tenant_tables: Final[_Tables] = _Tables()
"""The tables with rows of tenants, with the first model of each."""


_columns: Final[dict[type, str]] = {}
"""The attribute that holds the tenant, by mapped class."""

_concerned: Final[dict[type, bool]] = {}
_referring: Final[dict[type, bool]] = {}
_related: Final[dict[Mapper[Any], tuple[str, ...]]] = {}

_pointers: Final[dict[Mapper[Any], tuple[tuple[str, Any], ...]]] = {}


class NoTenantInSessionError(NoTenantError, DontWrapMixin):
    """A statement on rows of tenants, and no tenant is current."""


class CrossTenantError(TenantMismatchError, DontWrapMixin):
    """Something of one tenant was touched while another is current."""


class UnscopedStatementError(TraitsError, DontWrapMixin):
    """A statement that cannot be scoped, on a table with rows of tenants.

    Args:
        tables: The tables that it names as tables.
        statement: What cannot be scoped.
        instead: What to do instead.
    """

    def __init__(
        self,
        tables: Iterable[str],
        statement: str = "a statement on a table",
        instead: str = "Name the model instead of its table",
    ) -> None:
        self.tables: tuple[str, ...] = tuple(sorted(tables))
        super().__init__(
            f"{', '.join(self.tables)} holds rows of tenants, and {statement} cannot be scoped. "
            f"{instead}, or say why all tenants are meant: `with unscoped(reason=...):`."
        )


def is_tenants(cls: type) -> bool:
    """Whether a class has rows of tenants."""
    return issubclass(cls, BelongsToTenant)


def current_key(model: type) -> Any:
    """The current tenant as a model's column holds it.

    Raises:
        NoTenantInSessionError: There is none.
    """
    tenant = runtime.current_tenant_id()
    if tenant is None:
        raise NoTenantInSessionError(model.__name__)
    return as_key(model, tenant)


def rules(cls: type) -> Iterator[Rule]:
    """The condition on the rows of a tenants' model; its value is asked for when a statement is executed."""
    if is_tenants(cls):
        column: Any = getattr(cls, tenant_column(cls))
        parameter: BindParameter[Any] = bindparam(
            "traits_tenant", callable_=partial(current_key, cls), type_=column.type, unique=True
        )
        yield Rule(BelongsToTenant, column == parameter, frozenset([UNSCOPED]))


@cache
def other_classes() -> frozenset[Mapper[Any]]:
    """The mappers of classes without tenants that read tables with rows of tenants; cached until a class is mapped."""
    return frozenset(
        mapper
        for mapper in _mappers
        if not is_tenants(mapper.class_) and any(table in tenant_tables for table in mapper.tables)
    )


def _add_mapper(mapper: Mapper[Any], _cls: type) -> None:
    _mappers.add(mapper)
    _mapped_tables.update(table for table in [mapper.local_table] if isinstance(table, Table))
    other_classes.cache_clear()


def _add_model(cls: type) -> None:
    other_classes.cache_clear()
    mapper: Any = inspect(cls)
    if is_tenants(cls):
        _columns[cls] = tenant_column(cls)
        if isinstance(mapper.local_table, Table):
            tenant_tables.setdefault(mapper.local_table, cls)
    for by_class in (_concerned, _referring, _related, _pointers):
        by_class.clear()


# Sessions.


def pin(session: Session) -> None:
    """Bind a session to the current tenant; it changes hands only while it holds no row of the tenant before.

    Raises:
        CrossTenantError: It holds one.
    """
    tenant = runtime.current_tenant_id()
    pinned = session.info.get(_PINNED)
    if tenant is None or tenant == pinned:
        return
    if pinned is not None and any(is_tenants(type(row)) for row in session):
        raise CrossTenantError("this session, which holds rows and", pinned, tenant)
    session.info[_PINNED] = tenant


def _check_queued(row: object) -> None:
    """Refuse a job of an expired row of another tenant: all rows of a session belong to the tenant that pins it."""
    session = object_session(row) if is_tenants(type(row)) else None
    if session is None or tenant_column(type(row)) in vars(row):
        return
    pinned, current = session.info.get(_PINNED), runtime.current_tenant_id()
    if pinned is not None and pinned != current:
        raise CrossTenantError(f"{type(row).__name__} {runtime.identify(row)}", pinned, str(current))


def check_session(session: Session, tenant: str | None) -> None:
    """Refuse a session of another tenant, and rows in it that are not what they say."""
    if tenant is not None and tenant != session.info.get(_PINNED):
        pin(session)
    if _UNREAD in session.info:
        _verify(session)


def _attached(session: Session, row: object) -> None:
    """A row came into a session by hand: what it says about itself is not known to be true."""
    if is_tenants(type(row)) and not runtime.is_unscoped():
        session.info.setdefault(_UNREAD, []).append(row)


# Values.


def refuse_values(session: Session, model: type, rows: Iterable[Mapping[str, Any]]) -> None:
    """Refuse values that name another tenant, or rows of another one."""
    listed = list(rows)
    if is_tenants(model):
        names = names_of(model, tenant_column(model))
        for value in [row[name] for row in listed for name in names if name in row]:
            _refuse_tenant(model, value)
    mapper: Any = inspect(model)
    for key, target in _references(mapper):
        names = names_of(model, key)
        given_keys = [row[name] for row in listed for name in names if row.get(name) is not None]
        values = {value for value in given_keys if not is_scoped_key(value, target)}
        _refuse_references(session, model, target, values)


def _refuse_tenant(model: type, value: Any) -> None:
    """Refuse a value for the tenant's column that is not the current tenant, or cannot be told."""
    name = tenant_column(model)
    is_expression = isinstance(value, ClauseElement)
    if is_expression and getattr(model, name).__clause_element__().compare(value):
        return
    if is_expression or value != current_key(model):
        owner = "that an SQL expression names" if is_expression else str(value)
        raise CrossTenantError(f"{model.__name__}.{name} of the statement", owner, str(current_key(model)))


def names_of(model: type, attribute: str) -> frozenset[str]:
    """What a statement may call an attribute: by its own name, or by that of its column."""
    mapper: Any = inspect(model)
    return frozenset({attribute, *(column.key for column in mapper.column_attrs[attribute].columns)})


# Flushes.


def stamp(session: Session) -> None:
    """Give new rows their tenant, before hooks ask for it."""
    if not tenant_tables or runtime.is_unscoped():
        return
    current: dict[type, Any] = {}
    for row in session.new:
        cls = type(row)
        if cls in _columns and row.__dict__.get(_columns[cls]) is None:
            if cls not in current:
                current[cls] = current_key(cls)
            setattr(row, _columns[cls], current[cls])


def check_flush(session: Session) -> None:
    """Refuse rows of another tenant.

    Raises:
        NoTenantInSessionError: A row of a tenant, and no tenant is current.
        CrossTenantError: A row of another tenant, or one that refers to another tenant's.
    """
    if not tenant_tables or runtime.is_unscoped():
        return
    touched = [row for rows in (session.new, session.dirty, session.deleted) for row in rows if _concerns(type(row))]
    if not touched:
        return
    pin(session)
    current = {cls: current_key(cls) for cls in {type(row) for row in touched} if cls in _columns}
    for row in touched:
        if type(row) in current:
            _check_row(session, row, current[type(row)])
    if _UNREAD in session.info:
        _verify(session)
    _check_references(session, touched)


def _concerns(cls: type) -> bool:
    """Whether rows of a class belong to tenants, or can refer to such rows."""
    try:
        return _concerned[cls]
    except KeyError:
        is_concerned = _concerned[cls] = cls in _columns or _refers(cls)
        return is_concerned


def _refers(cls: type) -> bool:
    """Whether rows of a class can refer to rows of tenants."""
    try:
        return _referring[cls]
    except KeyError:
        mapper: Any = inspect(cls)
        is_referring = _referring[cls] = bool(_relationships(mapper) or _references(mapper))
        return is_referring


def _check_row(session: Session, row: Any, current: Any) -> None:
    state: Any = instance_state(row)
    name = _columns[type(row)]
    attributes = row.__dict__
    value = attributes[name] if name in attributes else getattr(row, name)
    before = value
    if name in state.committed_state and state.key is not None:
        before = state.committed_state[name]
        if before is NO_VALUE:
            session.info.setdefault(_UNREAD, []).append(row)
            before = value
    if (value != current or before != current) and not (value is None and state.key is None):
        owner = value if before == current else before
        raise CrossTenantError(f"{type(row).__name__} {inspect(row).identity or '(new)'}", str(owner), str(current))


def _verify(session: Session) -> None:
    """Look up the rows that came into a session by hand, before anything is done with them."""
    rows = session.info.pop(_UNREAD, ())
    try:
        for cls in {type(row) for row in rows}:
            states: list[Any] = [instance_state(row) for row in rows if type(row) is cls]
            keys = {tuple(state.key[1]) for state in states if state.key is not None}
            with session.no_autoflush:
                stored = session.execute(_keys(cls, keys), execution_options=everything_lifted())
                stored_rows = {tuple(row) for row in stored}
            if keys - stored_rows:
                raise CrossTenantError(f"{cls.__name__} {min(keys - stored_rows)}", "another", str(current_key(cls)))
    except BaseException:
        session.info[_UNREAD] = rows
        raise


def _keys(cls: type, keys: Iterable[Any]) -> Executable:
    mapper: Any = inspect(cls)
    columns: list[Any] = [getattr(cls, mapper.get_property_by_column(column).key) for column in mapper.primary_key]
    query = select(*columns)
    if len(columns) == 1:
        return query.where(columns[0].in_([key[0] for key in keys]))
    return query.where(tuple_(*columns).in_(list(keys)))


# References.


def _references(mapper: Mapper[Any]) -> tuple[tuple[str, Any], ...]:
    """The attributes of a model that hold keys of tenants' rows, with the column that they point to."""
    references = _pointers.get(mapper)
    if references is None:
        mapped = {column: attribute.key for attribute in mapper.column_attrs for column in attribute.columns}
        keys = [key for table in mapper.tables for key in getattr(table, "foreign_keys", ())]
        tables = set(mapper.tables)
        references = tuple(
            (mapped[key.parent], key.column)
            for key in keys
            if key.parent in mapped
            and key.column.table in tenant_tables
            and not (key.parent.primary_key and key.column.table in tables)  # a row of joined inheritance is one row
        )
        _pointers[mapper] = references
    return references


def _check_references(session: Session, rows: Iterable[Any]) -> None:
    keys: dict[tuple[type, Any], set[Any]] = {}
    for row in rows:
        if not _refers(type(row)):
            continue
        state: Any = instance_state(row)
        committed = state.committed_state
        for name, target in _references(state.mapper):
            if name in committed or state.key is None:
                value = state.dict.get(name)
                if value is not None:
                    keys.setdefault((type(row), target), set()).add(value)
        for name in _relationships(state.mapper):
            if name in committed:
                _check_targets(session, state.dict.get(name))
    for (cls, target), values in keys.items():
        _refuse_references(session, cls, target, values)


def _relationships(mapper: Mapper[Any]) -> tuple[str, ...]:
    """The relationships of a model to rows of tenants."""
    names = _related.get(mapper)
    if names is None:
        names = tuple(
            relationship.key for relationship in mapper.relationships if is_tenants(relationship.mapper.class_)
        )
        _related[mapper] = names
    return names


def _check_targets(session: Session, value: Any) -> None:
    """The rows at the other end of a relationship that was set."""
    targets = value.values() if isinstance(value, dict) else value if isinstance(value, list | set | tuple) else [value]
    for other in targets:
        if type(other) in _columns:
            _check_row(session, other, current_key(type(other)))


def _refuse_references(session: Session, cls: type, target: Any, values: set[Any]) -> None:
    """Refuse keys of rows that the current tenant does not have; keys of rows that do not exist are the database's."""
    if not values:
        return
    model = tenant_tables[target.table]
    mapper: Any = inspect(model)
    column = getattr(model, mapper.get_property_by_column(target).key)
    if any(isinstance(value, ClauseElement) for value in values):
        raise CrossTenantError(
            f"{model.__name__}, to which {cls.__name__} refers,",
            "that an SQL expression names",
            str(current_key(model)),
        )
    with session.no_autoflush:
        existing = set(session.scalars(select(column).where(column.in_(values)), execution_options=everything_lifted()))
    pending = {getattr(row, column.key, None) for row in session.new if isinstance(row, model)}
    missing = values - existing - pending
    if missing:
        raise CrossTenantError(
            f"{model.__name__} {min(missing)!r}, to which {cls.__name__} refers,", "another", str(current_key(model))
        )


def check_model(session: Session, entity: Any) -> None:
    """Refuse to look for a row of tenants where no tenant is current.

    Raises:
        NoTenantInSessionError: There is none.
        CrossTenantError: The session belongs to another one.
    """
    model = getattr(entity, "class_", entity)
    if tenant_tables and isinstance(model, type) and is_tenants(model) and not runtime.is_unscoped():
        pin(session)
        current_key(model)


def check_values(session: Session, model: type, rows: Iterable[Mapping[str, Any]]) -> None:
    """Refuse values of rows that are not the current tenant's."""
    if tenant_tables and not runtime.is_unscoped():
        pin(session)
        refuse_values(session, model, rows)


def check_rows(session: Session, rows: list[Any]) -> None:
    """Refuse rows, about to be written without a flush, that are not the current tenant's."""
    if not tenant_tables or runtime.is_unscoped():
        return
    pin(session)
    ours = [row for row in rows if is_tenants(type(row))]
    for row in ours:
        _check_row(session, row, current_key(type(row)))
    session.info[_UNREAD] = [*session.info.get(_UNREAD, ()), *(row for row in ours if instance_state(row).has_identity)]
    _verify(session)
    _check_references(session, rows)


def watch(session_class: type[Session]) -> None:
    """Begin to watch the rows that come into sessions by hand."""
    event.listen(session_class, "detached_to_persistent", _attached)


sources.append(rules)
event.listen(Mapper, "after_mapper_constructed", _add_mapper)
on_model.append(_add_model)
runtime.queue_checks.append(_check_queued)
