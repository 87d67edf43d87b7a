"""What a key makes of a value: plain data, text and objects become what the key's type says, immutable."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

MUTABLE: Final[dict[Any, str]] = {
    list: "tuple[..., ...]",
    dict: "Mapping[..., ...]",
    set: "frozenset[...]",
    bytearray: "bytes",
}
"""Types that no key may have, since values are shared, each with what to write instead."""

_WORDS: Final = {
    "yes": True,
    "on": True,
    "true": True,
    "1": True,
    "no": False,
    "off": False,
    "false": False,
    "0": False,
}


def coerce(value: object, key_type: Any, checked_type: Any, *, text: bool) -> object:
    """A value as a key of some type holds it: coerced, checked and immutable.

    Args:
        value: What a layer gives.
        key_type: The key's type.
        checked_type: The same with its constraints, as msgspec reads it.
        text: Whether the value comes from a place that only has text.

    Raises:
        ValueError: The type does not take the value; `msgspec.ValidationError` is one.
        TypeError: The same, raised by a constructor.

    >>> coerce("a, b", tuple[str, ...], tuple[str, ...], text=True)
    ('a', 'b')
    """
    raw = _from_text(value, key_type) if text and isinstance(value, str) else plain(value)
    if _is_instance(raw, key_type):
        return raw
    return freeze(msgspec.convert(raw, checked_type, strict=not text, dec_hook=_construct))


def constrained(of: Any, constraints: Mapping[str, Any]) -> Any:
    """A type with constraints, as msgspec reads it; of a union they hold for each member but None.

    >>> checked = constrained(int | None, {"ge": 8})
    >>> msgspec.convert(9, checked), msgspec.convert(None, checked)
    (9, None)
    """
    meta = msgspec.Meta(**constraints)
    members = [member if member is type(None) else Annotated[member, meta] for member in _members_of(of)]
    return Union[tuple(members)]  # noqa: UP007 - the members are computed


def type_text(of: Any) -> str:
    """A type as one would write it.

    >>> type_text(int), type_text(tuple[str, ...]), type_text(int | None)
    ('int', 'tuple[str, ...]', 'int | None')
    """
    return of.__name__ if isinstance(of, type) and not get_args(of) else str(of).replace("typing.", "")


def freeze(value: object) -> object:
    """The value with lists, dictionaries and sets replaced by immutable ones."""
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return tuple(freeze(item) for item in value)
    if isinstance(value, dict):
        return MappingProxyType({key: freeze(item) for key, item in value.items()})
    if isinstance(value, set):
        return frozenset(value)
    return value


def thaw(value: object) -> object:
    """The value for its text: read-only mappings as dictionaries, members of enums as their values.

    >>> from enum import Enum
    >>> thaw((Enum("Mode", {"CALM": "calm"}).CALM,))
    ('calm',)
    """
    if isinstance(value, MappingProxyType):
        return {thaw(key): thaw(item) for key, item in value.items()}
    if type(value) is tuple:
        return tuple(map(thaw, value))
    return value.value if isinstance(value, Enum) else value


def plain(value: object) -> object:
    """The value with mappings and tuples replaced by what msgspec converts."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def parse_json(value: str) -> object:
    """A stored value as plain data."""
    return msgspec.json.decode(value)


def to_json(value: object) -> bytes:
    """A checked value as JSON, for a store."""
    return msgspec.json.encode(plain(value), enc_hook=str)


def mutable_in(of: Any) -> type | None:
    """The first mutable type that a type contains."""
    origin = get_origin(of) or of
    if origin in MUTABLE:
        return origin  # type: ignore[no-any-return]
    if origin is Literal:
        return None
    for argument in get_args(of):
        mutable = mutable_in(argument)
        if mutable is not None:
            return mutable
    return None


def _members_of(of: Any) -> tuple[Any, ...]:
    return get_args(of) if get_origin(of) in (Union, UnionType) else (of,)


def _from_text(text: str, of: Any) -> object:
    """Text for a collection is JSON, or words between commas."""
    shapes = {get_origin(member) or member for member in _members_of(of)}
    word = text.strip().lower()
    if str in shapes:
        return text
    if type(None) in shapes and word in ("", "none", "null"):
        return None
    if bool in shapes and word in _WORDS:
        return _WORDS[word]
    if shapes & {tuple, frozenset, Mapping}:
        return _items_from_text(text)
    return text.strip()


def _items_from_text(text: str) -> object:
    if text.lstrip()[:1] in ("[", "{"):
        return msgspec.json.decode(text)
    return [item.strip() for item in text.split(",") if item.strip()]


def _is_instance(value: object, of: Any) -> bool:
    """Whether a value is already of a class that msgspec would make from a raw form: an enum, a path."""
    members = (member for member in _members_of(of) if isinstance(member, type) and member is not Any)
    return any(isinstance(value, member) for member in members if member.__module__ != "builtins")


def _construct(of: type, value: object) -> object:
    return value if isinstance(value, of) else of(value)
