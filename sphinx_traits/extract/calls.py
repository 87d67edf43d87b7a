"""Reads the calls and decorators of classes and modules: listeners, emits and jobs."""

from __future__ import annotations

import ast

from sphinx_traits.extract.adapters.core import is_subclass
from sphinx_traits.extract.call_reader import FUNCTIONS, CallSites
from sphinx_traits.extract.context import AnalysisContext, ClassContext, FactSet
from sphinx_traits.extract.emits import EmitReader
from sphinx_traits.extract.listeners import ListenerReader
from sphinx_traits.extract.modules import Module
from sphinx_traits.extract.references import Position

_RELEVANT = (
    "listen",
    "Listener",
    "emit",
    "receiver",
    "connect",
    "job",
    "subscribe",
    "slug_",
    "TraitEvent",
    "send",
    "validates",
)
"""A module without any of these words has no call or decorator that counts."""


def read_class_calls(context: ClassContext, facts: FactSet) -> None:
    """Add what a class's own methods emit and listen to."""
    analysis, module = context.analysis, context.module
    declares_events = any(ancestor.startswith("traits_runtime.") for ancestor in context.ancestors)
    for function in context.functions:
        name = f"{context.name}.{function.name}"
        sites = CallSites.of(function, module.package)
        ListenerReader(analysis, module, context.name, facts).decorated(function, context.position, name)
        emits = EmitReader(analysis, module, context.name, facts, sites.imports)
        emits.sent(sites, context.position, name)
        if declares_events:
            emits.emitted_by(sites, function, context, name)


def read_module_calls(analysis: AnalysisContext, module: Module, facts: FactSet) -> None:
    """Add what a module's functions and top level emit, listen to and queue."""
    source = module.source
    if source is None or source.tree is None or not any(word in source.text for word in _RELEVANT):
        return
    position = Position(module)
    for statement in source.tree.body:
        if isinstance(statement, ast.ClassDef):
            _read_subscriber(analysis, module, statement, facts)
            continue
        name = module.name
        if isinstance(statement, FUNCTIONS):
            name = f"{module.name}.{statement.name}"
            ListenerReader(analysis, module, module.name, facts).decorated(statement, position, name)
        sites = CallSites.of(statement, module.package)
        emits = EmitReader(analysis, module, module.name, facts, sites.imports)
        emits.free_emits(sites, position, name)
        emits.sent(sites, position, name)
        ListenerReader(analysis, module, module.name, facts, sites.imports).registered(sites, position)


def _read_subscriber(analysis: AnalysisContext, module: Module, node: ast.ClassDef, facts: FactSet) -> None:
    """Add the listeners among the methods of a class that is neither model nor trait."""
    if module.syntax is None:
        return
    context = analysis.class_context(module.class_at(module.syntax.classes.index(node)))
    if is_subclass(context, context.node, "Trait"):
        return
    decorators = ListenerReader(analysis, module, context.name, facts)
    decorators.listener_class(context)
    for function in context.functions:
        sites = CallSites.of(function, module.package)
        ListenerReader(analysis, module, context.name, facts, sites.imports).registered(sites, context.position)
        name = f"{context.name}.{function.name}"
        EmitReader(analysis, module, context.name, facts, sites.imports).sent(sites, context.position, name)
    for function in context.functions:
        decorators.decorated(function, context.position, f"{context.name}.{function.name}")
