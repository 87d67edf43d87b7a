"""`LogsActivity`: a log of the changes of rows, with actor and values."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Final, Literal

import msgspec

from traits_runtime import Feature, Trait, TraitConfig, TraitEvent, feature, option


class ActivityLogged(msgspec.Struct, frozen=True):
    """A change was logged.

    Args:
        event: ``created``, ``updated``, ``deleted``, ``trashed``, ``restored``.
        old: Old values of the changed attributes.
        new: New values of the changed attributes.
    """

    event: str
    old: dict[str, Any]
    new: dict[str, Any]


class Activity(msgspec.Struct, frozen=True):
    """A row of the activity log.

    Args:
        event: ``created``, ``updated``, ``deleted``, ``trashed``, ``restored``; ``bulk_updated`` and the like for
            a statement that changed many rows.
        model: Name of the model.
        key: The row's key as text, a JSON array for one of several columns; empty for a statement.
        actor: Key of the actor as text, None for none.
        actor_type: The actor's model, empty where there is one kind.
        actor_label: The actor's name at that time.
        old: Old values of the changed attributes.
        new: New values of the changed attributes.
        batch: Id of the transaction.
        at: When.
        tenant: The tenant, None for none.
        tags: The result of `activity_tags`.
        count: The number of rows that a statement changed; 1 for a row.
    """

    event: str
    model: str
    key: str
    at: dt.datetime
    batch: str
    actor: str | None = None
    actor_type: str = ""
    actor_label: str = ""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    tenant: str | None = None
    tags: list[str] = []
    count: int = 1


class ActivityConfig(TraitConfig):
    """Which changes are logged, and how."""

    table: str = option("activity_log", doc="Table of the log, in the model's metadata.")
    only: tuple[str, ...] = option((), doc="Attributes to log; empty for all.")
    ignored: tuple[str, ...] = option((), doc="Attributes whose changes are not logged.")
    redacted: tuple[str, ...] = option(
        ("password", "password_hash", "token", "secret", "api_key"),
        doc="Attributes whose changes are logged without their values.",
    )
    collapse: Literal["flush", "transaction"] = option(
        "flush", doc="`transaction`: all changes of a row in one transaction are one entry, written at its commit."
    )
    bulk: Literal["statement", "rows", "off"] = option(
        "statement", doc="Bulk `update()` and `delete()`: one entry a statement, one a row (reads them first), or none."
    )


class LogsActivity(Trait):
    """Logs every change of a row in the same transaction: the event, the actor, old and new values.

    Only attributes that differ are logged. A flush writes its entries with one statement.

    Off: nothing is logged. Stored entries stay and are found.
    """

    activity_config: ClassVar[ActivityConfig] = ActivityConfig()

    log_created: ClassVar[Feature] = feature(True, doc="Log new rows.")
    log_updated: ClassVar[Feature] = feature(True, doc="Log changes.")
    log_deleted: ClassVar[Feature] = feature(True, doc="Log deletions, into the trash and for good.")
    log_restored: ClassVar[Feature] = feature(True, doc="Log rows that are restored from the trash.")

    activity_logged: Final = TraitEvent(ActivityLogged, doc="After an entry for the row was written.")
    activity_committed: Final = TraitEvent(
        ActivityLogged, after_commit=True, doc="After the entry's transaction committed."
    )

    def activity_tags(self) -> list[str]:
        """Tags of the entries of this row; override it."""
        return []

    def tell_activity(self, event: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Emit `activity_logged` and `activity_committed`; the host calls it after it has written an entry.

        Args:
            event: What happened.
            old: Old values of the changed attributes.
            new: New values of the changed attributes.
        """
        self.activity_logged(event=event, old=old, new=new)
        self.activity_committed(event=event, old=old, new=new)
