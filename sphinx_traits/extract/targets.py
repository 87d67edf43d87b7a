"""What an expression may stand for: modules, classes, functions, values, and what is not known."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sphinx_traits.extract.summary import ClassEntry, FunctionEntry

if TYPE_CHECKING:
    from sphinx_traits.extract.world import Module


@dataclass(frozen=True, slots=True)
class Place:
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
class ModuleTarget:
    """A module."""

    name: str

    @property
    def path(self) -> str:
        """Its dotted name."""
        return self.name


@dataclass(frozen=True, slots=True)
class FunctionTarget:
    """A function or method; ``receiver`` is what it was reached through, where that is a class or an instance."""

    module: Module
    index: int
    receiver: Target | None = None

    @property
    def entry(self) -> FunctionEntry:
        """Its entry in the module's summary."""
        return self.module.summary.functions[self.index]

    @property
    def path(self) -> str:
        """Its dotted path."""
        scope = self.entry.scope
        around = f"{self.module.summary.classes[scope].qualname}." if scope >= 0 else ""
        return f"{self.module.name}.{around}{self.entry.name}"


@dataclass(frozen=True, slots=True)
class ValueTarget:
    """Any other value: a literal, the result of a call, ...

    Args:
        name: Dotted path of the name it is bound to.
        place: Where its expression stands.
        node: The expression.
    """

    name: str
    place: Place
    node: ast.expr

    @property
    def path(self) -> str:
        """Dotted path of the name it is bound to."""
        return self.name


@dataclass(frozen=True, slots=True)
class ObjectTarget:
    """An object of the standard library that is no class."""

    path: str
    value: object = field(compare=False)


@dataclass(frozen=True, slots=True)
class Subscripted:
    """A generic with its arguments, ``Base[int]``, and the module that subscripts it."""

    origin: Target
    arguments: tuple[str, ...]
    module: Module | None = None

    @property
    def path(self) -> str:
        """Dotted path of what is subscripted."""
        return self.origin.path


@dataclass(frozen=True, slots=True, eq=False)
class SourceClass:
    """A class statement in a source; `Module.class_at` makes the only one of each."""

    module: Module
    index: int

    @property
    def entry(self) -> ClassEntry:
        """Its entry in the module's summary."""
        return self.module.summary.classes[self.index]

    @property
    def path(self) -> str:
        """Where it is written; see `World.class_name` for the name Python would give it."""
        return f"{self.module.name}.{self.entry.qualname}"


@dataclass(frozen=True, slots=True)
class StdClass:
    """A class of the standard library, which the interpreter itself holds."""

    type: type

    @property
    def path(self) -> str:
        """Its name as Python gives it."""
        return f"{self.type.__module__}.{self.type.__qualname__}"


@dataclass(frozen=True, slots=True)
class SynthClass:
    """A class that a call makes: ``declarative_base()``, ``type("B", (M,), {})``, ``namedtuple(...)``.

    Args:
        path: Its name as Python would give it.
        bases: Its bases, resolved.
        made_by: What makes it, to tell apart classes of one name.
        problem: Why it is not certain.
        copies: Classes that are not among its bases and whose public methods it has all the same.
    """

    path: str
    bases: tuple[Target, ...]
    made_by: str
    problem: str = ""
    copies: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Opaque:
    """What cannot be resolved.

    Args:
        path: The best name we have for it.
        reason: Why, as the end of a sentence.
    """

    path: str
    reason: str


ClassNode: TypeAlias = SourceClass | StdClass | SynthClass | Opaque
"""A node of the inheritance graph."""

Target: TypeAlias = (
    ModuleTarget
    | FunctionTarget
    | ValueTarget
    | ObjectTarget
    | Subscripted
    | SourceClass
    | StdClass
    | SynthClass
    | Opaque
)
"""What an expression stands for."""


def symbol(target: Target) -> tuple[str, str]:
    """The top-level package and the last name of a target's path: how adapters recognise an API.

    >>> symbol(Opaque("sqlalchemy.orm.mapped_column", "not installed"))
    ('sqlalchemy', 'mapped_column')
    """
    return target.path.partition(".")[0], target.path.rpartition(".")[2]
