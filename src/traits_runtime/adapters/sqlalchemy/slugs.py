"""Slugs in the database: lookup, locks against concurrent writers, history.

Writers of the same slug wait for each other until the transaction ends: on PostgreSQL by an advisory lock, on SQLite by
the lock of its only writer. Where a writer's snapshot is older than the other's commit, the unique index refuses the
row, and `save_with_unique_slug` tries again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    Index,
    MetaData,
    String,
    Table,
    and_,
    cast,
    event,
    func,
    inspect,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Mapper, Session, UOWTransaction, object_session

from traits_runtime._core.locales import normal
from traits_runtime.adapters.sqlalchemy.deferred_writes import chunks
from traits_runtime.adapters.sqlalchemy.host import HOST
from traits_runtime.adapters.sqlalchemy.mapper_info import (
    BROUGHT,
    connection_of,
    key_expression,
    key_text,
    mapper_for,
    name_in,
    root,
    structural_value,
    uses,
)
from traits_runtime.adapters.sqlalchemy.session import TraitSession
from traits_runtime.traits._backends import scope_of
from traits_runtime.traits.slug import BACKENDS, HasLocalizedSlugs, HasSlug, Place, requested_slug

_FLUSH: Final = "traits_slugs"
_HISTORY: Final = "slug_history"

SLOTS: Final = 1024
"""Advisory locks of PostgreSQL for each table."""

ATTEMPTS: Final = 3
"""How often `save_with_unique_slug` numbers a slug before it takes a random tail."""


class _Flush:
    """Slugs of a session during one flush.

    Args:
        chosen: The rows that will have a slug, by address and slug.
        free: Slugs that no row in the database has, looked up after they were locked.
        slots: Locks that the transaction holds.
        prepared: The models whose new rows have been looked up.
    """

    def __init__(self) -> None:
        self.chosen: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.free: dict[tuple[Any, ...], set[str]] = {}
        self.slots: set[int] = set()
        self.prepared: set[type] = set()


def _flush_of(session: Session) -> _Flush:
    flush: _Flush = session.info.setdefault(_FLUSH, _Flush())
    return flush


class SqlSlugs:
    """Slugs of mapped models."""

    def claim(self, row: Any, place: Place, base: str, wait: float) -> bool:
        """Keep other transactions from numbering this slug until this one ends."""
        session = object_session(row)
        if session is None:
            return True
        model, flush = type(row), _flush_of(session)
        if model not in flush.prepared:
            flush.prepared.add(model)
            _prepare(session, model, flush)
        connection = connection_of(session, model)
        slot = _slot(_column(model, place).table.name, place, base)
        if connection.dialect.name != "postgresql" or slot in flush.slots:
            return True
        if not _lock(connection, slot, wait):
            return False
        flush.slots.add(slot)
        return True

    def taken(self, row: Any, place: Place, candidates: Sequence[str]) -> Collection[str]:
        """The candidates that other rows have, in the database or pending in the session."""
        session = object_session(row)
        if session is None:
            return ()
        model, flush, address = type(row), _flush_of(session), _address(type(row), place)
        claimed = flush.chosen.get(address, {})
        slugs = {candidate for candidate in candidates if claimed.get(candidate, row) is not row}
        if flush.free.get(address, set()).issuperset(candidates):
            return slugs
        slug = _value(_column(model, place), place)  # the table's column: rows in the trash keep their slugs
        query = select(slug).where(slug.in_(candidates), *_scope(model, place))
        if inspect(row).persistent:
            keys = mapper_for(model).primary_key
            key = mapper_for(model).primary_key_from_instance(row)
            query = query.where(not_(and_(*(column == value for column, value in zip(keys, key, strict=True)))))
        connection = connection_of(session, model)
        slugs.update(connection.scalars(query))
        history = _history(model)
        if history is not None:
            slugs.update(connection.scalars(_others(history, row, place, candidates)))
        return slugs

    def before(self, row: Any, attribute: str) -> Any:
        """The value that an attribute has in the database."""
        state = inspect(row)
        history = state.attrs[attribute].history
        stored = history.deleted or history.unchanged
        session = object_session(row)
        if stored or not state.persistent or session is None:
            return stored[0] if stored else None
        keys = mapper_for(row).primary_key  # set while expired: the old value is not loaded
        key = zip(keys, mapper_for(row).primary_key_from_instance(row), strict=True)
        query = select(_column(type(row), Place(attribute))).where(*(column == value for column, value in key))
        return connection_of(session, type(row)).scalar(query)

    def changed(self, row: Any, place: Place, slug: str, old: str | None, *, history: bool) -> None:
        """Record the new slug of a row, and its old one in the history."""
        session = object_session(row)
        if session is None:
            return
        _flush_of(session).chosen.setdefault(_address(type(row), place), {})[slug] = row
        table = _history(type(row)) if history else None
        if table is not None and old and old != slug and inspect(row).persistent:
            _remember(connection_of(session, type(row)), table, row, place, slug, old)

    def named(self, model: Any, place: Place, slug: str, *, history: bool) -> Any:
        """The condition that a row has the slug, or had it."""
        column = getattr(model, place.attribute)
        now = (column[place.locale].as_string() if place.locale else column) == slug
        table = _history(mapper_for(model).class_) if history else None
        if table is None:
            return now
        was = select(table.c.row_key).where(
            table.c.model == root(model), table.c.locale == place.locale, table.c.slug == slug
        )
        return or_(now, key_expression(model).in_(was))


def save_with_unique_slug(session: Session, row: Any) -> Any:
    """Write a new row, with another slug if a writer that could not be seen has taken it; returns the row.

    For transactions that look at an old snapshot (``REPEATABLE READ``, ``SERIALIZABLE``), and for databases without
    the locks of PostgreSQL and SQLite. Three numbers are tried, each in a savepoint, then a random tail. In an
    asynchronous session: ``await session.run_sync(save_with_unique_slug, row)``.

    Args:
        session: The session.
        row: A new row of a model with `HasSlug`.

    Raises:
        IntegrityError: The row breaks another rule than that of its slug.
    """
    original, refused = row.slug, set[str]()
    for attempt in range(ATTEMPTS + 1):
        random = {"collision": "random"} if attempt == ATTEMPTS else {}
        reserved = (*row.slug_config.reserved, *refused)
        try:
            with session.begin_nested(), row.slug_config.override(reserved=reserved, **random):
                session.add(row)
                session.flush()
        except IntegrityError as error:
            if original or attempt == ATTEMPTS or not _is_about_slug(type(row), error):
                raise
            refused.add(row.slug)
            row.slug = ""
        else:
            return row
    return row


def _is_about_slug(model: type, error: IntegrityError) -> bool:
    column = _column(model, Place(name_in(model, HasSlug, "slug")))
    text = str(error.orig)
    return _index_name(column) in text or f"{column.table.name}.{column.name}" in text


def _lock(connection: Connection, number: int, wait: float) -> bool:
    """Take an advisory lock, waiting at most so many seconds."""
    if connection.scalar(select(func.pg_try_advisory_xact_lock(number))):
        return True
    if not wait:
        return False
    before = connection.scalar(select(func.current_setting("lock_timeout")))
    savepoint = connection.begin_nested()
    try:
        connection.execute(select(func.set_config("lock_timeout", f"{int(wait * 1000)}ms", True)))
        connection.execute(select(func.pg_advisory_xact_lock(number)))
        connection.execute(select(func.set_config("lock_timeout", before, True)))
    except DBAPIError as error:
        savepoint.rollback()
        if getattr(error.orig, "sqlstate", None) not in ("55P03", "40P01"):  # lock not available, deadlock
            raise
        return False
    savepoint.commit()
    return True


def _slot(table: str, place: Place, base: str) -> int:
    """The lock number of a slug: one of `SLOTS` for each table, since a server has room for some thousands in all."""
    address = msgspec.json.encode(
        [str(table), place.attribute, place.locale, [str(value) for _, value in place.scope], base]
    )
    slot = int.from_bytes(hashlib.blake2b(address, digest_size=4).digest(), "big") % SLOTS
    return int.from_bytes(hashlib.blake2b(f"{table}/{slot}".encode(), digest_size=8).digest(), "big", signed=True)


def _prepare(session: Session, model: type, flush: _Flush) -> None:
    """Lock the slugs of all new rows of a model at once, and look up which of them are free."""
    connection = connection_of(session, model)
    bases = _requested_slugs(session, model)
    slots: dict[tuple[Place, str], int] = {}
    for place, slugs in bases.items():
        table = _column(model, place).table.name
        slots.update({(place, slug): _slot(table, place, slug) for slug in slugs})
    flush.slots.update(_lock_slots(connection, model, set(slots.values())))
    for place, slugs in bases.items():
        locked = {slug for slug in slugs if slots[place, slug] in flush.slots}
        flush.free[_address(model, place)] = locked - _taken_slugs(connection, model, place, locked)


def _requested_slugs(session: Session, model: type) -> dict[Place, list[str]]:
    """The slugs that new rows of a model ask for, by place."""
    slugs: dict[Place, list[str]] = {}
    if issubclass(model, HasSlug):
        for row in session.new:
            request = _slug_request(row) if type(row) is model else None
            if request is not None:
                slugs.setdefault(request[0], []).append(request[1])
    return slugs


def _lock_slots(connection: Connection, model: type, slots: set[int]) -> Collection[int]:
    """Take the locks of some slots without waiting; returns those that the transaction has now."""
    if connection.dialect.name == "sqlite":  # an update of no row takes the lock of the only writer
        table: Any = mapper_for(model).local_table
        key = next(iter(table.primary_key))
        unchanged = [column for column in table.columns if column is key or column.onupdate is not None]
        connection.execute(update(table).where(key != key).values({column: column for column in unchanged}))
        return slots
    if connection.dialect.name != "postgresql" or not slots:
        return ()
    numbers = func.unnest(cast(sorted(slots), ARRAY(BigInteger))).column_valued("slot")
    locks = connection.execute(select(numbers, func.pg_try_advisory_xact_lock(numbers)))
    return [slot for slot, is_locked in locks if is_locked]


def _slug_request(row: Any) -> tuple[Place, str] | None:
    """The slug that a row will ask for; None where only its hooks can tell."""
    try:
        return requested_slug(row)
    except Exception:
        return None


def _taken_slugs(connection: Connection, model: type, place: Place, slugs: set[str]) -> set[str]:
    """The slugs among some that rows of the database have or had."""
    column, history = _column(model, place), _history(model)
    in_use: set[str] = set()
    for part in chunks(sorted(slugs)):
        in_use.update(connection.scalars(select(column).where(column.in_(part), *_scope(model, place))))
        if history is not None:
            in_use.update(connection.scalars(_in_history(history, model, place, part)))
    return in_use


def _column(model: type, place: Place) -> Column[Any]:
    column: Column[Any] = mapper_for(model).columns[place.attribute]
    return column


def _value(column: Any, place: Place) -> Any:
    return column[place.locale].as_string() if place.locale else column


def _scope(model: type, place: Place) -> list[Any]:
    columns = mapper_for(model).columns
    return [columns[name] == value if value is not None else columns[name].is_(None) for name, value in place.scope]


def _address(model: type, place: Place) -> tuple[Any, ...]:
    return (_column(model, place).table, place)


def _forget(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    session.info.pop(_FLUSH, None)


# Earlier slugs.


def _history(model: type) -> Table | None:
    trait = HasSlug if issubclass(model, HasSlug) else HasLocalizedSlugs
    metadata: MetaData = mapper_for(model).local_table.metadata  # type: ignore[attr-defined]
    return metadata.tables.get(_HISTORY) if structural_value(model, trait, "history") else None


def _history_in(metadata: MetaData) -> Table:
    table = metadata.tables.get(_HISTORY)
    if table is not None:
        return table
    return Table(
        _HISTORY,
        metadata,
        Column("model", String(120), primary_key=True),
        Column("locale", String(20), primary_key=True),
        Column("scope", String(190), primary_key=True),
        Column("slug", String(255), primary_key=True),
        Column("row_key", String(190), nullable=False, index=True),
        comment="Slugs that rows had, so that old addresses lead to them.",
        info={BROUGHT: "HasSlug"},
    )


def _in_history(history: Table, model: Any, place: Place, candidates: Sequence[str]) -> Any:
    c = history.c
    return select(c.slug).where(
        c.model == root(model), c.locale == place.locale, c.scope == _scope_text(place), c.slug.in_(candidates)
    )


def _others(history: Table, row: Any, place: Place, candidates: Sequence[str]) -> Any:
    query = _in_history(history, type(row), place, candidates)
    return query.where(history.c.row_key != key_text(row)) if inspect(row).persistent else query


def _scope_text(place: Place) -> str:
    return msgspec.json.encode([str(value) for _, value in place.scope]).decode()


def _remember(connection: Connection, table: Table, row: Any, place: Place, slug: str, old: str) -> None:
    c = table.c
    address = {"model": root(row), "locale": place.locale, "scope": _scope_text(place)}
    connection.execute(table.delete().where(*(c[name] == value for name, value in address.items()), c.slug == slug))
    insert = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    key = key_text(row)
    statement = insert.values(**address, slug=old, row_key=key)
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_={"row_key": key}))


# What the database must know.


def _index_name(column: Any, locale: str = "") -> str:
    return "_".join(["uq", column.table.name, column.name, *([locale.replace("-", "_").lower()] if locale else [])])[
        :63
    ]


def _mapped(mapper: Mapper[Any], cls: type) -> None:
    if uses(cls, HasSlug):
        _index(mapper, cls, HasSlug, "slug", [""])
    if uses(cls, HasLocalizedSlugs):
        locales = structural_value(cls, HasLocalizedSlugs, "locales")
        _index(mapper, cls, HasLocalizedSlugs, "slugs", [normal(locale) for locale in locales])


def _index(mapper: Mapper[Any], cls: type, trait: type, declared: str, locales: list[str]) -> None:
    column: Any = mapper.columns.get(name_in(cls, trait, declared))
    if column is None or column.table is not mapper.local_table:  # it is the parent's
        return
    table: Any = column.table
    scope = [mapper.columns[name] for name in scope_of(cls, structural_value(cls, trait, "scope"))]
    for locale in locales:
        name = _index_name(column, locale)
        if name not in {index.name for index in table.indexes}:
            Index(name, *scope, _value(column, Place("", locale)), unique=True)
    if structural_value(cls, trait, "history"):
        _history_in(table.metadata)


def watch() -> None:
    """Register the listeners for models that are mapped later."""
    BACKENDS.add(HOST, SqlSlugs())
    event.listen(Mapper, "after_mapper_constructed", _mapped)
    event.listen(TraitSession, "before_flush", _forget, insert=True)
