"""An open ``with config.override(...)`` block, as the resolver asks it for values."""

from __future__ import annotations

from collections.abc import Mapping

from traits_runtime._core.declare import Frame
from traits_runtime.rules.layers import Subject


class OverrideFrame(Frame):
    """An open ``with config.override(...)`` block.

    Args:
        block: The block it belongs to.
        values: Checked values by trait's path and key.
        owner: The model or instance it holds for, None for all.
        place: The line that opened it.
    """

    __slots__ = ("owner", "place", "values")

    def __init__(self, block: object, values: Mapping[tuple[str, str], object], owner: object, place: str) -> None:
        super().__init__(block)
        self.values = values
        self.owner = owner
        self.place = place

    def covers(self, subject: Subject) -> bool:
        """Whether the block holds for a subject."""
        if self.owner is None:
            return True
        if isinstance(self.owner, type):
            return subject.owner is not None and issubclass(subject.owner, self.owner)
        return subject.instance is self.owner
