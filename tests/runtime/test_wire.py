"""Values of messages arrive as they were, or are refused."""

from __future__ import annotations

import math
from collections import OrderedDict, namedtuple
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntFlag, StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traits_runtime._core.wire import UnknownWireTypeError, UnsupportedValueError, pack, unpack


class Size(Enum):
    """An enum whose values have no JSON form."""

    SMALL = object()
    ALIAS = SMALL


class Colour(StrEnum):
    """An enum of text."""

    RED = "red"


class Access(IntFlag):
    """A flag, whose members combine."""

    READ = 1
    WRITE = 2


def sent(value: Any) -> Any:
    """The value on the other side."""
    return unpack(msgspec.json.decode(msgspec.json.encode(pack(value))))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.uuids(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.sampled_from([*Size, *Colour, *Access, Access.READ | Access.WRITE]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.tuples(inner, inner),
        st.sets(SCALARS),
        st.frozensets(SCALARS),
        st.dictionaries(SCALARS | st.sampled_from(["$type", "$ref"]), inner),
    ),
    max_leaves=8,
)


def typed(value: Any) -> Any:
    """A value with the types of all its parts, which ``==`` alone does not compare."""
    if isinstance(value, dict):
        return dict, [(typed(key), typed(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [typed(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value), {(type(item), item) for item in value}
    zone = getattr(getattr(value, "tzinfo", None), "key", None)
    return type(value), value, zone


@given(VALUES)
def test_value_arrives_as_it_was(value: Any) -> None:
    """With its type, inside of containers too."""
    assert typed(sent(value)) == typed(value)


@pytest.mark.parametrize("value", [float("nan"), Decimal("nan")])
def test_value_that_equals_nothing_arrives(value: Any) -> None:
    """It is still not a number."""
    assert type(sent(value)) is type(value)
    assert math.isnan(sent(value))


def test_second_of_two_equal_hours_arrives() -> None:
    """Where a clock is put back, `fold` tells the hours apart."""
    hour = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)

    assert sent(hour).utcoffset() == timedelta(hours=1)
    assert sent(hour.replace(fold=0)).utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    "value",
    [7, "text", 1.5, None, True, [1, "a"], {"a": [1]}],
    ids=str,
)
def test_plain_values_stay_plain(value: Any) -> None:
    """A message can be read, and written, by hand."""
    assert pack(value) == value


class Subclass(str):
    """A subclass of a plain type."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "object"),
        (len, "builtin_function_or_method"),
        (Subclass("a"), "Subclass"),
        (OrderedDict(a=1), "OrderedDict"),
        (namedtuple("Point", "x")(1), "Point"),
        (Enum("Local", "A").A, "Local, an enum"),  # type: ignore[attr-defined]
        ("\ud800", "str with half a surrogate pair"),
        ({"\ud800": 1}, "str with half a surrogate pair"),
        (time(1, tzinfo=ZoneInfo("Europe/Berlin")), "time with a time zone"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_value_that_would_change_is_refused(value: Any, kind: str) -> None:
    """By the name of its type, inside of containers too."""
    with pytest.raises(UnsupportedValueError, match=kind):
        pack(value)
    with pytest.raises(UnsupportedValueError, match=kind):
        pack([{"a": (value,)}])


@pytest.mark.parametrize(
    "value",
    [
        {"$type": "matrix", "value": []},
        {"$type": "enum", "value": ["shop.sizes:Size", "SMALL"]},
        {"$type": "enum", "value": ["os:system", "SMALL"]},
        {"$type": "enum", "value": [f"{__name__}:Size", "HUGE"]},
    ],
)
def test_type_that_is_not_known_here_is_named(value: Any) -> None:
    """A message imports nothing and makes no instance of a class that is not an enum."""
    with pytest.raises(UnknownWireTypeError, match="is not known here"):
        unpack(value)
