"""The dotted names of classes as Python gives them: ``__module__`` and ``__qualname__``, rewrites included."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from sphinx_traits.extract.expressions import parse_expression
from sphinx_traits.extract.modules import Module, SourceClass
from sphinx_traits.extract.name_resolver import NameResolver
from sphinx_traits.extract.references import ClassNode, Position, Reference


class ClassNames:
    """Computes the name of each class once.

    Args:
        resolver: Resolves the names of classes whose ``__module__`` another module rewrites.
    """

    def __init__(self, resolver: NameResolver) -> None:
        self.resolver = resolver
        self._names: dict[ClassNode, str] = {}
        self._rewrites: dict[str, dict[ClassNode, str]] = {}

    def name(self, node: ClassNode) -> str:
        """A class's ``__module__`` and ``__qualname__``, joined by a dot."""
        name = self._names.get(node)
        if name is None:
            name = self._names[node] = self._source_name(node) if isinstance(node, SourceClass) else node.path
        return name

    def _source_name(self, node: SourceClass) -> str:
        module, qualname = node.module.name, node.symbol.qualname
        for binding in node.symbol.body:
            if binding.kind != "value" or binding.name not in ("__module__", "__qualname__"):
                continue
            value = _text_value(binding.text)
            if value and binding.name == "__module__":
                module = value
            elif value:
                qualname = value
        parts = node.module.name.split(".")
        for length in range(len(parts), 0, -1):
            module = self._rewritten(".".join(parts[:length])).get(node, module)
        return f"{module}.{qualname}"

    def _rewritten(self, name: str) -> dict[ClassNode, str]:
        """The classes whose ``__module__`` a module rewrites, each with the new one."""
        rewritten = self._rewrites.get(name)
        if rewritten is None:
            rewritten = self._rewrites[name] = {}  # set first: resolving a name may ask for this module again
            module = self.resolver.loader.module(name)
            if module is not None:
                for target, expression in module.symbols.module_of:
                    rewritten.update(self._rewrite(module, target, expression))
        return rewritten

    def _rewrite(self, module: Module, target: str, expression: str) -> dict[ClassNode, str]:
        """What one rewrite gives; the target ``*`` stands for all that the module exports."""
        position = Position(module)
        new_module = module.name if expression == "__name__" else _text_value(expression)
        if not new_module:
            return {}
        if target != "*":
            node = self.resolver.text(position, target)
            return {node: new_module} if isinstance(node, SourceClass) else {}
        exported = [self.resolver.text(position, name) for name in _exported_names(module)]
        return dict.fromkeys(_of_package(exported, module), new_module)


def _exported_names(module: Module) -> list[str]:
    names: Iterable[str] | None = module.symbols.exports
    if names is None:
        names = (binding.name for binding in module.symbols.bindings if binding.kind in ("from", "class", "value"))
    return [name for name in dict.fromkeys(names) if not name.startswith("__")]


def _text_value(expression: str) -> str:
    """The value of a string literal's text; empty for any other expression."""
    node = parse_expression(expression)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _of_package(references: Iterable[Reference], module: Module) -> Iterator[SourceClass]:
    """The classes among references that belong to the top-level package of a module."""
    top = module.name.partition(".")[0]
    for node in references:
        if isinstance(node, SourceClass) and node.module.name.partition(".")[0] == top:
            yield node
