"""Resolves names and expressions as Python would: by scope, position, star imports, aliases and attributes."""

from __future__ import annotations

import ast
import builtins
import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

from sphinx_traits.extract.conditions import ConditionEvaluator
from sphinx_traits.extract.expressions import parse_expression, short_text
from sphinx_traits.extract.module_loader import ModuleLoader
from sphinx_traits.extract.modules import Module, ScopeBindings
from sphinx_traits.extract.references import (
    FunctionReference,
    ModuleReference,
    ObjectReference,
    Position,
    Reference,
    StdlibClass,
    Subscripted,
    Unresolved,
    ValueReference,
    stdlib_reference,
)
from sphinx_traits.extract.symbols import Binding

MAX_DEPTH = 60
"""Longer chains of aliases are not followed."""
_CIRCULAR = "its definition leads back to itself"


class NameResolver(ABC):
    """Looks names up in modules; what classes and calls give is left to the subclass, which knows the class graph.

    Args:
        loader: Loads the modules.
        overrides: Dotted paths and the dotted paths that the user wants in their place.
    """

    def __init__(self, loader: ModuleLoader, overrides: Mapping[str, str]) -> None:
        self.loader = loader
        self.overrides = overrides
        self.conditions: list[str] = []
        self._bindings: dict[tuple[str, int, int], tuple[Reference, tuple[str, ...]]] = {}
        self._members: dict[tuple[str, str], Reference] = {}
        self._active: set[tuple[str, int, int]] = set()
        self._depth = 0

    @abstractmethod
    def class_attribute(self, reference: Reference, name: str) -> Reference | None:
        """What an attribute of a class, or of an instance of one, stands for; None where it is not known."""

    @abstractmethod
    def call_result(self, position: Position, call: ast.Call) -> Reference | None:
        """The class that a call makes; None where it makes some other value."""

    @abstractmethod
    def call_item(self, value: ValueReference, index: int) -> Reference | None:
        """The class at one index of what a call returns; None where it is not known."""

    # Expressions.

    def text(self, position: Position, text: str) -> Reference:
        """The reference of an expression's text."""
        node = parse_expression(text)
        return Unresolved(text, "it cannot be parsed") if node is None else self.expression(position, node)

    def expression(self, position: Position, node: ast.expr) -> Reference:
        """The reference of an expression at a position."""
        if self._depth > MAX_DEPTH:
            return Unresolved(short_text(node), "the chain of names is too long")
        self.loader.time_limit.check()
        self._depth += 1
        try:
            return self._expression(position, node)
        finally:
            self._depth -= 1

    def _expression(self, position: Position, node: ast.expr) -> Reference:
        if isinstance(node, ast.Name):
            return self.name(position, node.id)
        if isinstance(node, ast.Attribute):
            return self.attribute(self.expression(position, node.value), node.attr, position)
        if isinstance(node, ast.Subscript):
            return self._subscript(position, node)
        if isinstance(node, ast.Call):
            class_reference = self.call_result(position, node)
            return (
                ValueReference(self._value_name(position, node), position, node)
                if class_reference is None
                else class_reference
            )
        if isinstance(node, ast.IfExp):
            return self._choice(position, node)
        if isinstance(node, ast.NamedExpr):
            return self.expression(position, node.value)
        return ValueReference(self._value_name(position, node), position, node)

    def _value_name(self, position: Position, node: ast.expr) -> str:
        return f"{position.module.name}.{short_text(node)}"

    def _subscript(self, position: Position, node: ast.Subscript) -> Reference:
        origin = self.expression(position, node.value)
        if isinstance(origin, ValueReference):
            item = self._item(origin, node.slice)
            if item is not None:
                return item
            return self.unknown(f"{origin.path}[{short_text(node.slice)}]", "it is an item of a value made at run time")
        if isinstance(origin, Unresolved):
            return origin
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return Subscripted(origin, tuple(ast.unparse(argument) for argument in inner), position.module)

    def _item(self, value: ValueReference, index: ast.expr) -> Reference | None:
        """An item of a tuple that is written out, or of one that a call is known to make."""
        if not isinstance(index, ast.Constant) or not isinstance(index.value, int):
            return None
        if isinstance(value.node, ast.Tuple | ast.List) and 0 <= index.value < len(value.node.elts):
            element = value.node.elts[index.value]
            return None if isinstance(element, ast.Starred) else self.expression(value.position, element)
        return self.call_item(value, index.value)

    def _choice(self, position: Position, node: ast.IfExp) -> Reference:
        truth = ConditionEvaluator(_ResolverEnvironment(self, position)).truth(
            _Substituted(self, position).visit(copy.deepcopy(node.test))
        )
        if truth is not None:
            return self.expression(position, node.body if truth else node.orelse)
        first, second = self.expression(position, node.body), self.expression(position, node.orelse)
        if first != second:
            self.conditions.append(ast.unparse(node.test))
        return first

    # Names.

    def name(self, position: Position, name: str) -> Reference:
        """The reference of a bare name at a position."""
        for module, scope, before in self._scopes(position):
            target = self._in_scope(module, scope, name, before)
            if target is not None:
                return target
        if hasattr(builtins, name):
            return stdlib_reference(f"builtins.{name}", getattr(builtins, name))
        module_name = position.module.name
        return self.unknown(f"{module_name}.{name}", f"the name {name!r} is not defined in {module_name}")

    def _scopes(self, position: Position) -> Iterator[tuple[Module, int, int]]:
        """The scopes that see a name: the class body at hand, then the module; never a class further out."""
        module, scope, before = position.module, position.scope, position.before
        if scope >= 0:
            yield module, scope, before
            if before >= 0:
                entry = module.symbols.classes[scope]
                while entry.scope >= 0:
                    entry = module.symbols.classes[entry.scope]
                before = entry.position
        yield module, -1, before

    def _in_scope(self, module: Module, scope: int, name: str, before: int) -> Reference | None:
        table = module.scope(scope)
        at = table.last(name, before)
        if table.stars:
            target = self._from_later_stars(table, name, at, before)
            if target is not None:
                return target
        if at < 0:
            return None
        binding = table.bindings[at]
        if binding.condition:
            self._note_alternatives(module, scope, name, at, before)
        return None if binding.kind == "del" else self.binding(module, scope, at)

    def _from_later_stars(self, table: ScopeBindings, name: str, after: int, before: int) -> Reference | None:
        """What the last star import between two positions binds a name to; -1 as `before` is the end."""
        for star in reversed(table.stars):
            if star > after and (before < 0 or star < before):
                target = self._from_star(table.bindings[star].text, name)
                if target is not None:
                    return target
        return None

    def _note_alternatives(self, module: Module, scope: int, name: str, selected: int, before: int) -> None:
        """Record the condition of a binding if another binding of the name leads to another reference."""
        table = module.scope(scope)
        positions = [index for index in table.positions[name] if index != selected and (before < 0 or index < before)]
        selected_reference = self.binding(module, scope, selected)
        if any(self.binding(module, scope, index) != selected_reference for index in positions):
            self.conditions.append(table.bindings[selected].condition)

    def _from_star(self, source: str, name: str) -> Reference | None:
        """What a star import of a module binds a name to; None where it does not bind it."""
        if self.loader.is_stdlib(source):
            loaded = self.loader.stdlib(source)
            public = getattr(loaded, "__all__", None)
            visible = name in public if public is not None else not name.startswith("_") and hasattr(loaded, name)
            return stdlib_reference(f"{source}.{name}", getattr(loaded, name)) if visible else None
        module = self.loader.module(source)
        if module is None or not self._exports(module, name):
            return None
        return self.own_member(module, name)

    def _exports(self, module: Module, name: str) -> bool:
        exports = module.symbols.exports
        if exports is not None:
            return name in exports
        return not name.startswith("_") or module.symbols.computed_exports

    # Bindings.

    def binding(self, module: Module, scope: int, at: int) -> Reference:
        """The reference of one binding, resolved once."""
        key = (module.name, scope, at)
        cached = self._bindings.get(key)
        if cached is not None:
            self.conditions += cached[1]
            return cached[0]
        binding = module.scope(scope).bindings[at]
        if key in self._active:
            return Unresolved(f"{module.name}.{binding.name}", _CIRCULAR)
        outer, self.conditions = self.conditions, []
        self._active.add(key)
        try:
            target = self._bound(module, scope, at, binding)
        finally:
            self._active.discard(key)
            inner, self.conditions = self.conditions, outer
        self.conditions += inner
        if not self._active or not _is_circular(target):
            self._bindings[key] = (target, tuple(inner))
        return target

    def _bound(self, module: Module, scope: int, at: int, binding: Binding) -> Reference:
        if binding.kind == "class":
            return module.class_at(binding.index)
        if binding.kind == "def":
            return FunctionReference(module, binding.index)
        if binding.kind == "import":
            return self.module_target(binding.text)
        if binding.kind == "from":
            return self._imported(module, binding)
        if binding.kind == "value":
            return self._value(module, scope, at, binding)
        prefix = f"{module.symbols.classes[scope].qualname}." if scope >= 0 else ""
        return self.unknown(
            f"{module.name}.{prefix}{binding.name}", "it is bound by a statement that is only known at run time"
        )

    def _value(self, module: Module, scope: int, at: int, binding: Binding) -> Reference:
        prefix = f"{module.symbols.classes[scope].qualname}." if scope >= 0 else ""
        path = f"{module.name}.{prefix}{binding.name}"
        if path in self.overrides:
            return self.dotted(self.overrides[path])
        node = parse_expression(binding.text)
        if node is None:
            return Unresolved(path, "its value cannot be parsed")
        target = self.expression(Position(module, scope, at), node)
        return ValueReference(path, target.position, target.node) if isinstance(target, ValueReference) else target

    def _imported(self, module: Module, binding: Binding) -> Reference:
        source = binding.text
        if source == module.name and binding.attr == binding.name:
            return self.module_target(f"{source}.{binding.attr}")
        return self.member(source, binding.attr)

    def module_target(self, name: str) -> Reference:
        """The module of a dotted name."""
        if self.loader.is_stdlib(name) or self.loader.locator.find(name) is not None:
            return ModuleReference(name)
        return self.unknown(name, f"the module {name!r} is not on the search paths")

    # Members of modules.

    def member(self, module: str, name: str) -> Reference:
        """What ``from module import name`` gives."""
        key = (module, name)
        cached = self._members.get(key)
        if cached is None:
            cached = self._member(module, name)
            if not self._active or not _is_circular(cached):
                self._members[key] = cached
        return cached

    def _member(self, name: str, attr: str) -> Reference:
        if self.loader.is_stdlib(name):
            return self._std_member(name, attr)
        module = self.loader.module(name)
        if module is None:
            return self.unknown(f"{name}.{attr}", f"the module {name!r} is not on the search paths")
        if module.name in self.loader.problems:
            return self.unknown(f"{name}.{attr}", f"the module {name!r} could not be read")
        if module.spec.kind == "compiled":
            return self.unknown(f"{name}.{attr}", f"the module {name!r} is compiled and has no source")
        return self._readable_member(module, name, attr)

    def _readable_member(self, module: Module, name: str, attr: str) -> Reference:
        """A member of a module with source: its own name, else its submodule, else what ``__getattr__`` may give."""
        own_reference = self.own_member(module, attr)
        if own_reference is not None and not _is_circular(own_reference):
            return own_reference
        if self.loader.locator.find(f"{name}.{attr}") is not None:
            return ModuleReference(f"{name}.{attr}")
        return own_reference if own_reference is not None else self._lazy(module, attr)

    def own_member(self, module: Module, name: str) -> Reference | None:
        """What a module itself binds a name to, star imports included."""
        return self._in_scope(module, -1, name, -1)

    def _lazy(self, module: Module, name: str) -> Reference:
        """A name that a module-level ``__getattr__`` may give: what type checkers import, else unresolved."""
        path = f"{module.name}.{name}"
        if module.scope(-1).last("__getattr__") < 0:
            return self.unknown(path, f"the module {module.name!r} binds no name {name!r}")
        typed_reference = self.typed_member(module, name)
        return (
            typed_reference
            if typed_reference is not None
            else self.unknown(path, f"{module.name}.__getattr__ makes it at run time")
        )

    def typed_member(self, module: Module, name: str) -> Reference | None:
        """What a module binds a name to for type checkers alone; None where it does not."""
        for binding in module.symbols.typing:
            if binding.name == name and binding.kind == "from":
                return self.member(binding.text, binding.attr)
        stars = [binding.text for binding in module.symbols.typing if binding.kind == "star"]
        for source in stars:
            reference = self._from_star(source, name)
            if reference is not None:
                return reference
        return None

    def _std_member(self, module: str, name: str) -> Reference:
        loaded = self.loader.stdlib(module)
        if loaded is not None and hasattr(loaded, name):
            return stdlib_reference(f"{module}.{name}", getattr(loaded, name))
        if self.loader.stdlib(f"{module}.{name}") is not None:
            return ModuleReference(f"{module}.{name}")
        return self.unknown(f"{module}.{name}", f"the standard library's {module!r} has no {name!r}")

    def attribute(self, target: Reference, name: str, position: Position | None = None) -> Reference:
        """What an attribute of a reference stands for."""
        path = f"{target.path}.{name}"
        match target:
            case ModuleReference():
                return self.member(target.name, name)
            case StdlibClass():
                return self._stdlib_attribute(target.type, name, path)
            case ObjectReference():
                return self._stdlib_attribute(target.value, name, path)
        if path in self.overrides:
            return self.dotted(self.overrides[path])
        if isinstance(target, Unresolved):
            return self.unknown(path, target.reason)
        attribute = self._assigned(target, name, position) or self.class_attribute(target, name)
        return attribute or self.unknown(path, "it is an attribute of an object made at run time")

    def _stdlib_attribute(self, owner: object, name: str, path: str) -> Reference:
        member = getattr(owner, name, None)
        return self.unknown(path, "it is unknown") if member is None else stdlib_reference(path, member)

    def _assigned(self, target: Reference, name: str, position: Position | None) -> Reference | None:
        """What ``mm.Schema = X`` below the definition of ``mm`` makes of that attribute."""
        if not isinstance(target, ValueReference):
            return None
        module = target.position.module
        before = len(module.symbols.bindings)
        if position is not None and _is_at_module_level(position, module):
            before = position.before
        short = target.path.removeprefix(f"{module.name}.")
        for at in range(before - 1, -1, -1):
            binding = module.symbols.bindings[at]
            if (binding.kind, binding.name, binding.attr) == ("attribute", short, name) and binding.text:
                if binding.condition:
                    self.conditions.append(binding.condition)
                return self.text(Position(module, -1, at), binding.text)
        return None

    # Dotted paths.

    def dotted(self, path: str) -> Reference:
        """The reference of a full dotted path: the longest prefix that is a module, then its attributes."""
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if self.loader.is_stdlib(name) and self.loader.stdlib(name) is None:
                continue
            if self.loader.is_stdlib(name) or self.loader.locator.find(name) is not None:
                target: Reference = ModuleReference(name)
                for attr in parts[length:]:
                    target = self.attribute(target, attr)
                return target
        return Unresolved(path, "there is no such module on the search paths")

    def unknown(self, path: str, reason: str) -> Reference:
        """An unresolved path, or the reference that the user's overrides give it."""
        replacement = self.overrides.get(path)
        if replacement is None or replacement == path:
            return Unresolved(path, reason)
        return self.dotted(replacement)


class _ResolverEnvironment:
    """Answers what a conditional expression asks about other modules."""

    def __init__(self, resolver: NameResolver, position: Position) -> None:
        self.resolver = resolver
        self.position = position

    def has_module(self, module: str) -> bool:
        return self.resolver.loader.has_module(module)

    def has_name(self, module: str, name: str) -> bool:
        return self.resolver.loader.has_name(module, name)

    def constant(self, module: str, name: str) -> object:
        return self.resolver.loader.constant(module, name)


class _Substituted(ast.NodeTransformer):
    """Replaces names by the literals they are bound to."""

    def __init__(self, resolver: NameResolver, position: Position) -> None:
        self.resolver = resolver
        self.position = position

    def visit_Name(self, node: ast.Name) -> ast.expr:
        before = len(self.resolver.conditions)
        target = self.resolver.name(self.position, node.id)
        certain = len(self.resolver.conditions) == before
        del self.resolver.conditions[before:]
        if certain and isinstance(target, ValueReference) and isinstance(target.node, ast.Constant):
            return target.node
        return node


def _is_circular(reference: Reference) -> bool:
    return isinstance(reference, Unresolved) and reference.reason == _CIRCULAR


def _is_at_module_level(position: Position, module: Module) -> bool:
    """Whether a position is between the top-level statements of a module."""
    return position.module is module and position.before >= 0 and position.scope < 0
