"""Reads a model's columns from its host in the running program: SQLAlchemy, Django, pydantic, dataclasses, attrs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple


class HostColumn(NamedTuple):
    """A column or relation as the host has it.

    Args:
        nullable: ``yes``, ``no``, or empty where the host does not say.
        types: Names that stand for its type; empty where the host does not say.
        targets: Names that stand for what it points to; empty for none.
        is_own: Whether the model's sources declare it, rather than the host or another model.
    """

    nullable: str = ""
    types: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    is_own: bool = True


def sqlalchemy_columns(cls: Any) -> Iterator[tuple[str, HostColumn]]:
    """Mapped columns, relations, and names that stand for others.

    Relations that another model's ``backref`` makes are not the model's own.
    """
    from sqlalchemy import inspect

    mapper = inspect(cls)
    for attribute in mapper.column_attrs:
        yield attribute.key, _mapped_column(attribute.columns[0])
    for relation in mapper.relationships:
        target = relation.mapper.class_
        names = _names_of(target, f"{target.__module__}.{target.__qualname__}")
        yield relation.key, HostColumn(targets=names, is_own=not _is_made(relation))
    for virtual in (*mapper.synonyms, *mapper.composites):
        yield virtual.key, HostColumn()


def _is_made(relation: Any) -> bool:
    """Whether another relation's ``backref``, or the adapter of a trait, makes a relation: no class body has it."""
    if "traits" in relation.info:
        return True
    reverse = getattr(relation, "_reverse_property", ())
    return any(isinstance(other.backref, tuple | str) and other.back_populates == relation.key for other in reverse)


def _mapped_column(column: Any) -> HostColumn:
    nullable = getattr(column, "nullable", None)  # an expression has none
    keys = getattr(column, "foreign_keys", ())
    return HostColumn(
        nullable={True: "yes", False: "no"}.get(nullable, ""),  # type: ignore[arg-type]
        types=frozenset(_type_names(getattr(column, "type", None))),
        targets=frozenset(key.target_fullname for key in keys),
    )


def _type_names(column_type: Any) -> Iterator[str]:
    """Names of a type's classes, of what a decorated type stores, and of the values in Python."""
    from sqlalchemy.types import TypeEngine

    for base in type(column_type).__mro__:
        if issubclass(base, TypeEngine) and base is not TypeEngine:
            yield base.__name__
    try:
        python_type = column_type.python_type
    except (AttributeError, NotImplementedError):  # a type of the project need not say it
        python_type = object
    if python_type is not object:
        yield python_type.__name__
    elif hasattr(column_type, "impl"):
        yield from _type_names(column_type.impl)


def django_columns(cls: Any) -> Iterator[tuple[str, HostColumn]]:
    """Fields, relations and generic relations, without what Django adds by itself."""
    options = cls._meta
    for field in (*options.fields, *options.many_to_many, *options.private_fields):
        yield field.name, _django_column(field)


def _django_column(field: Any) -> HostColumn:
    remote = getattr(field, "remote_field", None)
    is_parent_link = bool(getattr(remote, "parent_link", False)) and field.name.endswith("_ptr")
    related = getattr(field, "related_model", None)
    targets: frozenset[str] = frozenset()
    if isinstance(related, str):
        targets = frozenset({related})
    elif related is not None:
        names = (related._meta.label, f"{related.__module__}.{related.__qualname__}")
        targets = _names_of(related, *names)
        targets |= {str(related._meta.swappable)} if related._meta.swappable else set()
    nullable = "" if field not in field.model._meta.get_fields(include_hidden=True) else _yes(field)
    return HostColumn(
        nullable=nullable,
        types=frozenset({type(field).__name__}),
        targets=targets,
        is_own=not field.auto_created and not is_parent_link,
    )


def _yes(field: Any) -> str:
    null = getattr(field, "null", None)
    return {True: "yes", False: "no"}.get(null, "")  # type: ignore[arg-type]


def _names_of(cls: type, *names: str) -> frozenset[str]:
    return frozenset({cls.__name__, *names})


def pydantic_columns(cls: Any) -> Iterator[tuple[str, HostColumn]]:
    """The model's fields."""
    for name in cls.model_fields:
        yield name, HostColumn()


def dataclass_columns(cls: Any) -> Iterator[tuple[str, HostColumn]]:
    """The fields of a dataclass or of an attrs class."""
    if dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls)]
    else:
        names = [attribute.name for attribute in getattr(cls, "__attrs_attrs__", ())]
    for name in names:
        yield name, HostColumn()


READERS: Final[Mapping[str, Callable[[Any], Iterator[tuple[str, HostColumn]]]]] = MappingProxyType(
    {
        "sqlalchemy": sqlalchemy_columns,
        "django": django_columns,
        "pydantic": pydantic_columns,
        "dataclass": dataclass_columns,
    }
)
"""What reads the columns of a model, by the host that the manifest names."""
