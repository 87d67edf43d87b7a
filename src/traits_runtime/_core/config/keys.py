"""A key: its type, what a value must satisfy, and how a value is checked and shown."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

import msgspec

from traits_runtime._core.declare import REQUIRED, Option
from traits_runtime.errors import DeclarationError, InvalidConfigValueError

Kind: TypeAlias = Literal["option", "feature", "toggle"]

MASK: Final = "********"
"""What is shown instead of a secret."""

_MUTABLE: Final[dict[Any, str]] = {
    list: "tuple[..., ...]",
    dict: "Mapping[..., ...]",
    set: "frozenset[...]",
    bytearray: "bytes",
}


class Key:
    """One setting of one trait: a config key, a feature, or the trait's own toggle.

    Args:
        trait: Short name of the declaring trait.
        path: Its dotted path.
        name: The key.
        of: What its values are, kept as `type`.
        option: The declaration.
        kind: Which of the three it is.
        group: The attribute that holds its config class, empty for the other two.
    """

    __slots__ = ("_checked", "group", "kind", "name", "option", "path", "trait", "type")

    def __init__(self, trait: str, path: str, name: str, of: Any, option: Option, kind: Kind, group: str = "") -> None:
        self.trait: str = trait
        self.path: str = path
        self.name: str = name
        self.type: Any = of
        self.option: Option = option
        self.kind = kind
        self.group: str = group
        mutable = _mutable_in(of)
        if mutable is not None:
            raise DeclarationError(
                path, f"{name!r} is a {mutable.__name__}, and config values are shared; use {_MUTABLE[mutable]}."
            )
        self._checked = Annotated[of, msgspec.Meta(**option.constraints)] if option.constraints else of

    @property
    def constraint(self) -> str:
        """What a value must satisfy beside its type, ``ge=8, le=255``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.option.constraints.items())

    @property
    def expected(self) -> str:
        """The type and the constraints in words."""
        return f"{type_text(self.type)}{f' ({self.constraint})' if self.constraint else ''}"

    def default(self) -> object:
        """The declared default, immutable; `REQUIRED` for none."""
        start = self.option.start()
        return start if start is REQUIRED else freeze(start)

    def check(self, value: object, layer: str, *, text: bool = False) -> object:
        """The value as the key holds it: checked, coerced and immutable.

        Args:
            value: What a layer gives.
            layer: The layer, for the error.
            text: Whether it comes from a place that only knows text (environment, command line).

        Raises:
            InvalidConfigValueError: The key does not take it.
        """
        try:
            raw = _from_text(value, self.type) if text and isinstance(value, str) else _plain(value)
            if _is_already(raw, self.type):
                return raw
            return freeze(msgspec.convert(raw, self._checked, strict=not text, dec_hook=_make))
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            why = MASK if self.option.secret else str(error)
            raise InvalidConfigValueError(self.trait, self.name, self.show(value), self.expected, why, layer) from (
                None if self.option.secret else error
            )

    def show(self, value: object) -> str:
        """The value as text, masked for a secret."""
        return MASK if self.option.secret and value is not REQUIRED else repr(_thaw(value))

    def __repr__(self) -> str:
        return f"<Key {self.trait}.{self.name}: {self.expected}>"


def toggle(trait: str, path: str) -> Key:
    """The key behind a trait's own on/off switch."""
    option = Option(True, None, "Whether the trait does anything at all.", (), {}, (False, False), ("", ""))
    option.name = "enabled"
    return Key(trait, path, "enabled", bool, option, "toggle")


def type_text(of: Any) -> str:
    """A type as one would write it.

    >>> type_text(int), type_text(tuple[str, ...]), type_text(int | None)
    ('int', 'tuple[str, ...]', 'int | None')
    """
    return of.__name__ if isinstance(of, type) and not get_args(of) else str(of).replace("typing.", "")


def freeze(value: object) -> object:
    """The value with lists, dictionaries and sets replaced by what cannot change."""
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return tuple(freeze(one) for one in value)
    if isinstance(value, dict):
        return MappingProxyType({key: freeze(one) for key, one in value.items()})
    if isinstance(value, set):
        return frozenset(value)
    return value


def _thaw(value: object) -> object:
    if isinstance(value, MappingProxyType):
        return {key: _thaw(one) for key, one in value.items()}
    return value


def parse_json(value: str) -> object:
    """What a store holds, as plain data."""
    return msgspec.json.decode(value)


def to_json(value: object) -> bytes:
    """A checked value as JSON, for a store."""
    return msgspec.json.encode(_plain(value), enc_hook=str)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _mutable_in(of: Any) -> type | None:
    origin = get_origin(of) or of
    if origin in _MUTABLE:
        return origin  # type: ignore[no-any-return]
    if origin is Literal:
        return None
    return next((found for one in get_args(of) if (found := _mutable_in(one)) is not None), None)


def _options_of(of: Any) -> tuple[Any, ...]:
    return get_args(of) if get_origin(of) in (Union, UnionType) else (of,)


def _from_text(text: str, of: Any) -> object:
    """Text for a collection is JSON, or words between commas."""
    shapes = {get_origin(one) or one for one in _options_of(of)}
    if str in shapes:
        return text
    if type(None) in shapes and text.strip().lower() in ("", "none", "null"):
        return None
    if bool in shapes and text.strip().lower() in _WORDS:
        return _WORDS[text.strip().lower()]
    if shapes & {tuple, frozenset, Mapping}:
        if text.lstrip()[:1] in ("[", "{"):
            return msgspec.json.decode(text)
        return [word.strip() for word in text.split(",") if word.strip()]
    return text.strip()


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


def _is_already(value: object, of: Any) -> bool:
    """Whether a value is already of an own class (an enum, a path), which msgspec would make from its raw form."""
    own = (one for one in _options_of(of) if isinstance(one, type) and one.__module__ != "builtins")
    return any(isinstance(value, one) for one in own)


def _make(of: type, value: object) -> object:
    return value if isinstance(value, of) else of(value)
