"""Column types for host-neutral types, and a type for UTC timestamps."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from traits_runtime.errors import DeclarationError
from traits_runtime.traits.ulid import parse_ulid


class UtcDateTime(TypeDecorator[dt.datetime]):
    """A timestamp: aware in Python, UTC in the database, also in databases without time zones.

    A naive value is refused: it may mean any of two dozen moments.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime(timezone=True)
    cache_ok: bool | None = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """The moment in UTC.

        Raises:
            ValueError: It says no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} says no time zone. Take datetime.now(UTC), or .replace(tzinfo=...).")
        moment = value.astimezone(dt.UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """The moment, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class UlidText(TypeDecorator[str]):
    """A ULID: 26 capitals in Python, however it is written; in the database a text in byte order, a UUID or bytes.

    Args:
        storage: ``ulid``, ``ulid-uuid`` or ``ulid-bytes``.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = String(26)
    cache_ok: bool | None = True

    def __init__(self, storage: str = "ulid") -> None:
        super().__init__()
        self.storage: str = storage

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        if self.storage == "ulid-uuid":
            return dialect.type_descriptor(Uuid())
        if self.storage == "ulid-bytes":
            return dialect.type_descriptor(LargeBinary(16))
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(26, collation=collation))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """What is stored.

        Raises:
            InvalidUlidError: It is no ULID.
        """
        if value is None:
            return None
        text = parse_ulid(value)
        return text if self.storage == "ulid" else self._as_bytes(text)

    def _as_bytes(self, text: str) -> Any:
        number = 0
        for letter in text:
            number = number * 32 + ULID_LETTERS.index(letter)
        data = number.to_bytes(16, "big")
        return uuid.UUID(bytes=data) if self.storage == "ulid-uuid" else data

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """The ULID."""
        if value is None or self.storage == "ulid":
            return value  # type: ignore[no-any-return]
        number = int.from_bytes(value.bytes if isinstance(value, uuid.UUID) else value, "big")
        return "".join(ULID_LETTERS[number >> shift & 31] for shift in range(125, -1, -5))


ULID_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _json() -> TypeEngine[Any]:
    return JSON().with_variant(JSONB(), "postgresql")


_BY_TYPE: Final[dict[type, Callable[[], TypeEngine[Any]]]] = {
    bool: Boolean,
    int: Integer,
    float: Float,
    bytes: LargeBinary,
    decimal.Decimal: Numeric,
    dt.datetime: UtcDateTime,
    dt.date: Date,
    dt.timedelta: Interval,
    uuid.UUID: Uuid,
    dict: _json,
    list: _json,
}

_BY_NAME: Final[dict[str, Callable[[], TypeEngine[Any]]]] = {
    "int": Integer,
    "bigint": BigInteger,
    "str": Text,
    "uuid": Uuid,
    "ulid": UlidText,
    "ulid-uuid": lambda: UlidText("ulid-uuid"),
    "ulid-bytes": lambda: UlidText("ulid-bytes"),
}
"""Values of ``typed_by`` keys."""


def sql_type(kind: Any, length: int | None, owner: str) -> TypeEngine[Any]:
    """The column type of a Python type, or of a type's name.

    Args:
        kind: A Python type, a name (``int``, ``bigint``, ``str``, ``uuid``), or a type of SQLAlchemy.
        length: Longest text.
        owner: Trait and name of the declaration, for the error.

    Raises:
        DeclarationError: The type is unknown.

    >>> sql_type(str, 80, "HasSlug.slug")
    String(length=80)
    """
    if isinstance(kind, TypeEngine):
        return kind
    if isinstance(kind, type) and issubclass(kind, TypeEngine):
        return kind()
    if kind in (str, "str"):
        return String(length) if length else Text()
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return Enum(kind, native_enum=False, length=length or 32)
    sql = _BY_NAME.get(kind) if isinstance(kind, str) else _BY_TYPE.get(kind)
    if sql is None:
        raise _unknown_type(kind, owner)
    return sql()


def _unknown_type(kind: Any, owner: str) -> DeclarationError:
    names = ", ".join([*_BY_NAME, *(python_type.__name__ for python_type in _BY_TYPE)])
    return DeclarationError(owner, f"{kind!r} is no column type. Known: {names}, str, enums, and SQLAlchemy's types.")
