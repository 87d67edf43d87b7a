"""`BelongsToTenant`: rows that belong to one tenant."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from traits_runtime._core import runtime
from traits_runtime._core.declare import option
from traits_runtime._core.metadata import metadata_of
from traits_runtime._core.trait.base import Trait
from traits_runtime._core.trait.columns import TraitColumn, column, named, structural
from traits_runtime._core.trait.config import TraitConfig
from traits_runtime._core.trait.scopes import scope
from traits_runtime.errors import NoTenantError, NotSupportedError, TenantMismatchError

__all__ = ["BelongsToTenant", "tenant_column", "tenant_key"]


class TenancyConfig(TraitConfig):
    """Name and type of the tenant column."""

    tenant_column: str = option("tenant_id", doc="Column that holds the tenant.")
    tenant_type: str = option("str", doc="Type of that column: `str`, `int`, `bigint` or `uuid`.")


def tenant_key(model: type) -> Any:
    """The current tenant in the type of a model's column.

    Raises:
        NoTenantError: No tenant is current.
    """
    tenant = runtime.current_tenant_id()
    if tenant is None:
        raise NoTenantError(model.__name__)
    return as_key(model, tenant)


def as_key(model: type, tenant: str) -> Any:
    """The name of a tenant in the type of a model's column."""
    key_type = _key_type(model)
    return tenant if key_type is None else key_type(tenant)


@cache
def _key_type(model: type) -> Callable[[str], Any] | None:
    """The type of the tenant column of a model; None for text."""
    kind = structural(metadata_of(model), vars(BelongsToTenant)["tenant_id"], "tenant_type")
    return {"int": int, "bigint": int, "uuid": UUID}.get(kind)


def tenant_column(model: type) -> str:
    """The name of the column that holds a model's tenant."""
    return named(metadata_of(model), vars(BelongsToTenant)["tenant_id"])


class BelongsToTenant(Trait):
    """Gives every row the current tenant. Hosts read, count, change and delete only rows of the current tenant.

    Without a tenant every query and write fails; `unscoped` works across all tenants and names the reason.
    """

    tenancy_config: ClassVar[TenancyConfig] = TenancyConfig()

    tenant_id: TraitColumn[str] = column(
        str, on_insert=tenant_key, length=64, index=True, named_by="tenant_column", typed_by="tenant_type",
        doc="The tenant of the row.",
    )  # fmt: skip

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        host = runtime.host_of(cls)
        if not host.scopes_queries:
            raise NotSupportedError(
                cls.__name__,
                f"{host.name} does not limit queries to the current tenant, so BelongsToTenant would have no effect.",
                "Map the model with SQLAlchemy, or filter by hand without this trait.",
            )

    @scope()
    @classmethod
    def of_tenant(cls, tenant: str) -> Any:
        """Rows of a tenant; rows of other tenants than the current one are found only inside `unscoped`."""
        return cls.tenant_id == as_key(cls, tenant)


def _refuse_other_tenant(row: object) -> None:
    """Refuse to queue a job of another tenant's row: the worker, in the current tenant, would not find the row."""
    if not isinstance(row, BelongsToTenant):
        return
    owner = vars(row).get(tenant_column(type(row)))
    current = runtime.current_tenant_id()
    if owner is not None and str(owner) != current:
        raise TenantMismatchError(f"{type(row).__name__} {runtime.identify(row)}", str(owner), str(current))


runtime.queue_checks.append(_refuse_other_tenant)
