"""`SoftDeletes`: deleted rows are moved to a trash, from which they can be restored."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Final

import msgspec

from traits_runtime import Feature, Trait, TraitColumn, TraitConfig, TraitEvent, column, feature, hook, option, scope
from traits_runtime.traits.clock import now


class Trashed(msgspec.Struct, frozen=True):
    """A row was moved to the trash.

    Args:
        at: The timestamp that it shares with the rows of its cascade.
    """

    at: dt.datetime


class SoftDeletesConfig(TraitConfig):
    """The column."""

    deleted_at_column: str = option("deleted_at", doc="Column of the time at which the row was moved to the trash.")


def _stamp(_model: type) -> dt.datetime:
    return now()


class SoftDeletes(Trait):
    """`delete` stamps the row and its cascade; queries leave stamped rows out; `restore` clears the stamp.

    The cascade follows relationships that cascade deletes, to rows whose model has a trash too, with one timestamp;
    other rows stay. Restoring a row restores its cascade, but not rows that were in the trash before.

    Off: rows are deleted for good, and `restore` is refused. Rows in the trash stay there, hidden from queries.
    """

    soft_deletes_config: ClassVar[SoftDeletesConfig] = SoftDeletesConfig()

    use_trash: ClassVar[Feature] = feature(True, doc="Deleting moves rows to the trash; off, it deletes them for good.")
    cascade_trash: ClassVar[Feature] = feature(True, doc="The cascade of a delete is moved to the trash with the row.")

    trashed: Final = TraitEvent(Trashed, doc="After a row was moved to the trash.")
    restored: Final = TraitEvent(doc="After a row was restored from the trash.")
    force_deleted: Final = TraitEvent(doc="After a row was deleted for good.")

    deleted_at: TraitColumn[dt.datetime | None] = column(
        dt.datetime, nullable=True, index=True, on_trash=_stamp, named_by="deleted_at_column",
        doc="When the row was moved to the trash; empty while it is not in the trash.",
    )  # fmt: skip

    @scope(always=True, lifted_by=("with_trashed", "only_trashed"))
    @classmethod
    def in_use(cls) -> Any:
        """Rows that are not in the trash; the default of every query."""
        return cls.deleted_at.is_(None)

    @scope(always=True, asked_by="only_trashed")
    @classmethod
    def in_trash(cls) -> Any:
        """Rows in the trash; applies to queries with the execution option `only_trashed`."""
        return cls.deleted_at.is_not(None)

    @scope(lifts="with_trashed")
    @classmethod
    def with_trashed(cls) -> Any:
        """All rows, including the trash."""
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
