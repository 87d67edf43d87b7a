"""Values of a context that blocks set: the tenant, the actor, the locale."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Generic, Self, TypeVar

from traits_runtime.errors import NoTenantError

V = TypeVar("V")


class ScopedValue(Generic[V]):
    """One entered `tenant`, `unscoped` or `acting_as` block.

    A task that outlives the block keeps its value: it was started with that value. A frame left behind by a
    generator that was closed in another context is abandoned and no longer seen.
    """

    __slots__ = ("abandoned", "block", "parent", "reason", "token", "value")

    def __init__(self, block: object, value: V, reason: str, parent: ScopedValue[V] | None) -> None:
        self.block = block
        self.value = value
        self.reason = reason
        self.parent = parent
        self.abandoned = False
        self.token: Token[ScopedValue[V] | None] | None = None


def innermost(frame: ScopedValue[V] | None) -> ScopedValue[V] | None:
    """The frame that counts: the innermost that was not abandoned."""
    while frame is not None and frame.abandoned:
        frame = frame.parent
    return frame


class ValueBlock(Generic[V]):
    """``with tenant("acme"):`` or ``with acting_as(user):``; also async.

    One object may be entered again, by several tasks at once.
    """

    __slots__ = ("_changed", "_entered", "_reason", "_value", "_variable")

    def __init__(
        self,
        variable: ContextVar[ScopedValue[V] | None],
        changed: Callable[[], None],
        value: V,
        reason: str = "",
    ) -> None:
        self._variable = variable
        self._changed = changed
        self._value = value
        self._reason = reason
        self._entered: list[ScopedValue[V]] = []

    def __enter__(self) -> Self:
        frame = ScopedValue(self, self._value, self._reason, innermost(self._variable.get()))
        self._entered.append(frame)
        frame.token = self._variable.set(frame)
        self._changed()
        return self

    def __exit__(self, *_error: object) -> None:
        current = innermost(self._variable.get())
        frame = current if current is not None and current.block is self else self._entered[-1]
        self._entered.remove(frame)
        if not self._was_entered_here(frame):
            frame.abandoned = True
        elif frame is not current:
            frame.abandoned = True
            self._variable.set(current)
        self._changed()

    def _was_entered_here(self, frame: ScopedValue[V]) -> bool:
        """Whether this is the context that entered; if so, what was before is put back."""
        if frame.token is None:
            return False
        try:
            self._variable.reset(frame.token)
        except ValueError:
            return False
        return True

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_error: object) -> None:
        self.__exit__()


def required(frame: ScopedValue[str | None] | None, what: str) -> str:
    """The current tenant.

    Raises:
        NoTenantError: There is none.
    """
    scoped = innermost(frame)
    if scoped is None or scoped.value is None:
        raise NoTenantError(what)
    return scoped.value
