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
        one = pending.pop()
        yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(one)


def parameter_nodes(function: FunctionNode) -> list[ast.arg]:
    """The parameters of a function, those with stars left out."""
    given = function.args
    return [*given.posonlyargs, *given.args, *given.kwonlyargs]


def local_values(function: FunctionNode) -> dict[str, list[ast.expr]]:
    """What each local variable is given, by ``=`` or as an item of a tuple that a loop walks; others are left out."""
    own = list(own_nodes(function))
    stores = Counter(one.id for one in own if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
    found: dict[str, list[list[ast.expr]]] = {}
    for one in own:
        if isinstance(one, ast.Assign) and len(one.targets) == 1 and isinstance(one.targets[0], ast.Name):
            found.setdefault(one.targets[0].id, []).append([one.value])
        elif (
            isinstance(one, ast.For) and isinstance(one.target, ast.Name) and isinstance(one.iter, ast.Tuple | ast.List)
        ):
            found.setdefault(one.target.id, []).append(one.iter.elts)
    given = {one.arg for one in parameter_nodes(function)}
    return {
        name: [value for each in values for value in each]
        for name, values in found.items()
        if len(values) == stores[name] and name not in given
    }


def choices(node: ast.expr, values: dict[str, list[ast.expr]]) -> list[ast.expr]:
    """What an expression may be: both ways of a choice, and each value of a local variable."""
    if isinstance(node, ast.IfExp):
        return [*choices(node.body, values), *choices(node.orelse, values)]
    return values[node.id] if isinstance(node, ast.Name) and node.id in values else [node]
