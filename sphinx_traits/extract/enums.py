"""The values that an enum takes, where its members are constant."""

from __future__ import annotations

import ast
from typing import Any

from sphinx_traits.extract.conditions import UNKNOWN
from sphinx_traits.extract.context import ClassContext
from sphinx_traits.extract.modules import SourceClass

_OWN_LOOKUP = frozenset({"_missing_", "__new__", "__init__"})
"""Methods with which an enum takes other values than those in its body, or makes others of them."""


def enum_values(holder: ClassContext, annotation: ast.expr | None) -> tuple[str, ...]:
    """The members' values of the enum that a type names, alone or beside None, as Python writes them.

    Args:
        holder: The class whose body has the annotation.
        annotation: The type.

    Returns:
        Nothing for other types, for flags, and where a value is known to the program alone.
    """
    node = _without_none(annotation)
    target = holder.resolve(node) if isinstance(node, ast.Name | ast.Attribute) else None
    if not isinstance(target, SourceClass):
        return ()
    ancestors = holder.analysis.mro_names(target)
    if "enum.Enum" not in ancestors or "enum.Flag" in ancestors:
        return ()
    values = _member_values(holder.analysis.class_context(target))
    return () if any(value is UNKNOWN for value in values) else tuple(map(repr, values))


def _without_none(annotation: ast.expr | None) -> ast.expr | None:
    match annotation:
        case ast.BinOp(left=type_, op=ast.BitOr(), right=ast.Constant(value=None)):
            return type_
        case ast.BinOp(left=ast.Constant(value=None), op=ast.BitOr(), right=type_):
            return type_
    return annotation


def _member_values(enum: ClassContext) -> list[Any]:
    if any(function.name in _OWN_LOOKUP for function in enum.functions):
        return [UNKNOWN]
    members = [statement for statement in enum.statements if statement.annotation is None]
    evaluate = enum.analysis.constants.value
    return [
        evaluate(enum.position, member.value)
        for member in members
        if member.value is not None and not member.name.startswith("_")
    ]
