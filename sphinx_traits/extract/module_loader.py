"""All modules that were asked for: each is found, read, parsed and summarised once, on demand."""

from __future__ import annotations

import ast
import importlib
import warnings
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sphinx_traits.extract.conditions import UNKNOWN
from sphinx_traits.extract.locator import STDLIB, Locator
from sphinx_traits.extract.modules import Module
from sphinx_traits.extract.source import Problem, Source, parse, read
from sphinx_traits.extract.symbol_builder import build_symbols
from sphinx_traits.extract.symbols import Assumption, SymbolTable
from sphinx_traits.extract.time_limit import TimeLimit, TooLongError, reason
from sphinx_traits.manifest_cache import digest

_NOT_IMPORTED = frozenset(
    {"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "test", "lib2to3", "__main__"}
)


class ModuleLoader:
    """Modules by name, loaded one at a time; also what conditions ask about their surroundings.

    Args:
        locator: Finds the files.
        own: The packages under analysis: they win over modules of the standard library.
        known: Summaries of an earlier run, each with the digest of the file it was made from.
        unchanged: The files of that run that are what they were, with their digests: they need not be read.
    """

    def __init__(
        self,
        locator: Locator,
        analysed: Iterable[str] = (),
        previous: Mapping[str, tuple[str, SymbolTable]] = MappingProxyType({}),
        unchanged: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.locator = locator
        self.time_limit: TimeLimit = TimeLimit()
        self.own: frozenset[str] = frozenset(package.partition(".")[0] for package in analysed)
        self.modules: dict[str, Module | None] = {}
        self.problems: dict[str, tuple[str, Problem]] = {}
        self.parsed: list[str] = []
        self.renewed: set[str] = set()
        self.known: Mapping[str, tuple[str, SymbolTable]] = previous
        self.unchanged: Mapping[str, str] = unchanged
        self._loading: set[str] = set()
        self._asking: set[tuple[str, str]] = set()
        self._importable: dict[str, bool] = {}

    def is_stdlib(self, name: str) -> bool:
        """Whether a module comes with the interpreter."""
        top = name.partition(".")[0]
        return top in STDLIB and top not in self.own

    def module(self, name: str) -> Module | None:
        """The module of that name, loaded; None where there is none on the search paths."""
        if name in self.modules:
            return self.modules[name]
        spec = self.locator.find(name) if name and not self.is_stdlib(name) else None
        if spec is None:
            self.modules[name] = None
            return None
        module = Module(name, spec)
        self.modules[name] = module
        if spec.has_source:
            self._load(module)
        return module

    def _load(self, module: Module) -> None:
        self._loading.add(module.name)
        try:
            with self.time_limit.for_file():
                self._read(module)
        finally:
            self._loading.discard(module.name)

    def _read(self, module: Module) -> None:
        path = module.spec.path or ""
        module.digest = self.unchanged.get(path, "")
        if module.digest and self._remembered(module):
            return
        data, problem = read(path)
        module.digest = digest(data)
        if problem is None and self._remembered(module):
            return
        self.renewed.add(module.name)
        source = Source("", None, problem) if problem else parse(data)
        module.parsed = (source, None)
        if source.problem is not None:
            self.problems[module.name] = (path, source.problem)
        if source.tree is not None:
            self._scan(module, source.tree, source.text)

    def _remembered(self, module: Module) -> bool:
        """Take over the summary of an earlier run, where the file and all that it was decided on are the same."""
        previous_digest, symbols = self.known.get(module.name, ("", SymbolTable()))
        if previous_digest != module.digest:
            return False
        module.symbols = symbols
        if not all(self._holds(assumption) for assumption in symbols.assumptions):
            module.symbols = SymbolTable()
            return False
        module.read = self._parse_again
        return True

    def _holds(self, assumption: Assumption) -> bool:
        if not assumption.name:
            return self.has_module(assumption.module) == assumption.holds
        if self.has_name(assumption.module, assumption.name) != assumption.holds:
            return False
        value = self.constant(assumption.module, assumption.name) if assumption.value else UNKNOWN
        return not assumption.value or repr(value) == assumption.value

    def _parse_again(self, module: Module) -> None:
        source = parse(read(module.spec.path or "")[0])
        if source.tree is not None:
            self._scan(module, source.tree, source.text)

    def _scan(self, module: Module, tree: ast.Module, text: str) -> None:
        try:
            syntax = build_symbols(tree, text, module.package, self, self.time_limit.check)
        except (RecursionError, TooLongError, ValueError) as error:
            message, hint = reason(error, "The code", self.time_limit.seconds)
            problem = Problem("unreadable_file", message, hint=hint)
            module.parsed = (Source(text, None, problem), None)
            self.problems[module.name] = (module.spec.path or "", problem)
            return
        module.parsed = (Source(text, tree), syntax)
        module.symbols = syntax.symbols
        module.scopes = {}
        self.parsed.append(module.name)

    def stdlib(self, name: str) -> object | None:
        """A module of the standard library, imported; None where it is not there or not to be touched."""
        if name.partition(".")[0] in _NOT_IMPORTED:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return importlib.import_module(name)
        except Exception:
            return None

    # What conditions ask.

    def has_module(self, module: str) -> bool:
        """Whether a module can be imported, as far as its own imports show."""
        if self.is_stdlib(module):
            return self.stdlib(module) is not None
        importable = self._importable.get(module)
        if importable is None:
            self._importable[module] = True
            importable = self._importable[module] = self._can_import(module)
        return importable

    def _can_import(self, module: str) -> bool:
        parent = module.rpartition(".")[0]
        if parent and not self.has_module(parent):
            return False
        spec = self.locator.find(module)
        if spec is None:
            return False
        if not spec.has_source or module in self._loading:
            return True
        loaded = self.module(module)
        if loaded is None or loaded.name in self.problems:
            return False
        top = module.partition(".")[0]
        return all(self._is_there(need, top) for need in loaded.symbols.needs)

    def _is_there(self, need: str, top: str) -> bool:
        """Whether an import works; of other packages only whether they are there at all."""
        if self.is_stdlib(need):
            return self.stdlib(need) is not None
        other = need.partition(".")[0] != top
        return self.locator.find(need) is not None if other else self.has_module(need)

    def has_name(self, module: str, name: str) -> bool:
        """Whether ``from module import name`` works; while the module is being read: yes."""
        if self.is_stdlib(module):
            return hasattr(self.stdlib(module), name) or self.stdlib(f"{module}.{name}") is not None
        if (module, name) in self._asking or module in self._loading:
            return True
        loaded = self.module(module)
        if loaded is None:
            return False
        if not loaded.has_source and loaded.spec.kind != "namespace":
            return True
        self._asking.add((module, name))
        try:
            return self._binds(loaded, name) or self.has_module(f"{module}.{name}")
        finally:
            self._asking.discard((module, name))

    def _binds(self, module: Module, name: str) -> bool:
        scope = module.scope(-1)
        if scope.last(name) >= 0 or scope.last("__getattr__") >= 0:
            return True
        return any(self.has_name(scope.bindings[position].text, name) for position in scope.stars)

    def constant(self, module: str, name: str) -> object:
        """The literal bound to a module's name, followed through one re-export at a time."""
        for _ in range(8):
            if module in self._loading or self.is_stdlib(module):
                return UNKNOWN
            loaded = self.module(module)
            position = loaded.scope(-1).last(name) if loaded else -1
            if loaded is None or position < 0:
                return UNKNOWN
            binding = loaded.scope(-1).bindings[position]
            if binding.kind == "value" and not binding.condition:
                return literal(binding.text)
            if binding.kind != "from":
                return UNKNOWN
            module, name = binding.text, binding.attr
        return UNKNOWN


def literal(text: str) -> object:
    """The value of a literal's text, else UNKNOWN."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return UNKNOWN
