"""Emitting calls: events of traits, signals of Django and blinker, and keys of declared caches."""

from __future__ import annotations

import ast

from sphinx_traits.extract.adapters.core import event_of, is_cache, is_subclass
from sphinx_traits.extract.bodies import choices, local_values, parameter_nodes
from sphinx_traits.extract.call_reader import FUNCTIONS, CallReader, CallSites
from sphinx_traits.extract.context import ClassContext
from sphinx_traits.extract.members import first_parameter
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.references import Position, ValueReference
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import CacheKey, Certainty, Emit
from traits_runtime.rules.naming import event_name

_EMITS = frozenset({"emit", "aemit", "emit_event", "aemit_event", "publish"})
_SENDS = frozenset({"send", "send_robust", "asend", "asend_robust", "send_async"})
_CACHE_OPERATIONS = {"get": "get", "set": "set", "remember": "remember", "aremember": "remember", "forget": "forget"}
_WHY: dict[Certainty, str] = {
    "certain": "",
    "pattern": "the name is put together when the call runs",
    "dynamic": "the name is only known when the call runs",
    "conditional": "it is one of several names",
}


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


class EmitReader(CallReader):
    """Reads what the calls of a statement emit."""

    def sent(self, sites: CallSites, position: Position, name: str) -> None:
        """Add the signals that a statement sends: ``published.send(sender=type(self), page=self)``."""
        for call in sites.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr in _SENDS:
                signal = self.resolve(position, call.func.value)
                if self.is_signal(signal):
                    self._add(call, name, signal.path, "certain")

    def emitted_by(self, sites: CallSites, function: FunctionNode, context: ClassContext, name: str) -> None:
        """Add the emitting calls of a method."""
        receiver = first_parameter(function) or "self"
        values = local_values(function)
        for call in sites.calls:
            self._cache_key(call, context, receiver)
            for wire, certainty in self._emitted(call, context, receiver, values):
                self._add(call, name, wire, certainty)

    def _cache_key(self, call: ast.Call, context: ClassContext, receiver: str) -> None:
        """``self.pages.remember("latest", make)``: a key of a declared cache."""
        method = call.func
        if not isinstance(method, ast.Attribute) or method.attr not in _CACHE_OPERATIONS or not call.args:
            return
        cache = method.value
        if not isinstance(cache, ast.Attribute) or not _is_name(cache.value, receiver):
            return
        if not is_cache(context, cache.attr):
            return
        key, certainty = self.analysis.constants.pattern(context.position, call.args[0])
        self.facts.cache_keys.append(
            CacheKey(
                name=key,
                owner=self.owner,
                location=self.analysis.location(self.module, call),
                operation=_CACHE_OPERATIONS[method.attr],
                via="inferred",
                certainty=certainty,
                why=f"a call on the cache {cache.attr!r}",
            )
        )

    def _emitted(
        self, call: ast.Call, context: ClassContext, receiver: str, values: dict[str, list[ast.expr]]
    ) -> list[tuple[str, Certainty]]:
        """The events that a call in a method emits."""
        method = call.func
        if not isinstance(method, ast.Attribute):
            return []
        if not _is_name(method.value, receiver):
            return self._emitted_by_event(method, context, receiver)
        if method.attr in _EMITS and call.args:
            return self._emitted_names(call.args[0], context, receiver, values)
        return _declared(context, method.attr)

    def _emitted_by_event(
        self, method: ast.Attribute, context: ClassContext, receiver: str
    ) -> list[tuple[str, Certainty]]:
        """The event of ``self.generated.emit(...)``, ``HasSlug.generated.emit(...)`` or ``HasSlug.generated(...)``."""
        event: ast.expr = method
        if method.attr in _EMITS:
            event = method.value
            if isinstance(event, ast.Attribute) and _is_name(event.value, receiver):
                return _declared(context, event.attr)
        wire = self.event_wire(context.position, event)
        return [(wire, "certain")] if wire else []

    def _emitted_names(
        self, argument: ast.expr, context: ClassContext, receiver: str, values: dict[str, list[ast.expr]]
    ) -> list[tuple[str, Certainty]]:
        """``self.emit("slug_generated")``: an event of the class or a whole name; one for each possible value."""
        expressions = choices(argument, values)
        names = [self._emitted_name(expression, context, receiver) for expression in expressions]
        if len(expressions) == 1:
            return names
        return [(wire, "conditional" if certainty == "certain" else certainty) for wire, certainty in names]

    def _emitted_name(self, argument: ast.expr, context: ClassContext, receiver: str) -> tuple[str, Certainty]:
        text, certainty = self._name_pattern(argument, context, receiver)
        if certainty == "dynamic" or text.startswith("trait."):
            return text, certainty
        event = event_of(context, text) if certainty != "pattern" else None
        return (event.wire if event is not None else event_name(context.short, text)), certainty

    def _name_pattern(self, argument: ast.expr, context: ClassContext, receiver: str) -> tuple[str, Certainty]:
        """The text of an event's name; one that a class attribute holds may be another one in a subclass."""
        constants = self.analysis.constants
        if not isinstance(argument, ast.Attribute) or not _is_name(argument.value, receiver):
            return constants.pattern(context.position, argument)
        value = self.analysis.resolver.attributes.find(context.node, argument.attr)
        node = value.node if isinstance(value, ValueReference) else argument
        text, certainty = constants.pattern(context.position, node)
        return text, "conditional" if certainty == "certain" else certainty

    def free_emits(self, sites: CallSites, position: Position, name: str) -> None:
        """Add emitting calls outside a trait: ``HasSlug.generated.emit(...)``, ``events.emit("trait.x.y")``."""
        function = sites.statement if isinstance(sites.statement, FUNCTIONS) else None
        typed = self._typed_parameters(function, position) if function is not None else {}
        values = local_values(function) if typed and function is not None else {}
        methods = [(call, call.func) for call in sites.calls if isinstance(call.func, ast.Attribute)]
        for call, method in methods:
            receiver = getattr(method.value, "id", "")
            if receiver in typed:
                for wire, certainty in self._emitted(call, typed[receiver], receiver, values):
                    self._add(call, name, wire, certainty)
            if method.attr in _EMITS:
                self._free_emit(call, method, position, name)

    def _free_emit(self, call: ast.Call, method: ast.Attribute, position: Position, name: str) -> None:
        wire = self.event_wire(position, method.value)
        if wire:
            self._add(call, name, wire, "certain")
        elif call.args and self.resolve(position, method).path.startswith("traits_runtime."):
            self._add(call, name, *self.event_pattern(position, call.args[0]))

    def _typed_parameters(self, function: FunctionNode, position: Position) -> dict[str, ClassContext]:
        """The parameters of a function that are annotated as instances of a trait or of a model."""
        contexts: dict[str, ClassContext] = {}
        for parameter in parameter_nodes(function):
            annotation = parameter.annotation
            reference = self.resolve(position, annotation) if annotation is not None else None
            if isinstance(reference, SourceClass):
                context = self.analysis.class_context(reference)
                if is_subclass(context, reference, "Trait"):
                    contexts[parameter.arg] = context
        return contexts

    def _add(self, call: ast.Call, function: str, wire: str, certainty: Certainty) -> None:
        self.facts.emits.append(
            Emit(
                name=wire,
                owner=self.owner,
                location=self.analysis.location(self.module, call),
                function=function,
                certainty=certainty,
                via="inferred",
                why=_WHY[certainty],
            )
        )


def _declared(context: ClassContext, attribute: str) -> list[tuple[str, Certainty]]:
    event = event_of(context, attribute)
    return [(event.wire, "certain")] if event is not None else []
