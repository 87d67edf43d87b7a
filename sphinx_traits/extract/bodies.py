"""What a function's body binds, as far as its text tells."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from sphinx_traits.extract.symbol_builder import FunctionNode


def own_nodes(function: FunctionNode) -> Iterator[ast.AST]:
    """The nodes of a function's body, those of functions inside left out."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def parameter_nodes(function: FunctionNode) -> list[ast.arg]:
    """The parameters of a function, those with stars left out."""
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def local_values(function: FunctionNode) -> dict[str, list[ast.expr]]:
    """What each local variable is given, by ``=`` or as an item of a tuple that a loop walks; others are left out."""
    nodes = list(own_nodes(function))
    stores = Counter(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    assigned: dict[str, list[list[ast.expr]]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            assigned.setdefault(node.targets[0].id, []).append([node.value])
        elif (
            isinstance(node, ast.For)
            and isinstance(node.target, ast.Name)
            and isinstance(node.iter, ast.Tuple | ast.List)
        ):
            assigned.setdefault(node.target.id, []).append(node.iter.elts)
    parameter_names = {parameter.arg for parameter in parameter_nodes(function)}
    return {
        name: [value for group in values for value in group]
        for name, values in assigned.items()
        if len(values) == stores[name] and name not in parameter_names
    }


def choices(node: ast.expr, values: dict[str, list[ast.expr]]) -> list[ast.expr]:
    """What an expression may be: both ways of a choice, and each value of a local variable."""
    if isinstance(node, ast.IfExp):
        return [*choices(node.body, values), *choices(node.orelse, values)]
    return values[node.id] if isinstance(node, ast.Name) and node.id in values else [node]
