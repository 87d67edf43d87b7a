"""Facts of a mapped model for the adapters of traits: structural config, primary key, connection."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, String, Uuid, cast, func, inspect
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.sql.visitors import replacement_traverse

from traits_runtime._core.metadata import METADATA, TraitMetadata, metadata_of
from traits_runtime._core.trait.columns import named
from traits_runtime.errors import NotSupportedError

BROUGHT: Final = "traits"
"""Key of a table's ``info`` with the trait or part of the library that adds it to the metadata."""


def uses(cls: type, trait: type) -> bool:
    """Whether a mapped class is a model of a trait."""
    return METADATA in vars(cls) and issubclass(cls, trait)


def structural_value(model: type, trait: type, key: str) -> Any:
    """The value of a config key that shapes tables: from class bodies, else its declared default."""
    metadata: TraitMetadata = metadata_of(model)
    path = metadata_of(trait).path
    values = metadata.subject_of().code.get((path, key), ())
    return values[0][0] if values else metadata.key(path, key).option.declared_default()


def name_in(model: type, trait: type, column: str) -> str:
    """The attribute of a model for a name of a trait."""
    return named(metadata_of(model), vars(trait)[column])


def mapper_for(model: Any) -> Mapper[Any]:
    """The mapper of a model, of an alias of it, or of a row."""
    mapper: Mapper[Any] = inspect(model).mapper
    return mapper


def key_columns(model: Any) -> list[Any]:
    """The primary key of a model or of an alias of it, as attributes."""
    mapper = mapper_for(model)
    return [getattr(model, mapper.get_property_by_column(column).key) for column in mapper.primary_key]


def owner_of(mapper: Mapper[Any], attribute: str) -> Mapper[Any]:
    """The mapper in an inheritance whose own table has an attribute."""
    tables = {column.table for column in mapper.column_attrs[attribute].columns}
    return next(ancestor for ancestor in mapper.iterate_to_root() if ancestor.local_table in tables)


def same_row(mapper: Mapper[Any]) -> list[Any]:
    """The join conditions of joined inheritance, on models instead of tables."""
    conditions = []
    for ancestor in mapper.iterate_to_root():
        if ancestor.inherits is not None and ancestor.inherit_condition is not None:
            replace = partial(_attribute, ancestor)
            conditions.append(replacement_traverse(ancestor.inherit_condition, {}, replace))
    return conditions


def _attribute(mapper: Mapper[Any], element: Any, **_: Any) -> Any:
    """The attribute of a column, on the model whose own table has it."""
    for ancestor in mapper.iterate_to_root() if isinstance(element, Column) else ():
        if element.table is ancestor.local_table:
            return ancestor.get_property_by_column(element).class_attribute.expression
    return None


def key_text(row: Any) -> str:
    """The primary key of a row as text, of several columns as a list in JSON."""
    values = [_text(value) for value in mapper_for(row).primary_key_from_instance(row)]
    return values[0] if len(values) == 1 else msgspec.json.encode(values).decode()


def _text(value: object) -> str:
    return value.hex if isinstance(value, uuid.UUID) else str(value)


def key_expression(model: Any) -> ColumnElement[str]:
    """The primary key as `key_text` writes it, for queries.

    Raises:
        NotSupportedError: It has several columns.
    """
    columns = key_columns(model)
    if len(columns) == 1:
        text = cast(columns[0], String)
        return func.replace(text, "-", "") if isinstance(columns[0].type, Uuid) else text
    raise NotSupportedError(
        mapper_for(model).class_.__name__, "its primary key has several columns;", "this needs a key of one column."
    )


def root(model: Any) -> str:
    """The name of the model at the top of an inheritance, shared by rows of all its models."""
    return mapper_for(model).base_mapper.class_.__name__


def family(model: Any) -> list[str]:
    """The names of a model and of those that inherit from it."""
    return [mapper.class_.__name__ for mapper in mapper_for(model).self_and_descendants]


def connection_of(session: Session, model: type) -> Connection:
    """The connection on which a session writes a model, inside its transaction."""
    return session.connection(bind_arguments={"mapper": mapper_for(model)})
