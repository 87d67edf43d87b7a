"""`BelongsToTenant`: rows of one tenant, out of reach for the others."""

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
from traits_runtime.errors import NoTenantError, NotSupportedError

__all__ = ["BelongsToTenant", "tenant_column", "tenant_key"]


class TenancyConfig(TraitConfig):
    """How the tenant stands in the table."""

    tenant_column: str = option("tenant_id", doc="Column that holds the tenant.")
    tenant_type: str = option("str", doc="Type of that column: `str`, `int`, `bigint` or `uuid`.")


def tenant_key(model: type) -> Any:
    """The current tenant as a model's column holds it.

    Raises:
        NoTenantError: No tenant is current.
    """
    tenant = runtime.current_tenant_id()
    if tenant is None:
        raise NoTenantError(model.__name__)
    return as_key(model, tenant)


def as_key(model: type, tenant: str) -> Any:
    """A tenant's name as a model's column holds it."""
    make = _maker(model)
    return tenant if make is None else make(tenant)


@cache
def _maker(model: type) -> Callable[[str], Any] | None:
    """What makes a key of a tenant's name; None where the name is the key."""
    kind = structural(metadata_of(model), vars(BelongsToTenant)["tenant_id"], "tenant_type")
    return {"int": int, "bigint": int, "uuid": UUID}.get(kind)


def tenant_column(model: type) -> str:
    """The name of the column that holds a model's tenant."""
    return named(metadata_of(model), vars(BelongsToTenant)["tenant_id"])


class BelongsToTenant(Trait):
    """Gives every row a tenant: the current one. Hosts read, count, change and delete rows of the current tenant alone.

    Without a tenant nothing can be read or written; `unscoped` says why all tenants are meant.
    """

    tenancy_config: ClassVar[TenancyConfig] = TenancyConfig()

    tenant_id: TraitColumn[str] = column(
        str, on_insert=tenant_key, length=64, index=True, named_by="tenant_column", typed_by="tenant_type",
        doc="The tenant whose row it is.",
    )  # fmt: skip

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        host = runtime.host_of(cls)
        if not host.scopes_queries:
            raise NotSupportedError(
                cls.__name__,
                f"queries of {host.name} are not kept to the current tenant, so BelongsToTenant would promise what "
                "nobody does.",
                "Map the model with SQLAlchemy, or filter by hand without this trait.",
            )

    @scope()
    @classmethod
    def of_tenant(cls, tenant: str) -> Any:
        """Rows of a tenant; others than the current one's are found inside `unscoped` alone."""
        return cls.tenant_id == as_key(cls, tenant)
