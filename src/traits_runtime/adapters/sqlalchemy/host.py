"""SQLAlchemy as a host of traits: rows of mapped classes, their sessions and transactions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from sqlalchemy.orm import Session

from traits_runtime._core import runtime
from traits_runtime.adapters.sqlalchemy import transactions
from traits_runtime.adapters.sqlalchemy._private import (
    await_,
    changed_fields,
    in_greenlet,
    mapper_of,
    marked,
    state_of,
)
from traits_runtime.adapters.sqlalchemy.columns import before_mapping
from traits_runtime.host import Awaiter, Host


class SqlAlchemyHost:
    """Serves mapped classes, in synchronous and asynchronous sessions."""

    name: str = "SQLAlchemy"
    scopes_queries: bool = True
    adds_columns: bool = True

    def serves(self, model: type) -> bool:
        """Classes that are mapped themselves."""
        return mapper_of(model) is not None

    def prepare(self, model: type) -> None:
        """Give a declarative model the columns of its traits."""
        before_mapping(model)

    def columns(self, model: type) -> Collection[str] | None:
        """All mapped attributes, synonyms and hybrids among them."""
        mapper = mapper_of(model)
        return None if mapper is None else mapper.all_orm_descriptors.keys()

    def mark_condition(self, condition: Any, execution_option: str) -> Any:
        """Annotate a column expression."""
        return marked(condition, execution_option)

    def identity(self, row: Any) -> object:
        """The identity of a row that was flushed or read."""
        state = state_of(row)
        identity = None if state is None else state.identity
        if identity is None:
            return None
        return identity[0] if len(identity) == 1 else tuple(identity)

    def is_stored(self, row: Any) -> bool:
        """Whether the row was flushed or read."""
        state = state_of(row)
        return state is not None and state.has_identity

    def changed_fields(self, row: Any) -> Collection[str] | None:
        """Attributes whose value differs from the one that was read."""
        return None if state_of(row) is None else changed_fields(row)

    def load(self, model: type, identity: Any) -> object:
        """The row from the session that is at work; None without such a session."""
        session = transactions.ACTIVE.get()
        if session is None:
            return None
        return session.get(model, tuple(identity) if isinstance(identity, list) else identity)

    def session_of(self, row: object = None) -> Session | None:
        """The session of the row, else the one that is at work."""
        return transactions.session_of(row)

    def in_transaction(self, row: object = None) -> bool:
        """Whether the session has begun."""
        session = transactions.session_of(row)
        return session is not None and session.in_transaction()

    def after_commit(self, row: object, call: Callable[[], None]) -> bool:
        """After the session has released its connection, in the order of the calls."""
        return transactions.after_commit(row, call)

    def after_rollback(self, row: object, call: Callable[[], None]) -> bool:
        """At the end of the savepoint or transaction that was rolled back."""
        return transactions.after_rollback(row, call)

    def awaiter(self) -> Awaiter | None:
        """Inside an asynchronous session coroutines are awaited in place."""
        return await_ if in_greenlet() else None


HOST: Final[Host] = SqlAlchemyHost()


def register() -> None:
    """Serve the models that are mapped, now and from now on."""
    runtime.register_host(HOST)
