"""`Publishable`: drafts, and rows that are public from a moment and until a moment."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Final

import msgspec

from traits_runtime import Trait, TraitColumn, TraitConfig, TraitEvent, column, option, scope
from traits_runtime._core.trait.features import refuse_if_off
from traits_runtime.traits.clock import now


class Published(msgspec.Struct, frozen=True):
    """A publication time was set.

    Args:
        at: When the row becomes public; it may be in the future.
    """

    at: dt.datetime


class Unpublished(msgspec.Struct, frozen=True):
    """A row is a draft again."""


class PublishableConfig(TraitConfig):
    """The columns."""

    published_at_column: str = option("published_at", doc="Column of the moment from which the row is public.")
    unpublish_at_column: str = option("unpublish_at", doc="Column of the moment from which it no longer is.")


class Publishable(Trait):
    """Rows are drafts until they get a publication time, which may be in the future; they may also have an end.

    Times have a time zone and are stored in UTC. Scopes compare with the clock of the application.

    Off: `publish` and `unpublish` are refused. Stored times stay in force: drafts remain drafts, for scopes and
    properties alike.
    """

    publishable_config: ClassVar[PublishableConfig] = PublishableConfig()

    published: Final = TraitEvent(Published, doc="After a row got a publication time; it may not be saved yet.")
    unpublished: Final = TraitEvent(Unpublished, doc="After a row was made a draft again; it may not be saved yet.")

    published_at: TraitColumn[dt.datetime | None] = column(
        dt.datetime, nullable=True, index=True, named_by="published_at_column",
        doc="From when the row is public; empty for a draft.",
    )  # fmt: skip
    unpublish_at: TraitColumn[dt.datetime | None] = column(
        dt.datetime, nullable=True, named_by="unpublish_at_column",
        doc="From when the row is no longer public; empty for no end.",
    )  # fmt: skip

    @scope(name="published")
    @classmethod
    def rows_published(cls: Any, at: dt.datetime | None = None) -> Any:
        """Rows that are public, now or at a moment."""
        moment = at or now()
        return (cls.published_at <= moment) & (cls.unpublish_at.is_(None) | (cls.unpublish_at > moment))

    @scope(name="drafts")
    @classmethod
    def rows_in_draft(cls: Any) -> Any:
        """Rows without a publication time."""
        return cls.published_at.is_(None)

    @scope(name="scheduled")
    @classmethod
    def rows_scheduled(cls: Any, at: dt.datetime | None = None) -> Any:
        """Rows whose publication time is in the future."""
        return cls.published_at > (at or now())

    @scope(name="expired")
    @classmethod
    def rows_expired(cls: Any, at: dt.datetime | None = None) -> Any:
        """Rows that were public and no longer are."""
        return (cls.published_at.is_not(None)) & (cls.unpublish_at <= (at or now()))

    @property
    def is_published(self) -> bool:
        """Whether the row is public now."""
        start, end, moment = self.published_at, self.unpublish_at, now()
        return start is not None and start <= moment and (end is None or end > moment)

    @property
    def is_draft(self) -> bool:
        """Whether the row has no publication time."""
        return self.published_at is None

    @property
    def is_scheduled(self) -> bool:
        """Whether the publication time is in the future."""
        return self.published_at is not None and self.published_at > now()

    def publish(self, at: dt.datetime | None = None, *, until: dt.datetime | None = None) -> None:
        """Make the row public; save it afterwards.

        Args:
            at: From when, now by default.
            until: Until when, without end by default.

        Raises:
            FeatureDisabledError: The trait is off.
            ValueError: A time has no time zone, or the end is not after the start.
        """
        refuse_if_off(self, Publishable, "publish")
        start = at or now()
        for moment in (start, until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{moment.isoformat()} has no time zone. Use datetime.now(UTC), or .replace(tzinfo=).")
        if until is not None and until <= start:
            raise ValueError(f"The end {until.isoformat()} is not after the start {start.isoformat()}.")
        self.published_at, self.unpublish_at = start, until
        self.published(at=start)

    def unpublish(self) -> None:
        """Make the row a draft again; save it afterwards.

        Raises:
            FeatureDisabledError: The trait is off.
        """
        refuse_if_off(self, Publishable, "unpublish")
        self.published_at = self.unpublish_at = None
        self.unpublished()
