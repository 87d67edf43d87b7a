"""A store in one SQLite file, for several processes; readers never wait, a killed writer leaves it whole."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from weakref import WeakSet

from traits_runtime._core.config.store import Change, Contents
from traits_runtime.errors import ConfigConflictError
from traits_runtime.rules.layers import Address

INTERVAL = 0.25
"""Seconds between two looks for other processes' writes; one look is a ``PRAGMA`` of a few microseconds."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS override (
    trait TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, tenant TEXT NOT NULL,
    value TEXT NOT NULL, number INTEGER NOT NULL, by TEXT NOT NULL,
    PRIMARY KEY (trait, key, model, tenant)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL,
    trait TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, tenant TEXT NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL
);
"""


class SQLiteStore:
    """Overrides and their history in a file.

    One connection per process, guarded by a lock. A forked child opens its own: SQLite's locks do not survive
    a fork.

    Args:
        path: The file; it and its tables are made when missing.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = Lock()
        self._held = False
        self._pid = 0
        self._connection: sqlite3.Connection | None = None
        _stores.add(self)

    def load(self) -> Contents:
        """All overrides, as of one moment."""
        with self._lock:
            held = self._open()
            held.execute("BEGIN")
            try:
                version = _version(held)
                rows = held.execute("SELECT trait, key, model, tenant, value, number, by FROM override").fetchall()
            finally:
                held.execute("COMMIT")
        return Contents(version, {(row[0], row[1], row[2], row[3]): (row[4], row[5], row[6]) for row in rows})

    def write(
        self, address: Address, after: str, *, by: str = "", why: str = "", expected: int | None = None
    ) -> Change:
        """Set an override to a JSON value, or with ``""`` take it back.

        Raises:
            ConfigConflictError: The store is at another version than the expected one.
        """
        with self._lock:
            held = self._open()
            held.execute("BEGIN IMMEDIATE")
            try:
                change = _write(held, address, after, by, why, expected)
            except BaseException:
                held.execute("ROLLBACK")
                raise
            held.execute("COMMIT")
            return change

    def history(self, limit: int = 100) -> tuple[Change, ...]:
        """The last changes, newest first."""
        query = (
            "SELECT number, at, by, why, trait, key, model, tenant, before, after "
            "FROM history ORDER BY number DESC LIMIT ?"
        )
        with self._lock:
            rows = self._open().execute(query, (limit,)).fetchall()
        return tuple(Change(*row) for row in rows)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Look for other processes' writes from a daemon thread; reading config costs nothing for it.

        Returns:
            What ends the thread.
        """
        watch = _Watch(self.path, changed)
        watch.start()
        return watch.end

    def close(self) -> None:
        """Close this process's connection; the next use opens a new one."""
        with self._lock:
            if self._connection is not None:
                if self._pid == os.getpid():
                    self._connection.close()
                else:
                    _inherited.append(self._connection)
            self._connection = None

    def __del__(self) -> None:
        self.close()

    def before_fork(self) -> None:
        """Wait until no thread is inside SQLite: a child would inherit its locks, and nobody to release them."""
        self._held = self._lock.acquire(timeout=_PATIENCE_S)

    def after_fork(self, *, child: bool) -> None:
        """Go on; in the child with a lock of its own."""
        if child:
            self._lock = Lock()
        elif self._held:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid == os.getpid():
            return self._connection
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = _connect(self.path)
        self._pid = os.getpid()
        return self._connection


class _Watch:
    """A thread that looks whether the file has changed; started again in a forked child, which has no threads."""

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        self._path = path
        self._changed = changed
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        _watches.add(self)
        self._ended = Event()
        self._thread = Thread(target=self._look, name="traits-config-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching."""
        _watches.discard(self)
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _look(self) -> None:
        connection: sqlite3.Connection | None = None
        seen: int | None = None
        try:
            while True:
                with _looking:
                    connection = connection or self._connected()
                    now = None if connection is None else _data_version(connection)
                    if now != seen:
                        seen = now
                        self._tell()
                if self._ended.wait(INTERVAL):
                    return
        finally:
            if connection is not None:
                connection.close()

    def _connected(self) -> sqlite3.Connection | None:
        """A connection of this thread, None while there can be none."""
        try:
            return _connect(self._path)
        except (sqlite3.Error, OSError):
            return None

    def _tell(self) -> None:
        try:
            self._changed()
        except sqlite3.Error:
            import logging

            logging.getLogger("traits_runtime.config").exception("%s cannot be read; it is tried again", self._path)


_stores: WeakSet[SQLiteStore] = WeakSet()
_watches: set[_Watch] = set()
_inherited: list[sqlite3.Connection] = []
"""Connections of a parent process: never used, and never closed, which would let go of the parent's locks."""


_looking = Lock()
"""Held by a watching thread while it is inside SQLite."""

_PATIENCE_S = 5.0
"""How long a fork waits for threads inside SQLite."""

_forking: list[SQLiteStore] = []
_quiet = False


def _before_fork() -> None:
    global _quiet
    _quiet = _looking.acquire(timeout=_PATIENCE_S)
    _forking[:] = list(_stores)
    for store in _forking:
        store.before_fork()


def _after_fork_in_parent() -> None:
    for store in _forking:
        store.after_fork(child=False)
    _forking.clear()
    if _quiet:
        _looking.release()


def _after_fork_in_child() -> None:
    global _looking
    _looking = Lock()
    for store in _forking:
        store.after_fork(child=True)
    _forking.clear()
    for watch in list(_watches):
        watch.start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def _data_version(connection: sqlite3.Connection) -> int | None:
    """A number that changes when another connection commits; None while the file cannot be read."""
    try:
        version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        return version
    except sqlite3.Error:
        return None


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA busy_timeout = 30000")
    _become_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)
    return connection


def _become_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite does not wait here for another process that does the same."""
    for _ in range(200):
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError:
            pass
        time.sleep(0.01)


def _version(connection: sqlite3.Connection) -> int:
    last: int | None = connection.execute("SELECT max(number) FROM history").fetchone()[0]
    return last or 0


def _write(held: sqlite3.Connection, address: Address, after: str, by: str, why: str, expected: int | None) -> Change:
    if expected is not None and expected != _version(held):
        raise ConfigConflictError(expected, _version(held))
    where = "trait = ? AND key = ? AND model = ? AND tenant = ?"
    row = held.execute(f"SELECT value FROM override WHERE {where}", address).fetchone()  # noqa: S608
    before = row[0] if row else ""
    at = time.time()
    number = held.execute(
        "INSERT INTO history (at, by, why, trait, key, model, tenant, before, after) VALUES (?,?,?,?,?,?,?,?,?)",
        (at, by, why, *address, before, after),
    ).lastrowid
    if after:
        held.execute("INSERT OR REPLACE INTO override VALUES (?,?,?,?,?,?,?)", (*address, after, number, by))
    else:
        held.execute(f"DELETE FROM override WHERE {where}", address)  # noqa: S608
    return Change(number or 0, at, by, why, *address, before, after)
