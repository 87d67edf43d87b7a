"""The type parameters of a class, in the order in which ``Base[int, str]`` fills them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sphinx_traits.extract.context import ClassContext
from sphinx_traits.extract.expressions import parse_expression
from sphinx_traits.extract.mro_entries import is_generic_marker
from sphinx_traits.extract.references import ValueReference

_VARIABLES = frozenset({"TypeVar", "TypeVarTuple", "ParamSpec"})


def type_parameters(context: ClassContext) -> tuple[str, ...]:
    """The names of a class's type parameters; one that takes any number of arguments carries its stars.

    Those of ``class A[T]``, else of ``Generic[T]`` or ``Protocol[T]``, else all type variables of the bases in the
    order in which they appear, as Python has it.
    """
    parameters = getattr(context.tree, "type_params", ())
    if parameters:
        return tuple(_starred(type(parameter).__name__, parameter.name) for parameter in parameters)
    bases = context.analysis.graph.bases(context.node).entries
    arguments = next((base.arguments for base in bases if is_generic_marker(base.node) and base.arguments), None)
    texts = arguments if arguments is not None else tuple(argument for base in bases for argument in base.arguments)
    return tuple(dict.fromkeys(name for text in texts for name in _variables(context, text)))


def _starred(kind: str, name: str) -> str:
    return {"TypeVarTuple": "*", "ParamSpec": "**"}.get(kind, "") + name


def _variables(context: ClassContext, text: str) -> Iterator[str]:
    expression = parse_expression(text.removeprefix("*"))
    names = ast.walk(expression) if expression is not None else ()
    for node in names:
        if not isinstance(node, ast.Name):
            continue
        value = context.analysis.resolver.expression(context.position, node)
        if not isinstance(value, ValueReference) or not isinstance(value.node, ast.Call):
            continue
        made_by = context.analysis.resolver.expression(value.position, value.node.func).path
        module, _, kind = made_by.rpartition(".")
        if module in ("typing", "typing_extensions") and kind in _VARIABLES:
            yield _starred(kind, node.id)
