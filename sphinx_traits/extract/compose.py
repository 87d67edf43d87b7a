"""Puts the manifest together: which classes it holds, and the facts of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import msgspec

from sphinx_traits.extract.adapters import read_facts
from sphinx_traits.extract.bounds import reason
from sphinx_traits.extract.calls import read_class_calls, read_module_calls
from sphinx_traits.extract.classify import USED_BY_TRAIT, Classifier, Verdict
from sphinx_traits.extract.describe import Describer
from sphinx_traits.extract.generics import type_parameters
from sphinx_traits.extract.linearise import Gap, Graph
from sphinx_traits.extract.options import Options
from sphinx_traits.extract.reconcile import unique
from sphinx_traits.extract.reuse import Earlier
from sphinx_traits.extract.subject import Facts, Reader
from sphinx_traits.extract.targets import ClassNode, SourceClass
from sphinx_traits.extract.world import Module, World
from sphinx_traits.manifest import Base, Class, Finding, Location, Manifest, Member, Model, Setting, Trait

_LOGGER = logging.getLogger(__name__)
T = TypeVar("T")
_FACTS = (
    "hooks", "config", "features", "events", "emits", "listeners", "jobs", "metrics", "cache_keys", "columns", "scopes",
    "settings",
)  # fmt: skip
_KINDS: dict[str, type[Class]] = {"model": Model, "trait": Trait}
_HINTS = {
    "unresolved_base": 'Say which class it is, in [tool.traits.base-overrides]: "{path}" = "package.module.Class".',
    "conditional_base": 'Say which class it is, in [tool.traits.base-overrides]: "{path}" = "package.module.Class".',
    "impossible_mro": "Change the order of the bases, or leave out those that another base brings anyway.",
}


class Composer:
    """Makes the classes of a manifest.

    Args:
        graph: The inheritance graph.
        options: What to take for traits and models.
    """

    def __init__(self, graph: Graph, options: Options) -> None:
        self.graph = graph
        self.world: World = graph.resolver.world
        self.reader: Reader = Reader(graph)
        self.classifier: Classifier = Classifier(graph, options)
        self.describer: Describer = Describer()
        self.chosen: dict[SourceClass, Verdict] = {}
        self.findings: dict[tuple[Any, ...], Finding] = {}
        self.earlier: Earlier | None = None
        self.described: set[str] = set()

    def remember(self, earlier: Earlier) -> None:
        """Take over what an earlier run knew of the classes that no change has reached: order and kind."""
        self.earlier = earlier
        nodes: dict[str, ClassNode | None] = {}
        for module in list(self.world.modules.values()):
            if module is None:
                continue
            for node in module.classes():
                name = self.graph.name(node)
                nodes[name] = None if name in nodes else node  # which of two is meant, its name does not tell
        for name, one in nodes.items():
            known = earlier.whole(name)
            if known is None or not isinstance(one, SourceClass) or one.entry.line != known.location.line:
                continue
            if self.graph.remember(one, [nodes.get(each) or self.graph.standard(each) for each in known.mro]):
                self.classifier.remember(one, known)

    def choose(self, modules: Iterable[Module]) -> None:
        """Decide which classes the manifest holds: models, traits, and what else stands in their MRO."""
        for module in modules:
            for node in module.classes():
                verdict = self._guarded(node, partial(self.classifier.verdict, node), None)
                if verdict is not None:
                    self.chosen[node] = verdict
        for node, verdict in list(self.chosen.items()):
            if not self._guarded(node, partial(self._choose_ancestors, node, verdict), False):
                del self.chosen[node]

    def _guarded(self, node: SourceClass | Module, work: Callable[[], T], otherwise: T) -> T:
        """What some work on one class or module gives; where it cannot be done, that is a finding."""
        try:
            with self.world.allowance.of_a_file():
                return work()
        except Exception as error:  # of whatever an adapter, or code nested without end, may raise
            name = node.path if isinstance(node, SourceClass) else node.name
            _LOGGER.debug("Reading %s", name, exc_info=True)
            message, hint = reason(error, name, self.world.allowance.seconds)
            where = self.location(node) if isinstance(node, SourceClass) else self._first_line(node)
            finding = Finding(
                location=where, code="unreadable_class", message=message, hint=hint, subject=name, level="error"
            )
            self.findings[finding.code, where, message] = finding
            return otherwise

    def _first_line(self, module: Module) -> Location:
        return Location(self.world.locator.shown(module.found.path or ""), 1)

    def _choose_ancestors(self, node: SourceClass, verdict: Verdict) -> bool:
        """Take in what stands behind a class; True once all of it is known."""
        for one in self.graph.lineage(node).nodes[1:]:
            if not isinstance(one, SourceClass) or (one in self.chosen and self.chosen[one].role != "base"):
                continue
            used = self.classifier.used_as_trait(one)
            if used is None:
                continue
            if verdict.role != "model" and used.role == "trait" and self.classifier.verdict(one) is None:
                used = Verdict("base", "inferred", USED_BY_TRAIT)
            if one not in self.chosen or used.role == "trait":
                self.chosen[one] = used
        return True

    # Classes.

    def classes(self) -> tuple[list[Model], list[Trait], list[Class]]:
        """All chosen classes with their facts; of two statements with one name the last."""
        models: dict[str, Model] = {}
        traits: dict[str, Trait] = {}
        bases: dict[str, Class] = {}
        kept: dict[str, Class] = {}
        for node, verdict in self.chosen.items():
            name = self.graph.name(node)
            known = self._known(node, verdict)
            if known is not None:
                kept[name] = known
                continue
            facts, common = self._common(node, verdict)
            if verdict.role == "model":
                models[name] = Model(**common, traits=self._traits_of(node), table=facts.table)
            elif verdict.role == "trait":
                traits[name] = Trait(**common, since=facts.since, deprecated=facts.deprecated)
            else:
                bases[name] = Class(**common)
        models |= {name: one for name, one in kept.items() if isinstance(one, Model)}
        traits |= {name: one for name, one in kept.items() if isinstance(one, Trait)}
        bases |= {name: one for name, one in kept.items() if not isinstance(one, Model | Trait)}
        return _sorted(models), _sorted(traits), _sorted(bases)

    def _known(self, node: SourceClass, verdict: Verdict) -> Class | None:
        """The earlier facts of a class that no change has reached."""
        if self.earlier is None:
            return None
        lineage = self.graph.lineage(node)
        name = self.graph.name(node)
        known = self.earlier.same(
            _KINDS.get(verdict.role, Class),
            name,
            mro=tuple(self.graph.name(one) for one in lineage.nodes),
            via=verdict.via,
            why=verdict.why,
            abstract=verdict.abstract,
        )
        if known is None or known.location.line != node.entry.line:
            return None
        for gap in lineage.gaps:
            self._report(gap, node)
        return msgspec.structs.replace(known, traits=self._traits_of(node)) if isinstance(known, Model) else known

    def _traits_of(self, node: SourceClass) -> tuple[str, ...]:
        ancestors = self.graph.lineage(node).nodes[1:]
        return tuple(
            self.graph.name(one)
            for one in ancestors
            if isinstance(one, SourceClass) and one in self.chosen and self.chosen[one].role == "trait"
        )

    def _common(self, node: SourceClass, verdict: Verdict) -> tuple[Facts, dict[str, Any]]:
        subject = self.reader.subject(node)
        self.described.add(node.module.name)
        lineage = self.graph.lineage(node)
        facts = self._guarded(node, partial(self._facts, node), Facts())
        parameters: tuple[str, ...] = ()
        parameters = self._guarded(node, partial(type_parameters, subject), parameters)
        members: tuple[Member, ...] = ()
        members = self._guarded(node, partial(self.describer.members, subject, facts), members)
        common: dict[str, Any] = {
            "name": subject.name,
            "doc": self._guarded(node, partial(self.describer.doc, subject), ""),
            "location": self.location(node),
            "bases": self._bases(node),
            "type_parameters": parameters,
            "mro": tuple(self.graph.name(one) for one in lineage.nodes),
            "complete": not lineage.gaps,
            "reason": "; ".join(dict.fromkeys(self._reason(gap) for gap in lineage.gaps)),
            "via": verdict.via,
            "why": verdict.why,
            "abstract": verdict.abstract,
            "host": self.classifier.host(node),
            "meta": facts.meta,
            "members": members,
        }
        for name in _FACTS:
            common[name] = tuple(getattr(facts, name))
        for gap in lineage.gaps:
            self._report(gap, node)
        return facts, common

    def _facts(self, node: SourceClass) -> Facts:
        subject = self.reader.subject(node)
        facts = read_facts(subject)
        read_class_calls(subject, facts)
        for finding in facts.findings:
            self.findings[finding.code, finding.location, finding.message] = finding
        return facts

    def _bases(self, node: SourceClass) -> tuple[Base, ...]:
        unresolved = {gap.expression for gap in self.graph.bases(node).gaps if gap.code == "unresolved_base"}
        return tuple(
            Base(
                expression=one.expression,
                name=self.graph.name(one.node),
                arguments=one.arguments,
                resolved=one.expression not in unresolved,
            )
            for one in self.graph.bases(node).written
        )

    def location(self, node: ClassNode, expression: str = "") -> Location:
        """Where a class, or one of its bases, is written."""
        if not isinstance(node, SourceClass):
            return Location()
        entry = node.entry
        path = self.world.locator.shown(node.module.found.path or "")
        scan = node.module.scan
        if expression and scan is not None:
            for text, base in zip(entry.bases, scan.classes[node.index].bases, strict=True):
                if text == expression:
                    return Location(path, base.lineno, base.end_lineno or base.lineno)
        return Location(path, entry.line, entry.end_line)

    def _reason(self, gap: Gap) -> str:
        if gap.code == "impossible_mro":
            return gap.reason
        where = self.location(gap.owner, gap.expression)
        return f"the base `{gap.expression}`{f' at {where}' if where.path else ''} is not certain: {gap.reason}"

    def _report(self, gap: Gap, node: SourceClass) -> None:
        key = (gap.code, gap.owner, gap.expression)
        if key in self.findings:
            return
        owner = self.graph.name(gap.owner)
        messages = {
            "unresolved_base": f"The base `{gap.expression}` of {owner} could not be resolved: {gap.reason}.",
            "conditional_base": f"Which class the base `{gap.expression}` of {owner} is cannot be told: {gap.reason}.",
            "impossible_mro": f"{owner} cannot be created: {gap.reason}.",
        }
        written = self.location(gap.owner, gap.expression)
        where = written if written.path else self.location(node)
        self.findings[key] = Finding(
            location=where,
            code=gap.code,
            message=messages[gap.code],
            hint=_HINTS[gap.code].format(path=gap.path),
            subject=owner if written.path else self.graph.name(node),
            level="error" if gap.code == "impossible_mro" else "warning",
        )

    def earlier_findings(self) -> tuple[Finding, ...]:
        """Findings of an earlier run that still hold."""
        return self.earlier.findings if self.earlier is not None else ()

    # Modules.

    def module_facts(self, modules: Iterable[Module]) -> Facts:
        """What functions and statements outside of models and traits emit, listen to and queue."""
        facts = Facts()
        described = {self.graph.name(one) for one in self.chosen}
        earlier = self.earlier
        if earlier is not None:
            facts.listeners, facts.emits, facts.jobs = list(earlier.listeners), list(earlier.emits), list(earlier.jobs)
        for module in modules:
            if earlier is None or self.world.locator.shown(module.found.path or "") not in earlier.paths:
                self.described.add(module.name)
                self._guarded(module, partial(read_module_calls, self.reader, module, facts), None)
        facts.listeners = [one for one in facts.listeners if one.owner not in described]
        facts.emits = [one for one in facts.emits if one.owner not in described]
        return facts


def _sorted(classes: dict[str, Any]) -> list[Any]:
    return [classes[name] for name in sorted(classes)]


def assemble(
    composer: Composer,
    modules: list[Module],
    packages: tuple[str, ...],
    settings: list[Setting],
    findings: list[Finding],
) -> Manifest:
    """The manifest of chosen classes.

    Args:
        composer: Has chosen the classes.
        modules: All modules of the analysed packages.
        packages: Names of these packages.
        settings: What files give.
        findings: What is wrong with files.
    """
    models, traits, bases = composer.classes()
    outside = composer.module_facts(modules)
    return Manifest(
        packages=packages,
        models=tuple(models),
        traits=tuple(traits),
        bases=tuple(bases),
        listeners=tuple(sorted(outside.listeners, key=_place)),
        emits=tuple(sorted(outside.emits, key=_place)),
        jobs=tuple(sorted(outside.jobs, key=_place)),
        settings=tuple(_resolved(composer, one, [trait.name for trait in traits]) for one in settings),
        findings=unique([*findings, *composer.findings.values(), *composer.earlier_findings()]),
    )


def _place(fact: Any) -> tuple[Location, str]:
    return fact.location, fact.name


def _resolved(composer: Composer, setting: Setting, traits: list[str]) -> Setting:
    """A setting of a file with full names in place of short ones."""
    matching = [one for one in traits if one == setting.trait or one.rpartition(".")[2] == setting.trait]
    model = setting.model
    if model:
        target = composer.graph.resolver.dotted(model)
        model = composer.graph.name(target) if isinstance(target, SourceClass) else model
    return msgspec.structs.replace(setting, trait=matching[0] if len(matching) == 1 else setting.trait, model=model)
