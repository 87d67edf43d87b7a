"""Decides conditions without running the program: versions, platforms, ``TYPE_CHECKING``, what can be imported."""

from __future__ import annotations

import ast
import operator
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol


class _Unknown:
    """The value of what cannot be decided."""

    def __repr__(self) -> str:
        return "UNKNOWN"


class _Present:
    """Some imported object: true, not None, and otherwise unknown."""

    def __repr__(self) -> str:
        return "PRESENT"


UNKNOWN: Final = _Unknown()
PRESENT: Final = _Present()

_NAMES: Mapping[str, Any] = {"TYPE_CHECKING": False, "MYPY": False, "__debug__": True}
_DOTTED: Mapping[str, Any] = {
    "typing.TYPE_CHECKING": False,
    "typing_extensions.TYPE_CHECKING": False,
    "sys.version_info": sys.version_info,
    "sys.version_info.major": sys.version_info.major,
    "sys.version_info.minor": sys.version_info.minor,
    "sys.hexversion": sys.hexversion,
    "sys.platform": sys.platform,
    "sys.maxsize": sys.maxsize,
    "sys.byteorder": sys.byteorder,
    "sys.implementation.name": sys.implementation.name,
    "os.name": os.name,
    "os.sep": os.sep,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, right: item in right,
    ast.NotIn: lambda item, right: item not in right,
}
_FINDERS = ("importlib.util.find_spec", "importlib.find_loader", "pkgutil.find_loader")

_ENVIRONMENT = ("os.environ.get", "os.getenv")
_SETTINGS = "django.conf.settings"


class ImportEnvironment(Protocol):
    """What a condition may ask about other modules."""

    def has_module(self, module: str) -> bool:
        """Whether a module can be imported."""
        ...

    def has_name(self, module: str, name: str) -> bool:
        """Whether ``from module import name`` works."""
        ...

    def constant(self, module: str, name: str) -> object:
        """The literal bound to a module's name, else UNKNOWN."""
        ...


class ConditionEvaluator:
    """Evaluates expressions of one scope as far as that is safe.

    Args:
        environment: Answers what lies outside the module.
        values: Names bound so far, with their values where these are known.
        imports: Names bound by imports so far, with the dotted path each stands for.
        unconfigured: Whether settings and the environment count as empty, so that defaults hold.
    """

    def __init__(
        self,
        environment: ImportEnvironment,
        values: dict[str, object] | None = None,
        imports: dict[str, str] | None = None,
        *,
        unconfigured: bool = False,
    ) -> None:
        self.environment = environment
        self.unconfigured = unconfigured
        self.values: dict[str, object] = {} if values is None else values
        self.imports: dict[str, str] = {} if imports is None else imports

    def inner(self) -> ConditionEvaluator:
        """An evaluator for a scope inside this one."""
        return ConditionEvaluator(self.environment, dict(self.values), dict(self.imports))

    def truth(self, node: ast.expr) -> bool | None:
        """Whether a condition holds; None where it is undecided."""
        value = self.value(node)
        if value is UNKNOWN:
            return None
        try:
            return value is PRESENT or bool(value)
        except Exception:
            return None

    def likely(self, node: ast.expr) -> bool | None:
        """Whether an undecided condition holds without any configuration; None where that is undecided as well."""
        return ConditionEvaluator(self.environment, self.values, self.imports, unconfigured=True).truth(node)

    def value(self, node: ast.expr) -> Any:
        """The value of an expression, or UNKNOWN."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        return UNKNOWN if method is None else method(node)

    def _constant(self, node: ast.Constant) -> object:
        return node.value

    def _name(self, node: ast.Name) -> object:
        if node.id in self.imports:
            return self._dotted(self.imports[node.id])
        if node.id in self.values:
            return self.values[node.id]
        return _NAMES.get(node.id, UNKNOWN)

    def _attribute(self, node: ast.Attribute) -> object:
        path = self.path(node)
        return UNKNOWN if path is None else self._dotted(path)

    def _dotted(self, path: str) -> object:
        if path in _DOTTED:
            return _DOTTED[path]
        module, _, name = path.rpartition(".")
        if module.partition(".")[0] in sys.stdlib_module_names or not module:
            return PRESENT
        value = self.environment.constant(module, name)
        return PRESENT if value is UNKNOWN and self.environment.has_module(path) else value

    def path(self, node: ast.expr) -> str | None:
        """The dotted path that names and attributes lead to, through this scope's imports."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.imports:
            return None
        return ".".join([self.imports[node.id], *reversed(parts)])

    def _unaryop(self, node: ast.UnaryOp) -> object:
        if isinstance(node.op, ast.Not):
            truth = self.truth(node.operand)
            return UNKNOWN if truth is None else not truth
        value = self.value(node.operand)
        return -value if isinstance(node.op, ast.USub) and isinstance(value, int | float) else UNKNOWN

    def _boolop(self, node: ast.BoolOp) -> object:
        decisive = isinstance(node.op, ast.Or)
        truths = [self.truth(value) for value in node.values]
        if decisive in truths:
            return decisive
        return UNKNOWN if None in truths else not decisive

    def _tuple(self, node: ast.Tuple | ast.List) -> object:
        values = [self.value(element) for element in node.elts]
        return UNKNOWN if UNKNOWN in values or PRESENT in values else tuple(values)

    _list = _tuple

    def _subscript(self, node: ast.Subscript) -> object:
        value = self.value(node.value)
        if not isinstance(value, tuple | str):
            return UNKNOWN
        if isinstance(node.slice, ast.Slice):
            return self._slice(value, node.slice)
        index = self.value(node.slice)
        return value[index] if isinstance(index, int) and -len(value) <= index < len(value) else UNKNOWN

    def _slice(self, value: tuple[object, ...] | str, node: ast.Slice) -> object:
        """A part of a value; a step is not evaluated."""
        if node.step is not None:
            return UNKNOWN
        bounds = [None if bound is None else self.value(bound) for bound in (node.lower, node.upper)]
        if not all(bound is None or isinstance(bound, int) for bound in bounds):
            return UNKNOWN
        return value[slice(*bounds)]

    def _ifexp(self, node: ast.IfExp) -> object:
        truth = self.truth(node.test)
        return UNKNOWN if truth is None else self.value(node.body if truth else node.orelse)

    def _compare(self, node: ast.Compare) -> object:
        first = self.value(node.left)
        for kind, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.value(comparator)
            outcome = _compare(kind, first, right)
            if outcome is not True:
                return outcome
            first = right
        return True

    def _call(self, node: ast.Call) -> object:
        function = self.path(node.func) or (node.func.id if isinstance(node.func, ast.Name) else "")
        match node.args:
            case [argument] if function == "bool":
                truth = self.truth(argument)
                return UNKNOWN if truth is None else truth
            case [argument] if function in _FINDERS:
                module = self.value(argument)
                if isinstance(module, str):
                    return PRESENT if self.environment.has_module(module) else None
            case [_, _] if function == "hasattr":
                return self._hasattr(*node.args)
        return self._default(function, node.args) if self.unconfigured else UNKNOWN

    def _default(self, function: str, arguments: list[ast.expr]) -> object:
        """What a question to settings or the environment gives where they are empty."""
        if function == "swapper.is_swapped":
            return False
        if function in _ENVIRONMENT and arguments:
            return self.value(arguments[1]) if len(arguments) > 1 else None
        if function == "getattr" and len(arguments) == 3 and self.path(arguments[0]) == _SETTINGS:
            return self.value(arguments[2])
        return UNKNOWN

    def _hasattr(self, target: ast.expr, attribute: ast.expr) -> object:
        path = self.path(target)
        name = self.value(attribute)
        if path == _SETTINGS:
            return False if self.unconfigured else UNKNOWN
        if path is None or not isinstance(name, str) or not self.environment.has_module(path):
            return UNKNOWN
        return self.environment.has_name(path, name)


def _compare(kind: ast.cmpop, first: object, right: object) -> object:
    if isinstance(kind, ast.Is | ast.IsNot):
        if UNKNOWN in (first, right) or not (first is None or right is None):
            return UNKNOWN
        return (first is right) == isinstance(kind, ast.Is)
    if UNKNOWN in (first, right) or PRESENT in (first, right):
        return UNKNOWN
    try:
        return bool(_COMPARE[type(kind)](first, right))
    except (TypeError, KeyError):
        return UNKNOWN
