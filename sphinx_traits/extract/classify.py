"""Which class is a model, which one a trait, and why we think so."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sphinx_traits.extract.adapters.core import api
from sphinx_traits.extract.expressions import parse_expression
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.mro import ClassGraph
from sphinx_traits.extract.options import Options, matching_pattern
from sphinx_traits.extract.references import (
    ClassNode,
    SyntheticClass,
    package_and_name,
)
from sphinx_traits.manifest import Class, Model, Trait, Via

Role: TypeAlias = Literal["model", "trait", "base"]

FRAMEWORKS = frozenset(
    {
        "django",
        "sqlalchemy",
        "pydantic",
        "pydantic_settings",
        "sqlmodel",
        "flask_sqlalchemy",
        "msgspec",
        "attr",
        "attrs",
    }
    | {"traits_runtime", "typing_extensions", "pydantic_core", "zope"}
)
_OURS_WITHIN = ("django.contrib.", "traits_runtime.traits.")
_DJANGO_MODELS = frozenset({"django.db.models.base.Model", "django.db.models.Model"})
_BASE_MODEL = "pydantic.main.BaseModel"
_DECLARATIVE = frozenset({"DeclarativeBase", "DeclarativeBaseNoMeta"})
_DECLARATIVE_BASE = "it is a declarative base"
USED_BY_MODEL = "a model inherits from it, and it is no model itself"
USED_BY_TRAIT = "a trait inherits from it"
_FOR_OTHERS = frozenset({USED_BY_MODEL, USED_BY_TRAIT, _DECLARATIVE_BASE})
"""Reasons of classes that are in the manifest only because another class uses them."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a class is, with the reason."""

    role: Role
    via: Via
    why: str
    abstract: bool = False


class Classifier:
    """Applies the rules; each answer is remembered.

    Args:
        graph: The inheritance graph.
        options: The user's own lists of traits and models.
    """

    def __init__(self, graph: ClassGraph, options: Options) -> None:
        self.graph = graph
        self.options = options
        self._classifications: dict[SourceClass, Classification | None] = {}

    def classification(self, node: SourceClass) -> Classification | None:
        """What a class is by itself; None for a class that counts only where a model uses it."""
        if node not in self._classifications:
            self._classifications[node] = None if self.is_framework(node) else self._judge(node)
        return self._classifications[node]

    def remember(self, node: SourceClass, previous: Class) -> None:
        """Use the classification of an earlier run, unless the class was only there for another class."""
        if previous.why not in _FOR_OTHERS:
            role: Role = "model" if isinstance(previous, Model) else "trait" if isinstance(previous, Trait) else "base"
            self._classifications[node] = Classification(role, previous.via, previous.why, previous.abstract)

    def is_framework(self, node: ClassNode) -> bool:
        """Whether a class belongs to a framework and not to the application."""
        if not isinstance(node, SourceClass):
            return True
        name = node.path
        return name.partition(".")[0] in FRAMEWORKS and not name.startswith(_OURS_WITHIN)

    def _judge(self, node: SourceClass) -> Classification | None:
        nodes = self.graph.mro(node).nodes[1:]
        declared = self._declared(node, nodes)
        if declared is not None and declared.role == "trait":
            return declared
        return self._configured(node) or declared or self._inferred(node, nodes)

    def _configured(self, node: SourceClass) -> Classification | None:
        """What the user's own patterns say."""
        name = self.graph.name(node)
        configured: tuple[tuple[Role, tuple[str, ...]], ...] = (
            ("trait", self.options.traits),
            ("model", self.options.models),
        )
        for role, patterns in configured:
            pattern = matching_pattern(name, patterns)
            if pattern:
                return Classification(role, "inferred", f"the pattern {pattern!r} in [tool.traits] names it")
        return None

    def _inferred(self, node: SourceClass, nodes: tuple[ClassNode, ...]) -> Classification | None:
        if self._names(nodes) & _DJANGO_MODELS:
            return self._django(node)
        if self.declarative(nodes) or _registered(node):
            return self._sqlalchemy(node, nodes)
        if any(decorator.partition("(")[0].endswith("declarative_mixin") for decorator in node.symbol.decorators):
            return Classification("trait", "inferred", "it is decorated with @declarative_mixin")
        return self._plain(node, nodes)

    def _names(self, nodes: Iterable[ClassNode]) -> set[str]:
        return {self.graph.name(ancestor) for ancestor in nodes}

    def _declared(self, node: SourceClass, nodes: Iterable[ClassNode]) -> Classification | None:
        if not any(api(ancestor) == "Trait" for ancestor in nodes):
            return None
        if any(api(entry.node) == "Trait" for entry in self.graph.bases(node).entries):
            return Classification("trait", "declared", "Trait is one of its direct bases")
        if flag(node, "__abstract__") or _abstract_meta(node):
            return Classification("base", "declared", "it is abstract: its subclasses are the models", abstract=True)
        return Classification("model", "declared", "it inherits from a trait and is none itself")

    def _django(self, node: SourceClass) -> Classification:
        if _abstract_meta(node):
            return Classification("trait", "inferred", "it is an abstract Django model", abstract=True)
        return Classification("model", "inferred", "it is a concrete Django model")

    def _sqlalchemy(self, node: SourceClass, nodes: Iterable[ClassNode]) -> Classification:
        direct = self.graph.bases(node).effective
        if any(is_declarative_base(base) for base in direct) and not _mapped_itself(node):
            return Classification("base", "inferred", _DECLARATIVE_BASE, abstract=True)
        if flag(node, "__abstract__"):
            return Classification("trait", "inferred", "it is an abstract mapped class", abstract=True)
        return Classification("model", "inferred", "it is a mapped class")

    def declarative(self, nodes: Iterable[ClassNode]) -> bool:
        """Whether one of some ancestors is a declarative base of SQLAlchemy."""
        return any(is_declarative_base(ancestor) for ancestor in nodes)

    def _plain(self, node: SourceClass, nodes: tuple[ClassNode, ...]) -> Classification | None:
        sources = [ancestor for ancestor in nodes if isinstance(ancestor, SourceClass)]
        for ancestor in sources:
            if matching_pattern(self.graph.name(ancestor), self.options.traits):
                why = f"it inherits from {ancestor.symbol.name}, which [tool.traits] names a trait"
                return Classification("model", "inferred", why)
        kind = self._data_kind(node, nodes)
        if not kind:
            return None
        for ancestor in sources:
            if not self.is_framework(ancestor) and not self._is_data(ancestor):
                return Classification("model", "inferred", f"it is a {kind} that uses {ancestor.symbol.name}")
        return None

    def _data_kind(self, node: SourceClass, nodes: tuple[ClassNode, ...]) -> str:
        """The kind of a class that declares fields; empty for other classes."""
        if _BASE_MODEL in self._names(nodes):
            return "pydantic model"
        return "dataclass" if _is_dataclass(node) else ""

    def _is_data(self, node: SourceClass) -> bool:
        return _BASE_MODEL in self._names(self.graph.mro(node).nodes) or _is_dataclass(node)

    def host(self, node: SourceClass) -> str:
        """The host of a class: Django, SQLAlchemy, pydantic, dataclass or plain."""
        nodes = self.graph.mro(node).nodes
        names = {self.graph.name(ancestor) for ancestor in nodes}
        if names & _DJANGO_MODELS:
            return "django"
        if self.declarative(nodes) or _registered(node):
            return "sqlalchemy"
        if _BASE_MODEL in names:
            return "pydantic"
        return "dataclass" if _is_dataclass(node) else "plain"

    def used_as_trait(self, node: ClassNode) -> Classification | None:
        """What a class is in the MRO of a model: a trait, unless it is a model, a base or the framework's."""
        if not isinstance(node, SourceClass) or self.is_framework(node):
            return None
        own_classification = self.classification(node)
        if own_classification is not None:
            return own_classification
        if is_declarative_base(node):
            return Classification("base", "inferred", _DECLARATIVE_BASE)
        return Classification("trait", "inferred", USED_BY_MODEL)


def is_declarative_base(node: ClassNode) -> bool:
    """Whether a class is one of those that SQLAlchemy's declarative bases are made from, or made by."""
    if isinstance(node, SyntheticClass):
        return node.path.startswith(("sqlalchemy.orm.decl_api.", "sqlalchemy.ext.automap."))
    return package_and_name(node)[0] == "sqlalchemy" and package_and_name(node)[1] in _DECLARATIVE


def flag(node: SourceClass, name: str) -> bool:
    """Whether a class's own body sets a flag such as ``__abstract__`` to True."""
    scope = node.module.scope(node.index)
    at = scope.last(name)
    return at >= 0 and scope.bindings[at].text == "True"


def _mapped_itself(node: SourceClass) -> bool:
    scope = node.module.scope(node.index)
    return scope.last("__tablename__") >= 0 or scope.last("__table__") >= 0


def _abstract_meta(node: SourceClass) -> bool:
    scope = node.module.scope(node.index)
    at = scope.last("Meta")
    if at < 0 or scope.bindings[at].kind != "class":
        return False
    return flag(node.module.class_at(scope.bindings[at].index), "abstract")


def _registered(node: SourceClass) -> bool:
    """Whether a decorator maps the class: ``@registry.mapped``, ``@reg.mapped_as_dataclass``."""
    return any(
        decorator.partition("(")[0].endswith((".mapped", ".mapped_as_dataclass"))
        for decorator in node.symbol.decorators
    )


def _is_dataclass(node: SourceClass) -> bool:
    for text in node.symbol.decorators:
        expression = parse_expression(text)
        called = expression.func if isinstance(expression, ast.Call) else expression
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in ("dataclass", "define", "frozen", "attrs"):
            return True
    return False
