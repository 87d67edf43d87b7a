"""Flags in queries, and an ``UPDATE`` that writes only the changed bits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, inspect, literal
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import set_committed_value

from traits_runtime.adapters.sqlalchemy.host import HOST
from traits_runtime.adapters.sqlalchemy.mapper_info import name_in, uses
from traits_runtime.traits.flags import BACKENDS, HasFlags

_KNOWN = "_trait_flags"
"""Attribute of a row with its new value while the statement that writes its bits runs."""


class SqlFlags:
    """Conditions on the bits of a column."""

    def all_of(self, model: Any, attribute: str, bits: int) -> Any:
        """All bits are set."""
        return getattr(model, attribute).op("&")(literal(bits)) == bits

    def none_of(self, model: Any, attribute: str, bits: int) -> Any:
        """No bit is set."""
        column = getattr(model, attribute)
        return column == 0 if bits == -1 else column.op("&")(literal(bits)) == 0


def _before_update(_mapper: Mapper[Any], _connection: Connection, row: Any) -> None:
    name = _name(row)
    history = inspect(row).attrs[name].history
    if not history.added or not history.deleted or not isinstance(history.added[0], int):
        return
    old, new = history.deleted[0] or 0, history.added[0]
    vars(row)[_KNOWN] = (old, new)
    column = getattr(type(row), name)
    setattr(row, name, column.op("|")(literal(new & ~old)).op("&")(literal(~(old & ~new))))


def _after_update(_mapper: Mapper[Any], _connection: Connection, row: Any) -> None:
    """Restore the value of the instance, with the previous one as history for the following moments."""
    bits = vars(row).pop(_KNOWN, None)
    if bits is not None:
        set_committed_value(row, _name(row), bits[0])
        setattr(row, _name(row), bits[1])


def _name(row: Any) -> str:
    return name_in(type(row), HasFlags, "flags")


def _mapped(mapper: Mapper[Any], cls: type) -> None:
    if uses(cls, HasFlags):
        event.listen(mapper, "before_update", _before_update)
        event.listen(mapper, "after_update", _after_update)


def watch() -> None:
    """Register the listeners for models that are mapped later."""
    BACKENDS.add(HOST, SqlFlags())
    event.listen(Mapper, "after_mapper_constructed", _mapped)
