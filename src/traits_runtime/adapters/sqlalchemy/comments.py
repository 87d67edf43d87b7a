"""Comments in the database: one table for the comments of all models."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import delete, event, exists, func, inspect, select
from sqlalchemy.orm import Mapper, Session, object_session, relationship

from traits_runtime._core import runtime
from traits_runtime._core.actor import as_actor
from traits_runtime.adapters.sqlalchemy.deferred_writes import collect_writes
from traits_runtime.adapters.sqlalchemy.host import HOST
from traits_runtime.adapters.sqlalchemy.mapper_info import (
    BROUGHT,
    connection_of,
    key_expression,
    key_text,
    mapper_for,
    root,
    structural_value,
    uses,
)
from traits_runtime.errors import DeclarationError
from traits_runtime.traits.comments import BACKENDS, HasComments, IsComment

_WAITING: Final = "_trait_comments"
"""Attribute of a new row with its comments until it has a key."""

_models: Final[list[type]] = []
"""Mapped models with comments."""


class SqlComments:
    """Comments on mapped models."""

    def add(self, row: Any, body: str, approved: bool, parent: Any) -> Any:
        """A new comment on a row."""
        comment = _comment_model(type(row))()
        comment.subject_type, comment.body, comment.approved = root(row), body, approved
        comment.depth = 0 if parent is None else parent.depth + 1
        if parent is not None:
            if not _is_about(parent, row):
                raise ValueError(f"The comment that is answered is not about this {type(row).__name__}.")
            comment.parent = parent
        session = object_session(row)
        if inspect(row).identity is None or session is None:
            vars(row).setdefault(_WAITING, []).append(comment)
        else:
            comment.subject_id = key_text(row)
            session.add(comment)
        return comment

    def about(self, row: Any, *, approved: bool | None) -> Any:
        """The comments of a row, oldest first."""
        model = _comment_model(type(row))
        query = select(model).where(model.subject_type == root(row), model.subject_id == key_text(row))
        if approved is not None:
            query = query.where(model.approved.is_(approved))
        return query.order_by(model.commented_at, *mapper_for(model).primary_key)

    def count(self, model: Any, *, approved: bool | None) -> Any:
        """The number of comments of a row."""
        comment = _comment_model(mapper_for(model).class_)
        query = select(func.count()).select_from(comment).where(*_on(comment, model))
        if approved is not None:
            query = query.where(comment.approved.is_(approved))
        return query.scalar_subquery()

    def commented_by(self, model: Any, actor: Any) -> Any:
        """The condition that an actor has commented on a row."""
        comment = _comment_model(mapper_for(model).class_)
        who = as_actor(actor, runtime.identify)
        query = select(1).select_from(comment).where(*_on(comment, model), comment.actor_id == str(who.id))
        return exists(query.where(comment.actor_type == who.type) if who.type else query)


def _on(comment: Any, model: Any) -> tuple[Any, Any]:
    return comment.subject_type == root(model), comment.subject_id == key_expression(model)


def _is_about(comment: Any, row: Any) -> bool:
    if comment in vars(row).get(_WAITING, ()):
        return True
    is_stored = inspect(row).identity is not None
    return is_stored and (comment.subject_type, comment.subject_id) == (root(row), key_text(row))


def _comment_models(model: type) -> list[type]:
    model_name = structural_value(model, HasComments, "comment_model")
    mapped = [mapper.class_ for mapper in mapper_for(model).registry.mappers]
    return [candidate for candidate in mapped if uses(candidate, IsComment) and model_name in ("", candidate.__name__)]


def _comment_model(model: type) -> Any:
    model_name = structural_value(model, HasComments, "comment_model")
    candidates = _comment_models(model)
    if len(candidates) != 1:
        called = f" called {model_name!r}" if model_name else ""
        raise DeclarationError(
            model.__name__,
            f"{'there is no model' if not candidates else 'several models'} of comments"
            f"{called}. Write `class Comment(IsComment, Base):` with a table name and "
            f"a primary key, or say which one is meant: `__traits__ = {{HasComments: {{'comment_model': ...}}}}`.",
        )
    return candidates[0]


def _waiting(session: Session) -> list[Any]:
    return [row for row in session.new if _WAITING in vars(row)] if _models else []


def _give_keys(session: Session, rows: list[Any]) -> None:
    """Add comments of rows that now have a key to the session; its commit writes them."""
    for row in rows:
        for comment in vars(row).pop(_WAITING):
            comment.subject_id = key_text(row)
            session.add(comment)


def _deleted(session: Session) -> list[Any]:
    """The deleted rows that may have comments: an application that uses none needs no model of them."""
    if not _models:
        return []
    rows = [row for row in session.deleted if isinstance(row, HasComments)]
    return [row for row in rows if _comment_models(type(row))]


def _remove(session: Session, rows: list[Any]) -> None:
    for row in rows:
        model = _comment_model(type(row))
        table: Any = mapper_for(model).local_table
        statement = delete(table).where(model.subject_type == root(row), model.subject_id == key_text(row))
        connection_of(session, model).execute(statement)


def _mapped(mapper: Mapper[Any], cls: type) -> None:
    if uses(cls, HasComments):
        _models.append(cls)
    if uses(cls, IsComment) and "parent" not in mapper.all_orm_descriptors:
        key = mapper.primary_key[0]
        comments = relationship(
            cls, remote_side=[key], foreign_keys=[mapper.columns["parent_id"]], info={BROUGHT: "IsComment"}
        )
        mapper.add_property("parent", comments)


def watch() -> None:
    """Register the listeners for models that are mapped later."""
    BACKENDS.add(HOST, SqlComments())
    collect_writes(_waiting, _give_keys)
    collect_writes(_deleted, _remove)
    event.listen(Mapper, "after_mapper_constructed", _mapped)
