"""After commit means the root commit: what waits for it, by transaction and savepoint.

``savepoint released`` -> its deliveries move to the transaction around it; ``rolled back`` -> they are dropped;
``root committed`` -> they run, once the session has let go of its connection, each with the tenant, the actor and the
language that were current where its event was emitted: the commit may happen outside of their blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, object_session

from traits_runtime._core import runtime
from traits_runtime.adapters.sqlalchemy._private import await_, in_greenlet, outside_block, state_of

Deliver = Callable[[], None]

ACTIVE: Final[ContextVar[Session | None]] = ContextVar("traits_session", default=None)
"""The session that is running hooks or a statement; events without a row of their own belong to it."""


class Waiting:
    """What waits for the commit of one session."""

    __slots__ = ("due", "held")

    def __init__(self) -> None:
        self.held: dict[SessionTransaction, list[Deliver]] = {}
        self.due: list[Deliver] = []

    def committed(self, session: Session) -> None:
        """A savepoint was released, or the root committed."""
        ended = innermost(session)
        mine = self.held.pop(ended, None) if ended is not None else None
        if ended is None or not mine:
            return
        outer = around(ended)
        if outer is None:
            self.due += mine
        else:
            self.held.setdefault(outer, []).extend(mine)

    def ended(self, session: Session, transaction: SessionTransaction) -> None:
        """A transaction is over; what it still holds was rolled back."""
        self.held.pop(transaction, None)
        if transaction.parent is None and self.due:
            due, self.due = self.due, []
            with outside_block(session):
                for deliver in due:
                    deliver()


def _settle(session: Session) -> None:
    """End what a delivery has begun with the session that had just committed: it is a transaction of its own."""
    if not session.in_transaction():
        return
    try:
        session.commit()
    except Exception:
        import logging

        logging.getLogger("traits_runtime.sqlalchemy").exception("what a listener wrote after a commit is rolled back")
        session.rollback()


_waiting: WeakKeyDictionary[Session, Waiting] = WeakKeyDictionary()


def waiting_of(session: Session) -> Waiting:
    """What waits for the commits of a session; from now on they are watched."""
    found = _waiting.get(session)
    if found is None:
        found = _waiting[session] = Waiting()
        event.listen(session, "after_commit", found.committed)
        event.listen(session, "after_transaction_end", found.ended)
    return found


def session_of(sender: object) -> Session | None:
    """The session that an event belongs to: its row's, else the one that is at work."""
    found = object_session(sender) if state_of(sender) is not None else None
    return found if found is not None else ACTIVE.get()


def innermost(session: Session) -> SessionTransaction | None:
    """The innermost savepoint, else the transaction."""
    return session.get_nested_transaction() or session.get_transaction()


def around(transaction: SessionTransaction) -> SessionTransaction | None:
    """The savepoint or transaction around a savepoint, None for the root."""
    found = transaction.parent
    while found is not None and found.parent is not None and not found.nested:
        found = found.parent
    return found


class SessionTransactions:
    """Lets the listeners of SQLAlchemy models wait for the commit of the row's session."""

    def defer(self, sender: object, deliver: Deliver) -> bool:
        """Keep a delivery until the root transaction of the sender's session commits."""
        session = session_of(sender)
        transaction = innermost(session) if session is not None else None
        if session is None or transaction is None:
            return False
        around = runtime.as_now()

        def settled() -> None:
            with around():
                deliver()
                _settle(session)

        waiting_of(session).held.setdefault(transaction, []).append(settled)
        return True


def register() -> None:
    """Let the bus ask this host about commits, and await what an asynchronous session delivers."""
    runtime.bus.transactions = (*runtime.bus.transactions, SessionTransactions())
    runtime.bus.awaiting = lambda: await_ if in_greenlet() else None
