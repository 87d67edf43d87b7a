"""One class under description: its node, its place, and the questions that adapters ask about it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from sphinx_traits.extract.comments import Comments
from sphinx_traits.extract.fold import Folder
from sphinx_traits.extract.linearise import Graph, Lineage
from sphinx_traits.extract.names import Resolver
from sphinx_traits.extract.scan import FunctionNode
from sphinx_traits.extract.targets import ClassNode, Place, SourceClass, Target, ValueTarget
from sphinx_traits.extract.world import Module, World
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
class Facts:
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


class Reader:
    """What is shared by everything that reads facts.

    Args:
        graph: The inheritance graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.resolver: Resolver = graph.resolver
        self.world: World = graph.resolver.world
        self.folder: Folder = Folder(graph.resolver)
        self._comments: dict[str, Comments] = {}

    def comments(self, module: Module) -> Comments:
        """The ``#:`` comments of a module."""
        known = self._comments.get(module.name)
        if known is None:
            text = module.source.text if module.source else ""
            known = self._comments[module.name] = Comments(text)
        return known

    def location(self, module: Module, node: ast.AST) -> Location:
        """Where a node is written."""
        line = getattr(node, "lineno", 0)
        return Location(self.world.locator.shown(module.found.path or ""), line, getattr(node, "end_lineno", 0) or 0)

    def subject(self, node: SourceClass) -> Subject:
        """A class of a source, ready to be described."""
        return Subject(self, node)

    def lineage_paths(self, node: ClassNode) -> frozenset[str]:
        """The names of a class and of all its ancestors."""
        return frozenset(self.graph.name(one) for one in self.graph.lineage(node).nodes)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a class body that binds a name to a value or annotates it."""

    name: str
    node: ast.Assign | ast.AnnAssign
    value: ast.expr | None
    annotation: ast.expr | None


class Subject:
    """A class with its node, as adapters see it.

    Args:
        reader: What is shared.
        node: The class.
    """

    def __init__(self, reader: Reader, node: SourceClass) -> None:
        self.reader = reader
        self.node = node
        self.module: Module = node.module
        self.name: str = reader.graph.name(node)
        self.short: str = node.entry.name

    @cached_property
    def place(self) -> Place:
        """The end of the class's body."""
        return Place(self.module, self.node.index)

    @cached_property
    def lineage(self) -> Lineage:
        """The class and its ancestors."""
        return self.reader.graph.lineage(self.node)

    @cached_property
    def ancestors(self) -> frozenset[str]:
        """Names of the class and its ancestors."""
        return self.reader.lineage_paths(self.node)

    @cached_property
    def tree(self) -> ast.ClassDef:
        """The class statement."""
        if self.module.scan is None:
            raise LookupError(self.name)
        return self.module.scan.classes[self.node.index]

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The assignments of the body, one entry per name bound, in order."""
        return tuple(assignments(self.tree.body))

    @cached_property
    def functions(self) -> tuple[FunctionNode, ...]:
        """The functions of the body, in order."""
        return tuple(one for one in self.tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))

    def resolve(self, node: ast.expr) -> Target:
        """What an expression in the body stands for."""
        return self.reader.resolver.expression(self.place, node)

    def location(self, node: ast.AST) -> Location:
        """Where a node is written."""
        return self.reader.location(self.module, node)

    def doc(self, statement: Statement) -> str:
        """The documentation of an assignment: the string below it, or its ``#:`` comment."""
        following = self._following.get(id(statement.node))
        text = following.value if isinstance(following, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            return clean(text.value)
        return self.reader.comments(self.module).of(statement.node)

    @cached_property
    def _following(self) -> dict[int, ast.stmt]:
        """The statement below each statement of the body."""
        return {id(one): after for one, after in pairwise(self.tree.body)}

    def class_of(self, value: ast.expr | None) -> ClassNode | None:
        """The class that a value is an instance of, where the value is a plain call."""
        if not isinstance(value, ast.Call):
            return None
        target = self.resolve(value)
        return self.reader.graph.instance_of(target) if isinstance(target, ValueTarget) else None


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
    margins = [len(one) - len(one.lstrip()) for one in lines[1:] if one.strip()]
    margin = min(margins, default=0)
    return "\n".join([lines[0].strip(), *(one[margin:].rstrip() for one in lines[1:])]).strip()
