"""`LogsActivity`: what happened to rows, who did it, and what the values were."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Final, Literal

import msgspec

from traits_runtime import Feature, Trait, TraitConfig, TraitEvent, feature, option


class ActivityLogged(msgspec.Struct, frozen=True):
    """A change was noted.

    Args:
        event: ``created``, ``updated``, ``deleted``, ``trashed``, ``restored``.
        old: Values before, of what changed.
        new: Values after, of what changed.
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
        actor: Key of who did it as text, None for nobody.
        actor_type: The actor's model, empty where there is one kind.
        actor_label: The actor's name at that time.
        old: Values before, of what changed.
        new: Values after, of what changed.
        batch: The same for all of one transaction.
        at: When.
        tenant: For which tenant, None for none.
        tags: What `activity_tags` said.
        count: How many rows a statement changed; 1 for a row.
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
    """What is noted, and how."""

    table: str = option("activity_log", doc="Table of the log, in the model's metadata.")
    only: tuple[str, ...] = option((), doc="Attributes to note; empty for all.")
    ignored: tuple[str, ...] = option((), doc="Attributes whose changes are not noted.")
    redacted: tuple[str, ...] = option(
        ("password", "password_hash", "token", "secret", "api_key"),
        doc="Attributes of which is noted that they changed, and not what they were.",
    )
    collapse: Literal["flush", "transaction"] = option(
        "flush", doc="`transaction`: what happens to a row in one transaction becomes one entry, written at its commit."
    )
    bulk: Literal["statement", "rows", "off"] = option(
        "statement", doc="Bulk `update()` and `delete()`: one entry a statement, one a row (reads them first), or none."
    )


class LogsActivity(Trait):
    """Notes every change of a row in a log, in the same transaction: what happened, who did it, old and new values.

    Only what differs is noted, and nothing if nothing does. A flush writes its entries with one statement.
    """

    activity_config: ClassVar[ActivityConfig] = ActivityConfig()

    log_created: ClassVar[Feature] = feature(True, doc="Note new rows.")
    log_updated: ClassVar[Feature] = feature(True, doc="Note changes.")
    log_deleted: ClassVar[Feature] = feature(True, doc="Note deletions, into the trash and for good.")
    log_restored: ClassVar[Feature] = feature(True, doc="Note rows that come back from the trash.")

    activity_logged: Final = TraitEvent(ActivityLogged, doc="After an entry for the row was written.")
    activity_committed: Final = TraitEvent(
        ActivityLogged, after_commit=True, doc="After the entry's transaction committed."
    )

    def activity_tags(self) -> list[str]:
        """Words to keep with an entry of this row; override it."""
        return []

    def tell_activity(self, event: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Emit `activity_logged` and `activity_committed`; called by the host when it has written an entry.

        Args:
            event: What happened.
            old: Values before, of what changed.
            new: Values after, of what changed.
        """
        self.activity_logged(event=event, old=old, new=new)
        self.activity_committed(event=event, old=old, new=new)
