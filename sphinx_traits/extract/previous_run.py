"""Which modules a change reaches, and the earlier facts of those that it does not reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from sphinx_traits.extract.symbols import SymbolTable
from sphinx_traits.manifest import Class, Emit, Finding, Job, Listener, Manifest

L = TypeVar("L", Class, Listener, Emit, Job, Finding)


def affected(changed: Iterable[str], symbol_tables: Mapping[str, SymbolTable]) -> set[str]:
    """The changed modules and all modules that import one of them, directly or through others.

    Args:
        changed: Modules that are new, gone, or read anew.
        symbol_tables: The symbol tables of all modules that exist.
    """
    importers: dict[str, set[str]] = defaultdict(set)
    for name, symbols in symbol_tables.items():
        for path in (*symbols.imports, *(assumption.module for assumption in symbols.assumptions)):
            importers[path].add(name)
    users: dict[str, set[str]] = defaultdict(set)
    for path, names in importers.items():
        for module in _prefixes(path):
            users[module] |= names
    reachable: set[str] = set()
    pending = list(changed)
    while pending:
        module = pending.pop()
        if module not in reachable:
            reachable.add(module)
            pending += users[module]
    return reachable


def _prefixes(path: str) -> list[str]:
    """All modules that an imported path may touch.

    >>> _prefixes("shop.models.Article")
    ['shop', 'shop.models', 'shop.models.Article']
    """
    parts = path.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]


class PreviousRun:
    """The facts of an earlier manifest that still hold.

    Args:
        manifest: The earlier manifest.
        paths: Paths, as the manifest has them, of the files that no change affects.
    """

    def __init__(self, manifest: Manifest, paths: frozenset[str]) -> None:
        self.paths = paths
        self._classes = {cls.name: cls for cls in self._unaffected(manifest.classes())}
        self.listeners: tuple[Listener, ...] = self._unaffected(manifest.listeners)
        self.emits: tuple[Emit, ...] = self._unaffected(manifest.emits)
        self.jobs: tuple[Job, ...] = self._unaffected(manifest.jobs)
        findings = self._unaffected(manifest.findings)
        self.findings: tuple[Finding, ...] = tuple(
            finding for finding in findings if finding.code == "dynamic_settings"
        )

    def _unaffected(self, facts: Iterable[L]) -> tuple[L, ...]:
        return tuple(fact for fact in facts if fact.location.path in self.paths)

    def whole(self, name: str) -> Class | None:
        """The earlier facts of a class whose ancestors were all known."""
        cls = self._classes.get(name)
        return cls if cls is not None and cls.complete else None

    def same(self, kind: type[Class], name: str, **expected: object) -> Class | None:
        """The earlier facts of a class, if it still is what it was."""
        cls = self._classes.get(name)
        if cls is None or type(cls) is not kind:
            return None
        return cls if all(getattr(cls, field) == value for field, value in expected.items()) else None
