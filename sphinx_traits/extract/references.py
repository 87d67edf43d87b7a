"""References: what an expression may resolve to (modules, classes, functions, values, unresolved names)."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TypeAlias

from sphinx_traits.extract.modules import Module, SourceClass
from sphinx_traits.extract.symbols import FunctionSymbol


@dataclass(frozen=True, slots=True)
class Position:
    """A point in a module's code that a name is looked up from.

    Args:
        module: The module.
        scope: Index of the class whose body it is in, -1 at module level.
        before: Only bindings of that scope before this one count; -1 for all (code that runs later).
    """

    module: Module
    scope: int = -1
    before: int = -1


@dataclass(frozen=True, slots=True)
class ModuleReference:
    """A module."""

    name: str

    @property
    def path(self) -> str:
        """Its dotted name."""
        return self.name


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A function or method; ``receiver`` is what it was reached through, where that is a class or an instance."""

    module: Module
    index: int
    receiver: Reference | None = None

    @property
    def symbol(self) -> FunctionSymbol:
        """Its entry in the module's symbol table."""
        return self.module.symbols.functions[self.index]

    @property
    def path(self) -> str:
        """Its dotted path."""
        scope = self.symbol.scope
        prefix = f"{self.module.symbols.classes[scope].qualname}." if scope >= 0 else ""
        return f"{self.module.name}.{prefix}{self.symbol.name}"


@dataclass(frozen=True, slots=True)
class ValueReference:
    """Any other value: a literal, the result of a call, ...

    Args:
        name: Dotted path of the name it is bound to.
        position: Where its expression stands.
        node: The expression.
    """

    name: str
    position: Position
    node: ast.expr

    @property
    def path(self) -> str:
        """Dotted path of the name it is bound to."""
        return self.name


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """An object of the standard library other than a class or module."""

    path: str
    value: object = field(compare=False)


@dataclass(frozen=True, slots=True)
class Subscripted:
    """A generic with its arguments, ``Base[int]``, and the module that subscripts it."""

    origin: Reference
    arguments: tuple[str, ...]
    module: Module | None = None

    @property
    def path(self) -> str:
        """Dotted path of what is subscripted."""
        return self.origin.path


@dataclass(frozen=True, slots=True)
class StdlibClass:
    """A class of the standard library, imported by the running interpreter."""

    type: type

    @property
    def path(self) -> str:
        """Its name as Python gives it."""
        return f"{self.type.__module__}.{self.type.__qualname__}"


@dataclass(frozen=True, slots=True)
class SyntheticClass:
    """A class that a call makes: ``declarative_base()``, ``type("B", (M,), {})``, ``namedtuple(...)``.

    Args:
        path: Its name as Python would give it.
        bases: Its bases, resolved.
        made_by: What makes it, to tell apart classes of one name.
        problem: Why it is not certain.
        copies: Classes that are not among its bases and whose public methods it has all the same.
    """

    path: str
    bases: tuple[Reference, ...]
    made_by: str
    problem: str = ""
    copies: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Unresolved:
    """What cannot be resolved.

    Args:
        path: The best name we have for it.
        reason: Why, as the end of a sentence.
    """

    path: str
    reason: str


ClassNode: TypeAlias = SourceClass | StdlibClass | SyntheticClass | Unresolved
"""A node of the inheritance graph."""

Reference: TypeAlias = (
    ModuleReference
    | FunctionReference
    | ValueReference
    | ObjectReference
    | Subscripted
    | SourceClass
    | StdlibClass
    | SyntheticClass
    | Unresolved
)
"""What an expression resolves to."""


def package_and_name(target: Reference) -> tuple[str, str]:
    """The top-level package and the last name of a target's path: how adapters recognise an API.

    >>> symbol(Opaque("sqlalchemy.orm.mapped_column", "not installed"))
    ('sqlalchemy', 'mapped_column')
    """
    return target.path.partition(".")[0], target.path.rpartition(".")[2]


def stdlib_reference(path: str, value: object) -> Reference:
    """The reference for an object of the standard library."""
    if isinstance(value, type):
        return StdlibClass(value)
    if type(value).__name__ == "module":
        return ModuleReference(path)
    return ObjectReference(path, value)
