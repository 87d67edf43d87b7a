"""PostgreSQL keeps tenants apart also where the session cannot see: in text and on connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from traits_runtime import tenant, unscoped
from traits_runtime.adapters.sqlalchemy import (
    TraitSession,
    drop_row_level_security,
    protect_on_create,
    row_level_security,
    set_tenant_of_transactions,
)
from traits_runtime.traits.tenancy import BelongsToTenant


class Base(DeclarativeBase):
    """The base of this module's model."""


class Ledger(BelongsToTenant, Base):
    """A line in a ledger."""

    __tablename__ = "ledger"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


protect_on_create(Ledger)


@pytest.fixture
def maker(postgres: sa.URL) -> Iterator[sessionmaker[TraitSession]]:
    """Makes sessions of an ordinary role: superusers are not bound by policies."""
    role = f"{postgres.database}_app"
    server = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    Base.metadata.create_all(server)
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(sa.text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"))
        connection.execute(sa.text(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"))
    engine = sa.create_engine(postgres.set(username=role))
    made = sessionmaker(engine, class_=TraitSession)
    set_tenant_of_transactions(made)
    for name in ("acme", "brick"):
        with tenant(name), made.begin() as session:
            session.add(Ledger(text=name))
    yield made
    engine.dispose()
    Base.metadata.drop_all(server)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP OWNED BY {role}"))
        connection.execute(sa.text(f"DROP ROLE {role}"))
    server.dispose()


def test_text_and_connection_see_the_current_tenants_rows_alone(maker: sessionmaker[TraitSession]) -> None:
    """And without a tenant none."""
    text = sa.text("SELECT text FROM ledger ORDER BY text")
    with tenant("acme"), maker() as session:
        assert session.scalars(text).all() == ["acme"]
        assert session.connection().scalars(sa.select(Ledger.__table__.c.text)).all() == ["acme"]
    with maker() as session:
        assert session.scalars(text).all() == []
    with unscoped(reason="test"), maker() as session:
        assert session.scalars(text).all() == ["acme", "brick"]


def test_text_can_write_no_row_of_another_tenant(maker: sessionmaker[TraitSession]) -> None:
    """Neither insert one nor change one."""
    with tenant("acme"), maker() as session:
        changed = session.execute(sa.text("UPDATE ledger SET text = 'x' WHERE text = 'brick'"))
        assert changed.rowcount == 0  # type: ignore[attr-defined]
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            session.execute(sa.text("INSERT INTO ledger (text, tenant_id) VALUES ('x', 'brick')"))


def test_statements_can_be_taken_back() -> None:
    """For the way down of a migration."""
    assert row_level_security(Ledger)[0] == "ALTER TABLE ledger ENABLE ROW LEVEL SECURITY"
    assert drop_row_level_security(Ledger)[-1] == "ALTER TABLE ledger DISABLE ROW LEVEL SECURITY"
