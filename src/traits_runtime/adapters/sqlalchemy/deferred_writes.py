"""Writes of traits after the rows of a flush: one statement for many rows, in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import Session, UOWTransaction

from traits_runtime.adapters.sqlalchemy.session import TraitSession
from traits_runtime.adapters.sqlalchemy.transactions import ACTIVE

_KEY: Final = "traits_deferred_writes"

Writer = Callable[[Session, list[Any]], None]

_collectors: list[tuple[Callable[[Session], list[Any]], Writer]] = []


def defer_write(session: Session, write: Writer, item: Any) -> None:
    """Queue a write for the end of the current flush, or of the next one."""
    session.info.setdefault(_KEY, {}).setdefault(write, []).append(item)


def collect_writes(collect: Callable[[Session], list[Any]], write: Writer) -> None:
    """Register a function that returns the writes for the end of every flush."""
    _collectors.append((collect, write))


def chunks(items: Iterable[Any], size: int = 400) -> Iterable[list[Any]]:
    """Split rows into lists that fit the parameters of one statement."""
    remaining = list(items)
    return (remaining[start : start + size] for start in range(0, len(remaining), size))


def _after_flush(session: Session, _context: UOWTransaction) -> None:
    writes: dict[Writer, list[Any]] = session.info.pop(_KEY, {})
    for collect, write in _collectors:
        writes.setdefault(write, []).extend(collect(session))
    token = ACTIVE.set(session)
    try:
        for write, items in writes.items():
            if items:
                write(session, items)
    finally:
        ACTIVE.reset(token)


def watch() -> None:
    """Register the listeners."""
    event.listen(TraitSession, "after_flush", _after_flush)
