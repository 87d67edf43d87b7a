"""Adds columns that traits declare to the tables of their models.

Before declarative mapping where the class is seen in time, so that indexes and constraints of the model may name them;
after it where a trait stands behind the declarative base, and in SQLModel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, ForeignKey, event
from sqlalchemy.orm import DeclarativeBase, DeclarativeBaseNoMeta, Mapper

from traits_runtime._core import runtime
from traits_runtime._core.metadata import METADATA, TraitMetadata
from traits_runtime._core.trait.columns import TraitColumn, structural, trait_columns, unchanged
from traits_runtime.adapters.sqlalchemy._private import let_sqlmodel_set, mapper_of
from traits_runtime.adapters.sqlalchemy.types import sql_type
from traits_runtime.errors import TraitsError

_BASES = (DeclarativeBase, DeclarativeBaseNoMeta)

on_model: list[Callable[[type], None]] = []
"""Functions called with every mapped model, once its columns exist."""


def before_mapping(cls: type) -> None:
    """Add the columns of traits to a new model, so that declarative mapping finds them in its body."""
    mapper = mapper_of(cls)
    if mapper is not None:
        complete(mapper, cls)
    elif _is_declarative(cls) and not _is_sqlmodel(cls) and "__table__" not in vars(cls):
        for name, declared in trait_columns(cls).items():
            if not _has(cls, name):
                type.__setattr__(cls, name, make_column(cls, declared, name))


def complete(mapper: Mapper[Any], cls: type) -> None:
    """Add missing columns of traits to a mapped model, then call the functions of `on_model`."""
    if METADATA not in vars(cls):
        return
    runtime.hosts.forget(cls)
    if _is_declarative(cls) and ("__table__" not in vars(cls) or hasattr(cls, "__tablename__")):
        _add_missing(mapper, cls)
    for callback in on_model:
        callback(cls)


def _add_missing(mapper: Mapper[Any], cls: type) -> None:
    table: Any = mapper.local_table
    for name, declared in trait_columns(cls).items():
        if name not in mapper.all_orm_descriptors:
            new_column = table.c[name] if name in table.c else make_column(cls, declared, name)
            if name not in table.c:
                table.append_column(new_column)
            mapper.add_property(name, new_column)
        let_sqlmodel_set(cls, name)


def make_column(model: type, declared: TraitColumn[Any], name: str) -> Column[Any]:
    """The column of a model that a trait declares."""
    metadata: TraitMetadata = model.__dict__[METADATA]
    owner = f"{declared.owner}.{declared.name}"
    target = _given(metadata, declared, declared.references_by) or declared.references
    kind = _given(metadata, declared, declared.typed_by) or declared.type
    arguments: list[Any] = []
    has_type_of_target = target and declared.typed_by and kind == "same"
    if not has_type_of_target:
        type_ = sql_type(kind, declared.length, owner)
        is_none_stored = declared.nullable and declared.on_insert is not None
        arguments.append(type_.evaluates_none() if is_none_stored else type_)
    if target:
        arguments.append(ForeignKey(target, ondelete=declared.on_delete or None))
    return Column(
        name,
        *arguments,
        nullable=declared.nullable,
        index=declared.index or None,
        unique=declared.unique or None,
        default=_default_of(declared, model),
        onupdate=_onupdate_of(declared, model, owner),
        comment=None,
        doc=declared.doc or None,
        info={"trait": declared},
    )


def _given(metadata: TraitMetadata, declared: TraitColumn[Any], key: str) -> str:
    return str(structural(metadata, declared, key)) if key else ""


def _default_of(declared: TraitColumn[Any], model: type) -> Any:
    make = declared.on_insert
    if make is None:
        return declared.default

    def default() -> Any:
        return make(model)

    return default


def _onupdate_of(declared: TraitColumn[Any], model: type, owner: str) -> Callable[[], Any] | None:
    make = declared.on_update
    if make is None:
        return None

    def onupdate() -> Any:
        value = make(model)
        if value is unchanged:
            raise TraitsError(
                f"{owner} of {model.__name__} is to stay as it is, and a statement outside a session cannot leave it "
                f"out. Execute it with a TraitSession, or give the column a value."
            )
        return value

    return onupdate


def _is_declarative(cls: type) -> bool:
    """Whether a class will be, or is, mapped by a declarative base."""
    return (
        hasattr(cls, "_sa_registry")
        and not any(base in _BASES for base in cls.__bases__)
        and not cls.__dict__.get("__abstract__", False)
    )


def _is_sqlmodel(cls: type) -> bool:
    return any(base.__module__ == "sqlmodel.main" and base.__name__ == "SQLModel" for base in cls.__mro__)


def _has(cls: type, name: str) -> bool:
    """Whether a class, or one that it inherits from, has an attribute of its own of that name."""
    return any(
        (name in vars(base) and not isinstance(vars(base)[name], TraitColumn))
        or name in vars(base).get("__annotations__", {})
        for base in cls.__mro__
    )


def watch() -> None:
    """Add columns to the models that exist, and register the listeners for later ones."""
    event.listen(Mapper, "after_mapper_constructed", complete)
    for cls in runtime.known_classes():
        mapper = mapper_of(cls)
        if mapper is not None:
            complete(mapper, cls)
