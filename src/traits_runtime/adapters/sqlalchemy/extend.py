"""Extension points of the session for traits that need more than columns, scopes and hooks; tried in order.

`SoftDeletes`, for one, turns a ``session.delete`` into a change of the row, and a ``DELETE`` into an ``UPDATE``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Result
from sqlalchemy.orm import ORMExecuteState, Session

deleters: Final[list[Callable[[Session, Any], bool]]] = []
"""Called with session and row by ``session.delete(row)`` without ``force=True``; returns True if it has deleted it."""

executors: Final[list[Callable[[ORMExecuteState], Result[Any] | None]]] = []
"""Called with every statement that writes; a result other than None replaces its execution."""
