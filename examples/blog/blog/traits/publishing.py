"""Drafts, and the moment they become public."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy.orm import Mapped, mapped_column

from traits_runtime import Trait, TraitConfig, TraitEvent, hook, job, option


class PublishingConfig(TraitConfig):
    """When rows become public."""

    auto_publish: bool = option(False, doc="Publish rows as soon as they are created.")
    notify_queue: str = option(
        "mail", deprecated="1.2: set the queue of the job instead", doc="Queue of the notifications."
    )


class RowPublished(msgspec.Struct):
    """A row became public."""

    at: datetime
    first_time: bool


class Publishable(Trait):
    """Keeps rows as drafts until they are published."""

    publishing_config = PublishingConfig()

    published = TraitEvent(RowPublished, doc="After a row became public.")
    unpublished = TraitEvent(doc="After a row was taken back to draft.")

    published_at: Mapped[datetime | None] = mapped_column(doc="When the row became public; empty for a draft.")

    @hook("creating")
    def publish_new(self) -> None:
        """Publish a new row at once, where ``auto_publish`` is set."""
        if self.publishing_config.auto_publish and not self.is_published:
            self.publish()

    @property
    def is_published(self) -> bool:
        """Whether readers can see the row."""
        return self.published_at is not None

    def publish(self) -> None:
        """Make the row public."""
        first_time = self.published_at is None
        now = datetime.now(UTC)
        self.published_at = now
        self.published(at=now, first_time=first_time)

    def unpublish(self) -> None:
        """Take the row back to draft."""
        self.published_at = None
        self.unpublished()

    @job(queue="mail")
    def notify_followers(self, limit: int = 1000) -> None:
        """Tell the followers of the author.

        Args:
            limit: How many followers are told at most.
        """
