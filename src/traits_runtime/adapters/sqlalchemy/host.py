"""SQLAlchemy as a host of traits: rows of mapped classes, their sessions and transactions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from sqlalchemy.ext.asyncio import async_sessionmaker
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
from traits_runtime.host import Awaiter

Sessions = Callable[[], Session]


class SqlAlchemyHost:
    """The host protocol for mapped classes, in synchronous and asynchronous sessions."""

    name: str = "SQLAlchemy"
    scopes_queries: bool = True
    adds_columns: bool = True

    def __init__(self) -> None:
        self.job_sessions: Sessions | None = None

    def serves(self, model: type) -> bool:
        """Classes that are mapped themselves."""
        return mapper_of(model) is not None

    def prepare(self, model: type) -> None:
        """Add the columns of traits to a declarative model."""
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
        """The row from the active session; None without one."""
        session = transactions.ACTIVE.get()
        if session is None:
            return None
        return session.get(model, tuple(identity) if isinstance(identity, list) else identity)

    def session_of(self, row: object = None) -> Session | None:
        """The session of the row, else the active one."""
        return transactions.session_of(row)

    def in_transaction(self, row: object = None) -> bool:
        """Whether the session has begun."""
        session = transactions.session_of(row)
        return session is not None and session.in_transaction()

    def begin(self, row: object) -> None:
        """Begin the session of the row, unless it has begun or leaves that to the application."""
        session = transactions.session_of(row)
        if session is not None and session.autobegin and not session.in_transaction():
            session.begin()

    def after_commit(self, row: object, call: Callable[[], None]) -> bool:
        """After the session has released its connection, in the order of the calls."""
        return transactions.after_commit(row, call)

    def after_rollback(self, row: object, call: Callable[[], None]) -> bool:
        """At the end of the savepoint or transaction that was rolled back."""
        return transactions.after_rollback(row, call)

    def job_context(self) -> AbstractContextManager[object]:
        """A session of `use_job_sessions`, unless a session is at work already."""
        if self.job_sessions is None or transactions.ACTIVE.get() is not None:
            return nullcontext()
        return transactions.job_session(self.job_sessions)

    def load_obstacle(self) -> str:
        """No session is at work."""
        if transactions.ACTIVE.get() is not None:
            return ""
        return (
            "the worker has no session; call `traits_runtime.adapters.sqlalchemy.use_job_sessions(sessionmaker(...))` "
            "where the application starts"
        )

    def awaiter(self) -> Awaiter | None:
        """Inside an asynchronous session coroutines are awaited in place."""
        return await_ if in_greenlet() else None


HOST: Final = SqlAlchemyHost()


def use_job_sessions(sessions: Sessions | None) -> Sessions | None:
    """Say once, where the application starts, in which sessions workers run jobs; needed by every mode of queueing.

    A worker opens a session for each job, loads the rows that the job names in it, commits when the job is done and
    rolls back when it raises. The database outbox uses its own engine where nothing is said.

    Args:
        sessions: Makes a synchronous session with traits: ``sessionmaker(engine, class_=TraitSession)``; jobs run
            outside of event loops. None for none.

    Returns:
        What was said before.

    >>> from sqlalchemy import create_engine
    >>> from sqlalchemy.orm import sessionmaker
    >>> from traits_runtime.adapters.sqlalchemy import TraitSession
    >>> use_job_sessions(sessionmaker(create_engine("sqlite://"), class_=TraitSession))
    >>> _ = use_job_sessions(None)
    """
    if isinstance(sessions, async_sessionmaker):
        raise TypeError(
            "Jobs run in synchronous sessions: give use_job_sessions() a sessionmaker of a synchronous engine."
        )
    before, HOST.job_sessions = HOST.job_sessions, sessions
    return before


def register() -> None:
    """Register the host for mapped models, existing and later ones."""
    runtime.register_host(HOST)
