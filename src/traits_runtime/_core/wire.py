"""Values of messages as JSON: a type that JSON lacks is tagged with its name, so that a value arrives as it was."""

from __future__ import annotations

import base64
import math
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, Final
from uuid import UUID

from traits_runtime.errors import TraitsError
from traits_runtime.rules.identity import path_of

TAG: Final = "$type"
"""Key of the type's name in a tagged value."""

REFERENCE: Final = "$ref"
"""Key that marks a reference to an instance."""

Packer = Callable[[Any], Any]


class UnsupportedValueError(TraitsError, TypeError):
    """A value of a type that does not travel.

    Args:
        kind: Name of the type, with the reason where the type alone is none.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"A value of type {kind} does not travel.")
        self.kind = kind


class UnknownWireTypeError(TraitsError, LookupError):
    """A message has a value of a type that this process does not know."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The type {name!r} of a value is not known here. Import its module in the worker.")
        self.name = name


def refuse(value: Any) -> Any:
    """Refuse values of all other types."""
    raise UnsupportedValueError(type(value).__qualname__)


def pack(value: Any, other: Packer = refuse) -> Any:
    """A value in a form that JSON carries.

    Args:
        value: JSON's own types, ``tuple``, ``set``, ``frozenset``, ``bytes``, dates, times, ``timedelta``, ``Decimal``,
            ``UUID`` and members of importable enums, also inside lists and dictionaries.
        other: Packs values of other types, or raises `UnsupportedValueError`.

    >>> pack({"on": (1, 2)})
    {'on': {'$type': 'tuple', 'value': [1, 2]}}
    >>> unpack(pack({"on": (1, 2)}))
    {'on': (1, 2)}
    """
    kind = type(value)
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](value, other)
    if kind in _SCALARS:
        return _SCALARS[kind](value)
    if isinstance(value, Enum):
        return _pack_member(value)
    if isinstance(value, UUID):  # drivers have subclasses of their own
        return _tagged("uuid", str(value))
    return other(value)


def unpack(value: Any, fetch: Packer = refuse) -> Any:
    """The value that `pack` was given.

    Args:
        value: The packed value.
        fetch: Returns the instance of a reference.

    Raises:
        UnknownWireTypeError: The type is not known here.
    """
    if isinstance(value, list):
        return [unpack(item, fetch) for item in value]
    if not isinstance(value, dict):
        return value
    if TAG in value:
        return _unpack_tagged(value, fetch)
    if REFERENCE in value:
        return fetch(value)
    return {key: unpack(item, fetch) for key, item in value.items()}


def _tagged(name: str, value: Any) -> dict[str, Any]:
    return {TAG: name, "value": value}


def _unpack_tagged(value: Mapping[str, Any], fetch: Packer) -> Any:
    name, content = value[TAG], value["value"]
    if name in _COLLECTIONS:
        return _COLLECTIONS[name](unpack(content, fetch))
    if name in _DECODERS:
        return _DECODERS[name](content)
    raise UnknownWireTypeError(name)


# Scalars


def _pack_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedValueError("str with half a surrogate pair") from error
    return value


def _pack_integer(value: int) -> Any:
    return value if value.bit_length() < 64 else _tagged("int", hex(value))


def _pack_float(value: float) -> Any:
    return value if math.isfinite(value) else _tagged("float", repr(value))


def _pack_datetime(value: datetime) -> dict[str, Any]:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise UnsupportedValueError("datetime with a time zone that has no offset")
    zone = getattr(value.tzinfo, "key", None)  # of a `zoneinfo.ZoneInfo`
    return _tagged("datetime", [value.isoformat(), zone or "", value.fold])


def _unpack_datetime(content: tuple[str, str, int]) -> datetime:
    text, zone, fold = content
    moment = datetime.fromisoformat(text).replace(fold=fold)
    if not zone:
        return moment
    from zoneinfo import ZoneInfo

    return moment.replace(tzinfo=ZoneInfo(zone))


def _pack_time(value: time) -> dict[str, Any]:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise UnsupportedValueError("time with a time zone whose offset depends on the date")
    return _tagged("time", value.isoformat())


def _pack_timedelta(value: timedelta) -> dict[str, Any]:
    return _tagged("timedelta", [value.days, value.seconds, value.microseconds])


def _unpack_timedelta(content: tuple[int, int, int]) -> timedelta:
    return timedelta(*content)


def _pack_member(value: Enum) -> dict[str, Any]:
    kind = type(value)
    path = f"{kind.__module__}:{kind.__qualname__}"
    if _enum_of(path) is not kind:
        raise UnsupportedValueError(f"{path_of(kind)}, an enum that its module does not have under this name")
    return _tagged("enum", [path, pack(value.value) if isinstance(value, Flag) else value.name])


def _unpack_member(content: tuple[str, Any]) -> Enum:
    path, member = content
    kind = _enum_of(path)
    if kind is None:
        raise UnknownWireTypeError(path)
    if issubclass(kind, Flag):
        return kind(unpack(member))
    if member not in kind.__members__:
        raise UnknownWireTypeError(f"{path}.{member}")
    return kind[member]


def _enum_of(path: str) -> type[Enum] | None:
    """The enum with a path, None where its module is not imported: a message causes no import."""
    module, _, name = path.partition(":")
    kind: object = sys.modules.get(module)
    for part in name.split("."):
        kind = getattr(kind, part, None)
    return kind if isinstance(kind, type) and issubclass(kind, Enum) else None


# Containers


def _pack_list(value: list[Any], other: Packer) -> list[Any]:
    return [pack(item, other) for item in value]


def _pack_mapping(value: dict[Any, Any], other: Packer) -> dict[str, Any]:
    if all(type(key) is str and key not in (TAG, REFERENCE) for key in value):
        return {_pack_text(key): pack(item, other) for key, item in value.items()}
    return _tagged("dict", [[pack(key, other), pack(item, other)] for key, item in value.items()])


def _pack_collection(value: Any, other: Packer) -> dict[str, Any]:
    return _tagged(type(value).__name__, [pack(item, other) for item in value])


def _same(value: Any) -> Any:
    return value


_SCALARS: Final[dict[type, Packer]] = {
    bool: _same,
    type(None): _same,
    str: _pack_text,
    int: _pack_integer,
    float: _pack_float,
    datetime: _pack_datetime,
    date: lambda value: _tagged("date", value.isoformat()),
    time: _pack_time,
    timedelta: _pack_timedelta,
    Decimal: lambda value: _tagged("decimal", str(value)),
    bytes: lambda value: _tagged("bytes", base64.b64encode(value).decode()),
}
_DECODERS: Final[dict[str, Packer]] = {
    "int": lambda text: int(text, 16),
    "float": float,
    "uuid": UUID,
    "datetime": _unpack_datetime,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": _unpack_timedelta,
    "decimal": Decimal,
    "bytes": base64.b64decode,
    "enum": _unpack_member,
}
_CONTAINERS: Final[dict[type, Callable[[Any, Packer], Any]]] = {
    list: _pack_list,
    dict: _pack_mapping,
    tuple: _pack_collection,
    set: _pack_collection,
    frozenset: _pack_collection,
}
_COLLECTIONS: Final[dict[str, Packer]] = {"tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict}
