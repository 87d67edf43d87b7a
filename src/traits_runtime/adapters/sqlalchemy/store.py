"""Overrides of config, and cached values, in the application's own database."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from threading import Event, Thread
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from traits_runtime._core.config.store import Change, Contents
from traits_runtime.adapters._generations import GenerationCache
from traits_runtime.adapters.sqlalchemy.mapper_info import BROUGHT
from traits_runtime.errors import ConfigConflictError
from traits_runtime.rules.layers import Address

INTERVAL: Final = 0.5
"""Seconds between checks for writes of other processes."""

ATTEMPTS: Final = 50
"""Number of attempts of a write under concurrent writes."""

_ADDRESS: Final = ("trait", "key", "model", "tenant")


class DatabaseStore:
    """A `Store` of overrides in two tables; give it to ``config.use(store=...)``.

    Writers may be many: each write takes the next number of the history, and one that comes too late tries again. A
    write is a transaction of its own, on a connection of its own.

    Args:
        engine: The database.
        metadata: Where the tables are declared, so that migrations know them; ``metadata.create_all`` makes them.
        interval: Seconds between checks for writes of other processes.
    """

    def __init__(self, engine: Engine, metadata: MetaData, *, interval: float = INTERVAL) -> None:
        self.engine: Engine = engine
        self._interval = interval
        self._overrides = Table(
            "traits_override",
            metadata,
            *(Column(name, String(255), primary_key=True) for name in _ADDRESS),
            Column("value", Text, nullable=False),
            Column("number", Integer, nullable=False),
            Column("by", String(255), nullable=False),
            info={BROUGHT: "DatabaseStore"},
        )
        self._history = Table(
            "traits_override_history",
            metadata,
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("at", Float(53), nullable=False),
            Column("by", String(255), nullable=False),
            Column("why", Text, nullable=False),
            *(Column(name, String(255), nullable=False) for name in _ADDRESS),
            Column("before", Text, nullable=False),
            Column("after", Text, nullable=False),
            info={BROUGHT: "DatabaseStore"},
        )
        self.tables: tuple[Table, ...] = (self._overrides, self._history)

    def load(self) -> Contents:
        """All overrides, as of one moment."""
        table = self._overrides
        with self.engine.connect() as connection:
            connection = connection.execution_options(**self._at_one_moment())
            version = self._version(connection)
            rows = connection.execute(select(table)).all()
        return Contents(version, {(row[0], row[1], row[2], row[3]): (row[4], row[5], row[6]) for row in rows})

    def _at_one_moment(self) -> dict[str, Any]:
        return {"isolation_level": "REPEATABLE READ"} if self.engine.dialect.name == "postgresql" else {}

    def write(
        self, address: Address, after: str, *, by: str = "", why: str = "", expected: int | None = None
    ) -> Change:
        """Set an override to a JSON value, or with ``""`` remove it.

        Raises:
            ConfigConflictError: The store is at another version than the expected one.
        """
        for attempt in range(ATTEMPTS):
            try:
                with self.engine.begin() as connection:
                    return self._write(connection, address, after, by, why, expected)
            except (IntegrityError, OperationalError) as error:
                if attempt + 1 == ATTEMPTS or (isinstance(error, OperationalError) and "locked" not in str(error)):
                    raise
                time.sleep(0.001 * attempt)
        raise AssertionError("unreachable")

    def _write(self, connection: Any, address: Address, after: str, by: str, why: str, expected: int | None) -> Change:
        version = self._version(connection)
        if expected is not None and expected != version:
            raise ConfigConflictError(expected, version)
        where = dict(zip(_ADDRESS, address, strict=True))
        table, number, at = self._overrides, version + 1, time.time()
        conditions = [table.c[name] == value for name, value in where.items()]
        before: str = connection.scalar(select(table.c.value).where(*conditions)) or ""
        line = {"number": number, "at": at, "by": by, "why": why, "before": before, "after": after, **where}
        connection.execute(insert(self._history).values(line))
        if not after:
            connection.execute(delete(table).where(*conditions))
        elif before:
            connection.execute(update(table).where(*conditions).values(value=after, number=number, by=by))
        else:
            connection.execute(insert(table).values(value=after, number=number, by=by, **where))
        return Change(number, at, by, why, *address, before, after)

    def history(self, limit: int = 100) -> tuple[Change, ...]:
        """The last changes, newest first."""
        table = self._history
        names = ("number", "at", "by", "why", *_ADDRESS, "before", "after")
        query = select(*(table.c[name] for name in names)).order_by(table.c.number.desc()).limit(limit)
        with self.engine.connect() as connection:
            return tuple(Change(*row) for row in connection.execute(query))

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Check for writes of other processes in a daemon thread.

        Returns:
            What ends the thread.
        """
        ended = Event()
        thread = Thread(target=self._look, args=(ended, changed), name="traits-config-watch", daemon=True)
        thread.start()

        def end() -> None:
            ended.set()
            thread.join(timeout=5)

        return end

    def _look(self, ended: Event, changed: Callable[[], None]) -> None:
        seen: int | None = None
        while not ended.is_set():
            try:
                with self.engine.connect() as connection:
                    now = self._version(connection)
                if now != seen:
                    seen = now
                    changed()
            except SQLAlchemyError:
                import logging

                logging.getLogger("traits_runtime.config").exception("overrides cannot be read; it is tried again")
            ended.wait(self._interval)

    def _version(self, connection: Any) -> int:
        version: int | None = connection.scalar(select(func.max(self._history.c.number)))
        return version or 0


class DatabaseCache(GenerationCache):
    """A cache in a table of the application's database, for few expensive values without Redis.

    A hit costs two reads. Every operation is a transaction of its own, on a connection of its own.

    Args:
        engine: The database.
        metadata: Where the table ``traits_cache`` is declared.
        clock: Seconds since the epoch.
    """

    def __init__(self, engine: Engine, metadata: MetaData, clock: Callable[[], float] = time.time) -> None:
        self.engine: Engine = engine
        self._clock = clock
        self._table = Table(
            "traits_cache",
            metadata,
            Column("name", String(64), primary_key=True),
            Column("data", LargeBinary, nullable=False),
            Column("expires", BigInteger, nullable=False, index=True),
            info={BROUGHT: "DatabaseCache"},
        )
        self.tables: tuple[Table, ...] = (self._table,)

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """What is stored under each name."""
        table = self._table
        names_stored = [_name(name) for name in names]
        alive = (table.c.name.in_(names_stored), table.c.expires > self._now())
        with self.engine.connect() as connection:
            rows = connection.execute(select(table.c.name, table.c.data).where(*alive))
            data_by_name: Mapping[str, bytes] = {name: bytes(data) for name, data in rows}
        return [data_by_name.get(name) for name in names_stored]

    def write(self, name: str, data: bytes, seconds: float) -> None:
        """Store."""
        while not self._replace(name, data, seconds) and not self._put(name, data, seconds):
            pass

    def _replace(self, name: str, data: bytes, seconds: float, *, expired: bool = False) -> bool:
        condition = self._table.c.name == _name(name)
        values = {"data": data, "expires": self._now(seconds)}
        where = (condition, self._table.c.expires <= self._now()) if expired else (condition,)
        with self.engine.begin() as connection:
            return connection.execute(update(self._table).where(*where).values(values)).rowcount > 0

    def _put(self, name: str, data: bytes, seconds: float) -> bool:
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(self._table).values(name=_name(name), data=data, expires=self._now(seconds)))
        except IntegrityError:
            return False
        return True

    def add(self, name: str, data: bytes, seconds: float) -> bool:
        """Store where nothing is."""
        return self._replace(name, data, seconds, expired=True) or self._put(name, data, seconds)

    def remove(self, name: str) -> None:
        """Remove."""
        with self.engine.begin() as connection:
            connection.execute(delete(self._table).where(self._table.c.name == _name(name)))

    def sweep(self) -> int:
        """Delete expired rows, for a periodic job; returns their number."""
        with self.engine.begin() as connection:
            return connection.execute(delete(self._table).where(self._table.c.expires <= self._now())).rowcount

    def _now(self, later: float = 0) -> int:
        return int((self._clock() + later) * 1000)


def _name(name: str) -> str:
    """A name of any length, hashed where it is too long for the column."""
    return sha256(name.encode()).hexdigest()
