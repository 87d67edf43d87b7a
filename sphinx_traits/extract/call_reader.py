"""What readers of calls share: the calls of a statement, the imports inside a function, and how names resolve there."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TypeGuard

from sphinx_traits.extract.adapters.core import event_of
from sphinx_traits.extract.context import AnalysisContext, FactSet
from sphinx_traits.extract.modules import Module, SourceClass
from sphinx_traits.extract.prune import absolute
from sphinx_traits.extract.references import Position, Reference, Unresolved, ValueReference, package_and_name
from sphinx_traits.manifest import Certainty

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SIGNALS = frozenset({("django", "Signal"), ("blinker", "Signal"), ("blinker", "NamedSignal"), ("blinker", "signal")})
"""Classes and functions whose result is a signal."""


@dataclass(frozen=True, slots=True)
class CallSites:
    """The calls in one statement.

    Args:
        statement: The statement; of a function the body counts, decorators do not.
        calls: In the order of the text.
        imports: Names that imports inside a function bind: the module, and the name in it.
    """

    statement: ast.stmt
    calls: tuple[ast.Call, ...]
    imports: dict[str, tuple[str, str]]

    @staticmethod
    def of(statement: ast.stmt, package: str) -> CallSites:
        """Collect the calls and imports of a statement in one walk.

        Args:
            statement: The statement.
            package: The package that relative imports start from.
        """
        is_function = isinstance(statement, FUNCTIONS)
        pending: list[ast.AST] = list(statement.body) if isinstance(statement, FUNCTIONS) else [statement]
        pending.reverse()
        calls: list[ast.Call] = []
        imports: dict[str, tuple[str, str]] = {}
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Call):
                calls.append(node)
            elif is_function and isinstance(node, ast.Import | ast.ImportFrom):
                imports.update(_imported_names(node, package))
            children = list(ast.iter_child_nodes(node))
            pending += reversed(children)
        return CallSites(statement, tuple(calls), imports)


def _imported_names(node: ast.Import | ast.ImportFrom, package: str) -> dict[str, tuple[str, str]]:
    if isinstance(node, ast.Import):
        return {alias.asname: (alias.name, "") for alias in node.names if alias.asname}
    module = absolute(package, node.module, node.level)
    return {alias.asname or alias.name: (module, alias.name) for alias in node.names}


class CallReader:
    """Resolves what calls of one statement name.

    Args:
        analysis: The shared objects of the run.
        module: The statement's module.
        owner: Dotted path of the class or module that the facts belong to.
        facts: Facts are added here.
        imports: Names that imports inside the function bind.
    """

    def __init__(
        self,
        analysis: AnalysisContext,
        module: Module,
        owner: str,
        facts: FactSet,
        imports: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        self.analysis = analysis
        self.module = module
        self.owner = owner
        self.facts = facts
        self.imports: dict[str, tuple[str, str]] = imports or {}

    def resolve(self, position: Position, node: ast.expr) -> Reference:
        """What an expression stands for, imports inside the function included; of ``partial(f)``: ``f``."""
        resolver = self.analysis.resolver
        if isinstance(node, ast.Attribute) and self.imports:
            return resolver.attribute(self.resolve(position, node.value), node.attr)
        if isinstance(node, ast.Name) and node.id in self.imports:
            module, name = self.imports[node.id]
            return resolver.member(module, name) if name else resolver.module_target(module)
        if _is_partial(node):
            return self.resolve(position, node.args[0])
        return resolver.expression(position, node)

    def event_wire(self, position: Position, node: ast.expr) -> str:
        """The wire name of ``HasSlug.slug_generated``; empty where that is no declared event."""
        if not isinstance(node, ast.Attribute):
            return ""
        owner = self.resolve(position, node.value)
        if not isinstance(owner, SourceClass):
            return ""
        event = event_of(self.analysis.class_context(owner), node.attr)
        return event.wire if event is not None else ""

    def event_pattern(self, position: Position, node: ast.expr) -> tuple[str, Certainty]:
        """The wire name or pattern that an expression gives."""
        wire = self.event_wire(position, node)
        return (wire, "certain") if wire else self.analysis.constants.pattern(position, node)

    def is_signal(self, reference: Reference) -> bool:
        """Whether a value is a signal of Django or blinker."""
        if isinstance(reference, Unresolved):
            return reference.path.startswith("django.") and ".signals." in reference.path
        callee = self.analysis.graph.callee(reference) if isinstance(reference, ValueReference) else None
        if callee is None:
            return False
        kinds = self.analysis.graph.mro(callee).nodes if isinstance(callee, SourceClass) else (callee,)
        return any(package_and_name(kind) in _SIGNALS for kind in kinds)


def _is_partial(node: ast.expr) -> TypeGuard[ast.Call]:
    """Whether an expression is ``partial(...)`` with a function to call."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("partial") and bool(node.args)
