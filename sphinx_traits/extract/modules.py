"""A loaded module with its symbol table, and the class statements in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sphinx_traits.extract.locator import ModuleSpec
from sphinx_traits.extract.source import Source
from sphinx_traits.extract.symbol_builder import SyntaxNodes
from sphinx_traits.extract.symbols import Binding, ClassSymbol, SymbolTable


class ScopeBindings:
    """The bindings of one module or class body, by name."""

    __slots__ = ("bindings", "positions", "stars")

    def __init__(self, bindings: tuple[Binding, ...]) -> None:
        self.bindings: tuple[Binding, ...] = bindings
        self.positions: dict[str, list[int]] = {}
        self.stars: list[int] = []
        for position, binding in enumerate(bindings):
            if binding.kind == "star":
                self.stars.append(position)
            elif binding.kind != "attribute":
                self.positions.setdefault(binding.name, []).append(position)

    def last(self, name: str, before: int = -1) -> int:
        """Place of the last binding of a name before a place; -1 where there is none."""
        for position in reversed(self.positions.get(name, ())):
            if before < 0 or position < before:
                return position
        return -1


@dataclass(eq=False, slots=True)
class Module:
    """A module with its symbol table.

    Args:
        name: Dotted name.
        spec: Where it is.
        symbols: What it binds.
        digest: Digest of its bytes.
        read: Reads and parses the file, for a symbol table that came from a cache; None once that was done.
    """

    name: str
    spec: ModuleSpec
    symbols: SymbolTable = field(default_factory=SymbolTable)
    digest: str = ""
    read: Callable[[Module], None] | None = None
    parsed: tuple[Source | None, SyntaxNodes | None] = (None, None)
    scopes: dict[int, ScopeBindings] = field(default_factory=dict)
    nodes: dict[int, SourceClass] = field(default_factory=dict)

    @property
    def source(self) -> Source | None:
        """Text and tree, read now if they were not."""
        self._read()
        return self.parsed[0]

    @property
    def syntax(self) -> SyntaxNodes | None:
        """The syntax nodes of the symbol table's entries; the file is read now if it was not."""
        self._read()
        return self.parsed[1]

    def _read(self) -> None:
        if self.read is not None:
            read, self.read = self.read, None
            read(self)

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name.rpartition(".")[0] if self.spec.kind == "module" else self.name

    @property
    def has_source(self) -> bool:
        """Whether the module has Python source."""
        return self.spec.has_source

    @property
    def is_opaque(self) -> bool:
        """Whether the names of the module cannot be read: it is compiled."""
        return not self.has_source and self.spec.kind != "namespace"

    def scope(self, index: int) -> ScopeBindings:
        """The bindings of the module's top level (-1) or of one of its classes."""
        scope = self.scopes.get(index)
        if scope is None:
            bindings = self.symbols.bindings if index < 0 else self.symbols.classes[index].body
            scope = self.scopes[index] = ScopeBindings(bindings)
        return scope

    def class_at(self, index: int) -> SourceClass:
        """The class statement of an index; always the same object, so that it is a cheap key."""
        definition = self.nodes.get(index)
        if definition is None:
            definition = self.nodes[index] = SourceClass(self, index)
        return definition

    def classes(self) -> Iterator[SourceClass]:
        """All its class statements outside functions."""
        return map(self.class_at, range(len(self.symbols.classes)))


@dataclass(frozen=True, slots=True, eq=False)
class SourceClass:
    """A class statement in a source; `Module.class_at` makes the only one of each."""

    module: Module
    index: int

    @property
    def symbol(self) -> ClassSymbol:
        """Its entry in the module's symbol table."""
        return self.module.symbols.classes[self.index]

    @property
    def path(self) -> str:
        """Where it is written; see `ClassNames` for the name Python would give it."""
        return f"{self.module.name}.{self.symbol.qualname}"
