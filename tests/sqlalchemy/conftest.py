"""Databases: SQLite, and a PostgreSQL database that is made for the run and dropped after it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

import sqlalchemy as sa
from hostmodels import MOMENTS, Base
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import sessionmaker

from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.testing import isolated

SERVER = os.environ.get("TRAITS_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
START = ".ci/servers"
PATIENT = {"timeout": 60}
"""How writers of SQLite wait for each other: as long as it takes."""


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Undo what a test registers, stores and caches."""
    MOMENTS.clear()
    with isolated():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.URL]:
    """A database of our own on the server; what it has committed may be lost with the machine."""
    name = f"traits_host_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 30})
    try:
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
            connection.execute(sa.text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    except sa.exc.OperationalError:
        pytest.skip(f"no PostgreSQL; {START} starts one")
    yield sa.make_url(SERVER).set(database=name)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


class KeptTables:
    """Tables in PostgreSQL that tests find empty: made once, and made anew after a test that has changed them.

    Rows go by TRUNCATE, not by DELETE: what is read without an order then comes in the order in which it was written.
    """

    WATCH = """
        CREATE SCHEMA watch; CREATE TABLE watch.changes ();
        CREATE FUNCTION watch.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
            'BEGIN INSERT INTO watch.changes DEFAULT VALUES; END';
        CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION watch.note()"""
    WRITTEN = """
        SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0"""

    def __init__(self, url: sa.URL) -> None:
        self.engine = sa.create_engine(url, connect_args={"options": "-c lock_timeout=30s"})
        self.kept: dict[object, sa.MetaData] = {}
        with self.engine.begin() as connection:
            connection.exec_driver_sql(self.WATCH)

    def make(self, metadata: sa.MetaData) -> None:
        """Make them, unless they are there; those of the same names go first."""
        shape = (metadata, *((one, *one.columns.keys(), len(one.indexes)) for one in metadata.tables.values()))
        if shape in self.kept:
            return
        if any(one.tables.keys() & metadata.tables.keys() for one in self.kept.values()):
            self.drop()
        with self.engine.begin() as connection:
            metadata.create_all(connection)
            connection.exec_driver_sql("DELETE FROM watch.changes")
        self.kept[shape] = metadata

    def empty(self) -> None:
        """Delete all rows, and let keys begin at their start; drop the tables if any was changed."""
        with self.engine.begin() as connection:
            changed = connection.exec_driver_sql("DELETE FROM watch.changes").rowcount
            if written := connection.exec_driver_sql(self.WRITTEN).scalar():
                connection.exec_driver_sql(f"TRUNCATE {written} CASCADE")
            connection.exec_driver_sql("SELECT setval(seqrelid, seqstart, false) FROM pg_sequence")
        if changed:
            self.drop()

    def drop(self) -> None:
        """Drop them all."""
        with self.engine.begin() as connection:
            for one in self.kept.values():
                one.drop_all(connection)
            connection.exec_driver_sql("DELETE FROM watch.changes")
        self.kept.clear()


@pytest.fixture(scope="session")
def tables_of_the_run(postgres: sa.URL) -> Iterator[KeptTables]:
    """What keeps tables."""
    made = KeptTables(postgres)
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def kept_tables(tables_of_the_run: KeptTables) -> Iterator[KeptTables]:
    """Those of a file, gone after it."""
    yield tables_of_the_run
    tables_of_the_run.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> sa.URL:
    """Where a database is."""
    if request.param == "sqlite":
        return sa.make_url(f"sqlite:///{tmp_path / 'test.db'}")
    found: sa.URL = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def engine_of(request: pytest.FixtureRequest, url: sa.URL) -> Iterator[Callable[[sa.MetaData], sa.Engine]]:
    """Makes an engine on a database with just these tables, empty."""
    engine = make_engine(url)
    if url.get_backend_name() == "sqlite":
        tables, make = None, lambda metadata: metadata.create_all(engine)
    else:
        tables = request.getfixturevalue("kept_tables")
        make = tables.make

    def made(metadata: sa.MetaData) -> sa.Engine:
        make(metadata)
        return engine

    yield made
    engine.dispose()
    if tables is not None:
        tables.empty()


def make_engine(url: sa.URL) -> sa.Engine:
    """An engine; on SQLite with real transactions and savepoints."""
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url)
    engine = sa.create_engine(url, connect_args=PATIENT)
    _begin_for_real(engine)
    return engine


def _begin_for_real(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = WAL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the shared models' tables."""
    return engine_of(Base.metadata)


@pytest.fixture
def sessions(engine: sa.Engine) -> sessionmaker[TraitSession]:
    """Makes sessions."""
    return sessionmaker(engine, class_=TraitSession)


@pytest.fixture
def session(sessions: sessionmaker[TraitSession]) -> Iterator[TraitSession]:
    """A session on the shared models' tables."""
    with sessions() as opened:
        yield opened


@pytest.fixture
def in_async(url: sa.URL, engine: sa.Engine) -> Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]:
    """Runs a coroutine function with an asynchronous engine on the shared models' tables."""
    import asyncio

    driver = "sqlite+aiosqlite" if url.get_backend_name() == "sqlite" else "postgresql+asyncpg"

    def run(work: Callable[[AsyncEngine], Awaitable[None]]) -> None:
        async def main() -> None:
            on_sqlite = driver.startswith("sqlite")
            made = create_async_engine(url.set(drivername=driver), connect_args=PATIENT if on_sqlite else {})
            if on_sqlite:
                _begin_for_real(made.sync_engine)
            try:
                await work(made)
            finally:
                await made.dispose()

        asyncio.run(main())

    return run


@pytest.fixture
def blog(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sessionmaker[TraitSession]:
    """Makes sessions on the tables of the blog, which has two users."""
    import trackedmodels

    made = sessionmaker(engine_of(trackedmodels.Base.metadata), class_=TraitSession)
    with made.begin() as session:
        session.add_all([trackedmodels.User(id=1, name="Ada"), trackedmodels.User(id=2, name="Bo")])
    return made


@pytest.fixture
def in_async_blog(
    url: sa.URL, blog: sessionmaker[TraitSession], in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]
) -> Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]:
    """Runs a coroutine function with an asynchronous engine on the tables of the blog."""
    return in_async
