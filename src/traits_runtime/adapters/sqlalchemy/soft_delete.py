"""The trash: what a session does with rows of models that have `SoftDeletes`.

``delete`` -> the row and what its deletion cascades to get one stamp; ``restore`` -> those of one stamp lose it;
``delete(force=True)`` -> rows go for good, those in the trash that hang on them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapper, ORMExecuteState, RelationshipProperty, Session, with_parent
from sqlalchemy.orm.attributes import instance_dict

from traits_runtime._core.trait.columns import Unchanged, trait_columns
from traits_runtime._core.trait.features import refuse_if_off
from traits_runtime.adapters.sqlalchemy import extend
from traits_runtime.adapters.sqlalchemy._private import (
    changed_fields,
    conditions_of,
    returned_by,
    state_of,
    statement_inside,
)
from traits_runtime.adapters.sqlalchemy.activity_statements import note_bulk
from traits_runtime.adapters.sqlalchemy.bulk import INNER, kept_columns, model_of, telling
from traits_runtime.adapters.sqlalchemy.criteria import lifted
from traits_runtime.adapters.sqlalchemy.lifecycle import run_asked, set_pending_state
from traits_runtime.adapters.sqlalchemy.mapper_info import key_columns, name_in, owner_of
from traits_runtime.errors import DeclarationError, NotSupportedError, RestoreConflict
from traits_runtime.rules.identity import path_of
from traits_runtime.traits.clock import clock, now
from traits_runtime.traits.soft_deletes import SoftDeletes

_LIVE = "traits_live"


class TrashSession(Session):
    """The methods of a session for rows in the trash."""

    def delete(self, instance: object) -> None:
        """Delete a row permanently, with the rows in the trash that depend on it."""
        with lifted("with_trashed"):
            rows = list(_hanging_on(self, instance))
            for row in rows:
                run_asked(row, "forced")
            for row in rows:
                set_pending_state(self, row, "forced")
            super().delete(instance)

    def delete_all(self, instances: Iterable[object]) -> None:
        """Delete several rows, as `delete` does."""
        for row in instances:
            self.delete(row)

    def restore(self, instance: object) -> None:
        """Restore a row from the trash, with those trashed together with it; other rows stay unchanged.

        Raises:
            RestoreConflict: A row in use has meanwhile the same values where they must be unique.
            TypeError: The row has no trash.
        """
        _restore(self, instance)


def restore(session: Session, instance: object) -> None:
    """`TrashSession.restore` as a function, for ``await session.run_sync(restore, row)``."""
    _restore(session, instance)


def force_delete(session: Session, instance: object) -> None:
    """``session.delete(row, force=True)`` as a function, for ``await session.run_sync(force_delete, row)``."""
    if not isinstance(session, TrashSession):
        raise TypeError(f"{type(session).__name__} knows no trash; make sessions with class_=TraitSession.")
    TrashSession.delete(session, instance)


def restoring(model: type[Any]) -> sa.Update:
    """The statement that restores rows of a model from the trash; add a ``where``.

    Only rows in the trash are touched. What went to the trash with them stays there.
    """
    values = dict.fromkeys((getattr(model, name) for name in trash_columns(model)), None)
    return sa.update(model).values(values).execution_options(only_trashed=True)


def unique_in_use(name: str, *columns: str, deleted_at: str = "deleted_at") -> sa.Index:
    """A unique index over the rows that are not in the trash, for ``__table_args__``.

    Args:
        name: Of the index.
        columns: Names of the columns whose values may occur once.
        deleted_at: Column of the trash.
    """
    where = sa.text(f"{deleted_at} IS NULL")
    return sa.Index(
        name, *columns, unique=True, postgresql_where=where, sqlite_where=where, info={_LIVE: tuple(columns)}
    )


def trash_columns(model: type) -> dict[str, Any]:
    """The columns that trashing fills and restoring empties, each with its declaration."""
    return {name: declared for name, declared in trait_columns(model).items() if declared.on_trash is not None}


def trash_values(model: type) -> dict[str, Any]:
    """The values of a row that is trashed now."""
    values = ((name, declared.on_trash(model)) for name, declared in trash_columns(model).items())
    return {name: value for name, value in values if not isinstance(value, Unchanged)}


def _has_trash(instance: object) -> bool:
    state = state_of(instance)
    return state is not None and state.key is not None and isinstance(instance, SoftDeletes) and instance.use_trash


def trash_instead(session: Session, instance: Any) -> bool:
    """Move a row to the trash instead of deleting it, where it has one."""
    if not _has_trash(instance):
        return False
    if not instance.is_trashed:
        _trash(session, instance)
    return True


def _trash(session: Session, instance: Any) -> None:
    session.add(instance)
    rows = list(_going_along(session, instance, set()))
    for row in rows:
        run_asked(row, "trashed")
    with clock(now()):
        for row in rows:
            for name, value in trash_values(type(row)).items():
                setattr(row, name, value)
            set_pending_state(session, row, "trashed")


def _going_along(session: Session, row: Any, seen: set[int]) -> Iterator[Any]:
    """A row and those that are trashed with it, parents first."""
    if id(row) in seen:
        return
    seen.add(id(row))
    yield row
    for relation in filter(_reaches, _cascading(row)) if row.cascade_trash else ():
        for child in _related(session, row, relation):
            if _has_trash(child):
                yield from _going_along(session, child, seen)


def _restore(session: Session, instance: Any) -> None:
    if not isinstance(instance, SoftDeletes):
        raise TypeError(f"{type(instance).__name__} has no trash to come back from; it does not use SoftDeletes.")
    refuse_if_off(instance, SoftDeletes, "restore")
    if not instance.is_trashed:
        return
    session.add(instance)
    rows = list(_of_batch(session, instance, set()))
    for row in rows:
        run_asked(row, "restored")
    for row in rows:
        _refuse_conflict(session, row)
    for row in rows:
        for name in trash_columns(type(row)):
            setattr(row, name, None)
        set_pending_state(session, row, "restored")
    for row in rows:
        _expire_loaded(session, row)


def _of_batch(session: Session, row: Any, seen: set[int]) -> Iterator[Any]:
    """A row and those below it that have the same stamp."""
    if id(row) in seen:
        return
    seen.add(id(row))
    yield row
    for relation in filter(_reaches, _cascading(row)):
        with lifted("only_trashed"):
            children = _related(session, row, relation)
        for child in children:
            if isinstance(child, SoftDeletes) and child.deleted_at == row.deleted_at:
                yield from _of_batch(session, child, seen)


def _hanging_on(session: Session, row: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """The rows with a trash that are deleted permanently with a row; their loaded collections are expired."""
    seen = set() if seen is None else seen
    state = state_of(row)
    if state is None or state.key is None or id(row) in seen:
        return
    seen.add(id(row))
    if isinstance(row, SoftDeletes):
        yield row
    session.add(row)
    _expire_loaded(session, row)
    for relation in _cascading(row):
        for child in _related(session, row, relation):
            yield from _hanging_on(session, child, seen)


def _expire_loaded(session: Session, row: Any) -> None:
    """Expire collections that were loaded without the trash; their pending changes are written first."""
    state = state_of(row)
    assert state is not None  # noqa: S101 - callers have rows
    loaded = [
        relation.key
        for relation in state.mapper.relationships
        if relation.uselist and not relation.viewonly and _reaches(relation)
    ]
    loaded = [key for key in loaded if key in instance_dict(row)]
    if loaded and not changed_fields(row).isdisjoint(loaded):
        session.flush()
    if loaded:
        session.expire(row, loaded)


def _cascading(row: Any) -> Iterator[RelationshipProperty[Any]]:
    state = state_of(row)
    for relation in state.mapper.relationships if state is not None else ():
        if relation.cascade.delete and not relation.viewonly:
            yield relation


def _reaches(relation: RelationshipProperty[Any]) -> bool:
    """Whether a relationship may lead to rows with a trash."""
    return any(issubclass(mapper.class_, SoftDeletes) for mapper in relation.mapper.self_and_descendants)


def _related(session: Session, row: Any, relation: RelationshipProperty[Any]) -> list[Any]:
    """The rows at the end of a relationship as the database has them, however the relationship loads."""
    condition = with_parent(row, getattr(type(row), relation.key))
    return list(session.scalars(sa.select(relation.mapper.class_).where(condition)).unique())


def _refuse_conflict(session: Session, row: Any) -> None:
    model = type(row)
    mapper: Mapper[Any] = sa.inspect(model)
    table: Any = mapper.local_table
    for index in table.indexes:
        names = index.info.get(_LIVE)
        values = {column: getattr(row, mapper.get_property_by_column(table.c[column]).key) for column in names or ()}
        if not values or None in values.values():
            continue
        attributes = [mapper.get_property_by_column(table.c[name]).class_attribute for name in values]
        query = sa.select(*mapper.primary_key).select_from(model)
        query = query.where(*(column == value for column, value in zip(attributes, values.values(), strict=True)))
        with session.no_autoflush:
            conflict = session.execute(query).first()
        if conflict is not None:
            raise RestoreConflict(model.__name__, values, conflict[0] if len(conflict) == 1 else tuple(conflict))


def convert_delete(state: ORMExecuteState) -> sa.Result[Any] | None:
    """Execute a ``DELETE`` of a model with a trash as the ``UPDATE`` that moves its rows; None for others."""
    model: Any = model_of(state) if state.is_delete else None
    if model is None or not issubclass(model, SoftDeletes) or not model.enabled("use_trash"):
        return None
    how = state.execution_options.get("bulk", getattr(model, "__bulk__", "event"))
    if state.execution_options.get("force") or how != "event":
        return None
    if statement_inside(state.statement) is not state.statement:
        raise NotSupportedError(
            model.__name__,
            "a DELETE inside from_statement() cannot move rows to the trash;",
            f"execute delete({model.__name__}).returning({model.__name__}) itself.",
        )
    conditions = conditions_of(state.statement)
    returned = returned_by(state.statement)
    options = {name: value for name, value in state.execution_options.items() if not name.startswith("_")}
    for name in ("is_update_from", "is_delete_using"):
        options.pop(name, None)
    options[INNER] = True
    statements = _moving(model, conditions)

    def execute() -> sa.Result[Any]:
        frozen: Any = None
        results: list[sa.Result[Any]] = []
        if len(sa.inspect(model).tables) > 1 and returned:
            query = sa.select(*returned).where(*conditions)
            frozen = state.session.execute(query, state.parameters, execution_options=options).freeze()
        for statement in statements:
            update = statement.returning(*returned) if returned and frozen is None else statement
            results.append(state.session.execute(update, state.parameters, execution_options=options))
        result: sa.Result[Any] = results[-1] if frozen is None else frozen()
        return result

    return note_bulk(
        state, model, "trashed", lambda: telling(state.session, model, "delete", [], state.statement, execute)
    )


def _moving(model: Any, conditions: tuple[Any, ...]) -> list[sa.Update]:
    """The statements that move rows to the trash: one for each table that has a column for it, the stamp's last."""
    mapper: Mapper[Any] = sa.inspect(model)
    values = {**trash_values(model), **{name: getattr(model, name) for name in kept_columns(model)}}
    if len(mapper.tables) == 1:
        return [
            sa.update(model).where(*conditions).values({getattr(model, name): value for name, value in values.items()})
        ]
    stamp = name_in(model, SoftDeletes, "deleted_at")
    by_owner: dict[Any, dict[Any, Any]] = {}
    for name in sorted(values, key=lambda candidate: candidate == stamp):
        owner = owner_of(mapper, name).class_
        new_value = getattr(owner, name) if name in kept_columns(model) else values[name]
        by_owner.setdefault(owner, {})[getattr(owner, name)] = new_value
    last = owner_of(mapper, stamp).class_
    return [
        _of_rows(owner, model, conditions).values(by_owner[owner])
        for owner in sorted(by_owner, key=lambda part: part is last)
    ]


def _of_rows(owner: Any, model: Any, conditions: tuple[Any, ...]) -> sa.Update:
    """An ``UPDATE`` of one table of a model's rows."""
    query = sa.select(*key_columns(model)).where(*conditions).correlate(None)
    owner_keys = key_columns(owner)
    return sa.update(owner).where((owner_keys[0] if len(owner_keys) == 1 else sa.tuple_(*owner_keys)).in_(query))


def _refuse_orphans(mapper: Mapper[Any], _cls: type) -> None:
    for relation in mapper.relationships:
        if relation.cascade.delete_orphan and _reaches(relation):
            raise DeclarationError(
                path_of(mapper.class_),
                f"{relation.key} has cascade 'delete-orphan' to {relation.mapper.class_.__name__}, which has a trash: "
                "removing a row from the collection would delete it for good. Take cascade='all' and session.delete().",
            )


event.listen(Mapper, "mapper_configured", _refuse_orphans)
extend.deleters.append(trash_instead)
extend.executors.append(convert_delete)
