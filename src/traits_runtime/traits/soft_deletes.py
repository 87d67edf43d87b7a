"""`SoftDeletes`: deleted rows go to a trash, from which they can be brought back."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Final

import msgspec

from traits_runtime import Feature, Trait, TraitColumn, TraitConfig, TraitEvent, column, feature, hook, option, scope
from traits_runtime.traits.clock import now


class Trashed(msgspec.Struct, frozen=True):
    """A row is in the trash.

    Args:
        at: The stamp that it shares with what went with it.
    """

    at: dt.datetime


class SoftDeletesConfig(TraitConfig):
    """The column."""

    deleted_at_column: str = option("deleted_at", doc="Column of the moment at which the row went to the trash.")


def _stamp(_model: type) -> dt.datetime:
    return now()


class SoftDeletes(Trait):
    """Deleting a row moves it to a trash: it stays in the table, and no query finds it unless it asks for the trash.

    Deleting follows the relationships that cascade deletes, to rows that have a trash too, under one stamp; rows
    without a trash stay. Restoring brings back a row and those that went with it, not what was in the trash before.
    """

    soft_deletes_config: ClassVar[SoftDeletesConfig] = SoftDeletesConfig()

    use_trash: ClassVar[Feature] = feature(True, doc="Deleting moves to the trash; off, rows are deleted for good.")
    cascade_trash: ClassVar[Feature] = feature(True, doc="What a delete cascades to goes to the trash with the row.")

    trashed: Final = TraitEvent(Trashed, doc="After a row went to the trash.")
    restored: Final = TraitEvent(doc="After a row came back from the trash.")
    force_deleted: Final = TraitEvent(doc="After a row was deleted for good.")

    deleted_at: TraitColumn[dt.datetime | None] = column(
        dt.datetime, nullable=True, index=True, on_trash=_stamp, named_by="deleted_at_column",
        doc="When the row went to the trash; empty while it is in use.",
    )  # fmt: skip

    @scope(always=True, lifted_by=("with_trashed", "only_trashed"))
    @classmethod
    def in_use(cls) -> Any:
        """Rows that are not in the trash; holds for every query that does not ask for others."""
        return cls.deleted_at.is_(None)

    @scope(always=True, asked_by="only_trashed")
    @classmethod
    def in_trash(cls) -> Any:
        """Rows in the trash; holds for queries with the execution option `only_trashed`."""
        return cls.deleted_at.is_not(None)

    @scope(lifts="with_trashed")
    @classmethod
    def with_trashed(cls) -> Any:
        """All rows, those in the trash too."""
        return cls.deleted_at.is_(None) | cls.deleted_at.is_not(None)

    @scope(lifts="with_trashed")
    @classmethod
    def only_trashed(cls) -> Any:
        """Rows in the trash."""
        return cls.deleted_at.is_not(None)

    @property
    def is_trashed(self) -> bool:
        """Whether the row is in the trash."""
        return self.deleted_at is not None

    @hook("trashed")
    def tell_trashed(self) -> None:
        """Emit `trashed`."""
        if self.deleted_at is not None:
            self.trashed(at=self.deleted_at)

    @hook("restored")
    def tell_restored(self) -> None:
        """Emit `restored`."""
        self.restored()

    @hook("force_deleted")
    def tell_force_deleted(self) -> None:
        """Emit `force_deleted`."""
        self.force_deleted()
