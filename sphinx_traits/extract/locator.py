"""Where a module's source is: search paths, packages, namespace packages, compiled modules."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Literal

import griffe

from sphinx_traits.extract.source import read

STDLIB = frozenset(sys.stdlib_module_names) | frozenset(sys.builtin_module_names)
"""Top-level names that the interpreter brings itself."""

_INSTALLED = ("site-packages", "dist-packages")
_EXTENDS = (b"extend_path", b"declare_namespace")


@dataclass(frozen=True, slots=True)
class ModuleSpec:
    """A module on the search paths.

    Args:
        name: Its dotted name.
        kind: ``package`` and ``module`` have a source; ``namespace`` and ``compiled`` have none.
        path: The source or the compiled file; None for a namespace package.
        directories: Where its submodules are looked for, empty for a plain module.
    """

    name: str
    kind: Literal["package", "module", "namespace", "compiled"]
    path: str | None
    directories: tuple[str, ...] = ()

    @property
    def has_source(self) -> bool:
        """Whether there is Python source to read."""
        return self.kind in ("package", "module")


class Locator:
    """Finds modules as the import system would, without importing anything.

    Directories are listed once per locator; make a new one to see new files.

    Args:
        search_paths: The caller's own directories, first in line.
        fallback: Directories to look in after them.
        project: Directory that shown paths are relative to.
    """

    def __init__(self, search_paths: Sequence[Path], fallback: Sequence[Path], project: Path | None) -> None:
        own_paths = [os.path.abspath(path) for path in search_paths]
        other = [os.path.abspath(path) for path in fallback if path.is_dir()]
        expanded = griffe.ModuleFinder(own_paths).search_paths if own_paths else []
        self.paths: tuple[str, ...] = tuple(dict.fromkeys([*own_paths, *map(str, expanded), *other]))
        self.project: str | None = os.path.abspath(project) if project is not None else None
        self._found: dict[str, ModuleSpec | None] = {}
        self.listings: dict[str, dict[str, bool]] = {}
        self._shown: dict[str, str] = {}

    def find(self, name: str) -> ModuleSpec | None:
        """The module of that dotted name; None where there is none."""
        try:
            return self._found[name]
        except KeyError:
            pass
        parent, _, last = name.rpartition(".")
        if parent:
            package = self.find(parent)
            directories: Sequence[str] = package.directories if package else ()
        else:
            directories = self.paths
        spec = self._search(name, last, directories) if last.isidentifier() else None
        self._found[name] = spec
        return spec

    def submodules(self, package: ModuleSpec) -> Iterator[ModuleSpec]:
        """All modules below a package, sorted by name; a directory is entered once, so link loops end."""
        yield from self._below(package, {os.path.realpath(directory) for directory in package.directories})

    def _below(self, package: ModuleSpec, entered: set[str]) -> Iterator[ModuleSpec]:
        for last in sorted(self._candidates(package)):
            module = self.find(f"{package.name}.{last}")
            if module is None:
                continue
            real = {os.path.realpath(directory) for directory in module.directories}
            if real & entered:
                continue
            if module.kind != "namespace":
                yield module
            yield from self._below(module, entered | real)

    def _candidates(self, package: ModuleSpec) -> set[str]:
        names: set[str] = set()
        for directory in package.directories:
            for entry, is_directory in self._list(directory).items():
                stem = entry if is_directory else entry.partition(".")[0]
                if (
                    stem.isidentifier()
                    and stem != "__init__"
                    and (is_directory or entry.endswith((".py", ".so", ".pyd")))
                ):
                    names.add(stem)
        return names

    def _search(self, name: str, last: str, directories: Sequence[str]) -> ModuleSpec | None:
        portions: list[str] = []
        for directory in directories:
            entries = self._list(directory)
            path = os.path.join(directory, last)
            if entries.get(last):
                if self._list(path).get("__init__.py") is False:
                    return ModuleSpec(name, "package", os.path.join(path, "__init__.py"), self._extended(name, path))
                portions.append(path)
            if entries.get(f"{last}.py") is False:
                return ModuleSpec(name, "module", f"{path}.py")
            for suffix in EXTENSION_SUFFIXES:
                if f"{last}{suffix}" in entries:
                    return ModuleSpec(name, "compiled", f"{path}{suffix}")
        return ModuleSpec(name, "namespace", None, tuple(portions)) if portions else None

    def _extended(self, name: str, first: str) -> tuple[str, ...]:
        """A package's directories: more than one where its ``__init__`` extends its path (``pkgutil``)."""
        head, problem = read(os.path.join(first, "__init__.py"), 20_000)
        if problem is not None or not any(word in head for word in _EXTENDS):
            return (first,)
        parts = name.split(".")
        candidates = (os.path.join(path, *parts) for path in self.paths)
        return tuple(dict.fromkeys([first, *(directory for directory in candidates if os.path.isdir(directory))]))

    def _list(self, directory: str) -> dict[str, bool]:
        """The entries of a directory, each with whether it is a directory itself."""
        listing = self.listings.get(directory)
        if listing is None:
            try:
                with os.scandir(directory) as entries:
                    listing = {entry.name: _is_directory(entry) for entry in entries}
            except OSError:
                listing = {}
            self.listings[directory] = listing
        return listing

    def display_path(self, path: str) -> str:
        """A file's path for display: relative to the project, or to the search path that holds it."""
        displayed = self._shown.get(path)
        if displayed is None:
            displayed = self._shown[path] = self._relative(path)
        return displayed

    def _relative(self, path: str) -> str:
        roots = [root_path for root_path in self.paths if path.startswith(root_path + os.sep)]
        root = max(roots, key=len, default="")
        inside = self.project is not None and path.startswith(self.project + os.sep)
        installed = os.path.basename(root) in _INSTALLED
        if inside and not installed and self.project is not None:
            root = self.project
        relative = path[len(root) + 1 :] if root else os.path.basename(path)
        return relative.replace(os.sep, "/")


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def interpreter_paths() -> tuple[Path, ...]:
    """The running interpreter's own search paths, without its standard library."""
    stdlib = os.path.dirname(os.__file__)
    outside = (path for path in sys.path if path and os.path.isdir(path))
    return tuple(Path(path) for path in outside if os.path.abspath(path) != stdlib and not path.endswith("lib-dynload"))
