"""Keys and values of config as sources declare them, in the form that the program's own resolver takes."""

from __future__ import annotations

import ast
import datetime
import decimal
import pathlib
import types
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, Optional, Union

from sphinx_traits.manifest import Class, ConfigKey, Feature, Manifest, Setting, Trait, Value
from traits_runtime.errors import UnknownNameError
from traits_runtime.rules.addresses import unknown_name
from traits_runtime.rules.identity import short_name
from traits_runtime.rules.keys import ENABLED, REQUIRED, Key, Option, toggle
from traits_runtime.rules.layers import Address, Resolver, Source, Subject, Table


class Expression:
    """A value that only the running program knows; shown as it is written.

    Args:
        text: The source text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class SourceKey(Key):
    """A key read from sources: an expression passes its check, for checking it would need the program."""

    __slots__ = ()

    def check(self, value: object, layer: str, *, text: bool = False) -> object:
        """The checked value; an expression as it is."""
        return value if isinstance(value, Expression) else super().check(value, layer, text=text)


class SourceConfig:
    """The values that sources and the config file give, ranked by the program's resolver.

    Environment and store are not read: what they give is not known from sources.

    Args:
        manifest: The facts.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._settings: list[Setting] = []
        self._classes = {cls.name: cls for cls in manifest.classes()}
        self.resolver: Resolver = Resolver({}, lambda _error, _place: None)
        values = {address_of(setting): self._placed(setting) for setting in manifest.settings}
        self.resolver.files = Table(values)

    def _placed(self, setting: Setting) -> tuple[object, str]:
        """A setting's value with the number of the setting for its place."""
        self._settings.append(setting)
        return value_of(setting.value), str(len(self._settings) - 1)

    def setting(self, source: Source) -> Setting | None:
        """The setting behind a value of the resolver; None for a default."""
        return None if source.layer == "default" else self._settings[int(source.place)]

    def subject(self, lineage: Sequence[Class]) -> Subject:
        """A class as the resolver sees it.

        Args:
            lineage: The class and its bases in MRO order; their settings may be masked, those of the manifest count.
        """
        unmasked = [self._classes.get(cls.name, cls) for cls in lineage]
        return subject_of(unmasked, self._placed)


def address_of(setting: Setting) -> Address:
    """The address of a setting."""
    return setting.trait, setting.key, setting.model, setting.tenant


def subject_of(lineage: Sequence[Class], placed: Callable[[Setting], tuple[object, str]]) -> Subject:
    """A class as the resolver sees it.

    Args:
        lineage: The class and its bases in MRO order.
        placed: The value of a setting with its place.
    """
    code: dict[tuple[str, str], list[tuple[object, str]]] = {}
    for owner in lineage:
        for setting in owner.settings:
            trait = next((cls.name for cls in lineage if setting.trait in (cls.name, cls.short)), setting.trait)
            code.setdefault((trait, setting.key), []).append(placed(setting))
    names = tuple(cls.name for cls in lineage if uses_traits(cls))
    return Subject(None, names, {address: tuple(values) for address, values in code.items()})


def uses_traits(cls: Class) -> bool:
    """Whether a class inherits from `traits_runtime.Trait`: the program knows others by no name."""
    return any(name.startswith("traits_runtime.") and short_name(name) == "Trait" for name in cls.mro)


def keys_of(cls: Class) -> Iterator[Key]:
    """The keys that a class declares, of a trait its toggle first."""
    if isinstance(cls, Trait):
        yield toggle(cls.short, cls.name)
    yield from map(key_of, cls.config)
    yield from map(key_of, cls.features)


def key_of(fact: ConfigKey | Feature) -> Key:
    """The key that a fact declares."""
    trait, default = short_name(fact.owner), value_of(fact.default)
    if isinstance(fact, Feature):
        if fact.name == ENABLED:
            return toggle(trait, fact.owner)
        option = Option(default, None, fact.doc, fact.env, {}, (False, False), ("", ""))
        return SourceKey(trait, fact.owner, fact.name, bool, option, "feature")
    key_type = _choice_of(fact) if fact.choices else type_named(fact.type)
    constraints = {} if key_type is Any else _constraints(fact.constraints)
    flags, history = (fact.secret, fact.locked), (fact.since, fact.deprecated)
    option = Option(default, None, fact.doc, fact.env, constraints, flags, history)
    return SourceKey(trait, fact.owner, fact.name, key_type, option, "option", fact.group)


def _choice_of(fact: ConfigKey) -> Any:
    """The type of a key that takes the values of an enum; `Any` where they are no texts and whole numbers."""
    values = tuple(map(ast.literal_eval, fact.choices))
    if not all(type(value) in (str, int) for value in values):
        return Any
    choice: Any = Literal[values]
    return Optional[choice] if "None" in fact.type else choice  # noqa: UP045 - the type is computed


def unknown_names(manifest: Manifest) -> Iterator[tuple[Setting, UnknownNameError]]:
    """The settings of files and classes whose trait, key or model nothing declares."""
    keys = {trait.name: [key.name for key in keys_of(trait)] for trait in manifest.traits if uses_traits(trait)}
    models = [cls.name for cls in (*manifest.models, *manifest.bases) if uses_traits(cls)]
    in_classes = (setting for cls in manifest.classes() for setting in cls.settings)
    for setting in (*manifest.settings, *in_classes):
        trait, key, model, tenant = address_of(setting)
        is_in_class = setting not in manifest.settings
        error = unknown_name((trait, key, "" if is_in_class else model, tenant), keys, models)
        if error is not None:
            yield setting, error


def value_of(value: Value) -> object:
    """The value that a text of the manifest gives; an `Expression` where only running it would tell."""
    if value.kind == "required":
        return REQUIRED
    try:
        return ast.literal_eval(value.text)
    except (ValueError, SyntaxError):
        return _FLOATS.get(value.text) or Expression(value.text)


_FLOATS = {text: float(text) for text in ("inf", "-inf", "nan")}


def _constraints(texts: Iterable[str]) -> dict[str, Any]:
    constraints = {}
    for name, _, text in (pair.partition("=") for pair in texts):
        with suppress(ValueError, SyntaxError):
            constraints[name] = ast.literal_eval(text)
    return constraints


_TYPES: Mapping[str, Any] = {
    "str": str, "int": int, "float": float, "bool": bool, "bytes": bytes, "tuple": tuple, "frozenset": frozenset,
    "Mapping": Mapping, "Literal": Literal, "Optional": Union, "Path": pathlib.Path, "Decimal": decimal.Decimal,
    "UUID": uuid.UUID, "date": datetime.date, "datetime": datetime.datetime, "time": datetime.time,
    "timedelta": datetime.timedelta,
}  # fmt: skip
_MODULES = frozenset({"", "abc", "collections.abc", "datetime", "decimal", "dt", "pathlib", "t", "typing", "uuid"})


def type_named(text: str) -> Any:
    """The type that a text of builtins and the standard library names; `Any` for others: they cannot be checked.

    >>> type_named("tuple[int, ...] | None"), type_named("shop.Mode")
    (tuple[int, ...] | None, typing.Any)
    """
    try:
        return _type_of(ast.parse(text.strip("\"'"), mode="eval").body)
    except (SyntaxError, TypeError, _UnknownTypeError):
        return Any


class _UnknownTypeError(Exception):
    """The text names a type that is known to the program alone."""


def _type_of(node: ast.expr) -> Any:
    match node:
        case ast.Name() | ast.Attribute():
            return _named_type(ast.unparse(node))
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=types.EllipsisType()):
            return ...
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Union[_type_of(left), _type_of(right)]  # noqa: UP007 - an operand may be None
        case ast.Subscript(value=value, slice=inner):
            return _subscripted(_type_of(value), inner)
    raise _UnknownTypeError


def _named_type(text: str) -> Any:
    module, _, name = text.rpartition(".")
    if module not in _MODULES or name not in _TYPES:
        raise _UnknownTypeError
    return _TYPES[name]


def _subscripted(of: Any, inner: ast.expr) -> Any:
    members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if of is Literal:
        return Literal[tuple(ast.literal_eval(member) for member in members)]
    if of is Union:
        return Union[_type_of(inner), None]  # noqa: UP007 - the type is computed
    arguments = [_type_of(member) for member in members]
    return of[tuple(arguments) if len(arguments) > 1 else arguments[0]]
