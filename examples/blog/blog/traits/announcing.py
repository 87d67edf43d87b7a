"""Followers are told of what is new."""

from __future__ import annotations

from datetime import datetime

import msgspec

from traits_runtime import Trait, TraitColumn, TraitConfig, TraitEvent, changed, column, feature, hook, job, option
from traits_runtime.traits import Publishable


class AnnouncingConfig(TraitConfig):
    """Who is told, and how."""

    max_followers: int = option(
        1000, ge=1, le=100_000, env="BLOG_MAX_FOLLOWERS", doc="How many followers are told at most."
    )
    channel: str = option("mail", doc="What carries the news.")
    notify_queue: str = option("mail", deprecated="1.2: set the queue of the job instead", doc="Queue of the job.")


class FollowersTold(msgspec.Struct):
    """Followers hear of a row.

    Attributes:
        at: From when the row is public.
        channel: What carries the news.
    """

    at: datetime
    channel: str


class Announced(Publishable, Trait):
    """Tells followers of a row when it becomes public for the first time.

    A row that is taken back to draft and published again is no news. A row is announced when it is written, with
    the moment at which it appears.
    """

    announcing_config = AnnouncingConfig()

    announce = feature(True, doc="Tell followers; off, rows are published quietly.")

    followers_told = TraitEvent(FollowersTold, doc="After the commit of a row that is news.", after_commit=True)

    announced_at: TraitColumn[datetime | None] = column(
        datetime, nullable=True, doc="From when followers were told to look; empty if they never were."
    )

    @hook("creating", priority=10)
    def announce_new(self) -> None:
        """Announce a new row that is public from the start."""
        self._announce()

    @hook("updating", when=changed("published_at"))
    def announce_published(self) -> None:
        """Announce a draft that becomes public."""
        self._announce()

    def _announce(self) -> None:
        if self.published_at is not None and self.announced_at is None and self.enabled("announce"):
            self.announced_at = self.published_at
            self.followers_told(at=self.published_at, channel=self.announcing_config.channel)

    @job(queue="mail")
    def tell_followers(self, limit: int = 1000) -> None:
        """Write to the followers of the author.

        Args:
            limit: How many followers are told at most.
        """
