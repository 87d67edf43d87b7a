"""Attributes of classes and of their instances."""

from __future__ import annotations

from sphinx_traits.extract.factories import ClassFactories
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.mro import ClassGraph
from sphinx_traits.extract.references import (
    ClassNode,
    FunctionReference,
    Reference,
    StdlibClass,
    Subscripted,
    SyntheticClass,
    Unresolved,
    ValueReference,
)


class AttributeLookup:
    """Looks attributes of classes up along the MRO.

    Args:
        graph: The class graph.
        factories: Knows the classes that instances hold.
    """

    def __init__(self, graph: ClassGraph, factories: ClassFactories) -> None:
        self.graph = graph
        self.factories = factories

    def find(self, reference: Reference, name: str) -> Reference | None:
        """What an attribute of a class, or of an instance of one, stands for; None where it is not known."""
        owner = reference.origin if isinstance(reference, Subscripted) else reference
        if isinstance(owner, ValueReference):
            instance_class = self.graph.instance_of(owner)
            if instance_class is None:
                return None
            attribute = self.factories.instance_attribute(owner, instance_class, name)
            if attribute is not None:
                return attribute
            owner = instance_class
        if not isinstance(owner, SourceClass | SyntheticClass | StdlibClass):
            return None
        return self._along_mro(owner, name, reference)

    def _along_mro(self, owner: ClassNode, name: str, receiver: Reference) -> Reference | None:
        for node in self.graph.mro(owner).nodes:
            attribute = self._own_attribute(node, name)
            if isinstance(attribute, FunctionReference):
                return FunctionReference(attribute.module, attribute.index, receiver)
            if attribute is not None:
                return attribute
        return None

    def _own_attribute(self, node: ClassNode, name: str) -> Reference | None:
        resolver = self.graph.resolver
        if isinstance(node, StdlibClass):
            return resolver.attribute(node, name) if name in vars(node.type) else None
        if isinstance(node, SourceClass):
            index = node.module.scope(node.index).last(name)
            return resolver.binding(node.module, node.index, index) if index >= 0 else None
        return Unresolved(f"{node.path}.{name}", node.reason) if isinstance(node, Unresolved) else None
