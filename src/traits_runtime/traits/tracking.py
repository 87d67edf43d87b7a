"""`HasUserTracking`: who created, last changed and deleted a row."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, Final

import msgspec

from traits_runtime import (
    Block,
    Feature,
    Trait,
    TraitColumn,
    TraitConfig,
    TraitEvent,
    TraitLog,
    column,
    current_actor,
    feature,
    hook,
    option,
    scope,
    unchanged,
    without_feature,
)
from traits_runtime._core.actor import as_actor
from traits_runtime._core.metadata import metadata_of
from traits_runtime._core.runtime import identify
from traits_runtime._core.trait.columns import named
from traits_runtime.errors import NoActorError


class UserAction(msgspec.Struct, frozen=True):
    """An action of a user on a row.

    Args:
        action: ``created``, ``updated`` or ``deleted``.
        user: Key of the user, None where there was no actor.
        at: When, where the model has ``created_at`` or ``updated_at``, or the row is in the trash.
        type: The kind of the actor, where the model stores it; else empty.
    """

    action: str
    user: Any
    at: dt.datetime | None = None
    type: str = ""


class HardDeleted(msgspec.Struct, frozen=True):
    """A row was deleted for good.

    Args:
        user: Key of the user, None where there was no actor.
    """

    user: Any


class UserTrackingConfig(TraitConfig):
    """Names, types and references of the columns."""

    created_by_column: str = option("created_by", doc="Column of the user who created the row.")
    updated_by_column: str = option("updated_by", doc="Column of the user who changed the row last.")
    deleted_by_column: str = option("deleted_by", doc="Column of the user who moved the row to the trash.")
    created_by_type_column: str = option("", doc="Column of the kind of actor who created the row; empty for none.")
    updated_by_type_column: str = option("", doc="Column of the kind of actor who changed it last; empty for none.")
    deleted_by_type_column: str = option("", doc="Column of the kind of actor who deleted it; empty for none.")
    user_key: str = option("int", pattern="^(int|bigint|str|uuid)$", doc="Type of users' keys.")
    user_column: str = option("", doc="Target of the foreign keys, `users.id`; empty for no foreign key.")
    user_model: str = option("", doc="Model of users; gives rows `creator`, `editor` and `deleter`.")
    user_loading: str = option("select", doc="How those three load; `raise_on_sql` suits asynchronous code.")
    strict: bool = option(False, doc="Refuse to write rows without a current actor.")


_KEY_TYPES = {"int": int, "bigint": int, "str": str, "uuid": uuid.UUID}


def key_of(model: Any, user: object) -> Any:
    """The key of a user in the type of the columns of a model; None for no user.

    Args:
        model: A model with user tracking.
        user: An instance, a key, an `Actor` or None.
    """
    if user is None:
        return None
    return as_user_key(model.user_tracking_config.user_key, as_actor(user, identify).id)


def as_user_key(kind: str, key: Any) -> Any:
    """The key of a user in the type of a column.

    Args:
        kind: ``int``, ``bigint``, ``str`` or ``uuid``.
        key: The key of an actor.
    """
    key_type = _KEY_TYPES[kind]
    if key is None or type(key) is key_type:
        return key
    return key_type(key)


def acting_user(model: Any) -> Any:
    """The key of the current actor.

    Raises:
        NoActorError: There is no current actor, and the model is strict.
    """
    actor = current_actor()
    if actor is None:
        if model.user_tracking_config.strict:
            raise NoActorError(model.__name__)
        return None
    return key_of(model, actor)


def _kind(_model: Any) -> str | None:
    """The kind of the current actor, None where there is no actor or only one kind."""
    actor = current_actor()
    if actor is None:
        return None
    return actor.type or None


def _kind_of(user: object) -> str:
    return "" if user is None else as_actor(user, identify).type


def _default(fill: Callable[[Any], Any], feature: str, otherwise: object) -> Callable[[Any], Any]:
    """The default of a column: filled where a feature is on, else another value."""

    def default(model: Any) -> Any:
        return fill(model) if model.enabled(feature) else otherwise

    return default


_creator = _default(acting_user, "fill_creator", None)
_first_editor = _default(acting_user, "fill_editor", None)
_editor = _default(acting_user, "fill_editor", unchanged)
_deleter = _default(acting_user, "fill_deleter", unchanged)
_creator_kind = _default(_kind, "fill_creator", None)
_first_editor_kind = _default(_kind, "fill_editor", None)
_editor_kind = _default(_kind, "fill_editor", unchanged)
_deleter_kind = _default(_kind, "fill_deleter", unchanged)


def _rows_of(model: Any, attribute: str, user: object) -> Any:
    condition = getattr(model, attribute) == key_of(model, user)
    kind = _kind_of(user)
    if kind and named(metadata_of(model), vars(HasUserTracking)[f"{attribute}_type"]):
        return condition & (getattr(model, f"{attribute}_type") == kind)
    return condition


def _is_by(row: Any, key: Any, kind: str | None, user: object) -> bool:
    """Whether a stored key and kind are those of a user."""
    if key is None or key != key_of(type(row), user):
        return False
    return not kind or not _kind_of(user) or kind == _kind_of(user)


class HasUserTracking(Trait):
    """Stores with each row who created it, who changed it last, and who moved it to the trash.

    The defaults of the columns are the current actor (`acting_as`), so every way of writing fills them: flush, bulk
    statements, Core, and ``update()``. A change without an actor sets `updated_by` to empty. Where actors of several
    kinds write rows, say users and machines, and their keys may be equal, name columns for the kind in the config:
    ``{"created_by_type_column": "created_by_type"}``.

    Off: the columns are not filled and keep their values, and a deletion is neither logged nor told. Methods that read
    and the scopes see the stored values.
    """

    user_tracking_config: ClassVar[UserTrackingConfig] = UserTrackingConfig()
    user_tracking_log: ClassVar[TraitLog] = TraitLog()

    fill_creator: ClassVar[Feature] = feature(True, doc="Fill `created_by` when a row is inserted.")
    fill_editor: ClassVar[Feature] = feature(True, doc="Fill `updated_by` whenever a row is written.")
    fill_deleter: ClassVar[Feature] = feature(True, doc="Fill `deleted_by` when a row goes to the trash.")

    hard_deleted: Final = TraitEvent(HardDeleted, doc="After a row was deleted for good.")

    created_by: TraitColumn[int | None] = column(
        int, nullable=True, index=True, on_insert=_creator, on_delete="SET NULL", named_by="created_by_column",
        typed_by="user_key", references_by="user_column", doc="Key of the user who created the row.",
    )  # fmt: skip
    updated_by: TraitColumn[int | None] = column(
        int, nullable=True, index=True, on_insert=_first_editor, on_update=_editor, on_delete="SET NULL",
        named_by="updated_by_column", typed_by="user_key", references_by="user_column",
        doc="Key of the user who changed the row last.",
    )  # fmt: skip
    deleted_by: TraitColumn[int | None] = column(
        int, nullable=True, index=True, on_trash=_deleter, on_delete="SET NULL", named_by="deleted_by_column",
        typed_by="user_key", references_by="user_column", doc="Key of the user who moved the row to the trash.",
    )  # fmt: skip

    created_by_type: TraitColumn[str | None] = column(
        str, nullable=True, length=120, on_insert=_creator_kind, named_by="created_by_type_column",
        doc="Kind of the actor who created the row: the name of its model.",
    )  # fmt: skip
    updated_by_type: TraitColumn[str | None] = column(
        str, nullable=True, length=120, on_insert=_first_editor_kind, on_update=_editor_kind,
        named_by="updated_by_type_column", doc="Kind of the actor who changed the row last: the name of its model.",
    )  # fmt: skip
    deleted_by_type: TraitColumn[str | None] = column(
        str, nullable=True, length=120, on_trash=_deleter_kind, named_by="deleted_by_type_column",
        doc="Kind of the actor who moved the row to the trash: the name of its model.",
    )  # fmt: skip

    creator: ClassVar[Any]
    """Who created the row, where `user_model` is set; only for reading."""
    editor: ClassVar[Any]
    """Who changed the row last, where `user_model` is set; only for reading."""
    deleter: ClassVar[Any]
    """Who moved the row to the trash, where `user_model` is set; only for reading."""

    @scope(name="created_by")
    @classmethod
    def rows_created_by(cls, user: object) -> Any:
        """Rows that a user created; None for rows without a creator. A bare key matches actors of every kind."""
        return _rows_of(cls, "created_by", user)

    @scope(name="updated_by")
    @classmethod
    def rows_updated_by(cls, user: object) -> Any:
        """Rows that a user changed last; None for rows without an editor."""
        return _rows_of(cls, "updated_by", user)

    @scope(name="deleted_by", lifts="with_trashed")
    @classmethod
    def rows_deleted_by(cls, user: object) -> Any:
        """Rows that a user moved to the trash; the query includes the trash."""
        return _rows_of(cls, "deleted_by", user)

    def was_created_by(self, user: object) -> bool:
        """Whether a user created the row.

        Args:
            user: An instance, a key or an `Actor`. A bare key matches actors of every kind.
        """
        return _is_by(self, self.created_by, self.created_by_type, user)

    def was_updated_by(self, user: object) -> bool:
        """Whether a user changed the row last."""
        return _is_by(self, self.updated_by, self.updated_by_type, user)

    def was_deleted_by(self, user: object) -> bool:
        """Whether a user moved the row to the trash."""
        return _is_by(self, self.deleted_by, self.deleted_by_type, user)

    def user_action_history(self) -> list[UserAction]:
        """The actions in the columns, oldest first; the full history is in the activity log (`LogsActivity`)."""
        created_at = getattr(self, "created_at", None)
        updated_at = getattr(self, "updated_at", None)
        deleted_at = getattr(self, "deleted_at", None)
        actions = [UserAction("created", self.created_by, created_at, self.created_by_type or "")]
        if self._has_other_editor() or updated_at not in (None, created_at):
            actions.append(UserAction("updated", self.updated_by, updated_at, self.updated_by_type or ""))
        if deleted_at is not None or self.deleted_by is not None:
            actions.append(UserAction("deleted", self.deleted_by, deleted_at, self.deleted_by_type or ""))
        return actions

    def _has_other_editor(self) -> bool:
        if self.updated_by != self.created_by:
            return True
        kinds = (self.created_by_type, self.updated_by_type)
        return None not in kinds and kinds[0] != kinds[1]

    @classmethod
    def without_user_tracking(cls) -> Block:
        """Write rows without filling the columns; on a model for its rows, on the trait for all models."""
        return without_feature(HasUserTracking, model=None if cls is HasUserTracking else cls)

    @hook("deleted")
    def note_deleted(self) -> None:
        """Log and emit the deletion of a row whose model has no trash."""
        if not hasattr(self, "is_trashed"):
            self._report_deletion()

    @hook("force_deleted")
    def note_force_deleted(self) -> None:
        """Log and emit the forced deletion of a row."""
        self._report_deletion()

    def _report_deletion(self) -> None:
        actor = current_actor()
        user = None if actor is None else actor.id
        self.user_tracking_log.info("%s was deleted for good by %s", type(self).__name__, user, user=user)
        self.hard_deleted(user=user)
