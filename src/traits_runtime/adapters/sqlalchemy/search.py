"""The search index in the application's database: FTS5 on SQLite, a ``tsvector`` on PostgreSQL.

An entry is written in the transaction of its row, so the index is never ahead of the rows nor behind them.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    cast,
    delete,
    event,
    false,
    func,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapper, Session, object_session
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import DDLCompiler, SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from traits_runtime._core import runtime
from traits_runtime.adapters.sqlalchemy.deferred_writes import chunks, defer_write
from traits_runtime.adapters.sqlalchemy.host import HOST
from traits_runtime.adapters.sqlalchemy.mapper_info import (
    BROUGHT,
    connection_of,
    family,
    key_columns,
    key_expression,
    key_text,
    mapper_for,
    uses,
)
from traits_runtime.adapters.sqlalchemy.tenancy import is_tenants
from traits_runtime.adapters.sqlalchemy.transactions import ACTIVE
from traits_runtime.traits.search import BACKENDS, Entry, Searchable, entry_of, prefixed, quoted, words_of

TABLE: Final = "search_entries"


def _table_in(metadata: MetaData) -> Table:
    table = metadata.tables.get(TABLE)
    if table is not None:
        return table
    new_table = Table(
        TABLE,
        metadata,
        Column("rowid", BigInteger, primary_key=True, autoincrement=False),
        Column("model", String(120), nullable=False),
        Column("row_key", String(190), nullable=False),
        Column("words", Text, nullable=False),
        Column("vector", Text().with_variant(TSVECTOR, "postgresql")),
        info={
            BROUGHT: "Searchable",
            "fts5": "model UNINDEXED, row_key UNINDEXED, words, tokenize = 'unicode61 remove_diacritics 2'",
        },
        comment="The words by which rows are found.",
    )
    Index(f"ix_{TABLE}_vector", new_table.c.vector, postgresql_using="gin").ddl_if(dialect="postgresql")
    return new_table


@compiles(CreateTable, "sqlite")
def _create(element: CreateTable, compiler: DDLCompiler, **options: Any) -> str:
    columns = element.element.info.get("fts5")
    if columns is None:
        return str(compiler.visit_create_table(element, **options))  # type: ignore[no-untyped-call]
    return f"CREATE VIRTUAL TABLE {compiler.preparer.format_table(element.element)} USING fts5({columns})"


class _Matches(FunctionElement[Any]):
    """Whether an entry has the words; no Boolean, which SQLite would have compared with 1."""

    inherit_cache = True
    name = "matches_words"


@compiles(_Matches, "sqlite")
def _fts5(element: _Matches, compiler: SQLCompiler, **options: Any) -> str:
    words, _vector, _language, query, _typed = element.clauses
    return f"{compiler.process(words, **options)} MATCH {compiler.process(query, **options)}"


@compiles(_Matches, "postgresql")
def _tsquery(element: _Matches, compiler: SQLCompiler, **options: Any) -> str:
    _words, vector, language, _query, typed = (compiler.process(clause, **options) for clause in _needed(element))
    return f"{vector} @@ to_tsquery({language}, {typed})"


class _Rank(FunctionElement[float]):
    """The rank of an entry, the best match lowest."""

    type = Float()
    inherit_cache = True
    name = "rank_of_words"


@compiles(_Rank, "sqlite")
def _bm25(_element: _Rank, _compiler: SQLCompiler, **_options: Any) -> str:
    return f"bm25({TABLE})"


@compiles(_Rank, "postgresql")
def _ts_rank(element: _Rank, compiler: SQLCompiler, **options: Any) -> str:
    _words, vector, language, _query, typed = (compiler.process(clause, **options) for clause in _needed(element))
    return f"-ts_rank({vector}, to_tsquery({language}, {typed}))"


def _needed(element: FunctionElement[Any]) -> list[Any]:
    """The parts for PostgreSQL; the query for SQLite is not bound there."""
    words, vector, language, _query, typed = element.clauses
    return [words, vector, language, literal_column("''"), typed]


class SqlSearch:
    """Searching mapped models."""

    def key(self, row: Any) -> str:
        """The row's primary key as text."""
        return key_text(row)

    def write(self, row: Any, entry: Entry) -> None:
        """Write an entry in the current flush, or in the next one."""
        session = object_session(row) or ACTIVE.get()
        if session is not None:
            defer_write(session, _write, (type(row), entry))

    def matches(self, model: Any, query: str) -> Any:
        """The condition that a row matches a user's query; an empty query matches nothing."""
        if not words_of(query):
            return false()
        table = _table_of(model)
        keys = key_columns(model)
        kind = keys[0].type
        by_kind = not isinstance(kind, String | Uuid) and len(keys) == 1 and kind.python_type is int
        key = cast(table.c.row_key, kind) if by_kind else table.c.row_key
        matching = select(key).where(table.c.model.in_(family(model)), _Matches(*_parts(model, query)))
        return (keys[0] if by_kind else key_expression(model)).in_(matching)

    def rank(self, model: Any, query: str) -> Any:
        """The expression to order by, best match first."""
        if not words_of(query):
            return literal(0.0)
        table = _table_of(model)
        parts = _parts(model, query)
        return (
            select(_Rank(*parts))
            .where(table.c.model.in_(family(model)), table.c.row_key == key_expression(model), _Matches(*parts))
            .limit(1)
            .scalar_subquery()
        )


def reindex(session: Session, model: type[Searchable], *, batch: int = 500) -> int:
    """Rebuild the index of a model from its rows, after statements outside sessions; returns the number of rows.

    In an asynchronous session: ``await session.run_sync(reindex, Article)``. Written in the session's transaction.
    Where rows belong to tenants, the index of the current tenant's; `unscoped` makes that of all anew.

    Args:
        session: The session.
        model: The model.
        batch: How many rows are read at once.
    """
    session.flush()
    connection = connection_of(session, model)
    table = _table_of(model)
    old = delete(table).where(table.c.model.in_(family(model)))
    if is_tenants(model) and not runtime.is_unscoped():  # those of the others stay
        keys = session.scalars(select(key_expression(model)).execution_options(with_trashed=True)).all()
        for part in chunks(keys):
            connection.execute(old.where(table.c.row_key.in_(part)))
    else:
        connection.execute(old)
    count = 0
    for rows in session.scalars(select(model).execution_options(yield_per=batch)).partitions():
        entries = [(type(row), entry_of(row)) for row in rows]
        _write(session, entries)
        count += sum(1 for _, entry in entries if entry.text)
    return count


def _write(session: Session, items: list[tuple[type, Entry]]) -> None:
    latest = {(entry.model, entry.key): (model, entry) for model, entry in items}
    for part in chunks(latest.values()):
        by_table: dict[Table, list[tuple[type, Entry]]] = {}
        for model, entry in part:
            by_table.setdefault(_table_of(model), []).append((model, entry))
        for table, entries in by_table.items():
            connection = connection_of(session, entries[0][0])
            connection.execute(delete(table).where(table.c.rowid.in_([_number(entry) for _, entry in entries])))
            is_postgresql = connection.dialect.name == "postgresql"
            values = [_values(model, entry, is_postgresql) for model, entry in entries if entry.text]
            if values:
                connection.execute(insert(table).values(values))


def _values(model: Any, entry: Entry, is_postgresql: bool) -> dict[str, Any]:
    values = {"rowid": _number(entry), "model": entry.model, "row_key": entry.key, "words": entry.text}
    return {**values, "vector": func.to_tsvector(_language(model), entry.text)} if is_postgresql else values


def _number(entry: Entry) -> int:
    """The same number for the same row: FTS5 finds entries by their number alone without reading them all."""
    text = f"{entry.model}\0{entry.key}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def _parts(model: Any, query: str) -> tuple[Any, ...]:
    table = _table_of(model)
    language = _language(mapper_for(model).class_)
    return (table.c.words, table.c.vector, language, literal(quoted(query)), literal(prefixed(query)))


def _language(model: Any) -> Any:
    return literal_column(f"'{model.search_config.language}'::regconfig")


def _table_of(model: Any) -> Table:
    metadata: MetaData = mapper_for(model).local_table.metadata  # type: ignore[attr-defined]
    return metadata.tables[TABLE]


def _mapped(mapper: Mapper[Any], cls: type) -> None:
    if uses(cls, Searchable):
        _table_in(mapper.local_table.metadata)  # type: ignore[attr-defined]


def watch() -> None:
    """Register the listeners for models that are mapped later."""
    BACKENDS.add(HOST, SqlSearch())
    event.listen(Mapper, "after_mapper_constructed", _mapped)
