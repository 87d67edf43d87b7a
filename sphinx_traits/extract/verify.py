"""Compares a manifest with the program it describes: for who may import it, and wants to be sure."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

from sphinx_traits.manifest import Class, Listener, Manifest

_WRAPPERS = ("builtins", "functools", "traits_runtime._core.trait.jobs")
_FOREIGN = ("sqlalchemy.", "django.")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the manifest and the running program do not agree on.

    Args:
        subject: Dotted path of what it is about.
        what: ``mro``, ``member``, ``import``, or a kind of fact (``hook``, ``event``, ...).
        static: What the manifest says, empty where it says nothing.
        runtime: What the program says, empty where it has no such thing.
    """

    subject: str
    what: str
    static: str = ""
    runtime: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}: read {self.static or 'nothing'}, is {self.runtime or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Observed:
    """What importing showed.

    Args:
        classes: The classes of the manifest, by name.
        failed: Modules that could not be imported, with the error.
    """

    classes: Mapping[str, type] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


def observe(manifest: Manifest, search_paths: Sequence[Path] = ()) -> Observed:
    """Import the modules that hold the manifest's classes and listeners: the program's code runs.

    Args:
        manifest: What was read.
        search_paths: Put in front of ``sys.path``, and left there: modules may import more later.
    """
    for path in reversed(search_paths):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
    failed: dict[str, str] = {}
    classes: dict[str, type] = {}
    for one in manifest.classes():
        found = _find(one.name, failed)
        if isinstance(found, type):
            classes[one.name] = found
    for listener in manifest.listeners:
        _find(listener.target, failed)
    return Observed(classes, failed)


def _find(path: str, failed: dict[str, str]) -> object:
    """The object of a dotted path: the longest module in front, then its attributes."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            if name in failed or (name not in sys.modules and importlib.util.find_spec(name) is None):
                continue
            found: object = importlib.import_module(name)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            if not isinstance(error, ModuleNotFoundError) or not name.startswith(error.name or "?"):
                failed[name] = f"{type(error).__name__}: {error}"
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute, None)
        return found
    return None


def differences(manifest: Manifest, observed: Observed, inventory: Any = None) -> tuple[Difference, ...]:
    """All that the manifest and the program do not agree on, sorted.

    Args:
        manifest: What was read.
        observed: What `observe` found.
        inventory: What `traits_runtime.inventory()` says of the same packages; None leaves it out.
    """
    found = [Difference(name, "import", runtime=error) for name, error in observed.failed.items()]
    for one in manifest.classes():
        cls = observed.classes.get(one.name)
        if cls is None:
            if one.module not in observed.failed:
                found.append(Difference(one.name, "class", static=str(one.location)))
            continue
        found += _mro(one, cls)
        found += _members(one, cls)
    if inventory is not None:
        found += _registry(manifest, inventory)
    return tuple(sorted(set(found), key=lambda one: (one.subject, one.what, one.static, one.runtime)))


def _mro(one: Class, cls: type) -> Iterator[Difference]:
    real = tuple(f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
    if real != one.mro:
        yield Difference(one.name, "mro", " > ".join(one.mro), " > ".join(real))


def _members(one: Class, cls: type) -> Iterator[Difference]:
    """Functions and properties that the class's own body defines: there, and on the line that the manifest says."""
    own = {member.name: member for member in one.members}
    for name, value in vars(cls).items():
        wrapped = _function(value)
        function = inspect.unwrap(wrapped) if wrapped is not None else None
        if not isinstance(function, FunctionType) or function.__qualname__ != f"{cls.__qualname__}.{name}":
            continue
        if function.__module__ != cls.__module__ or function.__code__.co_filename.startswith("<"):
            continue
        member = own.get(name)
        if member is None:
            if not any(name in {fact.name for fact in facts} for facts in (one.columns, one.events, one.cache_keys)):
                yield Difference(f"{one.name}.{name}", "member", runtime=f"line {function.__code__.co_firstlineno}")
        elif not function.__code__.co_firstlineno <= member.location.line <= member.location.end_line:
            real = f"line {function.__code__.co_firstlineno}"
            yield Difference(f"{one.name}.{name}", "member", static=f"line {member.location.line}", runtime=real)


def _function(value: object) -> Callable[..., Any] | None:
    if isinstance(value, FunctionType):
        return value
    for attribute in ("fget", "__func__", "func", "function") if type(value).__module__ in _WRAPPERS else ():
        inner = getattr(value, attribute, None)
        if isinstance(inner, FunctionType):
            return inner
    return None


def _registry(manifest: Manifest, inventory: Any) -> Iterator[Difference]:
    """The declared facts, beside the registry's own inventory of them."""
    read = declared(manifest)
    for kind, rows in read.items():
        real = {_row(one) for one in getattr(inventory, kind)}
        for row in sorted(rows - real):
            yield Difference(row[0], kind, static=" ".join(row[1:]) or "declared")
        for row in sorted(real - rows):
            yield Difference(row[0], kind, runtime=" ".join(row[1:]) or "declared")


def _row(fact: Any) -> tuple[str, ...]:
    return tuple(_text(getattr(fact, name)) for name in fact.__struct_fields__)


def _text(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def declared(manifest: Manifest) -> dict[str, set[tuple[str, ...]]]:
    """The manifest's declared facts, in the rows of the runtime's inventory."""
    ours = [one for one in (*manifest.traits, *manifest.models) if one.via == "declared"]
    traits = {one.name for one in manifest.traits if one.via == "declared"}

    def row(one: Class, *values: object) -> tuple[str, ...]:
        return (one.name, *(_text(value) for value in values))

    def line(one: Class) -> tuple[str, ...]:
        return row(one, one.mro, tuple(name for name in one.mro[1:] if name in traits))

    return {
        "traits": {line(one) for one in ours if one.name in traits},
        "models": {line(one) for one in ours if one.name not in traits},
        "hooks": {row(one, h.name, h.moment, h.priority, h.is_async) for one in ours for h in one.hooks if not h.why},
        "keys": {
            row(one, k.group, k.name, k.env, k.constraints, k.secret, k.locked) for one in ours for k in one.config
        },
        "features": {row(one, f.name, f.default.text) for one in ours for f in one.features},
        "events": {row(one, e.name, e.wire, e.payload, e.before) for one in ours for e in one.events},
        "jobs": {row(one, j.name, j.queue) for one in ours for j in one.jobs},
        "metrics": {row(one, m.name, m.kind) for one in ours for m in one.metrics},
        "settings": {row(one, s.trait, s.key, s.value.text) for one in ours for s in one.settings},
        "listeners": {_listener(one) for one in _own_listeners(manifest)},
    }


def _own_listeners(manifest: Manifest) -> Iterable[Listener]:
    return (one for one in manifest.listeners if not one.pattern.startswith(_FOREIGN))


def _listener(one: Listener) -> tuple[str, ...]:
    return one.pattern, one.target, str(one.priority), one.model
