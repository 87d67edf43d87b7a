"""The moments of a row's life: their names, their order, and which operation runs which of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol, TypeVar

MOMENTS: Final = (
    "boot",
    "initialize",
    "retrieved",
    "saving",
    "creating",
    "updating",
    "created",
    "updated",
    "saved",
    "force_deleting",
    "deleting",
    "trashed",
    "deleted",
    "force_deleted",
    "restoring",
    "restored",
    "replicating",
)
"""The moments that hosts run, in the order of a row's life: prepared, read, saved, deleted, restored, copied.

Each operation runs its moments in this order; a restoration saves the row between `restoring` and `restored`.
"""


class Operation(NamedTuple):
    """The moments of one operation on one row.

    Args:
        asked: Run where the program asks for the operation.
        before: Run before the statement.
        after: Run after the statement, inside the transaction.
    """

    asked: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def moments(self) -> tuple[str, ...]:
        """All moments, in the order in which they run."""
        return self.asked + self.before + self.after


OPERATIONS: Final[Mapping[str, Operation]] = {
    "insert": Operation((), ("saving", "creating"), ("created", "saved")),
    "update": Operation((), ("saving", "updating"), ("updated", "saved")),
    "delete": Operation((), ("deleting",), ("deleted",)),
    "trash": Operation(("deleting",), (), ("trashed", "deleted")),
    "force_delete": Operation(("force_deleting",), ("deleting",), ("deleted", "force_deleted")),
    "restore": Operation(("restoring",), ("saving", "updating"), ("updated", "saved", "restored")),
}
"""What runs for one row; `delete` is that of a model without a trash."""

_POSITIONS: Final = {moment: position for position, moment in enumerate(MOMENTS)}


class AtMoment(Protocol):
    """Anything that runs at a moment."""

    @property
    def moment(self) -> str:
        """The moment."""
        ...


H = TypeVar("H", bound=AtMoment)


def order_of(moment: str) -> tuple[int, str]:
    """A sort key for moments; a project's own moments follow those of the hosts, by name.

    >>> sorted(["saved", "approved", "creating", "saving"], key=order_of)
    ['saving', 'creating', 'saved', 'approved']
    """
    position = _POSITIONS.get(moment)
    return (len(MOMENTS), moment) if position is None else (position, "")


def by_moment(hooks: Iterable[H]) -> list[tuple[str, list[H]]]:
    """Hooks grouped by moment, the moments in order; within a moment the hooks keep their order.

    >>> class Hook(NamedTuple):
    ...     moment: str
    ...     name: str
    >>> [moment for moment, _ in by_moment([Hook("saved", "a"), Hook("saving", "b"), Hook("saved", "c")])]
    ['saving', 'saved']
    """
    groups: dict[str, list[H]] = {}
    for hook in hooks:
        groups.setdefault(hook.moment, []).append(hook)
    return [(moment, groups[moment]) for moment in sorted(groups, key=order_of)]
