"""Muting: which features and hooks the open ``without_features`` blocks suppress, and for which models."""

from __future__ import annotations

from traits_runtime._core.declare import Frame, belongs


class MuteFrame(Frame):
    """An open `without_features` block.

    Args:
        block: The block it belongs to.
        names: The features that it suppresses: ``follow_title``, ``HasSlug.follow_title`` or a trait's name; empty
            for all.
        owner: The model or instance that it applies to, None for all.
    """

    __slots__ = ("names", "owner")

    def __init__(self, block: object, names: frozenset[str], owner: object) -> None:
        super().__init__(block)
        self.names = names
        self.owner = owner

    def mutes(self, trait: str, feature: str, subject: object) -> bool:
        """Whether it suppresses a feature (a whole trait with ``""``) for an instance or a class."""
        if not self.active or (self.owner is not None and not belongs(subject, self.owner)):
            return False
        names = self.names
        return not names or trait in names or (feature != "" and (feature in names or f"{trait}.{feature}" in names))


def muted(frames: tuple[MuteFrame, ...], trait: str, feature: str, subject: object) -> bool:
    """Whether any open block suppresses a feature, or with ``""`` the whole trait.

    Args:
        frames: The frames of the context.
        trait: Short name of the declaring trait.
        feature: The feature, or ``""``.
        subject: The instance or class.

    >>> frame = MuteFrame(None, frozenset({"HasSlug.follow_title"}), None)
    >>> muted((frame,), "HasSlug", "follow_title", object()), muted((frame,), "HasSlug", "", object())
    (True, False)
    """
    for frame in frames:  # noqa: SIM110 - hot path: a generator doubles the time
        if frame.mutes(trait, feature, subject):
            return True
    return False
