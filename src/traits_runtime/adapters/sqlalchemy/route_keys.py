"""Finds the row of a key in an address."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, Session

M = TypeVar("M")


def resolve(session: Session, model: type[M], key: str) -> M | None:
    """The row of a key in an address, with the scopes of the model's queries: trash and tenant.

    Asynchronous: ``await session.run_sync(resolve, Article, key)``.

    Args:
        session: Where to look.
        model: A model with `HasRouteKey`.
        key: What stands in the address. One that no row can have is answered without a query.
    """
    entity: Any = model
    for attribute, value in entity.route_lookups(key):
        condition = getattr(entity, attribute) == value if attribute else _by_primary_key(model, value)
        row = None if condition is None else session.scalars(sa.select(model).where(condition)).one_or_none()
        if row is not None:
            return row
    return None


def _integer(text: str) -> int:
    number = int(text)
    if str(number) != text or abs(number) >= 2**63:
        raise ValueError(text)
    return number


_READ: Final[dict[type, Callable[[str], Any]]] = {int: _integer, uuid.UUID: uuid.UUID, str: str}


def _by_primary_key(model: type, key: str) -> Any:
    """The condition for a primary key; None where the text is not of its type."""
    mapper: Mapper[Any] = sa.inspect(model)
    column = mapper.primary_key[0]
    read = _READ.get(column.type.python_type)
    if read is None or len(mapper.primary_key) > 1:
        raise TypeError(f"{model.__name__} has a primary key that no address can hold; give it a slug or a ULID.")
    try:
        return mapper.get_property_by_column(column).class_attribute == read(key)
    except ValueError:
        return None
