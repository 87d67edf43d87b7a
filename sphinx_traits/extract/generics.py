"""The type parameters of a class, in the order in which ``Base[int, str]`` fills them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sphinx_traits.extract.entries import is_generic_marker
from sphinx_traits.extract.names import parse_expression
from sphinx_traits.extract.subject import Subject
from sphinx_traits.extract.targets import ValueTarget

_VARIABLES = frozenset({"TypeVar", "TypeVarTuple", "ParamSpec"})


def type_parameters(subject: Subject) -> tuple[str, ...]:
    """The names of a class's type parameters; one that takes any number of arguments carries its stars.

    Those of ``class A[T]``, else of ``Generic[T]`` or ``Protocol[T]``, else all type variables of the bases in the
    order in which they appear, as Python has it.
    """
    written = getattr(subject.tree, "type_params", ())
    if written:
        return tuple(_starred(type(one).__name__, one.name) for one in written)
    bases = subject.reader.graph.bases(subject.node).written
    told = next((one.arguments for one in bases if is_generic_marker(one.node) and one.arguments), None)
    texts = told if told is not None else tuple(argument for one in bases for argument in one.arguments)
    return tuple(dict.fromkeys(name for text in texts for name in _variables(subject, text)))


def _starred(kind: str, name: str) -> str:
    return {"TypeVarTuple": "*", "ParamSpec": "**"}.get(kind, "") + name


def _variables(subject: Subject, text: str) -> Iterator[str]:
    expression = parse_expression(text.removeprefix("*"))
    names = ast.walk(expression) if expression is not None else ()
    for node in names:
        if not isinstance(node, ast.Name):
            continue
        value = subject.reader.resolver.expression(subject.place, node)
        if not isinstance(value, ValueTarget) or not isinstance(value.node, ast.Call):
            continue
        made_by = subject.reader.resolver.expression(value.place, value.node.func).path
        module, _, kind = made_by.rpartition(".")
        if module in ("typing", "typing_extensions") and kind in _VARIABLES:
            yield _starred(kind, node.id)
