"""What a trait needs of the framework around a model, and who gives it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Generic, Protocol, TypeVar

from traits_runtime._core import runtime
from traits_runtime.errors import NotSupportedError
from traits_runtime.traits.tenancy import BelongsToTenant, tenant_column


class Serves(Protocol):
    """A backend that says which models are its own."""

    def serves(self, model: type) -> bool:
        """Whether it works for a model."""
        ...


B = TypeVar("B", bound=Serves)


class Backends(Generic[B]):
    """The backends of one trait; adapters add theirs when they are imported."""

    def __init__(self) -> None:
        self._all: list[B] = []

    def add(self, backend: B) -> B:
        """Register a backend."""
        self._all.append(backend)
        return backend

    def of(self, row: object) -> B | None:
        """The backend of a row's model, None where the model lives in memory alone."""
        model = row if isinstance(row, type) else type(row)
        return next((one for one in self._all if one.serves(model)), None)

    def needed(self, model: Any) -> B:
        """The backend of a model, for what only a database can answer.

        Raises:
            NotSupportedError: The model lives in memory alone.
        """
        found = self.of(model)
        if found is None:
            raise NotSupportedError(model.__name__, "rows in memory have no queries;", "map the model with an adapter.")
        return found


def is_stored(row: Any) -> bool:
    """Whether a host says that a row is in the database."""
    return any(read(row) is not None for read in runtime.identity_readers)


def changes_of(row: Any) -> Collection[str]:
    """The attributes of a row that differ from the database, as its host sees it; none where it cannot tell."""
    return next((found for read in runtime.change_readers if (found := read(row)) is not None), ())


def scope_of(model: type, names: Iterable[str]) -> tuple[str, ...]:
    """The attributes within which something is unique: the configured ones, and the tenant of rows that have one."""
    tenant = (tenant_column(model),) if issubclass(model, BelongsToTenant) else ()
    return tuple(dict.fromkeys((*tenant, *names)))
