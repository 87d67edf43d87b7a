"""The activity log of models with `LogsActivity`: what flushes and statements change, in the same transaction.

``before_flush`` -> old and new values of what is changed; ``after_flush`` -> keys are known, entries are written, or
kept until the commit where a transaction is to have one entry a row.
"""

from __future__ import annotations

import json
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, SessionTransaction
from sqlalchemy.orm.attributes import instance_dict

from traits_runtime._core import runtime
from traits_runtime._core.actor import Actor, as_actor
from traits_runtime.adapters.sqlalchemy._private import (
    assigned_attributes,
    column_changes,
    conditions_of,
    is_by_key,
    state_of,
)
from traits_runtime.adapters.sqlalchemy.bulk import given_values, model_of
from traits_runtime.adapters.sqlalchemy.columns import on_model
from traits_runtime.adapters.sqlalchemy.lifecycle import recorders
from traits_runtime.adapters.sqlalchemy.mapper_info import BROUGHT
from traits_runtime.adapters.sqlalchemy.tenancy import current_key, is_tenants
from traits_runtime.adapters.sqlalchemy.transactions import enclosing, innermost
from traits_runtime.adapters.sqlalchemy.types import UtcDateTime
from traits_runtime.errors import UnsavedInstanceError
from traits_runtime.traits.activity import Activity, LogsActivity
from traits_runtime.traits.clock import now
from traits_runtime.traits.tenancy import BelongsToTenant, tenant_column

REDACTED: Final = "***"
_NOTHING: Final[dict[str, Any]] = {}
_KEPT: Final = "traits_activity"
_BATCH: Final = "traits_batch"

_EVENTS: Final = {
    "new": ("created", "log_created"),
    "dirty": ("updated", "log_updated"),
    "deleted": ("deleted", "log_deleted"),
    "forced": ("deleted", "log_deleted"),
    "trashed": ("trashed", "log_deleted"),
    "restored": ("restored", "log_restored"),
}

Identity = tuple[Any, ...]

_encode = msgspec.json.Encoder(enc_hook=str).encode


def activity_table(metadata: sa.MetaData, name: str = "activity_log") -> sa.Table:
    """The table of the activity log in some metadata; it is there as soon as a model logs.

    Args:
        metadata: ``Base.metadata``.
        name: As the config key ``LogsActivity.table`` has it.
    """
    table = metadata.tables.get(name)
    if table is not None:
        return table
    json_type = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("actor", sa.String(255)),
        sa.Column("actor_type", sa.String(255), nullable=False),
        sa.Column("actor_label", sa.String(255), nullable=False),
        sa.Column("old", json_type),
        sa.Column("new", json_type),
        sa.Column("batch", sa.String(36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("tenant", sa.String(255)),
        sa.Column("tags", json_type),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Index(f"ix_{name}_subject", "model", "key"),
        sa.Index(f"ix_{name}_actor", "actor"),
        sa.Index(f"ix_{name}_batch", "batch"),
        info={BROUGHT: "LogsActivity"},
    )


def _table_of(model: type[Any]) -> sa.Table:
    table: Any = sa.inspect(model).local_table
    return activity_table(table.metadata, model.activity_config.table)


class Plan:
    """What is noted of the rows of one model."""

    def __init__(self, model: type[Any]) -> None:
        config = model.activity_config
        mapper: Mapper[Any] = sa.inspect(model)
        names = [attribute.key for attribute in mapper.column_attrs if not config.only or attribute.key in config.only]
        self.model = model
        self.name: str = model.__name__
        self.keys: dict[str, bool] = {name: name in config.redacted for name in names if name not in config.ignored}
        self.redacts: bool = any(self.keys.values())
        self.primary: tuple[str, ...] = tuple(
            mapper.get_property_by_column(column).key for column in mapper.primary_key
        )
        self.table: sa.Table = _table_of(model)
        self.collapses: bool = config.collapse == "transaction"
        self.tagged: bool = model.activity_tags is not LogsActivity.activity_tags

    def shown(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values with secrets blackened."""
        if not self.redacts:
            return values
        return {key: REDACTED if self.keys[key] and value is not None else value for key, value in values.items()}


class Entry:
    """What is known about a change of one row."""

    __slots__ = ("event", "key", "new", "old", "plan", "row", "said", "tenant", "transaction")

    def __init__(self, row: Any, plan: Plan, event: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.row: Any = row
        self.plan: Plan = plan
        self.event: str = event
        self.old: dict[str, Any] = old
        self.new: dict[str, Any] = new
        self.key: Identity = ()
        self.said: dict[str, Any] | None = None
        self.tenant: str | None = None
        self.transaction: SessionTransaction | None = None


class Recorder:
    """Notes what flushes do; one of the host's recorders."""

    def __init__(self) -> None:
        self._plans: WeakKeyDictionary[type, tuple[Any, Plan]] = WeakKeyDictionary()

    def plan_of(self, model: type[Any]) -> Plan:
        """What is noted of a model; made anew when its config has changed."""
        config = model.activity_config
        plan = self._plans.get(model)
        if plan is None or plan[0] is not config:
            plan = self._plans[model] = (config, Plan(model))
        return plan[1]

    def wants(self, model: type, kind: str) -> bool:
        """Whether rows of a model are noted."""
        return issubclass(model, LogsActivity) and model.enabled(_EVENTS[kind][1])

    def before(self, session: Session, rows: list[tuple[Any, str]]) -> list[Entry]:
        """Take down what is about to change."""
        scoped = runtime.SCOPED.get()
        entries: list[Entry] = []
        missing: list[Entry] = []
        plans: dict[type, Plan] = {}
        for row, kind in rows:
            event, feature = _EVENTS[kind]
            if scoped and not row.enabled(feature):
                continue
            cls = type(row)
            plan = plans.get(cls)
            if plan is None:
                plan = plans[cls] = self.plan_of(cls)
            if kind == "new":
                entries.append(Entry(row, plan, event, _NOTHING, _NOTHING))
                continue
            old: dict[str, Any] = {}
            new: dict[str, Any] = {}
            if event == "deleted":
                values = instance_dict(row)
                old = {key: values[key] for key in plan.keys if key in values}
            else:
                unknown = column_changes(row, plan.keys, old, new)
                if not new and event == "updated":
                    continue
                if unknown:
                    missing.append(Entry(row, plan, event, old, new))
                    entries.append(missing[-1])
                    continue
            entries.append(Entry(row, plan, event, old, new))
        nothing = _unchanged(session, missing) if missing else ()
        return [entry for entry in entries if entry not in nothing] if nothing else entries

    def after(self, session: Session, noted: list[Entry]) -> None:
        """Write what was changed, or keep it until the commit."""
        due: list[Entry] = []
        shared: dict[str, Any] | None = None
        unscoped = runtime.is_unscoped()
        for entry in noted:
            plan = entry.plan
            if unscoped:
                entry.tenant = _tenant_of(entry.row)
            if entry.event == "created":
                get = instance_dict(entry.row).get
                entry.key = tuple([get(key) for key in plan.primary])
                entry.new = {key: value for key in plan.keys if (value := get(key)) is not None}
            else:
                entry.key = _identity(entry.row)
            if plan.collapses:  # who did it is known now, and perhaps no more at the commit
                shared = entry.said = shared or _shared(session)
                entry.transaction = innermost(session)
                session.info.setdefault(_KEPT, []).append(entry)
            else:
                due.append(entry)
        _write(session, due)


def _unchanged(session: Session, entries: list[Entry]) -> set[Entry]:
    """Read old values that nobody has loaded; the entries of which nothing is left."""
    by_plan: dict[Plan, list[Entry]] = {}
    for entry in entries:
        by_plan.setdefault(entry.plan, []).append(entry)
    nothing: set[Entry] = set()
    for plan, some in by_plan.items():
        unread = sorted({key for entry in some for key in entry.new.keys() - entry.old.keys()})
        before = _read(session, plan, unread, [_identity(entry.row) for entry in some])
        for entry in some:
            stored = before.get(_identity(entry.row), {})
            for key in entry.new.keys() - entry.old.keys():
                entry.old[key] = stored.get(key)
                if entry.old[key] == entry.new[key]:
                    del entry.old[key], entry.new[key]
            if not entry.new and entry.event == "updated":
                nothing.add(entry)
    return nothing


def _as_text(key: Identity) -> str:
    """A key as the log keeps it."""
    return str(key[0]) if len(key) == 1 else json.dumps(key, default=str)


def _identity(row: Any) -> tuple[Any, ...]:
    state = state_of(row)
    return tuple(state.key[1]) if state is not None and state.key is not None else ()


def _read(session: Session, plan: Plan, keys: list[str], rows: list[Identity]) -> dict[Identity, dict[str, Any]]:
    """Some columns of some rows as the database has them, past all conditions and past what is in memory."""
    mapper: Mapper[Any] = sa.inspect(plan.model)
    columns = [mapper.column_attrs[key].columns[0] for key in keys]
    primary = list(mapper.primary_key)
    values_by_identity: dict[Identity, dict[str, Any]] = {}
    connection = session.connection(bind_arguments={"mapper": mapper})
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        condition = sa.tuple_(*primary).in_(some)
        if len(primary) == 1:
            condition = primary[0].in_([identity[0] for identity in some])
        query = sa.select(*primary, *columns).select_from(mapper.persist_selectable).where(condition)
        for values in connection.execute(query):
            key = tuple(values[: len(primary)])
            values_by_identity[key] = dict(zip(keys, values[len(primary) :], strict=True))
    return values_by_identity


def _write(session: Session, entries: Iterable[Entry]) -> None:
    by_plan: dict[tuple[Plan, int, str | None], list[Entry]] = {}
    for entry in entries:
        by_plan.setdefault((entry.plan, id(entry.said), entry.tenant), []).append(entry)
    for (plan, _, tenant), some in by_plan.items():
        rows = [
            (
                entry.event, _as_text(entry.key), _text(plan.shown(entry.old)), _text(plan.shown(entry.new)),
                _encode(entry.row.activity_tags()).decode() if plan.tagged else None, 1,
            )
            for entry in some
        ]  # fmt: skip
        shared = some[0].said or _shared(session)
        _insert(session, plan, rows, shared if tenant is None else {**shared, "tenant": tenant})
        row = some[0].row
        if row.activity_logged or row.activity_committed:
            _tell(plan, some)


def _tenant_of(row: Any) -> str | None:
    """Whose row it is, where all tenants are meant: their log is theirs, whoever changed it."""
    tenant = instance_dict(row).get(tenant_column(type(row))) if isinstance(row, BelongsToTenant) else None
    return None if tenant is None else str(tenant)


def _tell(plan: Plan, entries: Iterable[Entry]) -> None:
    for entry in entries:
        entry.row.tell_activity(entry.event, plan.shown(entry.old), plan.shown(entry.new))


def _shared(session: Session) -> dict[str, Any]:
    """What all entries of a flush have in common."""
    actor = runtime.current_actor() or Actor(None)
    return {
        "actor": None if actor.id is None else str(actor.id),
        "actor_type": actor.type,
        "actor_label": actor.label,
        "batch": _batch_of(session),
        "at": now(),
        "tenant": runtime.current_tenant_id(),
    }


_VARYING: Final = ("event", "key", "old", "new", "tags", "count")
"""What differs between the entries of a flush, in the order in which it is written down."""

_statements: WeakKeyDictionary[sa.Table, dict[str, Any]] = WeakKeyDictionary()


def _insert(session: Session, plan: Plan, rows: list[tuple[Any, ...]], session_values: dict[str, Any]) -> None:
    """Write entries by one statement, in the driver's own form: what they have in common is made ready once.

    Args:
        session: Where the change happened.
        plan: What is noted of the model.
        rows: The values of `_VARYING`, JSON as text.
        session_values: What they have in common.
    """
    connection = session.connection(bind_arguments={"mapper": sa.inspect(plan.model)})
    dialect = connection.dialect
    compiled = _compiled(plan.table, dialect)
    shared = {"model": plan.name, **session_values}
    for name in shared:
        process = plan.table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        shared[name] = process(shared[name]) if process is not None else shared[name]
    order: list[str] | None = compiled.positiontup
    parameters: list[Any]
    if order is None:
        parameters = [{**shared, **dict(zip(_VARYING, row, strict=True))} for row in rows]
    else:
        common = tuple(shared.values())
        pick = itemgetter(*map((*_VARYING, *shared).index, order))
        parameters = [pick(row + common) for row in rows]
    connection.exec_driver_sql(compiled.string, parameters)


def _compiled(table: sa.Table, dialect: sa.Dialect) -> Any:
    statements = _statements.setdefault(table, {})
    key = f"{dialect.name}+{dialect.driver}"
    if key not in statements:
        values: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in table.c if column.name != "id"}
        for name in ("old", "new", "tags"):
            text = sa.bindparam(name, type_=sa.Text())
            values[name] = sa.cast(text, JSONB) if dialect.name == "postgresql" else text
        statements[key] = sa.insert(table).inline().values(values).compile(dialect=dialect)
    return statements[key]


def _batch_of(session: Session) -> str:
    """The same text for all entries of a root transaction."""
    root = session.get_transaction()
    batch = session.info.get(_BATCH)
    if batch is None or batch[0]() is not root or root is None:
        batch = session.info[_BATCH] = (weakref.ref(root) if root is not None else lambda: None, str(uuid.uuid4()))
    return str(batch[1])


# One entry a row and transaction.


def before_commit(session: Session) -> None:
    """Write what was kept for the commit; savepoints do not count."""
    if session.get_nested_transaction() is not None or not (session.info.get(_KEPT) or _may_keep(session)):
        return
    session.flush()
    entries: list[Entry] = session.info.pop(_KEPT, [])
    _write(session, list(_collapsed(entries)))


def _may_keep(session: Session) -> bool:
    return any(isinstance(row, LogsActivity) for some in (session.new, session.dirty, session.deleted) for row in some)


def after_commit(session: Session) -> None:
    """A savepoint was released: what happened in it belongs to what is around it."""
    ended = innermost(session)
    for entry in session.info.get(_KEPT, ()):
        if entry.transaction is ended and ended is not None:
            entry.transaction = enclosing(ended)


def after_transaction_end(session: Session, ended: SessionTransaction) -> None:
    """Forget what still belongs to a transaction or savepoint that is over: it was rolled back."""
    entries = session.info.get(_KEPT)
    if entries:
        session.info[_KEPT] = [entry for entry in entries if entry.transaction is not ended]


def _collapsed(entries: list[Entry]) -> Iterator[Entry]:
    """One entry a row: the first old values, the last new ones; none for a row that came and went."""
    by_row: dict[int, Entry] = {}
    for entry in entries:
        before = by_row.get(id(entry.row))
        by_row[id(entry.row)] = entry if before is None else _joined(before, entry)
    for entry in by_row.values():
        if entry.event == "updated":
            for key in [key for key in entry.new if key in entry.old and entry.old[key] == entry.new[key]]:
                del entry.old[key], entry.new[key]
        if entry.event != "nothing" and (entry.event != "updated" or entry.new):
            yield entry


def _joined(first: Entry, second: Entry) -> Entry:
    kind = _JOINED.get((first.event, second.event), second.event)
    if kind == "created":
        old, new = {}, first.new | second.new
    elif second.event == "deleted":
        old, new = second.old | first.old, {}
    else:
        old, new = second.old | first.old, first.new | second.new
    joined = Entry(first.row, first.plan, kind, old, new)
    joined.key, joined.said, joined.tenant = first.key, second.said, second.tenant
    return joined


_JOINED: Final = {
    ("created", "updated"): "created",
    ("created", "deleted"): "nothing",
    ("created", "trashed"): "created",
    ("created", "restored"): "created",
    ("trashed", "restored"): "updated",
    ("trashed", "updated"): "trashed",
    ("restored", "updated"): "restored",
    ("restored", "trashed"): "updated",
    ("nothing", "updated"): "nothing",
}

# Reading.


def activities(
    session: Session,
    subject: object = None,
    *,
    model: type | None = None,
    actor: object = None,
    event: str = "",
    batch: str = "",
) -> list[Activity]:
    """Entries of the log, oldest first; asynchronous: ``await session.run_sync(activities, row)``.

    Of a model whose rows belong to tenants, those of the current tenant; `unscoped` shows those of all.

    Args:
        session: Of any kind.
        subject: A row, also one that is deleted.
        model: A model, for the entries of all its rows and statements.
        actor: An instance, a key or an `Actor`.
        event: ``created``, ``updated``, ...
        batch: The entries of one transaction.

    Raises:
        NoTenantError: The model's rows belong to tenants, and none is current.
    """
    cls: Any = model or type(subject)
    plan = recorder.plan_of(cls)
    table = plan.table
    conditions = [table.c.model == plan.name]
    if is_tenants(cls) and not runtime.is_unscoped():
        conditions.append(table.c.tenant == str(current_key(cls)))
    if subject is not None:
        state = state_of(subject)
        if state is None or state.key is None:
            raise UnsavedInstanceError(plan.name, "nothing was noted about it")
        conditions.append(table.c.key == _as_text(tuple(state.key[1])))
    if actor is not None:
        conditions.append(table.c.actor == str(as_actor(actor, runtime.identify).id))
    if event:
        conditions.append(table.c.event == event)
    if batch:
        conditions.append(table.c.batch == batch)
    rows = session.execute(sa.select(table).where(*conditions).order_by(table.c.id)).mappings()
    return [_activity(row) for row in rows]


def _activity(row: Any) -> Activity:
    fields = {name: value for name, value in row.items() if name != "id" and value is not None}
    return Activity(**fields)


# Statements that change many rows.


Execute = Callable[[], sa.Result[Any] | None]


def note_statement(state: ORMExecuteState, execute: Execute) -> sa.Result[Any] | None:
    """Execute a statement, and note it where it writes rows of a model that logs.

    Args:
        state: The statement.
        execute: Executes it; returns None where SQLAlchemy does it best alone.
    """
    model = model_of(state) if state.is_update or state.is_delete or state.is_insert else None
    if model is None or not issubclass(model, LogsActivity):
        return execute()
    return note_bulk(
        state, model, "created" if state.is_insert else "deleted" if state.is_delete else "updated", execute
    )


def note_bulk(state: ORMExecuteState, model: Any, kind: str, execute: Execute) -> sa.Result[Any] | None:
    """Execute a statement that writes rows of a model, and note it as the model's config says.

    Args:
        state: The statement.
        model: The model, which may not log at all.
        kind: ``created``, ``updated``, ``deleted`` or ``trashed``.
        execute: As for `note_statement`.
    """
    how = model.activity_config.bulk if issubclass(model, LogsActivity) else "off"
    one_by_one = state.execution_options.get("bulk", getattr(model, "__bulk__", "event")) != "event"
    if how == "off" or one_by_one or not model.enabled(_BULK[kind]):
        return execute()
    plan = recorder.plan_of(model)
    if how == "rows" and kind != "created" and not is_by_key(state):
        return _note_rows(state, plan, kind, execute)
    result = _result(state, execute)
    values = given_values(state)
    count = len(values) if state.is_insert or is_by_key(state) else getattr(result, "rowcount", -1)
    changed = values[0] if state.is_update and len(values) == 1 and not is_by_key(state) else {}
    if count != 0:
        noted = {key: value for key, value in changed.items() if key in plan.keys}
        _insert_statement(state.session, plan, f"bulk_{kind}", noted, count or -1)
    return result


def _result(state: ORMExecuteState, execute: Execute) -> sa.Result[Any]:
    result = execute()
    return state.invoke_statement() if result is None else result


_BULK: Final = {event_kind[0]: event_kind[1] for event_kind in _EVENTS.values()}


def _insert_statement(session: Session, plan: Plan, event: str, values: dict[str, Any], count: int) -> None:
    new = plan.shown(values)
    _insert(session, plan, [(event, "", None, _text(new), None, count)], _shared(session))


def _note_rows(state: ORMExecuteState, plan: Plan, kind: str, execute: Execute) -> sa.Result[Any]:
    """Read the rows that a statement will change, execute it, and note each of them."""
    mapper: Mapper[Any] = sa.inspect(plan.model)
    is_deleted = kind == "deleted"
    keys = sorted(plan.keys if state.is_delete else plan.keys.keys() & assigned_attributes(state.statement, mapper))
    columns = [mapper.column_attrs[key].class_attribute for key in keys]
    primary = [mapper.column_attrs[key].class_attribute for key in plan.primary]
    query = sa.select(*primary, *columns).where(*conditions_of(state.statement))
    options = {name: value for name, value in state.execution_options.items() if name in _LIFTING}
    width = len(primary)
    before = {
        tuple(row[:width]): dict(zip(keys, row[width:], strict=True))
        for row in state.session.execute(query, execution_options=options)
    }
    result = _result(state, execute)
    after = {} if is_deleted else _read(state.session, plan, keys, list(before))
    rows = []
    for key, old in before.items():
        new = {name: value for name, value in after.get(key, {}).items() if value != old[name]}
        if is_deleted or new:
            old = old if is_deleted else {name: old[name] for name in new}
            rows.append((key, old, new))
    logged = plan.shown
    entries = [(kind, _as_text(key), _text(logged(old)), _text(logged(new)), None, 1) for key, old, new in rows]
    if entries:
        _insert(state.session, plan, entries, _shared(state.session))
    return result


_LIFTING: Final = ("with_trashed", "only_trashed")


def _text(values: dict[str, Any]) -> str | None:
    return _encode(values).decode() if values else None


recorder: Final = Recorder()
recorders.append(recorder)


def _mapped(cls: type) -> None:
    """Make the log's table known to the metadata, so that it is created and migrated with the others."""
    if issubclass(cls, LogsActivity):
        _table_of(cls)


on_model.append(_mapped)
