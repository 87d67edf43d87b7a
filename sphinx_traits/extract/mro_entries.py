"""What each expression in a class statement contributes to the bases, by the rules of ``__mro_entries__``."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sphinx_traits.extract.references import ClassNode, ObjectReference, StdlibClass, Unresolved

GENERIC = StdlibClass(cast("type", typing.Generic))
_PROTOCOL = StdlibClass(cast("type", typing.Protocol))
_FLATTENED = {"NamedTuple": StdlibClass(tuple), "TypedDict": StdlibClass(dict)}
_TYPING = ("typing", "typing_extensions")


@dataclass(frozen=True, slots=True)
class BaseEntry:
    """One expression among the bases.

    Args:
        node: The class it stands for.
        arguments: Its type arguments.
        alias: Whether it is an alias that ``typing`` makes (``Base[int]`` of a generic class, ``List[int]``).
        is_special: Whether it is one of ``typing``'s own aliases of builtin classes (``List``).
        is_typed_dict: Whether it is ``TypedDict``, whose classes all inherit from ``dict`` directly.
        expression: The base's expression in the class statement.
    """

    node: ClassNode
    arguments: tuple[str, ...] = ()
    alias: bool = False
    is_special: bool = False
    is_typed_dict: bool = False
    expression: str = ""

    def with_arguments(self, arguments: tuple[str, ...]) -> BaseEntry:
        """The same, subscripted."""
        typed = self.node in (GENERIC, _PROTOCOL) or self.alias
        if not typed and isinstance(self.node, StdlibClass):
            typed = issubclass(self.node.type, typing.Generic)
        return replace(self, arguments=arguments, alias=typed)

    @staticmethod
    def of_object(target: ObjectReference) -> BaseEntry:
        """The entry of an object of the standard library: an alias of ``typing``, or unresolved."""
        special = BaseEntry.special(target.path)
        if special is not None:
            return special
        origin = getattr(target.value, "__origin__", None)
        if isinstance(origin, type):
            of_typing = type(target.value).__module__ == "typing"
            return BaseEntry(StdlibClass(origin), alias=of_typing, is_special=of_typing)
        return BaseEntry(Unresolved(target.path, "it is an object of the standard library, not a class"))

    @staticmethod
    def special(path: str) -> BaseEntry | None:
        """The entry of ``NamedTuple`` or ``TypedDict``: the MRO contains a builtin class in its place."""
        module, _, name = path.rpartition(".")
        if module in _TYPING and name in _FLATTENED:
            return BaseEntry(_FLATTENED[name], is_typed_dict=name == "TypedDict")
        return None


def is_generic_marker(node: ClassNode) -> bool:
    """Whether a base is ``Generic`` or ``Protocol``, whose arguments say the order of a class's type parameters."""
    return node in (GENERIC, _PROTOCOL)


def mro_entries(
    entries: Sequence[BaseEntry], *, generic: bool, is_generic: Callable[[ClassNode], bool]
) -> list[ClassNode]:
    """The bases that Python uses after ``__mro_entries__``.

    Args:
        entries: The bases of the class statement.
        generic: Whether the class has type parameters of its own, which adds ``Generic`` at the end.
        is_generic: Whether a class has ``typing.Generic`` among its ancestors.
    """
    nodes: list[ClassNode] = []
    for index, entry in enumerate(entries):
        later = entries[index + 1 :]
        if entry.node == GENERIC and entry.alias:
            nodes += [] if _generic_is_dropped(entries, later) else [GENERIC]
        elif entry.alias and entry.is_special:
            nodes += [] if entry.node in nodes else [entry.node]
            generic_follows = any(base.alias or is_generic(base.node) for base in later)
            nodes += [] if generic_follows else [GENERIC]
        else:
            nodes.append(entry.node)
    if generic and GENERIC not in nodes:
        nodes.append(GENERIC)
    return nodes


def _generic_is_dropped(entries: Sequence[BaseEntry], later: Sequence[BaseEntry]) -> bool:
    """Whether ``Generic[T]`` is left out: beside a plain ``Protocol``, or before another generic alias."""
    has_protocol = any(base.node == _PROTOCOL and not base.alias for base in entries)
    return has_protocol or any(base.alias for base in later)
