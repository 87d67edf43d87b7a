"""The resolver of a run: names, with the class graph, class factories and attribute lookup that names may lead to."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from sphinx_traits.extract.attributes import AttributeLookup
from sphinx_traits.extract.factories import ClassFactories
from sphinx_traits.extract.module_loader import ModuleLoader
from sphinx_traits.extract.mro import ClassGraph
from sphinx_traits.extract.name_resolver import NameResolver
from sphinx_traits.extract.references import Position, Reference, ValueReference


class Resolver(NameResolver):
    """Resolves names and expressions, and owns what does that for classes and calls.

    Args:
        loader: Loads the modules.
        overrides: Dotted paths and the dotted paths that the user wants in their place.
    """

    def __init__(self, loader: ModuleLoader, overrides: Mapping[str, str]) -> None:
        super().__init__(loader, overrides)
        self.graph: ClassGraph = ClassGraph(self)
        self.factories: ClassFactories = ClassFactories(self.graph)
        self.attributes: AttributeLookup = AttributeLookup(self.graph, self.factories)

    def class_attribute(self, reference: Reference, name: str) -> Reference | None:
        """What an attribute of a class, or of an instance of one, stands for; None where it is not known."""
        return self.attributes.find(reference, name)

    def call_result(self, position: Position, call: ast.Call) -> Reference | None:
        """The class that a call makes; None where it makes some other value."""
        return self.factories.call_result(position, call)

    def call_item(self, value: ValueReference, index: int) -> Reference | None:
        """The class at one index of what a call returns; None where it is not known."""
        return self.factories.call_item(value, index)
