"""The activity log of models with `LogsActivity`: what flushes and statements change, in the same transaction.

``before_flush`` -> old and new values of the changes; ``after_flush`` -> keys are known, entries are written, or
held back until the commit where the config asks for one entry a row and transaction.
"""

from __future__ import annotations

import json
import uuid
import weakref
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapper, Session, SessionTransaction
from sqlalchemy.orm.attributes import instance_dict

from traits_runtime._core import runtime
from traits_runtime._core.actor import Actor, as_actor
from traits_runtime.adapters.sqlalchemy._private import (
    column_changes,
    state_of,
)
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
_PENDING: Final = "traits_activity"
_BATCH: Final = "traits_batch"

EVENTS: Final = {
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
    """The table of the activity log in some metadata; created as soon as a model logs.

    Args:
        metadata: ``Base.metadata``.
        name: The value of the config key ``LogsActivity.table``.
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
    """The logged columns of one model, and how its entries are written."""

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
        """The values with secrets masked."""
        if not self.redacts:
            return values
        return {key: REDACTED if self.keys[key] and value is not None else value for key, value in values.items()}


class Entry:
    """A change of one row, before it is written to the log."""

    __slots__ = ("event", "key", "new", "old", "plan", "row", "shared", "tenant", "transaction")

    def __init__(self, row: Any, plan: Plan, event: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.row: Any = row
        self.plan: Plan = plan
        self.event: str = event
        self.old: dict[str, Any] = old
        self.new: dict[str, Any] = new
        self.key: Identity = ()
        self.shared: dict[str, Any] | None = None
        self.tenant: str | None = None
        self.transaction: SessionTransaction | None = None

    def complete(self, stored: dict[str, Any]) -> None:
        """Fill old values that are missing, and drop columns whose value stays the same."""
        for key in self.new.keys() - self.old.keys():
            self.old[key] = stored.get(key)
            if self.old[key] == self.new[key]:
                del self.old[key], self.new[key]

    def drop_equal_values(self) -> None:
        """Drop columns whose new value equals the old one."""
        for key in [key for key in self.new if key in self.old and self.old[key] == self.new[key]]:
            del self.old[key], self.new[key]


class Recorder:
    """Logs the changes of flushes; one of the host's recorders."""

    def __init__(self) -> None:
        self._plans: WeakKeyDictionary[type, tuple[Any, Plan]] = WeakKeyDictionary()

    def plan_of(self, model: type[Any]) -> Plan:
        """The plan of a model; built again after its config has changed."""
        config = model.activity_config
        plan = self._plans.get(model)
        if plan is None or plan[0] is not config:
            plan = self._plans[model] = (config, Plan(model))
        return plan[1]

    def wants(self, model: type, kind: str) -> bool:
        """Whether changes of a model's rows are logged."""
        return issubclass(model, LogsActivity) and model.enabled(EVENTS[kind][1])

    def before(self, session: Session, rows: list[tuple[Any, str]]) -> list[Entry]:
        """Entries for the changes that a flush is about to write."""
        scoped = runtime.SCOPED.get()
        entries: list[Entry] = []
        unloaded: list[Entry] = []
        plans: dict[type, Plan] = {}
        for row, kind in rows:
            event, feature = EVENTS[kind]
            if scoped and not row.enabled(feature):
                continue
            cls = type(row)
            plan = plans.get(cls)
            if plan is None:
                plan = plans[cls] = self.plan_of(cls)
            entry = _entry_before(row, plan, event, unloaded)
            if entry is not None:
                entries.append(entry)
        unchanged = _unchanged(session, unloaded) if unloaded else ()
        return [entry for entry in entries if entry not in unchanged] if unchanged else entries

    def after(self, session: Session, noted: list[Entry]) -> None:
        """Write the entries of a flush, or hold them back until the commit."""
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
            if plan.collapses:  # the actor is known now, and perhaps not at the commit
                shared = entry.shared = shared or shared_values(session)
                entry.transaction = innermost(session)
                session.info.setdefault(_PENDING, []).append(entry)
            else:
                due.append(entry)
        _write(session, due)


def _entry_before(row: Any, plan: Plan, event: str, unloaded: list[Entry]) -> Entry | None:
    """The entry for a row that is about to be written; None for an update of no logged column.

    Args:
        row: The row.
        plan: The logged columns of its model.
        event: ``created``, ``updated``, ``deleted``, ``trashed`` or ``restored``.
        unloaded: Receives the entry where an old value has not been loaded.
    """
    if event == "created":
        return Entry(row, plan, event, _NOTHING, _NOTHING)
    if event == "deleted":
        values = instance_dict(row)
        return Entry(row, plan, event, {key: values[key] for key in plan.keys if key in values}, {})
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    has_unloaded = column_changes(row, plan.keys, old, new)
    if not new and event == "updated":
        return None
    entry = Entry(row, plan, event, old, new)
    if has_unloaded:
        unloaded.append(entry)
    return entry


def _unchanged(session: Session, entries: list[Entry]) -> set[Entry]:
    """Read old values that are not loaded; returns the updates that change nothing."""
    by_plan: dict[Plan, list[Entry]] = {}
    for entry in entries:
        by_plan.setdefault(entry.plan, []).append(entry)
    unchanged: set[Entry] = set()
    for plan, entries_of_plan in by_plan.items():
        unloaded = sorted({key for entry in entries_of_plan for key in entry.new.keys() - entry.old.keys()})
        rows = stored_values(session, plan, unloaded, [_identity(entry.row) for entry in entries_of_plan])
        for entry in entries_of_plan:
            entry.complete(rows.get(_identity(entry.row), {}))
            if not entry.new and entry.event == "updated":
                unchanged.add(entry)
    return unchanged


def json_text(values: dict[str, Any]) -> str | None:
    """Values as JSON text; None for no values."""
    return _encode(values).decode() if values else None


def key_text(key: Identity) -> str:
    """A primary key in the form of the log's column."""
    return str(key[0]) if len(key) == 1 else json.dumps(key, default=str)


def _identity(row: Any) -> tuple[Any, ...]:
    state = state_of(row)
    return tuple(state.key[1]) if state is not None and state.key is not None else ()


def stored_values(
    session: Session, plan: Plan, keys: list[str], rows: list[Identity]
) -> dict[Identity, dict[str, Any]]:
    """Some columns of some rows as stored in the database: past scopes, and past values in memory."""
    mapper: Mapper[Any] = sa.inspect(plan.model)
    columns = [mapper.column_attrs[key].columns[0] for key in keys]
    primary = list(mapper.primary_key)
    values_by_identity: dict[Identity, dict[str, Any]] = {}
    connection = session.connection(bind_arguments={"mapper": mapper})
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        condition = sa.tuple_(*primary).in_(part)
        if len(primary) == 1:
            condition = primary[0].in_([identity[0] for identity in part])
        query = sa.select(*primary, *columns).select_from(mapper.persist_selectable).where(condition)
        for values in connection.execute(query):
            key = tuple(values[: len(primary)])
            values_by_identity[key] = dict(zip(keys, values[len(primary) :], strict=True))
    return values_by_identity


def _write(session: Session, entries: Iterable[Entry]) -> None:
    by_plan: dict[tuple[Plan, int, str | None], list[Entry]] = {}
    for entry in entries:
        by_plan.setdefault((entry.plan, id(entry.shared), entry.tenant), []).append(entry)
    for (plan, _, tenant), entries_of_plan in by_plan.items():
        rows = [
            (
                entry.event, key_text(entry.key), json_text(plan.shown(entry.old)), json_text(plan.shown(entry.new)),
                _encode(entry.row.activity_tags()).decode() if plan.tagged else None, 1,
            )
            for entry in entries_of_plan
        ]  # fmt: skip
        shared = entries_of_plan[0].shared or shared_values(session)
        insert_entries(session, plan, rows, shared if tenant is None else {**shared, "tenant": tenant})
        row = entries_of_plan[0].row
        if row.activity_logged or row.activity_committed:
            _emit_logged(plan, entries_of_plan)


def _tenant_of(row: Any) -> str | None:
    """The tenant that a row belongs to; its entry belongs to the same tenant, also in a change of all tenants."""
    tenant = instance_dict(row).get(tenant_column(type(row))) if isinstance(row, BelongsToTenant) else None
    return None if tenant is None else str(tenant)


def _emit_logged(plan: Plan, entries: Iterable[Entry]) -> None:
    for entry in entries:
        entry.row.tell_activity(entry.event, plan.shown(entry.old), plan.shown(entry.new))


def shared_values(session: Session) -> dict[str, Any]:
    """The values that all entries of a flush share."""
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
"""The columns whose values differ between the entries of a flush, in the order of the rows."""

_statements: WeakKeyDictionary[sa.Table, dict[str, Any]] = WeakKeyDictionary()


def insert_entries(session: Session, plan: Plan, rows: list[tuple[Any, ...]], session_values: dict[str, Any]) -> None:
    """Write entries by one statement in the driver's own form; shared values are converted once.

    Args:
        session: The session of the change.
        plan: The plan of the model.
        rows: The values of `_VARYING`, JSON as text.
        session_values: The values that all rows share, see `shared_values`.
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
    """Write the entries held back for the commit; releasing a savepoint writes none."""
    if session.get_nested_transaction() is not None or not (session.info.get(_PENDING) or _may_log(session)):
        return
    session.flush()
    entries: list[Entry] = session.info.pop(_PENDING, [])
    _write(session, list(_collapsed(entries)))


def _may_log(session: Session) -> bool:
    return any(isinstance(row, LogsActivity) for rows in (session.new, session.dirty, session.deleted) for row in rows)


def after_commit(session: Session) -> None:
    """Hand the entries of a released savepoint to the enclosing transaction."""
    ended = innermost(session)
    for entry in session.info.get(_PENDING, ()):
        if entry.transaction is ended and ended is not None:
            entry.transaction = enclosing(ended)


def after_transaction_end(session: Session, ended: SessionTransaction) -> None:
    """Drop entries that still belong to an ended transaction or savepoint: it was rolled back."""
    entries = session.info.get(_PENDING)
    if entries:
        session.info[_PENDING] = [entry for entry in entries if entry.transaction is not ended]


def _collapsed(entries: list[Entry]) -> Iterator[Entry]:
    """One entry a row with the first old values and the last new ones; none for a row created and deleted."""
    by_row: dict[int, Entry] = {}
    for entry in entries:
        before = by_row.get(id(entry.row))
        by_row[id(entry.row)] = entry if before is None else _joined(before, entry)
    for entry in by_row.values():
        if entry.event == "nothing":
            continue
        if entry.event == "updated":
            entry.drop_equal_values()
        if entry.new or entry.event != "updated":
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
    joined.key, joined.shared, joined.tenant = first.key, second.shared, second.tenant
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
        conditions.append(table.c.key == key_text(_saved_identity(subject, plan)))
    if actor is not None:
        conditions.append(table.c.actor == str(as_actor(actor, runtime.identify).id))
    conditions += [table.c[name] == value for name, value in (("event", event), ("batch", batch)) if value]
    rows = session.execute(sa.select(table).where(*conditions).order_by(table.c.id)).mappings()
    return [_activity(row) for row in rows]


def _saved_identity(subject: object, plan: Plan) -> Identity:
    state = state_of(subject)
    if state is None or state.key is None:
        raise UnsavedInstanceError(plan.name, "the log has no entries for it")
    return tuple(state.key[1])


def _activity(row: Any) -> Activity:
    fields = {name: value for name, value in row.items() if name != "id" and value is not None}
    return Activity(**fields)


recorder: Final = Recorder()
recorders.append(recorder)


def _add_table(cls: type) -> None:
    """Add the log's table to the metadata, so that it is created and migrated with the others."""
    if issubclass(cls, LogsActivity):
        _table_of(cls)


on_model.append(_add_table)
