"""Named restrictions of queries: methods of query sets and managers, and class methods that return a `select`.

A method counts when all that it returns is a chain of query methods that starts at itself, and one of them restricts
the rows. What it asks for is not evaluated, so nothing is guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sphinx_traits.extract.bodies import local_values, own_nodes
from sphinx_traits.extract.context import ClassContext, FactSet, Statement
from sphinx_traits.extract.members import bound_signature, first_parameter
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.references import (
    ClassNode,
    SyntheticClass,
    package_and_name,
)
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import Certainty, Scope

_DJANGO_RESTRICTS = frozenset({"filter", "exclude", "none", "complex_filter", "intersection", "difference"})
_DJANGO = _DJANGO_RESTRICTS | frozenset(
    {"all", "alias", "annotate", "dates", "datetimes", "defer", "distinct", "extra", "get_queryset", "only", "order_by"}
    | {"prefetch_related", "reverse", "select_for_update", "select_related", "union", "using", "values", "values_list"}
)
_SELECT_RESTRICTS = frozenset({"where", "filter", "filter_by", "having"})
_SELECT = _SELECT_RESTRICTS | frozenset(
    {"distinct", "execution_options", "group_by", "join", "join_from", "limit", "offset", "options", "order_by"}
    | {"outerjoin", "outerjoin_from", "select_from", "with_for_update", "with_only_columns"}
)
_NEVER, _SOMETIMES, _ALWAYS = range(3)
_MANAGERS = frozenset({"django.db.models.manager.BaseManager", "django.db.models.Manager"})
_QUERY_SETS = frozenset({"django.db.models.query.QuerySet", "django.db.models.QuerySet"})


@dataclass(frozen=True, slots=True)
class _Query:
    """Which chains count.

    Args:
        starts: Whether an expression is where a chain may start.
        methods: Query methods that give a query again.
        restricts: Those of them that leave rows out.
    """

    starts: Callable[[ast.expr], bool]
    methods: frozenset[str]
    restricts: frozenset[str]

    def certainty(self, function: FunctionNode) -> Certainty | None:
        """``certain`` for a method whose every return restricts, ``conditional`` for some; None for no scope."""
        nodes = list(own_nodes(function))
        if isinstance(function, ast.AsyncFunctionDef) or _is_generator(nodes):
            return None
        values = local_values(function)
        effects = [self._leaves_out(node.value, values, frozenset()) for node in nodes if isinstance(node, ast.Return)]
        if None in effects or not any(effects):
            return None
        return "certain" if all(effect == _ALWAYS for effect in effects) else "conditional"

    def _leaves_out(self, node: ast.expr | None, values: dict[str, list[ast.expr]], seen: frozenset[str]) -> int | None:
        """Whether a chain leaves rows out: never, sometimes or always; None where it is no chain."""
        if node is not None and self.starts(node):
            return _NEVER
        match node:
            case ast.IfExp():
                return _either([self._leaves_out(branch, values, seen) for branch in (node.body, node.orelse)])
            case ast.Name(id=name) if name in values:
                return self._variable(name, values, seen)
            case ast.Call(func=ast.Attribute(value=query, attr=method)):
                before = self._leaves_out(query, values, seen)
                if before is None or method not in self.methods:
                    return None
                return _ALWAYS if method in self.restricts else before
        return None

    def _variable(self, name: str, values_by_name: dict[str, list[ast.expr]], seen: frozenset[str]) -> int | None:
        """What all values of a variable have in common; what is put on top of an earlier one may be skipped."""
        if name in seen:
            return _NEVER
        first: list[int | None] = []
        more: list[int | None] = []
        for value in values_by_name[name]:
            effects = more if name in _names_in(value) else first
            effects.append(self._leaves_out(value, values_by_name, seen | {name}))
        start = _either(first)
        if start is None or None in more:
            return None
        return max(start, _SOMETIMES) if any(more) else start


def _is_generator(nodes: Iterable[ast.AST]) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in nodes)


def _names_in(node: ast.expr) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def _either(ways: list[int | None]) -> int | None:
    """What holds of one of several ways."""
    decided = [way for way in ways if way is not None]
    if not decided or len(decided) < len(ways):
        return None
    return min(decided) if min(decided) == max(decided) else _SOMETIMES


# Django.


def manager_scopes(context: ClassContext, statement: Statement, facts: FactSet) -> None:
    """Add the scopes of a manager that a class holds: ``objects = ArticleQuerySet.as_manager()``."""
    manager = _manager(context, statement)
    for holder, function in _methods(context, manager) if manager is not None else ():
        plain = function.name == "get_queryset"
        certainty = _django_query(first_parameter(function), _names(holder)).certainty(function)
        if certainty is None or (function.name.startswith("_") and not plain):
            continue
        where = f"{holder.short}.{function.name}"
        facts.scopes.append(
            Scope(
                name=statement.name if plain else f"{statement.name}.{function.name}",
                owner=context.name,
                location=holder.location(function),
                doc=ast.get_docstring(function) or "",
                via="inferred",
                certainty=certainty,
                why=f"what {where}() returns is its own query set, restricted",
                signature="" if plain else bound_signature(function),
            )
        )


def _django_query(first: str, scope_methods: frozenset[str]) -> _Query:
    def starts(node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id == "super"
        return isinstance(node, ast.Name) and node.id == first

    return _Query(starts, _DJANGO | scope_methods, _DJANGO_RESTRICTS | scope_methods)


def _names(holder: ClassContext) -> frozenset[str]:
    """Methods of a class that are scopes without the help of others."""
    plain = (function for function in holder.functions if function.name != "get_queryset")
    return frozenset(
        function.name for function in plain if _django_query(first_parameter(function), frozenset()).certainty(function)
    )


def _manager(context: ClassContext, statement: Statement) -> ClassNode | None:
    value = statement.value
    if not isinstance(value, ast.Call):
        return None
    if isinstance(value.func, ast.Attribute) and value.func.attr == "as_manager":
        query_set = context.resolve(value.func.value)
        return query_set if isinstance(query_set, SourceClass) and _inherits(context, query_set, _QUERY_SETS) else None
    manager = context.class_of(value)
    return manager if manager is not None and _inherits(context, manager, _MANAGERS) else None


def _inherits(context: ClassContext, node: ClassNode, names: frozenset[str]) -> bool:
    """Whether a class has one of some names in its MRO."""
    return not names.isdisjoint(context.analysis.mro_names(node))


def _methods(context: ClassContext, manager: ClassNode) -> Iterator[tuple[ClassContext, FunctionNode]]:
    """The methods of a manager and of the query sets that it copies, the nearest of each name, each with its class."""
    seen: set[str] = set()
    for node in _holders(context, manager):
        holder = context.analysis.class_context(node)
        for function in holder.functions:
            if function.name not in seen and not function.decorator_list:
                yield holder, function
        seen.update(function.name for function in holder.functions)
        seen.update(statement.name for statement in holder.statements)


def _holders(context: ClassContext, manager: ClassNode) -> Iterator[SourceClass]:
    for node in context.analysis.graph.mro(manager).nodes:
        if isinstance(node, SyntheticClass):
            for source in node.copies:
                yield from _holders(context, source) if isinstance(source, SourceClass) else ()
        elif isinstance(node, SourceClass) and node.module.name.partition(".")[0] != "django":
            yield node


# SQLAlchemy.


def select_scopes(context: ClassContext, facts: FactSet) -> None:
    """Add the class methods that return a `select` of the class, restricted."""
    for function in context.functions:
        if not any(
            isinstance(decorator, ast.Name) and decorator.id == "classmethod" for decorator in function.decorator_list
        ):
            continue
        certainty = _select_query(context, first_parameter(function)).certainty(function)
        if certainty is not None:
            facts.scopes.append(
                Scope(
                    name=function.name,
                    owner=context.name,
                    location=context.location(function),
                    doc=ast.get_docstring(function) or "",
                    via="inferred",
                    certainty=certainty,
                    why="it returns a query for the class, restricted",
                    signature=bound_signature(function),
                )
            )


def _select_query(context: ClassContext, first: str) -> _Query:
    def is_class(node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == first

    def starts(node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr == "query" and is_class(node.value)
        if not isinstance(node, ast.Call) or not node.args or not is_class(node.args[0]):
            return False
        return package_and_name(context.resolve(node.func)) == ("sqlalchemy", "select")

    return _Query(starts, _SELECT, _SELECT_RESTRICTS)
