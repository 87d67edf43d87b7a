"""Folds expressions to the values they have in every run, and names to patterns where a part is only known then."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from sphinx_traits.extract.conditions import UNKNOWN
from sphinx_traits.extract.references import Position, ValueReference
from sphinx_traits.extract.resolver import Resolver
from sphinx_traits.manifest import Certainty, Value

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
}
_LARGEST = 10**12
_LONGEST = 2_000
_LARGEST_SHIFT = 64
_DEPTH = 12


class ConstantEvaluator:
    """Evaluates what is constant.

    Args:
        resolver: Finds the values behind names.
    """

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver

    def value(self, position: Position, node: ast.expr | None, depth: int = 0, *, default: Any = UNKNOWN) -> Any:
        """The value of a constant expression, else UNKNOWN; `default` where there is no expression."""
        if node is None:
            return default
        if depth > _DEPTH:
            return UNKNOWN
        self.resolver.loader.time_limit.check()
        evaluate = _EVALUATORS.get(type(node))
        return evaluate(self, position, node, depth) if evaluate is not None else UNKNOWN

    def _constant(self, position: Position, node: ast.Constant, depth: int) -> Any:
        return node.value

    def _joined_text(self, position: Position, node: ast.JoinedStr, depth: int) -> Any:
        text, certainty = self.pattern(position, node)
        return text if certainty == "certain" else UNKNOWN

    def _signed(self, position: Position, node: ast.UnaryOp, depth: int) -> Any:
        return self._unary(self.value(position, node.operand, depth + 1), node.op)

    def _named(self, position: Position, node: ast.expr, depth: int) -> Any:
        before = len(self.resolver.conditions)
        target = self.resolver.expression(position, node)
        undecided = len(self.resolver.conditions) > before
        del self.resolver.conditions[before:]
        if undecided or not isinstance(target, ValueReference) or target.node is node:
            return UNKNOWN
        return self.value(target.position, target.node, depth + 1)

    def _collection(self, position: Position, node: ast.Tuple | ast.List | ast.Set, depth: int) -> Any:
        values = [self.value(position, element, depth + 1) for element in node.elts]
        if any(value is UNKNOWN for value in values):
            return UNKNOWN
        if isinstance(node, ast.Tuple):
            return tuple(values)
        try:
            return values if isinstance(node, ast.List) else set(values)
        except TypeError:
            return UNKNOWN

    def _dict(self, position: Position, node: ast.Dict, depth: int) -> Any:
        if None in node.keys:
            return UNKNOWN
        keys = [self.value(position, key, depth + 1) for key in node.keys if key is not None]
        values = [self.value(position, value, depth + 1) for value in node.values]
        if any(key is UNKNOWN for key in (*keys, *values)):
            return UNKNOWN
        try:
            return dict(zip(keys, values, strict=True))
        except TypeError:
            return UNKNOWN

    def _unary(self, value: Any, kind: ast.unaryop) -> Any:
        if isinstance(value, int | float) and isinstance(kind, ast.USub | ast.UAdd):
            return -value if isinstance(kind, ast.USub) else value
        return not value if isinstance(kind, ast.Not) and value is not UNKNOWN else UNKNOWN

    def _binary(self, position: Position, node: ast.BinOp, depth: int) -> Any:
        left_value = self.value(position, node.left, depth + 1)
        right_value = self.value(position, node.right, depth + 1)
        function = _BINARY.get(type(node.op))
        if function is None or not _can_combine(left_value, node.op, right_value):
            return UNKNOWN
        try:
            result = function(left_value, right_value)
        except (TypeError, ValueError, ArithmeticError, KeyError):
            return UNKNOWN
        return UNKNOWN if _is_too_large(result) else result

    def display(self, position: Position, node: ast.expr) -> Value:
        """A value as it is shown: folded where it is constant, else as written."""
        source = ast.unparse(node)
        value = self.value(position, node)
        if value is not UNKNOWN:
            text = repr(value)
            return Value(text, "literal", "" if text == source else source)
        return Value(source, "factory" if isinstance(node, ast.Lambda) else "expression")

    def pattern(self, position: Position, node: ast.expr) -> tuple[str, Certainty]:
        """A name that an expression gives: exact, with ``{placeholders}``, or only known at run time."""
        if isinstance(node, ast.JoinedStr):
            return self._joined([self._part(position, part) for part in node.values])
        value = self.value(position, node)
        if isinstance(value, str):
            return value, "certain"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([self._operand(position, operand) for operand in (node.left, node.right)])
        template = self._template(position, node)
        return (template, "pattern") if template is not None else (ast.unparse(node), "dynamic")

    def _template(self, position: Position, node: ast.expr) -> str | None:
        """The text of ``"..." % value`` or ``"...".format(value)`` with ``{}`` for the values."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            template = self.value(position, node.left)
            return template.replace("%s", "{}").replace("%d", "{}") if isinstance(template, str) else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            template = self.value(position, node.func.value)
            return template if isinstance(template, str) else None
        return None

    def _part(self, position: Position, node: ast.expr) -> tuple[str, Certainty]:
        if not isinstance(node, ast.FormattedValue):
            return self.pattern(position, node)
        value = self.value(position, node.value)
        if isinstance(value, str | int) and node.format_spec is None and node.conversion == -1:
            return str(value), "certain"
        return "{" + ast.unparse(node.value) + "}", "pattern"

    def _operand(self, position: Position, node: ast.expr) -> tuple[str, Certainty]:
        text, certainty = self.pattern(position, node)
        return ("{" + text + "}", "pattern") if certainty == "dynamic" else (text, certainty)

    @staticmethod
    def _joined(parts: list[tuple[str, Certainty]]) -> tuple[str, Certainty]:
        exact = all(certainty == "certain" for _, certainty in parts)
        return "".join(text for text, _ in parts), "certain" if exact else "pattern"


def _can_combine(left_value: object, operation: ast.operator, right_value: object) -> bool:
    """Whether an operation on two values is one that is folded, and cheap."""
    if isinstance(left_value, int | float) and isinstance(right_value, int | float):
        return not (isinstance(operation, ast.LShift) and right_value > _LARGEST_SHIFT)
    if isinstance(left_value, str):
        formats = isinstance(right_value, str | int | float | tuple)
        return formats and isinstance(operation, ast.Add | ast.Mod)
    if isinstance(left_value, list | tuple):
        return isinstance(right_value, type(left_value)) and isinstance(operation, ast.Add)
    return False


def _is_too_large(value: object) -> bool:
    if isinstance(value, int | float):
        return abs(value) > _LARGEST
    return isinstance(value, str | list | tuple) and len(value) > _LONGEST


_EVALUATORS: Mapping[type[ast.expr], Callable[[ConstantEvaluator, Position, Any, int], Any]] = {
    ast.Constant: ConstantEvaluator._constant,
    ast.Name: ConstantEvaluator._named,
    ast.Attribute: ConstantEvaluator._named,
    ast.Tuple: ConstantEvaluator._collection,
    ast.List: ConstantEvaluator._collection,
    ast.Set: ConstantEvaluator._collection,
    ast.Dict: ConstantEvaluator._dict,
    ast.UnaryOp: ConstantEvaluator._signed,
    ast.BinOp: ConstantEvaluator._binary,
    ast.JoinedStr: ConstantEvaluator._joined_text,
}
"""How each kind of expression is evaluated; other kinds are unknown."""
