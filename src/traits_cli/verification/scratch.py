"""A scratch database in memory, and rows that are made without knowing what their columns mean."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class ScratchError(Exception):
    """A row cannot be written to the scratch database; the text says why."""


@contextmanager
def open_scratch(cls: Any) -> Iterator[Any]:
    """A session on a SQLite database in memory that has the tables of a model's metadata; never committed.

    Statements on any other engine of SQLAlchemy raise `ScratchError` until the block ends.

    Args:
        cls: A mapped class.
    """
    from sqlalchemy import Engine, create_engine, event

    from traits_runtime.adapters.sqlalchemy import TraitSession

    scratch = create_engine("sqlite://")

    def refuse_others(connection: Any, *_arguments: object) -> None:
        if connection.engine is not scratch:
            raise ScratchError("a hook uses a database of its own")

    event.listen(Engine, "before_cursor_execute", refuse_others)
    try:
        _create_tables(cls, scratch)
        with TraitSession(scratch, autoflush=False) as session:
            yield session
            session.rollback()
    finally:
        event.remove(Engine, "before_cursor_execute", refuse_others)
        scratch.dispose()


def _create_tables(cls: Any, scratch: Any) -> None:
    try:
        cls.metadata.create_all(scratch)
    except Exception as error:  # types of another database raise what their compilers raise
        raise ScratchError(f"SQLite cannot have its tables: {type(error).__name__}") from error


def make_row(cls: Any) -> Any:
    """An instance with a value for each column that needs one.

    Args:
        cls: A mapped class.

    Raises:
        ScratchError: The constructor needs arguments, or a column has a type without a simple value.
    """
    from sqlalchemy import inspect

    try:
        row = cls()
    except TypeError as error:
        raise ScratchError(f"its constructor needs arguments: {error}") from error
    for attribute in inspect(cls).column_attrs:
        column = attribute.columns[0]
        if _needs_value(column) and getattr(row, attribute.key) is None:
            setattr(row, attribute.key, _value(column))
    return row


def _needs_value(column: Any) -> bool:
    if getattr(column, "nullable", True) or column.default is not None or column.server_default is not None:
        return False
    return column.table.autoincrement_column is not column and column.computed is None


def _value(column: Any) -> object:
    values: dict[type, object] = {
        str: "x", int: 1, float: 1.0, bool: False, bytes: b"x", dict: {}, list: [],
        datetime.datetime: datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC), datetime.date: datetime.date(2000, 1, 1),
        datetime.time: datetime.time(0), datetime.timedelta: datetime.timedelta(0),
        decimal.Decimal: decimal.Decimal(1), uuid.UUID: uuid.UUID(int=1),
    }  # fmt: skip
    python_type = _python_type(column)
    if isinstance(python_type, type) and issubclass(python_type, enum.Enum):
        return next(iter(python_type))
    if python_type not in values:
        raise ScratchError(f"column {column.name!r} has a type without a simple value")
    return values[python_type]


def _python_type(column: Any) -> Any:
    try:
        return column.type.python_type
    except NotImplementedError:
        return None


def change(row: Any) -> bool:
    """Give a text or number that is no key another value; whether the model has such a column.

    Args:
        row: An instance that is in a session.
    """
    from sqlalchemy import inspect

    for attribute in inspect(type(row)).column_attrs:
        column = attribute.columns[0]
        plain = not column.primary_key and not column.foreign_keys and column.type is not None
        if plain and column.onupdate is None and _python_type(column) is str:
            setattr(row, attribute.key, "y")
            return True
    return False
