"""Loads modules on demand: each is found, read and parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sphinx_traits.extract.conditions import UNKNOWN
from sphinx_traits.extract.locator import STDLIB, Locator
from sphinx_traits.extract.modules import Module
from sphinx_traits.extract.source import Problem, Source, parse, read
from sphinx_traits.extract.stdlib import stdlib_module
from sphinx_traits.extract.symbol_builder import build_symbols
from sphinx_traits.extract.symbol_cache import SymbolCache
from sphinx_traits.extract.symbols import Assumption, Binding, SymbolTable
from sphinx_traits.extract.time_limit import TimeLimit, TooLongError, reason
from sphinx_traits.manifest_cache import digest


class ModuleLoader:
    """Modules by name, loaded one at a time; also what conditions ask about their surroundings.

    Args:
        locator: Finds the files.
        packages: The packages under analysis: they win over modules of the standard library.
        previous: Symbol tables of an earlier run, each with the digest of its file.
        unchanged: Files of that run that have not changed, with their digests: they are not read again.
        symbol_cache: Symbol tables of files outside the analysed packages; None for no cache.
    """

    def __init__(
        self,
        locator: Locator,
        packages: Iterable[str] = (),
        previous: Mapping[str, tuple[str, SymbolTable]] = MappingProxyType({}),
        unchanged: Mapping[str, str] = MappingProxyType({}),
        symbol_cache: SymbolCache | None = None,
    ) -> None:
        self.locator = locator
        self.time_limit: TimeLimit = TimeLimit()
        self.packages: tuple[str, ...] = tuple(packages)
        self.tops: frozenset[str] = frozenset(package.partition(".")[0] for package in self.packages)
        self.modules: dict[str, Module | None] = {}
        self.problems: dict[str, tuple[str, Problem]] = {}
        self.parsed: list[str] = []
        self.renewed: set[str] = set()
        self.previous: Mapping[str, tuple[str, SymbolTable]] = previous
        self.unchanged: Mapping[str, str] = unchanged
        self.symbol_cache = symbol_cache
        self._loading: set[str] = set()
        self._asking: set[tuple[str, str]] = set()
        self._importable: dict[str, bool] = {}

    def is_stdlib(self, name: str) -> bool:
        """Whether a module comes with the interpreter."""
        top = name.partition(".")[0]
        return top in STDLIB and top not in self.tops

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

    def loaded(self) -> list[Module]:
        """The modules that were asked for and exist."""
        return [module for module in self.modules.values() if module is not None]

    def sources(self) -> list[Module]:
        """The loaded modules that have Python source."""
        return [module for module in self.loaded() if module.has_source]

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
        if module.digest and self._use_previous(module):
            return
        data, problem = read(path)
        module.digest = digest(data)
        if problem is not None:
            self.renewed.add(module.name)
            self._parse(module, Source("", None, problem))
        elif not self._use_previous(module):
            self.renewed.add(module.name)
            if not self._use_cached(module):
                self._parse(module, parse(data))

    def _parse(self, module: Module, source: Source) -> None:
        module.parsed = (source, None)
        if source.problem is not None:
            self.problems[module.name] = (module.spec.path or "", source.problem)
        if source.tree is None:
            return
        self._scan(module, source.tree, source.text)
        cache = self._cache_for(module)
        if cache is not None and module.name not in self.problems:
            cache.save(module.digest, module.package, module.symbols)

    def _use_previous(self, module: Module) -> bool:
        """Use the symbol table of an earlier run, if the file has not changed and the table's assumptions hold."""
        previous_digest, symbols = self.previous.get(module.name, ("", SymbolTable()))
        return previous_digest == module.digest and self._use(module, symbols)

    def _use_cached(self, module: Module) -> bool:
        """Use the symbol table that some project has cached for a file of this content, if its assumptions hold."""
        cache = self._cache_for(module)
        symbols = cache.load(module.digest, module.package) if cache is not None else None
        return symbols is not None and self._use(module, symbols)

    def _cache_for(self, module: Module) -> SymbolCache | None:
        """The symbol cache, for a module outside the analysed packages."""
        analysed = any(module.name == package or module.name.startswith(f"{package}.") for package in self.packages)
        return None if analysed else self.symbol_cache

    def _use(self, module: Module, symbols: SymbolTable) -> bool:
        module.symbols = symbols
        module.scopes = {}
        if not all(self._holds(assumption) for assumption in symbols.assumptions):
            module.symbols = SymbolTable()
            module.scopes = {}
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
        """A module of the standard library; None where there is none, or importing it has side effects."""
        return stdlib_module(name)

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
        return self._has_its_imports(module)

    def _has_its_imports(self, module: str) -> bool:
        """Whether a module can be read, and all that it imports is there."""
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
        return loaded.is_opaque or self._has_readable_name(loaded, module, name)

    def _has_readable_name(self, loaded: Module, module: str, name: str) -> bool:
        """Whether a module with source binds a name or has a submodule of that name."""
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
            binding = self._last_binding(module, name)
            if binding is None:
                return UNKNOWN
            if binding.kind == "value" and not binding.condition:
                return literal(binding.text)
            if binding.kind != "from":
                return UNKNOWN
            module, name = binding.text, binding.attr
        return UNKNOWN

    def _last_binding(self, module: str, name: str) -> Binding | None:
        """The last binding of a name in a module outside the standard library; None while that is being read."""
        if module in self._loading or self.is_stdlib(module):
            return None
        loaded = self.module(module)
        if loaded is None:
            return None
        scope = loaded.scope(-1)
        position = scope.last(name)
        return scope.bindings[position] if position >= 0 else None


def literal(text: str) -> object:
    """The value of a literal's text, else UNKNOWN."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return UNKNOWN
