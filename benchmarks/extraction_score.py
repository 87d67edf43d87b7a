"""Compares what the extraction reads with what a package is at run time; no figures are decided here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sphinx_traits.extract import Options
from sphinx_traits.extract.adapters import read_facts
from sphinx_traits.extract.calls import read_module_calls
from sphinx_traits.extract.context import AnalysisContext, FactSet
from sphinx_traits.extract.locator import Locator
from sphinx_traits.extract.module_loader import ModuleLoader
from sphinx_traits.extract.references import SourceClass
from sphinx_traits.extract.resolver import Resolver
from sphinx_traits.manifest_cache import without_garbage_collection


@dataclass
class Score:
    """What was compared, and how it came out; differences by name for who wants to look."""

    classes: int = 0
    exact: int = 0
    flagged: int = 0
    silent: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    models: int = 0
    models_exact: int = 0
    models_flagged: int = 0
    models_silent: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)
    owners: int = 0
    owners_right: int = 0
    lines_right: int = 0
    owner_misses: list[str] = field(default_factory=list)
    django: int = 0
    django_found: int = 0
    sqlalchemy: int = 0
    sqlalchemy_found: int = 0
    column_misses: list[str] = field(default_factory=list)
    hooks: int = 0
    hooks_found: int = 0
    receivers: int = 0
    receivers_found: int = 0
    receiver_misses: list[str] = field(default_factory=list)
    cpu: float = 0.0
    modules: int = 0


class Reading:
    """All classes of some packages, as the extraction's graph has them."""

    def __init__(self, search_path: Path, packages: Sequence[str], overrides: Mapping[str, str]) -> None:
        began = time.process_time()
        self.packages = packages
        with without_garbage_collection():
            self.loader = ModuleLoader(Locator([search_path], [], None), packages)
            resolver = Resolver(self.loader, dict(overrides))
            self.graph = resolver.graph
            self.analysis = AnalysisContext(resolver)
            self.modules = [self.loader.module(one.name) for one in self._found()]
            self.classes: dict[str, SourceClass] = {}
            for module in self.modules:
                for node in module.classes() if module else ():
                    self.classes[self.graph.name(node)] = node
                    self.graph.mro(node)
        self.cpu = time.process_time() - began
        self.options = Options()

    def _found(self) -> Iterable[Any]:
        for package in self.packages:
            root = self.loader.locator.find(package)
            if root is not None:
                yield root
                yield from self.loader.locator.submodules(root)

    def mro(self, name: str) -> tuple[list[str], str]:
        """The lineage's names, and why it is not certain."""
        mro = self.graph.mro(self.classes[name])
        return [self.graph.name(one) for one in mro.nodes], "; ".join(
            uncertainty.reason for uncertainty in mro.uncertainties
        )


def score(reading: Reading, truth: Mapping[str, Any]) -> Score:
    """How a reading compares with the truth of the same packages."""
    result = Score(cpu=reading.cpu, modules=len(reading.loader.parsed))
    facts: dict[SourceClass, FactSet] = {}
    for name, real in truth["classes"].items():
        if name not in reading.classes:
            result.missing.append(name)
            result.models += bool(real.get("model"))
            continue
        _compare_mro(result, reading, name, real)
        _compare_members(result, reading, name, real)
        _compare_columns(result, reading, name, real, facts)
    _compare_receivers(result, reading, truth.get("receivers", ()))
    return result


def _compare_mro(result: Score, reading: Reading, name: str, real: Mapping[str, Any]) -> None:
    mro, why = reading.mro(name)
    result.classes += 1
    result.models += bool(real.get("model"))
    if mro == real["mro"]:
        result.exact += 1
        result.models_exact += bool(real.get("model"))
    elif why:
        result.flagged += 1
        result.flags[name] = why
        result.models_flagged += bool(real.get("model"))
    else:
        result.silent[name] = (mro, real["mro"])
        if real.get("model"):
            result.models_silent.append(name)


def _compare_members(result: Score, reading: Reading, name: str, real: Mapping[str, Any]) -> None:
    node = reading.classes[name]
    known = set(reading.classes)
    for member, (owner, line) in real["members"].items():
        if owner not in known:
            continue
        found = _definition(reading, node, member)
        result.owners += 1
        if found is None or found[0] != owner:
            result.owner_misses.append(f"{name}.{member}: {owner}, not {found}")
            continue
        result.owners_right += 1
        result.lines_right += line in found[1]


def _definition(reading: Reading, node: SourceClass, member: str) -> tuple[str, tuple[int, ...]] | None:
    for one in reading.graph.mro(node).nodes:
        if not isinstance(one, SourceClass):
            continue
        scope = one.module.scope(one.index)
        short = one.symbol.name.lstrip("_")
        plain = member.removeprefix(f"_{short}") if member.startswith(f"_{short}__") else member
        places = scope.positions.get(plain, [])
        if places:
            lines: list[int] = []
            for place in places:
                binding = scope.bindings[place]
                if binding.kind == "def" and one.module.syntax is not None:
                    function = one.module.syntax.functions[binding.index]
                    lines += [function.lineno, *(dec.lineno for dec in function.decorator_list[:1])]
                lines.append(binding.line)
            return reading.graph.name(one), tuple(lines)
    return None


def _facts(reading: Reading, node: SourceClass, known: dict[SourceClass, FactSet]) -> FactSet:
    if node not in known:
        known[node] = read_facts(reading.analysis.class_context(node)) if node.module.syntax is not None else FactSet()
    return known[node]


def _compare_columns(
    result: Score, reading: Reading, name: str, real: Mapping[str, Any], known: dict[SourceClass, FactSet]
) -> None:
    wanted = [("django", one) for one in real.get("django_fields", ())]
    wanted += [("sqlalchemy", one) for one in real.get("sqlalchemy_columns", ())]
    mro = reading.graph.mro(reading.classes[name]).nodes
    if wanted:
        sources = [one for one in mro if isinstance(one, SourceClass)]
        found = {column.name for one in sources for column in _facts(reading, one, known).columns}
        for host, column in wanted:
            setattr(result, host, getattr(result, host) + 1)
            if column in found:
                setattr(result, f"{host}_found", getattr(result, f"{host}_found") + 1)
            else:
                result.column_misses.append(f"{name}.{column}")
    own = _facts(reading, reading.classes[name], known).hooks if real.get("validators") or real.get("hooks") else []
    for attribute, validator in real.get("validators", {}).items():
        hooks = [one for node in mro if isinstance(node, SourceClass) for one in _facts(reading, node, known).hooks]
        result.hooks += 1
        result.hooks_found += any(one.name == validator and repr(attribute) in one.when for one in hooks)
    for moments, method in real.get("hooks", ()):
        result.hooks += 1
        result.hooks_found += any(one.name == method and one.moment == moments for one in own)


def _compare_receivers(result: Score, reading: Reading, receivers: Iterable[Sequence[str]]) -> None:
    facts = FactSet()
    wanted = list(receivers)
    for module in reading.modules if wanted else ():
        if module is not None:
            read_module_calls(reading.analysis, module, facts)
    found = {(one.pattern.rpartition(".")[2], one.target) for one in facts.listeners}
    for signal, target in wanted:
        result.receivers += 1
        if (signal.rpartition(".")[2], target) in found:
            result.receivers_found += 1
        else:
            result.receiver_misses.append(f"{signal} {target}")


def read_truth(path: Path) -> dict[str, Any]:
    """A truth that `extraction_truth.py` wrote."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
