"""One class under description: its node, its place, and the questions that adapters ask about it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from sphinx_traits.extract.comments import Comments
from sphinx_traits.extract.constants import ConstantEvaluator
from sphinx_traits.extract.module_loader import ModuleLoader
from sphinx_traits.extract.modules import Module, SourceClass
from sphinx_traits.extract.mro import ClassGraph, Mro
from sphinx_traits.extract.references import (
    ClassNode,
    Position,
    Reference,
    ValueReference,
)
from sphinx_traits.extract.resolver import Resolver
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import (
    CacheKey,
    Column,
    ConfigKey,
    Emit,
    Event,
    Feature,
    Finding,
    Hook,
    Job,
    Listener,
    Location,
    Metric,
    Scope,
    Setting,
)


@dataclass(slots=True)
class FactSet:
    """What adapters found on one class, or at the top level of one module."""

    hooks: list[Hook] = field(default_factory=list)
    config: list[ConfigKey] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    emits: list[Emit] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    cache_keys: list[CacheKey] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    declarations: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    table: str = ""
    since: str = ""
    deprecated: str = ""


class AnalysisContext:
    """What is shared by everything that reads facts.

    Args:
        resolver: Resolves names; owns the class graph.
    """

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.graph: ClassGraph = resolver.graph
        self.loader: ModuleLoader = resolver.loader
        self.constants: ConstantEvaluator = ConstantEvaluator(resolver)
        self._comments: dict[str, Comments] = {}

    def comments(self, module: Module) -> Comments:
        """The ``#:`` comments of a module."""
        comments = self._comments.get(module.name)
        if comments is None:
            text = module.source.text if module.source else ""
            comments = self._comments[module.name] = Comments(text)
        return comments

    def location(self, module: Module, node: ast.AST) -> Location:
        """Where a node is written."""
        line = getattr(node, "lineno", 0)
        return Location(
            self.loader.locator.display_path(module.spec.path or ""), line, getattr(node, "end_lineno", 0) or 0
        )

    def class_context(self, node: SourceClass) -> ClassContext:
        """A class of a source, ready to be described."""
        return ClassContext(self, node)

    def mro_names(self, node: ClassNode) -> frozenset[str]:
        """The names of a class and of all its ancestors."""
        return frozenset(self.graph.name(ancestor) for ancestor in self.graph.mro(node).nodes)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a class body that binds a name to a value or annotates it."""

    name: str
    node: ast.Assign | ast.AnnAssign
    value: ast.expr | None
    annotation: ast.expr | None


class ClassContext:
    """A class with its node, as adapters see it.

    Args:
        analysis: The shared objects of the run.
        node: The class.
    """

    def __init__(self, analysis: AnalysisContext, node: SourceClass) -> None:
        self.analysis = analysis
        self.node = node
        self.module: Module = node.module
        self.name: str = analysis.graph.name(node)
        self.short: str = node.symbol.name

    @cached_property
    def position(self) -> Position:
        """The end of the class's body."""
        return Position(self.module, self.node.index)

    @cached_property
    def mro(self) -> Mro:
        """The class and its ancestors."""
        return self.analysis.graph.mro(self.node)

    @cached_property
    def ancestors(self) -> frozenset[str]:
        """Names of the class and its ancestors."""
        return self.analysis.mro_names(self.node)

    @cached_property
    def tree(self) -> ast.ClassDef:
        """The class statement."""
        if self.module.syntax is None:
            raise LookupError(self.name)
        return self.module.syntax.classes[self.node.index]

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The assignments of the body, one entry per name bound, in order."""
        return tuple(assignments(self.tree.body))

    @cached_property
    def functions(self) -> tuple[FunctionNode, ...]:
        """The functions of the body, in order."""
        return tuple(
            statement for statement in self.tree.body if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        )

    def resolve(self, node: ast.expr) -> Reference:
        """The reference of an expression in the body."""
        return self.analysis.resolver.expression(self.position, node)

    def location(self, node: ast.AST) -> Location:
        """Where a node is written."""
        return self.analysis.location(self.module, node)

    def doc(self, statement: Statement) -> str:
        """The documentation of an assignment: the string below it, or its ``#:`` comment."""
        following = self._following.get(id(statement.node))
        text = following.value if isinstance(following, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            return clean(text.value)
        return self.analysis.comments(self.module).of(statement.node)

    @cached_property
    def _following(self) -> dict[int, ast.stmt]:
        """The statement below each statement of the body."""
        return {id(statement): after for statement, after in pairwise(self.tree.body)}

    def class_of(self, value: ast.expr | None) -> ClassNode | None:
        """The class that a value is an instance of, where the value is a plain call."""
        if not isinstance(value, ast.Call):
            return None
        target = self.resolve(value)
        return self.analysis.graph.instance_of(target) if isinstance(target, ValueReference) else None


def assignments(body: list[ast.stmt]) -> Iterator[Statement]:
    """The assignments of a body to plain names."""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield Statement(node.target.id, node, node.value, node.annotation)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield Statement(target.id, node, node.value, None)


def clean(text: str) -> str:
    """A docstring without the indentation of its place."""
    lines = text.expandtabs().strip("\n").split("\n")
    margins = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    margin = min(margins, default=0)
    return "\n".join([lines[0].strip(), *(line[margin:].rstrip() for line in lines[1:])]).strip()
