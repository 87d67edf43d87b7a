"""The nodes of a function's body, and the values of its local variables."""

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
    """The values of each local variable that only ``=`` or a loop over a written-out tuple assigns."""
    stores: Counter[str] = Counter()
    values: dict[str, list[ast.expr]] = {}
    assignments: Counter[str] = Counter()
    for node in own_nodes(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stores[node.id] += 1
        name, assigned = _assignment(node)
        if name:
            values.setdefault(name, []).extend(assigned)
            assignments[name] += 1
    for parameter in parameter_nodes(function):
        values.pop(parameter.arg, None)
    return {name: expressions for name, expressions in values.items() if assignments[name] == stores[name]}


def _assignment(node: ast.AST) -> tuple[str, list[ast.expr]]:
    """The variable that a statement assigns, and its values; no name where that is anything else."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, [node.value]
    if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and isinstance(node.iter, ast.Tuple | ast.List):
        return node.target.id, node.iter.elts
    return "", []


def choices(node: ast.expr, values: dict[str, list[ast.expr]]) -> list[ast.expr]:
    """What an expression may be: both ways of a choice, and each value of a local variable."""
    if isinstance(node, ast.IfExp):
        return [*choices(node.body, values), *choices(node.orelse, values)]
    return values[node.id] if isinstance(node, ast.Name) and node.id in values else [node]
