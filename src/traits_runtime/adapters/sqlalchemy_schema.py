"""Differences between models and database for `traits diagnose`, by Alembic's comparison.

Only tables of models that use traits count, those that traits bring, and those of an outbox, a store and a cache in
the same database; and only what they lack: what the database has besides is nobody's mistake.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Column, Engine, Inspector, MetaData, Table, create_engine, inspect
from sqlalchemy.engine.interfaces import ReflectedIndex

from traits_runtime import config
from traits_runtime._core import runtime
from traits_runtime._core.engines import needs
from traits_runtime._core.metadata import METADATA, TraitMetadata
from traits_runtime._core.trait.columns import columns_of, named
from traits_runtime.diagnose.finding import Finding, Fix, make_finding
from traits_runtime.diagnose.program_checks import place_of

with needs("diagnose"):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.operations.ops import CreateIndexOp

MIGRATIONS = ("alembic_version", "django_migrations", "databasechangelog", "flyway_schema_history")
"""Tables by which migration tools are known: where one is, the schema is theirs to change."""

BLOCKING = {
    "asyncpg": "postgresql+psycopg",
    "aiosqlite": "sqlite",
    "asyncmy": "mysql+pymysql",
    "aiomysql": "mysql+pymysql",
}
"""The driver to take instead of one that needs asyncio."""

BROUGHT = "traits"
"""Where a table's ``info`` says what brings it; as in the adapter."""

TENANT = "tenant_column"
"""What a trait calls the key that names the column of the tenant."""

RESERVED = "traits_runtime.traits."
"""Traits that keep what is unique also for rows in the trash: restoring one never meets another."""

TRASHED = "deleted_at"
"""What a trait calls the column that says since when a row is in the waste bin."""


class Place(NamedTuple):
    """A table, whose it is, and where that is written.

    Args:
        table: The table.
        owner: Name of the model, or of what brings the table.
        path: File of the model, or of the first model that has the trait.
        line: Its line.
        model: The model, None for a table that a trait brings.
    """

    table: Table
    owner: str
    path: str
    line: int
    model: type | None = None


class Schema(NamedTuple):
    """What is compared.

    Args:
        engine: The database.
        places: What tables belong to, by their name.
        migrated: Whether a migration tool is in use.
    """

    engine: Engine
    places: dict[str, Place]
    migrated: bool


def engine_of(target: object) -> Engine | None:
    """The engine of an application's object: an engine, a session maker, or an object with an ``engine``."""
    for candidate in (target, getattr(target, "engine", None), getattr(target, "bind", None), _bound(target)):
        inner = getattr(candidate, "sync_engine", candidate)
        if isinstance(inner, Engine):
            return inner if inner is candidate else _without_asyncio(inner)
    return None


def open_engine(url: str) -> Engine:
    """An engine for a URL, without asyncio."""
    return _without_asyncio(create_engine(url))


def _bound(target: object) -> object:
    arguments = getattr(target, "kw", None)
    return arguments.get("bind") if isinstance(arguments, dict) else None


def _without_asyncio(engine: Engine) -> Engine:
    """An engine for the same database with a blocking driver."""
    drivers = {
        "asyncpg": "postgresql+psycopg",
        "aiosqlite": "sqlite",
        "asyncmy": "mysql+pymysql",
        "aiomysql": "mysql+pymysql",
    }
    name = drivers.get(engine.dialect.driver)
    return engine if name is None else create_engine(engine.url.set(drivername=name))


def check_schema(engine: Engine, records: Iterable[TraitMetadata], root: Path) -> Iterator[Finding]:
    """Missing or different parts of the tables of models that use traits.

    Args:
        engine: The database; it is only read.
        records: The models.
        root: The folder that places are shown relative to.
    """
    models = list(records)
    places = {place.table.key: place for place in _places(models, root)}
    places.update((place.table.key, place) for place in _brought(engine, places, models, root))
    names = set(inspect(engine).get_table_names())
    at = Schema(engine, places, migrated=not names.isdisjoint(MIGRATIONS))
    tenants = list(_tenants(at, names))
    reported = {finding.subject for finding in tenants}
    yield from tenants
    for metadata in _metadatas(places):
        yield from (finding for finding in _missing(at, metadata, names) if finding.subject not in reported)
    yield from _trash(at, names)


def _places(records: Iterable[TraitMetadata], root: Path) -> Iterator[Place]:
    for record in records:
        table = _table_of(record)
        if table is not None:
            yield Place(table, record.cls.__name__, *place_of(record.cls, root), record.cls)


def _metadatas(places: Mapping[str, Place]) -> list[MetaData]:
    return list({id(place.table.metadata): place.table.metadata for place in places.values()}.values())


def _table_of(record: TraitMetadata) -> Table | None:
    table = getattr(record.cls.__dict__.get("__mapper__"), "local_table", None)
    return table if isinstance(table, Table) else None


def _brought(
    engine: Engine, places: Mapping[str, Place], records: Iterable[TraitMetadata], root: Path
) -> Iterator[Place]:
    """The tables that traits bring to the metadata of their models, and those of what else keeps rows there."""
    tables = [table for metadata in _metadatas(places) for table in metadata.tables.values()]
    for table in [*tables, *_kept(engine)]:
        owner = table.info.get(BROUGHT)
        if owner is not None and table.key not in places:
            yield Place(table, owner, *_first_user(owner, table.metadata, records, root))


def _kept(engine: Engine) -> Iterator[Table]:
    """The tables of an outbox, a store of overrides and a cache that live in the same database."""
    for storage in (runtime.outbox, config.store, runtime.cache.backend):
        bound_engine = getattr(storage, "engine", None)
        if isinstance(bound_engine, Engine) and _where(bound_engine) == _where(engine):
            yield from getattr(storage, "tables", ())


def _where(engine: Engine) -> tuple[object, ...]:
    url = engine.url
    in_memory = url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")
    return (id(engine),) if in_memory else (url.get_backend_name(), url.host, url.port, url.database)


def _first_user(trait: str, metadata: MetaData, records: Iterable[TraitMetadata], root: Path) -> tuple[str, int]:
    """Where the first model is written that has a trait and lives in some metadata."""
    for record in records:
        table = _table_of(record)
        if (
            table is not None
            and table.metadata is metadata
            and any(trait_metadata.cls.__name__ == trait for trait_metadata in record.traits)
        ):
            return place_of(record.cls, root)
    return "", 0


def _missing(at: Schema, metadata: MetaData, names: set[str]) -> Iterator[Finding]:
    host = sys.modules.get("traits_runtime.adapters.sqlalchemy")  # importing it would change the models

    def ours(element: Any, name: str | None, kind: str, reflected: bool, beside: Any) -> bool:
        table = element if kind == "table" else getattr(element, "table", None)
        if table is not None and table.key not in at.places:
            return False
        return host is None or bool(host.include_object(element, name, kind, reflected, beside))

    with at.engine.connect() as connection:
        options = {"compare_type": True, "include_object": ours}
        context = MigrationContext.configure(connection, opts=options)
        changes = compare_metadata(context, metadata)
    for change in changes:
        for difference in change if isinstance(change, list) else [change]:
            finder = _FINDERS.get(difference[0])
            new = difference[0] in ("add_index", "add_constraint") and difference[1].table.name not in names
            if finder is not None and not new:
                yield from finder(at, difference)


def _table(at: Schema, change: Any) -> Iterator[Finding]:
    place = at.places[change[1].key]
    name = place.table.name

    def create(op: Operations) -> None:
        place.table.create(op.get_bind())

    message = f"The table {name!r} of {_name(place)} does not exist."
    yield _finding(at, "TRT301", place, name, message, create, f"CREATE TABLE {name}")


def _column(at: Schema, change: Any) -> Iterator[Finding]:
    _, schema, name, column = change
    place = at.places[name if schema is None else f"{schema}.{name}"]
    message = (
        f"{_name(place)} needs the column {column.name!r} ({_type(at, column)}){_of_trait(column)}; the table lacks it."
    )
    if not column.nullable and column.server_default is None:
        hint = "It may not be empty: write a migration that says what the rows that are there get."
        yield _finding(at, "TRT302", place, f"{name}.{column.name}", message, hint=hint)
        return
    copy = column._copy()  # Alembic attaches what it adds to a table of its own

    def add(op: Operations) -> None:
        op.add_column(name, copy, schema=schema)

    yield _finding(at, "TRT302", place, f"{name}.{column.name}", message, add, _sql(at, add))


def _index(at: Schema, change: Any) -> Iterator[Finding]:
    index = change[1]
    place = at.places[index.table.key]
    columns = ", ".join(column.name for column in index.columns)
    unique = change[0] == "add_constraint" or index.unique
    kind = "unique constraint" if change[0] == "add_constraint" else "unique index" if unique else "index"
    label = index.name or "without a name"
    message = f"{_name(place)} declares the {kind} {label} on ({columns}); the database has none."
    if unique:
        yield _finding(at, "TRT304", place, f"{index.table.name}({columns})", message)
        return

    def add(op: Operations) -> None:
        op.invoke(CreateIndexOp.from_index(index))

    yield _finding(at, "TRT304", place, f"{index.table.name}({columns})", message, add, _sql(at, add))


def _type_differs(at: Schema, change: Any) -> Iterator[Finding]:
    _, schema, name, column, _existing, was, new_type = change
    place = at.places[name if schema is None else f"{schema}.{name}"]
    new = new_type.compile(at.engine.dialect)
    old = was.compile(at.engine.dialect)
    message = f"{_name(place)} says {column!r} is {new}; in the database it is {old}."

    def alter(op: Operations) -> None:
        with op.batch_alter_table(name, schema=schema) as batch:
            batch.alter_column(column, type_=new_type, existing_type=was, postgresql_using=f'"{column}"::{new}')

    yield _finding(at, "TRT303", place, f"{name}.{column}", message, alter, f"ALTER TABLE {name}: {column} TYPE {new}")


def _null_differs(at: Schema, change: Any) -> Iterator[Finding]:
    _, schema, name, column, existing, _was, nullable = change
    place = at.places[name if schema is None else f"{schema}.{name}"]
    message = (
        f"{_name(place)} says {column!r} may {'' if nullable else 'not '}be empty; the database says the opposite."
    )
    kind = existing["existing_type"]

    def alter(op: Operations) -> None:
        with op.batch_alter_table(name, schema=schema) as batch:
            batch.alter_column(column, nullable=nullable, existing_type=kind)

    statement = f"ALTER TABLE {name}: {column} {'NULL' if nullable else 'NOT NULL'}"
    yield _finding(at, "TRT305", place, f"{name}.{column}", message, alter, statement)


_FINDERS: dict[str, Callable[[Schema, Any], Iterator[Finding]]] = {
    "add_table": _table,
    "add_column": _column,
    "add_index": _index,
    "add_constraint": _index,
    "modify_type": _type_differs,
    "modify_nullable": _null_differs,
}


def _trash(at: Schema, names: set[str]) -> Iterator[Finding]:
    """Unique constraints of the database that also count rows in the trash."""
    inspector = inspect(at.engine)
    for place in at.places.values():
        table = place.table
        trashed = next((column.name for column in table.columns if _is_trashed(column)), None)
        if trashed is None or table.name not in names:
            continue
        for columns in _unconditional_keys(inspector, table):
            is_reserved = any(_is_reserved(table.columns.get(name)) for name in columns)
            if trashed not in columns and not is_reserved:
                yield _counts_trash(at, place, columns, trashed)


def _unconditional_keys(inspector: Inspector, table: Table) -> Iterable[tuple[str, ...]]:
    """The columns of each unique index and constraint of a table that counts all rows."""
    indexes = inspector.get_indexes(table.name, schema=table.schema)
    unique = [index for index in indexes if index["unique"] and not _is_partial(index)]
    constraints = inspector.get_unique_constraints(table.name, schema=table.schema)
    keys = [tuple(filter(None, index["column_names"])) for index in unique]
    keys += [tuple(constraint["column_names"]) for constraint in constraints]
    return dict.fromkeys(keys)


def _is_partial(index: ReflectedIndex) -> bool:
    return any(option.endswith("_where") for option in index.get("dialect_options", {}))


def _counts_trash(at: Schema, place: Place, columns: tuple[str, ...], trashed: str) -> Finding:
    among = ", ".join(columns)
    where = f"{trashed} IS NULL"
    quoted = ", ".join(map(repr, columns))
    return _finding(
        at, "TRT306", place, f"{place.table.name}({among})",
        f"({among}) of {_name(place)} is unique among all rows, also those with a {trashed}.",
        hint=f"Declare Index('uq_{place.table.name}_{'_'.join(columns)}', {quoted}, unique=True, "
        f"postgresql_where=text('{where}'), sqlite_where=text('{where}')) instead of unique=True.",
    )  # fmt: skip


def _is_reserved(column: Column[Any] | None) -> bool:
    declared = None if column is None else column.info.get("trait")
    return declared is not None and declared.path.startswith(RESERVED) and declared.name != "tenant_id"


def _is_trashed(column: Column[Any]) -> bool:
    declared = column.info.get("trait")
    return column.nullable is True and TRASHED in (column.name, getattr(declared, "name", ""))


def _tenants(at: Schema, names: set[str]) -> Iterator[Finding]:
    """Models that belong to tenants by a trait, and whose table has no column for it."""
    inspector = inspect(at.engine)
    for place in at.places.values():
        column = None if place.model is None else _tenant_column(place.model)
        if column is None or place.table.name not in names:
            continue
        existing = {column["name"] for column in inspector.get_columns(place.table.name, schema=place.table.schema)}
        if column not in existing:
            message = f"{_name(place)} belongs to tenants by the column {column!r}, which the table lacks."
            yield _finding(at, "TRT307", place, f"{place.table.name}.{column}", message)


def _tenant_column(model: type) -> str | None:
    """The column by which a model belongs to tenants: what a trait of it says by its key ``tenant_column``."""
    record: TraitMetadata = model.__dict__[METADATA]
    for declared in columns_of(record):
        if declared.named_by == TENANT:
            return named(record, declared)
    for trait_metadata in record.traits:
        if TENANT in trait_metadata.keys:
            return str(runtime.resolver.value(trait_metadata.keys[TENANT], record.subject_of()))
    return None


def _finding(
    at: Schema, id: str, place: Place, subject: str, message: str,  # noqa: A002
    apply: Callable[[Operations], object] | None = None, preview: str = "", *, hint: str = "",
) -> Finding:  # fmt: skip
    fix = None if apply is None else Fix("database", preview, lambda: _run(at.engine, apply))
    fixing = "unsafe" if at.migrated else None
    if at.migrated and not hint:
        hint = "A migration tool is in use here: write a migration."
    return make_finding(id, subject, message, hint=hint, path=place.path, line=place.line, fix=fix, fixing=fixing)  # type: ignore[arg-type]


def _run(engine: Engine, apply: Callable[[Operations], object]) -> None:
    with engine.begin() as connection:
        apply(Operations(MigrationContext.configure(connection)))


def _sql(at: Schema, apply: Callable[[Operations], object]) -> str:
    """The statement that a change would be."""
    out = StringIO()
    options = {"as_sql": True, "output_buffer": out}
    apply(Operations(MigrationContext.configure(dialect_name=at.engine.dialect.name, opts=options)))
    return out.getvalue().strip().rstrip(";")


def _type(at: Schema, column: Column[Any]) -> str:
    return str(column.type.compile(at.engine.dialect))


def _of_trait(column: Column[Any]) -> str:
    declared = column.info.get("trait")
    return f" of {declared.owner}" if declared is not None else ""


def _name(place: Place) -> str:
    return place.owner
