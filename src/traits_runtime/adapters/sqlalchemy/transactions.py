"""After commit means the root commit: calls that wait for it, by transaction and savepoint.

``savepoint released`` -> its calls move to the transaction around it; ``rolled back`` -> they are dropped;
``root committed`` -> they run, once the session has released its connection, each with the tenant, the actor and the
locale that were current where it was registered: the commit may happen outside of their blocks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, object_session

from traits_runtime._core import runtime
from traits_runtime.adapters.sqlalchemy._private import outside_block, state_of

Call = Callable[[], None]

ACTIVE: Final[ContextVar[Session | None]] = ContextVar("traits_session", default=None)
"""The session that runs hooks or a statement; events without a row belong to it."""


class DeferredCalls:
    """Calls that wait for the end of one session's transactions."""

    __slots__ = ("after_commit", "after_rollback", "due")

    def __init__(self) -> None:
        self.after_commit: dict[SessionTransaction, list[Call]] = {}
        self.after_rollback: dict[SessionTransaction, list[Call]] = {}
        self.due: list[Call] = []

    def committed(self, session: Session) -> None:
        """Handle a released savepoint, or the root commit."""
        transaction = innermost(session)
        if transaction is None:
            return
        calls, undo = self.after_commit.pop(transaction, None), self.after_rollback.pop(transaction, None)
        outer = enclosing(transaction)
        if outer is None:
            self.due += calls or ()
            return
        if calls:
            self.after_commit.setdefault(outer, []).extend(calls)
        if undo:
            self.after_rollback.setdefault(outer, []).extend(undo)

    def ended(self, session: Session, transaction: SessionTransaction) -> None:
        """Handle the end of a transaction: its remaining calls were rolled back."""
        self.after_commit.pop(transaction, None)
        for call in self.after_rollback.pop(transaction, ()):
            _run(call)
        if transaction.parent is None and self.due:
            due, self.due = self.due, []
            with outside_block(session):
                for call in due:
                    _run(call)


def _run(call: Call) -> None:
    """Run a call and log its exception: the transaction has ended, and other calls follow."""
    try:
        call()
    except Exception:
        logging.getLogger("traits_runtime.sqlalchemy").exception("a call after a transaction failed")


def _commit_again(session: Session) -> None:
    """Commit what a call has written to the committed session, as a separate transaction."""
    if not session.in_transaction():
        return
    try:
        session.commit()
    except Exception:
        logging.getLogger("traits_runtime.sqlalchemy").exception("what a listener wrote after a commit is rolled back")
        session.rollback()


_deferred: WeakKeyDictionary[Session, DeferredCalls] = WeakKeyDictionary()


def deferred_calls(session: Session) -> DeferredCalls:
    """The waiting calls of a session; starts to watch its transactions."""
    calls = _deferred.get(session)
    if calls is None:
        calls = _deferred[session] = DeferredCalls()
        event.listen(session, "after_commit", calls.committed)
        event.listen(session, "after_transaction_end", calls.ended)
    return calls


def session_of(row: object) -> Session | None:
    """The session of a row, else the active one."""
    session = object_session(row) if state_of(row) is not None else None
    return session if session is not None else ACTIVE.get()


def innermost(session: Session) -> SessionTransaction | None:
    """The innermost savepoint, else the transaction."""
    return session.get_nested_transaction() or session.get_transaction()


def enclosing(transaction: SessionTransaction) -> SessionTransaction | None:
    """The savepoint or transaction around a savepoint, None for the root."""
    parent = transaction.parent
    while parent is not None and parent.parent is not None and not parent.nested:
        parent = parent.parent
    return parent


def after_commit(row: object, call: Call) -> bool:
    """Call a function after the root commit of the row's session; False where it has no transaction."""
    session = session_of(row)
    transaction = innermost(session) if session is not None else None
    if session is None or transaction is None:
        return False
    restored = runtime.as_now()

    def call_and_commit() -> None:
        with restored():
            call()
            _commit_again(session)

    deferred_calls(session).after_commit.setdefault(transaction, []).append(call_and_commit)
    return True


def after_rollback(row: object, call: Call) -> bool:
    """Call a function when the open savepoint or transaction is rolled back; False where there is none."""
    session = session_of(row)
    transaction = innermost(session) if session is not None else None
    if session is None or transaction is None:
        return False
    restored = runtime.as_now()

    def call_restored() -> None:
        with restored():
            call()

    deferred_calls(session).after_rollback.setdefault(transaction, []).append(call_restored)
    return True


@contextmanager
def job_session(sessions: Callable[[], Session]) -> Iterator[Session]:
    """Run a job with the instances it names, in one session that is committed when the job is done.

    ``with job_session(maker): run_job(message)``. Where the job raises, the session is rolled back.

    Args:
        sessions: Makes the session.
    """
    with sessions() as session, session.begin():
        token = ACTIVE.set(session)
        try:
            yield session
        finally:
            ACTIVE.reset(token)
