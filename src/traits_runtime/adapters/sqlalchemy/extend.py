"""Where a trait that needs more than columns, scopes and hooks meets the session: functions, tried in order.

`SoftDeletes`, for one, turns a ``session.delete`` into a change of the row, and a ``DELETE`` into an ``UPDATE``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Result
from sqlalchemy.orm import ORMExecuteState, Session

deleters: Final[list[Callable[[Session, Any], bool]]] = []
"""Called with the session and the row of ``session.delete(row)``, unless that says ``force=True``; True: it is done."""

executors: Final[list[Callable[[ORMExecuteState], Result[Any] | None]]] = []
"""Called with every statement that writes; a result stands in its place."""
