"""Every host of the contract suite: plain classes, the toy framework, SQLAlchemy on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

pytest.importorskip("sqlalchemy")

import sqlalchemy as sa
from drivers import MOMENTS, RAN, Driver, PlainDriver, SqlAlchemyDriver, ToyDriver

from traits_runtime.testing import isolated

SERVER = os.environ.get("TRAITS_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Undo what a test registers, and forget what rows did."""
    MOMENTS.clear()
    RAN.clear()
    with isolated():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.Engine]:
    """A database that is dropped after the run."""
    name = f"traits_contract_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 30})
    try:
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    except sa.exc.OperationalError:
        pytest.skip("no PostgreSQL; .ci/servers starts one")
    engine = sa.create_engine(sa.make_url(SERVER).set(database=name))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def _driver(kind: str, request: pytest.FixtureRequest) -> Iterator[Driver]:
    if kind == "toy":
        yield ToyDriver()
    elif kind == "postgresql":
        yield SqlAlchemyDriver(request.getfixturevalue("postgres"))
    else:
        engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        yield SqlAlchemyDriver(engine)
        engine.dispose()


@pytest.fixture(params=["toy", "sqlite", "postgresql"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A framework with sessions."""
    yield from _driver(request.param, request)


@pytest.fixture(params=["plain", "toy", "sqlite", "postgresql"])
def any_driver(request: pytest.FixtureRequest) -> Iterator[Driver | PlainDriver]:
    """Any framework."""
    if request.param == "plain":
        yield PlainDriver()
    else:
        yield from _driver(request.param, request)
