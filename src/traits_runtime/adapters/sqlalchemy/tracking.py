"""User tracking on SQLAlchemy: upserts that are tracked, relationships to users, columns for association tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapper, RelationshipProperty, Session, foreign, relationship

from traits_runtime._core import runtime
from traits_runtime._core.metadata import metadata_of
from traits_runtime._core.trait.columns import Unchanged, named, trait_columns
from traits_runtime.adapters.sqlalchemy.columns import on_model
from traits_runtime.adapters.sqlalchemy.types import sql_type
from traits_runtime.traits.tracking import HasUserTracking, UserTrackingConfig, as_user_key

_RELATIONS = {"creator": "created_by", "editor": "updated_by", "deleter": "deleted_by"}


def tracked_upsert(
    session: Session,
    model: type[Any],
    rows: Sequence[Mapping[str, Any]],
    *,
    index_elements: Collection[str],
    update: Collection[str] | None = None,
) -> sa.Result[Any]:
    """Insert rows or update existing ones, with the values that columns fill in by themselves.

    ``on_conflict_do_update`` alone sets no column that its ``set_`` does not name: who changed the row would stay
    who changed it before. Asynchronous: ``await session.run_sync(tracked_upsert, Article, rows, index_elements=...)``.
    It is a statement of the model as any other: told, noted, and kept to the current tenant's rows.

    Args:
        session: On PostgreSQL or SQLite.
        model: The model.
        rows: Values by column name.
        index_elements: Names of the columns whose conflict makes an update of an insert.
        update: Columns to update; by default those given that are not in ``index_elements``.
    """
    mapper: Mapper[Any] = sa.inspect(model)
    table: Any = mapper.local_table
    dialect = session.get_bind(mapper).dialect.name
    if dialect not in ("postgresql", "sqlite"):
        raise NotImplementedError(f"tracked_upsert() knows PostgreSQL and SQLite, not {dialect}.")
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    values_of_rows = [{table.c[name]: value for name, value in row.items()} for row in rows]
    statement: Any = make(model).values(values_of_rows)
    names = update if update is not None else [name for name in rows[0] if name not in index_elements]
    with runtime.asking_actor_once():
        values = {name: statement.excluded[name] for name in names} | _touched(model, names)
        upsert = statement.on_conflict_do_update(index_elements=list(index_elements), set_=values)
        return session.execute(upsert)


def _touched(model: type, assigned: Collection[str]) -> dict[str, Any]:
    """The values that columns set on every update."""
    values: dict[str, Any] = {}
    for name, declared in trait_columns(model).items():
        if declared.on_update is not None and name not in assigned:
            value = declared.on_update(model)
            if not isinstance(value, Unchanged):
                values[name] = value
    return values


def tracking_columns(
    *, user_key: str = "int", user_column: str = "", kinds: bool = False
) -> tuple[sa.Column[Any], ...]:
    """`created_by` and `updated_by` for a plain table, such as that of a many-to-many relationship.

    Args:
        user_key: Type of users' keys: ``int``, ``bigint``, ``str`` or ``uuid``.
        user_column: What they point to, ``users.id``; empty for nothing.
        kinds: Whether what kind of actor it was is kept too, in `created_by_type` and `updated_by_type`.

    >>> table = sa.Table("article_tag", sa.MetaData(), sa.Column("tag", sa.Integer), *tracking_columns())
    >>> [one.name for one in table.c]
    ['tag', 'created_by', 'updated_by']
    """

    def key() -> Any:
        actor = runtime.current_actor()
        return None if actor is None else as_user_key(user_key, actor.id)

    def make(name: str, **more: Any) -> sa.Column[Any]:
        points = [sa.ForeignKey(user_column, ondelete="SET NULL")] if user_column else []
        kind = sql_type(user_key, None, "tracking_columns()")
        return sa.Column(name, kind, *points, nullable=True, default=key, **more)

    keys = (make("created_by"), make("updated_by", onupdate=key))
    if not kinds:
        return keys
    return (
        *keys,
        sa.Column("created_by_type", sa.String(120), nullable=True, default=_kind),
        sa.Column("updated_by_type", sa.String(120), nullable=True, default=_kind, onupdate=_kind),
    )


def _kind() -> str | None:
    actor = runtime.current_actor()
    return None if actor is None else actor.type or None


def _relate(cls: type[Any]) -> None:
    """Add read-only relationships from a model to its users."""
    if not issubclass(cls, HasUserTracking) or not cls.user_tracking_config.user_model:
        return
    mapper: Mapper[Any] = sa.inspect(cls)
    for name, attribute in _RELATIONS.items():
        if name not in mapper.all_orm_descriptors:
            metadata, declared = metadata_of(cls), vars(HasUserTracking)[attribute]
            column = mapper.columns[named(metadata, declared)]
            kind = named(metadata, vars(HasUserTracking)[f"{attribute}_type"])
            mapper.add_property(name, _relation(mapper, column, mapper.columns.get(kind), cls.user_tracking_config))


def _relation(
    mapper: Mapper[Any], column: sa.Column[Any], kind: sa.Column[Any] | None, config: UserTrackingConfig
) -> RelationshipProperty[Any]:
    short = config.user_model.rpartition(".")[2]

    def join() -> Any:
        users = next(
            mapper_of_users for mapper_of_users in mapper.registry.mappers if mapper_of_users.class_.__name__ == short
        )
        of_key = foreign(column) == users.primary_key[0]
        return of_key if kind is None else sa.and_(of_key, sa.or_(kind == short, kind.is_(None)))

    loading: Any = config.user_loading
    return relationship(config.user_model, primaryjoin=join, viewonly=True, uselist=False, lazy=loading)


on_model.append(_relate)
