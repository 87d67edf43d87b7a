"""The program that a manifest describes: its imported classes and functions."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from types import ModuleType
from typing import NamedTuple

from sphinx_traits.manifest import Manifest
from traits_runtime._core.metadata import METADATA, TraitMetadata
from traits_runtime.rules.identity import path_of


class Program(NamedTuple):
    """The imported program.

    Args:
        manifest: The manifest that describes it.
        classes: The manifest's classes by dotted path.
        failures: Modules that could not be imported, with the error.
        rebound: Names of the manifest's classes that the program binds to another class, with that class's path.
        exclude: Globs of modules that the manifest leaves out.
    """

    manifest: Manifest
    classes: dict[str, type]
    failures: dict[str, str]
    rebound: dict[str, str]
    exclude: tuple[str, ...] = ()

    def own_classes(self) -> dict[str, type]:
        """All imported classes of the manifest's packages by dotted path, nested ones too; none of functions."""
        classes: dict[str, type] = {}
        modules: dict[str, object] = dict(sys.modules)  # a program may put other objects there
        for name, module in sorted(modules.items()):
            if isinstance(module, ModuleType) and self._reads(name):
                for value in list(vars(module).values()):
                    if isinstance(value, type) and value.__module__ == name:
                        classes.update(_with_nested(value))
        return classes

    def failure_of(self, path: str) -> str:
        """Why a class or function is missing: its module, or a package around it, cannot be imported; else empty."""
        module = next((name for name in self.failures if f"{path}.".startswith(f"{name}.")), "")
        return f"{module} cannot be imported: {self.failures[module]}" if module else ""

    def _reads(self, module: str) -> bool:
        if not self.manifest.owns(f"{module}.") or not all(map(str.isidentifier, module.split("."))):
            return False
        return not any(fnmatchcase(module, pattern) for pattern in self.exclude)


def _with_nested(cls: type) -> Iterator[tuple[str, type]]:
    """A class and the classes in its body, without those of functions and parametrised copies of generic ones."""
    path = path_of(cls)
    if "<locals>" in path or "[" in path:
        return
    yield path, cls
    for value in list(vars(cls).values()):
        if isinstance(value, type) and value.__qualname__ == f"{cls.__qualname__}.{value.__name__}":
            yield from _with_nested(value)


def metadata_of(cls: type) -> TraitMetadata | None:
    """What the runtime knows about a trait or model class; None for any other class."""
    metadata: TraitMetadata | None = cls.__dict__.get(METADATA)
    return metadata


def import_program(manifest: Manifest, exclude: Sequence[str] = ()) -> Program:
    """Import the modules that hold the manifest's classes and listeners. The program's code runs.

    Args:
        manifest: The manifest.
        exclude: Globs of modules that the manifest leaves out.
    """
    program = Program(manifest, {}, {}, {}, tuple(exclude))
    for record in manifest.classes():
        value = find_object(record.name, program.failures)
        if isinstance(value, type) and path_of(value) == record.name:
            program.classes[record.name] = value
        elif isinstance(value, type):
            program.rebound[record.name] = path_of(value)
    for listener in manifest.listeners:
        find_object(listener.target, program.failures)
    return program


def find_object(path: str, failures: dict[str, str]) -> object:
    """Import the longest module at the front of a dotted path, and look the rest up; None where there is none.

    Args:
        path: Dotted path of a class or a function.
        failures: Modules that could not be imported; a new failure is added.
    """
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = _import(".".join(parts[:length]), failures)
        if module is not None:
            value: object = module
            for attribute in parts[length:]:
                value = getattr(value, attribute, None)
            return value
    return None


def _import(name: str, failures: dict[str, str]) -> ModuleType | None:
    try:
        if name in failures or (name not in sys.modules and importlib.util.find_spec(name) is None):
            return None
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may raise anything, SystemExit too
        if not isinstance(error, ModuleNotFoundError) or not name.startswith(error.name or "?"):
            failures[name] = f"{type(error).__name__}: {error}"
        return None
