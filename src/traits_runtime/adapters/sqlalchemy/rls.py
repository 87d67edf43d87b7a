"""PostgreSQL's row-level security: the database separates tenants, also in textual SQL and on plain connections."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.schema import DDL

from traits_runtime._core import runtime
from traits_runtime.traits.tenancy import tenant_column

SETTING: Final = "traits.tenant"
"""The setting of a transaction that holds its tenant."""

POLICY: Final = "traits_tenant"

EVERYBODY: Final = "*"
"""Value of the setting inside `unscoped`; no tenant may have this name."""


def row_level_security(model: type) -> tuple[str, ...]:
    """The statements that protect the table of a tenants' model, for a migration.

    They bind everybody but superusers and roles with ``BYPASSRLS``, the owner of the table included: let the
    application connect as an ordinary role. The tenant of a transaction is set by `set_tenant_of_transactions`;
    without one there are no rows.

    Args:
        model: The model.
    """
    mapper: Any = inspect(model)
    table = mapper.local_table.fullname
    column = f'"{tenant_column(model)}"::text'
    setting = f"current_setting('{SETTING}', true)"
    allowed = f"{column} = {setting} OR {setting} = '{EVERYBODY}'"
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {POLICY} ON {table} USING ({allowed}) WITH CHECK ({allowed})",
    )


def drop_row_level_security(model: type) -> tuple[str, ...]:
    """The statements that undo `row_level_security`."""
    mapper: Any = inspect(model)
    table = mapper.local_table.fullname
    return (
        f"DROP POLICY IF EXISTS {POLICY} ON {table}",
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    )


def protect_on_create(model: type) -> None:
    """Protect the table of a model whenever ``create_all`` makes it on PostgreSQL."""
    mapper: Any = inspect(model)
    for statement in row_level_security(model):
        ddl = cast("Any", DDL)(statement.replace("%", "%%"))
        event.listen(mapper.local_table, "after_create", ddl.execute_if(dialect="postgresql"))


def set_tenant_of_transactions(target: Any) -> None:
    """Set the current tenant in PostgreSQL at the start of every transaction of a session class or maker.

    Args:
        target: What `sqlalchemy.event.listen` takes for sessions.
    """
    event.listen(target, "after_begin", _begun)


def _begun(_session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        tenant = EVERYBODY if runtime.is_unscoped() else runtime.current_tenant_id() or ""
        connection.execute(text("SELECT set_config(:name, :tenant, true)"), {"name": SETTING, "tenant": tenant})
