"""Who did it, and when."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec
from sqlalchemy.orm import Mapped, mapped_column

from traits_runtime import Trait, TraitConfig, TraitEvent, feature, hook, option

current_user: ContextVar[int | None] = ContextVar("current_user", default=None)
"""Key of the user on whose behalf the code runs."""


class TrackingConfig(TraitConfig):
    """What is recorded about users."""

    anonymous_user: int | None = option(None, env="BLOG_ANONYMOUS_USER", doc="Key recorded when nobody is logged in.")


class ActorRecorded(msgspec.Struct):
    """The acting user was written to a row."""

    user_id: int | None


class HasUserTracking(Trait):
    """Records who created and who last changed a row."""

    tracking_config = TrackingConfig()

    track_updates = feature(True, doc="Also record who changed the row last.")

    creator_recorded = TraitEvent(ActorRecorded, doc="After the creator was filled in.")
    updater_recorded = TraitEvent(ActorRecorded, doc="After the last editor was filled in.")

    created_by: Mapped[int | None] = mapped_column(doc="Key of the user who created the row.")
    updated_by: Mapped[int | None] = mapped_column(doc="Key of the user who changed the row last.")
    created_at: Mapped[datetime | None] = mapped_column(doc="When the row was created, in UTC.")

    @hook("creating", priority=100)
    def record_creator(self) -> None:
        """Fill in the creator and the time, unless they are given."""
        if self.created_by is None:
            self.created_by = self.acting_user()
        self.created_at = self.created_at or datetime.now(UTC)
        self.creator_recorded(user_id=self.created_by)

    @hook("updating", priority=100)
    def record_updater(self) -> None:
        """Fill in who changed the row."""
        if self.enabled("track_updates"):
            self.updated_by = self.acting_user()
            self.updater_recorded(user_id=self.updated_by)

    def acting_user(self) -> int | None:
        """Key of the current user, or the configured one when nobody is logged in."""
        user = current_user.get()
        return self.tracking_config.anonymous_user if user is None else user
