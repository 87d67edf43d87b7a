"""`HasUserTracking`: who created, last changed and deleted a row."""

from __future__ import annotations

import datetime as dt
import uuid
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
    """One thing that somebody did to a row.

    Args:
        action: ``created``, ``updated`` or ``deleted``.
        user: Key of who did it, None where nobody was known.
        at: When, where the model has ``created_at`` or ``updated_at``, or is in the trash.
        type: What kind of actor, where the model keeps that; else empty.
    """

    action: str
    user: Any
    at: dt.datetime | None = None
    type: str = ""


class HardDeleted(msgspec.Struct, frozen=True):
    """A row is gone for good.

    Args:
        user: Key of who did it, None where nobody was known.
    """

    user: Any


class UserTrackingConfig(TraitConfig):
    """Names and types of the columns, and what they point to."""

    created_by_column: str = option("created_by", doc="Column of who created the row.")
    updated_by_column: str = option("updated_by", doc="Column of who changed the row last.")
    deleted_by_column: str = option("deleted_by", doc="Column of who moved the row to the trash.")
    created_by_type_column: str = option("", doc="Column of what kind of actor created the row; empty for none.")
    updated_by_type_column: str = option("", doc="Column of what kind of actor changed it last; empty for none.")
    deleted_by_type_column: str = option("", doc="Column of what kind of actor deleted it; empty for none.")
    user_key: str = option("int", pattern="^(int|bigint|str|uuid)$", doc="Type of users' keys.")
    user_column: str = option("", doc="What the columns point to, `users.id`; empty where users live elsewhere.")
    user_model: str = option("", doc="Model of users; gives rows `creator`, `editor` and `deleter`.")
    user_loading: str = option("select", doc="How those three load; `raise_on_sql` suits asynchronous code.")
    strict: bool = option(False, doc="Refuse to write rows while nobody acts.")


_MAKE = {"int": int, "bigint": int, "str": str, "uuid": uuid.UUID}


def key_of(model: Any, user: object) -> Any:
    """The key of a user as the columns of a model hold it; None for nobody.

    Args:
        model: A model with user tracking.
        user: An instance, a key, an `Actor` or None.
    """
    if user is None:
        return None
    return as_user_key(model.user_tracking_config.user_key, as_actor(user, identify).id)


def as_user_key(kind: str, key: Any) -> Any:
    """A user's key as a column of some type holds it.

    Args:
        kind: ``int``, ``bigint``, ``str`` or ``uuid``.
        key: The key of an actor.
    """
    make = _MAKE[kind]
    return key if key is None or type(key) is make else make(key)


def acting_user(model: Any) -> Any:
    """The key of the current actor.

    Raises:
        NoActorError: Nobody acts, and the model is strict.
    """
    actor = current_actor()
    if actor is None:
        if model.user_tracking_config.strict:
            raise NoActorError(model.__name__)
        return None
    return key_of(model, actor)


def _kind(_model: Any) -> str | None:
    """What kind of actor acts, None where nobody does or there is one kind."""
    actor = current_actor()
    return actor.type or None if actor is not None else None


def _kind_of(user: object) -> str:
    return "" if user is None else as_actor(user, identify).type


def _creator_kind(model: Any) -> Any:
    return _kind(model) if model.enabled("fill_creator") else None


def _first_editor_kind(model: Any) -> Any:
    return _kind(model) if model.enabled("fill_editor") else None


def _editor_kind(model: Any) -> Any:
    return _kind(model) if model.enabled("fill_editor") else unchanged


def _deleter_kind(model: Any) -> Any:
    return _kind(model) if model.enabled("fill_deleter") else unchanged


def _creator(model: Any) -> Any:
    return acting_user(model) if model.enabled("fill_creator") else None


def _first_editor(model: Any) -> Any:
    return acting_user(model) if model.enabled("fill_editor") else None


def _editor(model: Any) -> Any:
    return acting_user(model) if model.enabled("fill_editor") else unchanged


def _deleter(model: Any) -> Any:
    return acting_user(model) if model.enabled("fill_deleter") else unchanged


def _rows(model: Any, attribute: str, user: object) -> Any:
    condition = getattr(model, attribute) == key_of(model, user)
    kind = _kind_of(user)
    if kind and named(metadata_of(model), vars(HasUserTracking)[f"{attribute}_type"]):
        return condition & (getattr(model, f"{attribute}_type") == kind)
    return condition


def _was(row: Any, key: Any, kind: str | None, user: object) -> bool:
    if key is None or key != key_of(type(row), user):
        return False
    return not kind or not _kind_of(user) or kind == _kind_of(user)


class HasUserTracking(Trait):
    """Keeps with each row who created it, who changed it last, and who moved it to the trash.

    The columns have defaults that ask for the current actor (`acting_as`), so every way of writing fills them:
    flush, bulk statements, Core, and ``update()``. A change while nobody acts leaves `updated_by` empty rather
    than naming the one before. Where rows are written by actors of several kinds, say users and machines, whose keys
    may be the same, columns for the kind are named in the config: ``{"created_by_type_column": "created_by_type"}``.
    """

    user_tracking_config: ClassVar[UserTrackingConfig] = UserTrackingConfig()
    user_tracking_log: ClassVar[TraitLog] = TraitLog()

    fill_creator: ClassVar[Feature] = feature(True, doc="Fill `created_by` when a row is written first.")
    fill_editor: ClassVar[Feature] = feature(True, doc="Fill `updated_by` whenever a row is written.")
    fill_deleter: ClassVar[Feature] = feature(True, doc="Fill `deleted_by` when a row goes to the trash.")

    hard_deleted: Final = TraitEvent(HardDeleted, doc="After a row was deleted for good.")

    created_by: TraitColumn[int | None] = column(
        int, nullable=True, index=True, on_insert=_creator, on_delete="SET NULL", named_by="created_by_column",
        typed_by="user_key", references_by="user_column", doc="Key of who created the row.",
    )  # fmt: skip
    updated_by: TraitColumn[int | None] = column(
        int, nullable=True, index=True, on_insert=_first_editor, on_update=_editor, on_delete="SET NULL",
        named_by="updated_by_column", typed_by="user_key", references_by="user_column",
        doc="Key of who changed the row last.",
    )  # fmt: skip
    deleted_by: TraitColumn[int | None] = column(
        int, nullable=True, index=True, on_trash=_deleter, on_delete="SET NULL", named_by="deleted_by_column",
        typed_by="user_key", references_by="user_column", doc="Key of who moved the row to the trash.",
    )  # fmt: skip

    created_by_type: TraitColumn[str | None] = column(
        str, nullable=True, length=120, on_insert=_creator_kind, named_by="created_by_type_column",
        doc="What kind of actor created the row: the name of its model.",
    )  # fmt: skip
    updated_by_type: TraitColumn[str | None] = column(
        str, nullable=True, length=120, on_insert=_first_editor_kind, on_update=_editor_kind,
        named_by="updated_by_type_column", doc="What kind of actor changed the row last: the name of its model.",
    )  # fmt: skip
    deleted_by_type: TraitColumn[str | None] = column(
        str, nullable=True, length=120, on_trash=_deleter_kind, named_by="deleted_by_type_column",
        doc="What kind of actor moved the row to the trash: the name of its model.",
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
        """Rows that a user created; None for those of nobody. A bare key means actors of every kind."""
        return _rows(cls, "created_by", user)

    @scope(name="updated_by")
    @classmethod
    def rows_updated_by(cls, user: object) -> Any:
        """Rows that a user changed last; None for those of nobody."""
        return _rows(cls, "updated_by", user)

    @scope(name="deleted_by", lifts="with_trashed")
    @classmethod
    def rows_deleted_by(cls, user: object) -> Any:
        """Rows that a user moved to the trash; asking for them looks into the trash."""
        return _rows(cls, "deleted_by", user)

    def was_created_by(self, user: object) -> bool:
        """Whether a user created the row.

        Args:
            user: An instance, a key or an `Actor`. A bare key means actors of every kind.
        """
        return _was(self, self.created_by, self.created_by_type, user)

    def was_updated_by(self, user: object) -> bool:
        """Whether a user changed the row last."""
        return _was(self, self.updated_by, self.updated_by_type, user)

    def was_deleted_by(self, user: object) -> bool:
        """Whether a user moved the row to the trash."""
        return _was(self, self.deleted_by, self.deleted_by_type, user)

    def user_action_history(self) -> list[UserAction]:
        """What the columns know, first things first; the whole story is in the activity log (`LogsActivity`)."""
        actions = [
            UserAction("created", self.created_by, getattr(self, "created_at", None), self.created_by_type or "")
        ]
        changed = getattr(self, "updated_at", None)
        kinds = (self.created_by_type, self.updated_by_type)
        another = self.updated_by != self.created_by or (None not in kinds and kinds[0] != kinds[1])
        if another or (changed is not None and changed != actions[0].at):
            actions.append(UserAction("updated", self.updated_by, changed, self.updated_by_type or ""))
        deleted = getattr(self, "deleted_at", None)
        if deleted is not None or self.deleted_by is not None:
            actions.append(UserAction("deleted", self.deleted_by, deleted, self.deleted_by_type or ""))
        return actions

    @classmethod
    def without_user_tracking(cls) -> Block:
        """Write rows without filling the columns; called on a model for its rows, on the trait for all."""
        return without_feature(HasUserTracking, model=None if cls is HasUserTracking else cls)

    @hook("deleted")
    def note_deleted(self) -> None:
        """Say who deleted a row that has no trash to go to."""
        if not hasattr(self, "is_trashed"):
            self._note()

    @hook("force_deleted")
    def note_force_deleted(self) -> None:
        """Say who deleted a row past the trash."""
        self._note()

    def _note(self) -> None:
        actor = current_actor()
        user = None if actor is None else actor.id
        self.user_tracking_log.info("%s was deleted for good by %s", type(self).__name__, user, user=user)
        self.hard_deleted(user=user)
