"""Which modules a change reaches, and the earlier facts of those that it does not reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sphinx_traits.extract.symbols import SymbolTable
from sphinx_traits.manifest import Class, Emit, Finding, Job, Listener, Manifest


def reached(changed: Iterable[str], imports: Mapping[str, SymbolTable]) -> set[str]:
    """The changed modules and all that import one of them, however far away.

    Args:
        changed: Modules that are new, gone, or read anew.
        imports: The summaries of all modules, gone ones left out.
    """
    importers: dict[str, set[str]] = defaultdict(set)
    for name, symbols in imports.items():
        for path in (*symbols.imports, *(one.module for one in symbols.assumptions)):
            importers[path].add(name)
    users: dict[str, set[str]] = defaultdict(set)
    for path, names in importers.items():
        for module in _prefixes(path):
            users[module] |= names
    found: set[str] = set()
    pending = list(changed)
    while pending:
        one = pending.pop()
        if one not in found:
            found.add(one)
            pending += users[one]
    return found


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
        paths: Shown paths of the files that nothing has reached.
    """

    def __init__(self, manifest: Manifest, paths: frozenset[str]) -> None:
        self.paths = paths
        self._classes = {one.name: one for one in manifest.classes() if one.location.path in paths}
        self.listeners: tuple[Listener, ...] = tuple(one for one in manifest.listeners if one.location.path in paths)
        self.emits: tuple[Emit, ...] = tuple(one for one in manifest.emits if one.location.path in paths)
        self.jobs: tuple[Job, ...] = tuple(one for one in manifest.jobs if one.location.path in paths)
        self.findings: tuple[Finding, ...] = tuple(
            one for one in manifest.findings if one.code == "dynamic_settings" and one.location.path in paths
        )

    def whole(self, name: str) -> Class | None:
        """The earlier facts of a class whose ancestors were all known."""
        one = self._classes.get(name)
        return one if one is not None and one.complete else None

    def same(self, kind: type[Class], name: str, **known: object) -> Class | None:
        """The earlier facts of a class, if it still is what it was."""
        one = self._classes.get(name)
        if one is None or type(one) is not kind:
            return None
        return one if all(getattr(one, field) == value for field, value in known.items()) else None
