"""The symbol table of a module: its bindings, classes and functions as plain records."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

BindingKind: TypeAlias = Literal["import", "from", "star", "class", "def", "value", "opaque", "del", "attribute"]


class Binding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One name bound in a scope.

    Args:
        name: The name; of a star import: ``*``; of an attribute set from outside: the object's text.
        kind: How it is bound.
        line: Where.
        text: Of an import: the module; of a value: the expression; of an attribute: the value's expression.
        attr: Of ``from``: the name in that module; of ``attribute``: the attribute's name.
        index: Of a class or a function: its place in the module's list.
        condition: The condition under which it is bound, where no reading can decide it.
    """

    name: str
    kind: BindingKind
    line: int = 0
    text: str = ""
    attr: str = ""
    index: int = -1
    condition: str = ""


class ClassSymbol(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A class statement.

    Args:
        name: Its name.
        qualname: Its qualified name.
        line: Line of the word ``class``.
        end_line: Its last line.
        scope: Index of the class around it, -1 at module level.
        position: Place of its binding in the scope around it.
        bases: The bases' expressions.
        keywords: Keyword arguments of the statement, with their expressions.
        decorators: The decorators' expressions.
        generic: Whether it has type parameters of its own (``class A[T]``).
        body: What its body binds.
    """

    name: str
    qualname: str
    line: int
    end_line: int
    scope: int
    position: int
    bases: tuple[str, ...]
    keywords: tuple[tuple[str, str], ...] = ()
    decorators: tuple[str, ...] = ()
    generic: bool = False
    body: tuple[Binding, ...] = ()


class FunctionSymbol(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A function statement; its body is not stored."""

    name: str
    line: int
    end_line: int
    scope: int
    returns: str = ""
    decorators: tuple[str, ...] = ()


class Assumption(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a module's branches were decided on: whether another module, or a name in it, is there, and its value."""

    module: str
    name: str
    holds: bool
    value: str = ""


class SymbolTable(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One module.

    Args:
        bindings: What its top level binds, in order.
        typing: What only a type checker sees (``if TYPE_CHECKING:``).
        classes: All class statements outside functions.
        functions: All function statements outside functions.
        exports: The names in ``__all__``; None where there is none, or where it is computed.
        computed_exports: Whether ``__all__`` is computed in a way no reading can follow.
        module_of: Dotted names whose ``__module__`` this module rewrites, with the expression of the new one;
            the name ``*`` stands for all that it exports.
        needs: Modules that its top level imports unconditionally.
        imports: All dotted paths that any import in it names, in functions too: what its facts may depend on.
        assumptions: What its branches were decided on.
    """

    bindings: tuple[Binding, ...] = ()
    typing: tuple[Binding, ...] = ()
    classes: tuple[ClassSymbol, ...] = ()
    functions: tuple[FunctionSymbol, ...] = ()
    exports: tuple[str, ...] | None = None
    computed_exports: bool = False
    module_of: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
