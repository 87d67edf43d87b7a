"""A waste bin."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy.orm import Mapped, mapped_column

from traits_runtime import Trait, TraitConfig, TraitEvent, job, option


class DeletingConfig(TraitConfig):
    """How long deleted rows are kept."""

    keep_days: int = option(30, ge=0, env="BLOG_KEEP_DELETED_DAYS", doc="Days until a deleted row may be purged.")


class RowTrashed(msgspec.Struct):
    """A row was put into the waste bin."""

    at: datetime


class SoftDeletes(Trait):
    """Puts rows into a waste bin instead of deleting them."""

    deleting_config = DeletingConfig()

    trashed = TraitEvent(RowTrashed, doc="After a row was put into the waste bin.")
    restored = TraitEvent(doc="After a row was taken out of the waste bin.")

    deleted_at: Mapped[datetime | None] = mapped_column(
        index=True, doc="When the row was deleted; empty while it is live."
    )

    @property
    def is_deleted(self) -> bool:
        """Whether the row is in the waste bin."""
        return self.deleted_at is not None

    def delete(self) -> None:
        """Put the row into the waste bin."""
        now = datetime.now(UTC)
        self.deleted_at = now
        self.trashed(at=now)

    def restore(self) -> None:
        """Take the row out of the waste bin; does nothing for a live one."""
        if self.deleted_at is not None:
            self.deleted_at = None
            self.restored()

    @job(queue="maintenance")
    def purge(self) -> None:
        """Delete the row for good, once it was kept for ``keep_days``."""
