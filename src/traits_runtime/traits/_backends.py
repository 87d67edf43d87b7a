"""The backends of one trait: for each host the object with the operations that need its database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from traits_runtime._core import runtime
from traits_runtime.errors import NotSupportedError
from traits_runtime.host import Host
from traits_runtime.traits.tenancy import BelongsToTenant, tenant_column

B = TypeVar("B")


class Backends(Generic[B]):
    """The backends of one trait by host; adapters add theirs when they are imported."""

    def __init__(self) -> None:
        self._by_host: dict[Host, B] = {}

    def add(self, host: Host, backend: B) -> B:
        """Register the backend for all models of a host."""
        self._by_host[host] = backend
        return backend

    def of(self, row: object) -> B | None:
        """The backend of a row's model or of a model; None where its host has none."""
        return self._by_host.get(runtime.host_of(row if isinstance(row, type) else type(row)))

    def needed(self, model: Any) -> B:
        """The backend of a model, for operations that need a database.

        Raises:
            NotSupportedError: Its host has none.
        """
        backend = self.of(model)
        if backend is None:
            raise NotSupportedError(model.__name__, "rows in memory have no queries;", "map the model with an adapter.")
        return backend


def scope_of(model: type, names: Iterable[str]) -> tuple[str, ...]:
    """The attributes within which something is unique: the configured ones, and the tenant of rows that have one."""
    tenant = (tenant_column(model),) if issubclass(model, BelongsToTenant) else ()
    return tuple(dict.fromkeys((*tenant, *names)))
