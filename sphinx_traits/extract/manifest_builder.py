"""Puts the manifest together: which classes it holds, and the facts of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import msgspec

from sphinx_traits.extract.adapters import read_facts
from sphinx_traits.extract.calls import read_class_calls, read_module_calls
from sphinx_traits.extract.classify import USED_BY_TRAIT, Classification, Classifier
from sphinx_traits.extract.context import AnalysisContext, FactSet
from sphinx_traits.extract.cross_checks import unique
from sphinx_traits.extract.generics import type_parameters
from sphinx_traits.extract.members import MemberReader
from sphinx_traits.extract.module_loader import ModuleLoader
from sphinx_traits.extract.modules import Module, SourceClass
from sphinx_traits.extract.mro import ClassGraph, Uncertainty
from sphinx_traits.extract.options import Options
from sphinx_traits.extract.previous_run import PreviousRun
from sphinx_traits.extract.references import (
    ClassNode,
)
from sphinx_traits.extract.resolver import Resolver
from sphinx_traits.extract.time_limit import reason
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


class ManifestBuilder:
    """Makes the classes of a manifest.

    Args:
        resolver: Resolves names; owns the class graph.
        options: What to take for traits and models.
    """

    def __init__(self, resolver: Resolver, options: Options) -> None:
        self.graph: ClassGraph = resolver.graph
        self.loader: ModuleLoader = resolver.loader
        self.analysis: AnalysisContext = AnalysisContext(resolver)
        self.classifier: Classifier = Classifier(resolver.graph, options)
        self.member_reader: MemberReader = MemberReader()
        self.chosen: dict[SourceClass, Classification] = {}
        self.findings: dict[tuple[Any, ...], Finding] = {}
        self.previous: PreviousRun | None = None
        self.described: set[str] = set()

    def remember(self, previous: PreviousRun) -> None:
        """Use the MROs and kinds of an earlier run for the classes that no change affects."""
        self.previous = previous
        nodes = self._unique_names()
        for name, node in nodes.items():
            facts = previous.whole(name)
            if facts is None or node is None or node.symbol.line != facts.location.line:
                continue
            ancestors = [nodes.get(ancestor) or self.graph.standard(ancestor) for ancestor in facts.mro]
            if self.graph.remember(node, ancestors):
                self.classifier.remember(node, facts)

    def _unique_names(self) -> dict[str, SourceClass | None]:
        """All classes of the loaded modules by name; None for a name that two classes share."""
        nodes: dict[str, SourceClass | None] = {}
        for module in self.loader.loaded():
            for node in module.classes():
                name = self.graph.name(node)
                nodes[name] = None if name in nodes else node
        return nodes

    def choose(self, modules: Iterable[Module]) -> None:
        """Choose the classes of the manifest: models, traits, and other classes in their MROs."""
        for module in modules:
            for node in module.classes():
                classification = self._guarded(node, partial(self.classifier.classification, node), None)
                if classification is not None:
                    self.chosen[node] = classification
        for node, classification in list(self.chosen.items()):
            if not self._guarded(node, partial(self._choose_ancestors, node, classification), False):
                del self.chosen[node]

    def _guarded(self, node: SourceClass | Module, work: Callable[[], T], otherwise: T) -> T:
        """What some work on one class or module gives; where it cannot be done, that is a finding."""
        try:
            with self.loader.time_limit.for_file():
                return work()
        except Exception as error:  # of whatever an adapter, or code nested without end, may raise
            name = node.path if isinstance(node, SourceClass) else node.name
            _LOGGER.debug("Reading %s", name, exc_info=True)
            message, hint = reason(error, name, self.loader.time_limit.seconds)
            where = self.location(node) if isinstance(node, SourceClass) else self._first_line(node)
            finding = Finding(
                location=where, code="unreadable_class", message=message, hint=hint, subject=name, level="error"
            )
            self.findings[finding.code, where, message] = finding
            return otherwise

    def _first_line(self, module: Module) -> Location:
        return Location(self.loader.locator.display_path(module.spec.path or ""), 1)

    def _choose_ancestors(self, node: SourceClass, classification: Classification) -> bool:
        """Choose the ancestors of a class; returns True, so that a failure can be told from it."""
        for ancestor in self.graph.mro(node).nodes[1:]:
            if not isinstance(ancestor, SourceClass):
                continue
            chosen_before = self.chosen.get(ancestor)
            if chosen_before is not None and chosen_before.role != "base":
                continue
            used = self._used_as(ancestor, classification)
            if used is not None and (chosen_before is None or used.role == "trait"):
                self.chosen[ancestor] = used
        return True

    def _used_as(self, ancestor: SourceClass, classification: Classification) -> Classification | None:
        """What an ancestor is for a class of some classification; a trait's plain base is no trait."""
        used = self.classifier.used_as_trait(ancestor)
        if used is None or used.role != "trait" or classification.role == "model":
            return used
        if self.classifier.classification(ancestor) is None:
            return Classification("base", "inferred", USED_BY_TRAIT)
        return used

    # Classes.

    def classes(self) -> tuple[list[Model], list[Trait], list[Class]]:
        """All chosen classes with their facts; of two statements with one name the last."""
        built: dict[str, Class] = {}
        reused: dict[str, Class] = {}
        for node, classification in self.chosen.items():
            name = self.graph.name(node)
            reused_class = self._known(node, classification)
            if reused_class is not None:
                reused[name] = reused_class
            else:
                built[classification.role + name] = self._build(node, classification)
        by_kind: dict[type[Class], dict[str, Class]] = {Model: {}, Trait: {}, Class: {}}
        for cls in (*built.values(), *reused.values()):
            by_kind[type(cls)][cls.name] = cls
        models, traits, bases = (_sorted(by_kind[kind]) for kind in (Model, Trait, Class))
        return models, traits, bases

    def _build(self, node: SourceClass, classification: Classification) -> Class:
        facts, common = self._common(node, classification)
        if classification.role == "model":
            return Model(**common, traits=self._traits_of(node), table=facts.table)
        if classification.role == "trait":
            return Trait(**common, since=facts.since, deprecated=facts.deprecated)
        return Class(**common)

    def _known(self, node: SourceClass, classification: Classification) -> Class | None:
        """The earlier facts of a class that no change has reached."""
        if self.previous is None:
            return None
        mro = self.graph.mro(node)
        name = self.graph.name(node)
        facts_before = self.previous.same(
            _KINDS.get(classification.role, Class),
            name,
            mro=tuple(self.graph.name(ancestor) for ancestor in mro.nodes),
            via=classification.via,
            why=classification.why,
            abstract=classification.abstract,
        )
        if facts_before is None or facts_before.location.line != node.symbol.line:
            return None
        for uncertainty in mro.uncertainties:
            self._report(uncertainty, node)
        return (
            msgspec.structs.replace(facts_before, traits=self._traits_of(node))
            if isinstance(facts_before, Model)
            else facts_before
        )

    def _traits_of(self, node: SourceClass) -> tuple[str, ...]:
        ancestors = self.graph.mro(node).nodes[1:]
        return tuple(
            self.graph.name(ancestor)
            for ancestor in ancestors
            if isinstance(ancestor, SourceClass) and ancestor in self.chosen and self.chosen[ancestor].role == "trait"
        )

    def _common(self, node: SourceClass, classification: Classification) -> tuple[FactSet, dict[str, Any]]:
        context = self.analysis.class_context(node)
        self.described.add(node.module.name)
        mro = self.graph.mro(node)
        facts = self._guarded(node, partial(self._facts, node), FactSet())
        parameters: tuple[str, ...] = ()
        parameters = self._guarded(node, partial(type_parameters, context), parameters)
        members: tuple[Member, ...] = ()
        members = self._guarded(node, partial(self.member_reader.members, context, facts), members)
        common: dict[str, Any] = {
            "name": context.name,
            "doc": self._guarded(node, partial(self.member_reader.doc, context), ""),
            "location": self.location(node),
            "bases": self._bases(node),
            "type_parameters": parameters,
            "mro": tuple(self.graph.name(ancestor) for ancestor in mro.nodes),
            "complete": not mro.uncertainties,
            "reason": "; ".join(dict.fromkeys(self._reason(uncertainty) for uncertainty in mro.uncertainties)),
            "via": classification.via,
            "why": classification.why,
            "abstract": classification.abstract,
            "host": self.classifier.host(node),
            "meta": facts.meta,
            "members": members,
        }
        for name in _FACTS:
            common[name] = tuple(getattr(facts, name))
        for uncertainty in mro.uncertainties:
            self._report(uncertainty, node)
        return facts, common

    def _facts(self, node: SourceClass) -> FactSet:
        context = self.analysis.class_context(node)
        facts = read_facts(context)
        read_class_calls(context, facts)
        for finding in facts.findings:
            self.findings[finding.code, finding.location, finding.message] = finding
        return facts

    def _bases(self, node: SourceClass) -> tuple[Base, ...]:
        unresolved = {
            uncertainty.expression
            for uncertainty in self.graph.bases(node).uncertainties
            if uncertainty.code == "unresolved_base"
        }
        return tuple(
            Base(
                expression=entry.expression,
                name=self.graph.name(entry.node),
                arguments=entry.arguments,
                resolved=entry.expression not in unresolved,
            )
            for entry in self.graph.bases(node).entries
        )

    def location(self, node: ClassNode, expression: str = "") -> Location:
        """The location of a class, or of one of its bases."""
        if not isinstance(node, SourceClass):
            return Location()
        entry = node.symbol
        path = self.loader.locator.display_path(node.module.spec.path or "")
        syntax = node.module.syntax
        if expression and syntax is not None:
            for text, base in zip(entry.bases, syntax.classes[node.index].bases, strict=True):
                if text == expression:
                    return Location(path, base.lineno, base.end_lineno or base.lineno)
        return Location(path, entry.line, entry.end_line)

    def _reason(self, uncertainty: Uncertainty) -> str:
        if uncertainty.code == "impossible_mro":
            return uncertainty.reason
        location = self.location(uncertainty.owner, uncertainty.expression)
        place = f" at {location}" if location.path else ""
        return f"the base `{uncertainty.expression}`{place} is not certain: {uncertainty.reason}"

    def _report(self, uncertainty: Uncertainty, node: SourceClass) -> None:
        key = (uncertainty.code, uncertainty.owner, uncertainty.expression)
        if key in self.findings:
            return
        owner = self.graph.name(uncertainty.owner)
        expression, reason = uncertainty.expression, uncertainty.reason
        messages = {
            "unresolved_base": f"The base `{expression}` of {owner} could not be resolved: {reason}.",
            "conditional_base": f"Which class the base `{expression}` of {owner} is cannot be told: {reason}.",
            "impossible_mro": f"{owner} cannot be created: {reason}.",
        }
        base_location = self.location(uncertainty.owner, uncertainty.expression)
        where = base_location if base_location.path else self.location(node)
        self.findings[key] = Finding(
            location=where,
            code=uncertainty.code,
            message=messages[uncertainty.code],
            hint=_HINTS[uncertainty.code].format(path=uncertainty.path),
            subject=owner if base_location.path else self.graph.name(node),
            level="error" if uncertainty.code == "impossible_mro" else "warning",
        )

    def earlier_findings(self) -> tuple[Finding, ...]:
        """Findings of an earlier run that still hold."""
        return self.previous.findings if self.previous is not None else ()

    # Modules.

    def module_facts(self, modules: Iterable[Module]) -> FactSet:
        """What functions and statements outside of models and traits emit, listen to and queue."""
        facts = FactSet()
        described = {self.graph.name(node) for node in self.chosen}
        if self.previous is not None:
            facts.listeners += self.previous.listeners
            facts.emits += self.previous.emits
            facts.jobs += self.previous.jobs
        for module in modules:
            if not self._was_read_before(module):
                self.described.add(module.name)
                self._guarded(module, partial(read_module_calls, self.analysis, module, facts), None)
        facts.listeners = [listener for listener in facts.listeners if listener.owner not in described]
        facts.emits = [emit for emit in facts.emits if emit.owner not in described]
        return facts

    def _was_read_before(self, module: Module) -> bool:
        """Whether the facts of an earlier run hold for a module."""
        if self.previous is None:
            return False
        return self.loader.locator.display_path(module.spec.path or "") in self.previous.paths


def _sorted(classes: dict[str, Any]) -> list[Any]:
    return [classes[name] for name in sorted(classes)]


def assemble(
    builder: ManifestBuilder,
    modules: list[Module],
    packages: tuple[str, ...],
    settings: list[Setting],
    findings: list[Finding],
) -> Manifest:
    """The manifest of chosen classes.

    Args:
        builder: Has chosen the classes.
        modules: All modules of the analysed packages.
        packages: Names of these packages.
        settings: What files give.
        findings: What is wrong with files.
    """
    models, traits, bases = builder.classes()
    outside = builder.module_facts(modules)
    return Manifest(
        packages=packages,
        models=tuple(models),
        traits=tuple(traits),
        bases=tuple(bases),
        listeners=tuple(sorted(outside.listeners, key=_place)),
        emits=tuple(sorted(outside.emits, key=_place)),
        jobs=tuple(sorted(outside.jobs, key=_place)),
        settings=tuple(settings),
        findings=unique([*findings, *builder.findings.values(), *builder.earlier_findings()]),
    )


def _place(fact: Any) -> tuple[Location, str]:
    return fact.location, fact.name
