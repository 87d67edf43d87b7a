"""Listeners and jobs: decorated functions, registering calls and listener classes."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sphinx_traits.extract.adapters.core import api, arguments, docstring, is_subclass, parameters
from sphinx_traits.extract.call_reader import FUNCTIONS, CallReader, CallSites
from sphinx_traits.extract.context import ClassContext
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.prune import CONDITION
from sphinx_traits.extract.references import FunctionReference, Position, Reference, Unresolved, package_and_name
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import Certainty, Job, Listener

_REGISTER = ("connect", "listen", "on")


@dataclass(frozen=True, slots=True)
class _Registration:
    """A call that registers a listener.

    Args:
        pattern: The event's name or pattern.
        certainty: How sure the pattern is.
        callback: The expression of the callable.
    """

    pattern: str
    certainty: Certainty
    callback: ast.expr


class ListenerReader(CallReader):
    """Reads what a function's decorators and a statement's calls register."""

    def decorated(self, function: FunctionNode, position: Position, name: str) -> None:
        """Add the listeners and jobs that a function's decorators make."""
        for decorator in function.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            called = call.func if call is not None else decorator
            keywords = arguments(call) if call is not None else {}
            for pattern, certainty in self._decorator_patterns(position, called, call, keywords):
                self._add(function, position, name, pattern, certainty, keywords)
            if position.scope < 0 and api(self.analysis.resolver.expression(position, called)) == "job":
                self._add_job(function, position, keywords, name)

    def _decorator_patterns(
        self, position: Position, called: ast.expr, call: ast.Call | None, keywords: dict[str, ast.expr]
    ) -> list[tuple[str, Certainty]]:
        """What a decorated function listens to; nothing for a decorator that registers no listener."""
        if isinstance(called, ast.Attribute) and called.attr in ("listener", "listen"):
            wire = self.event_wire(position, called.value)
            if wire:
                return [(wire, "certain")]
        if call is None:
            return []
        reference = self.analysis.resolver.expression(position, called)
        if api(reference) in ("listen", "on"):
            pattern = call.args[0] if call.args else keywords.get("pattern")
            return [self.event_pattern(position, pattern)] if pattern is not None else []
        return self._framework_patterns(position, reference, call, keywords)

    def _framework_patterns(
        self, position: Position, reference: Reference, call: ast.Call, keywords: dict[str, ast.expr]
    ) -> list[tuple[str, Certainty]]:
        match package_and_name(reference), call.args:
            case ("django" | "blinker", "receiver"), [first, *_]:
                signals = first.elts if isinstance(first, ast.Tuple | ast.List) else [first]
                return [self._signal(position, signal) for signal in signals]
            case ("sqlalchemy", "listens_for"), [_, _, *_]:
                return [self._sqlalchemy_event(position, call, keywords)]
        return []

    def _signal(self, position: Position, node: ast.expr) -> tuple[str, Certainty]:
        reference = self.analysis.resolver.expression(position, node)
        return reference.path, "dynamic" if isinstance(reference, Unresolved) else "certain"

    def _sqlalchemy_event(
        self, position: Position, call: ast.Call, keywords: dict[str, ast.expr]
    ) -> tuple[str, Certainty]:
        """The event; its target is the listener's model where it is a class of the application."""
        event, certainty = self.analysis.constants.pattern(position, call.args[1])
        target = self.resolve(position, call.args[0])
        if isinstance(target, SourceClass) and package_and_name(target)[0] != "sqlalchemy":
            keywords["model"] = call.args[0]
        return f"sqlalchemy.{event}", certainty

    def _add(
        self,
        function: FunctionNode,
        position: Position,
        name: str,
        pattern: str,
        certainty: Certainty,
        keywords: dict[str, ast.expr],
    ) -> None:
        model, doubt = self._model(position, keywords)
        self.facts.listeners.append(
            Listener(
                name=function.name,
                owner=self.owner,
                location=self.analysis.location(self.module, function),
                doc=docstring(function),
                pattern=pattern,
                target=name,
                priority=self._priority(position, keywords),
                model=model,
                is_async=isinstance(function, ast.AsyncFunctionDef),
                certainty="dynamic" if doubt else certainty,
                why=doubt,
            )
        )

    def _add_job(self, function: FunctionNode, position: Position, keywords: dict[str, ast.expr], name: str) -> None:
        queue = self.analysis.constants.value(position, keywords.get("queue"), default="")
        self.facts.jobs.append(
            Job(
                name=function.name,
                owner=name.rpartition(".")[0],
                location=self.analysis.location(self.module, function),
                doc=docstring(function),
                queue=queue if isinstance(queue, str) else "",
                parameters=parameters(function, bound=False),
            )
        )

    def registered(self, sites: CallSites, position: Position) -> None:
        """Add what calls register: ``events.listen("trait.**", audit)``, ``saved.connect(audit)``."""
        for call in sites.calls:
            method = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if method not in _REGISTER:
                continue
            keywords = arguments(call)
            registration = self._registration(position, call, keywords)
            if registration is not None:
                self._add_registered(sites.statement, position, call, keywords, registration)

    def _add_registered(
        self,
        statement: ast.stmt,
        position: Position,
        call: ast.Call,
        keywords: dict[str, ast.expr],
        registration: _Registration,
    ) -> None:
        model, doubt = self._model(position, keywords)
        certainty: Certainty = "dynamic" if doubt else registration.certainty
        condition = getattr(statement, CONDITION, "")
        if condition and not doubt:
            doubt, certainty = f"it depends on the condition `{condition}`", "conditional"
        elif not doubt and isinstance(statement, FUNCTIONS):
            doubt = f"{statement.name}() registers it"
        path = self._callback_path(self.resolve(position, registration.callback))
        self.facts.listeners.append(
            Listener(
                name=path.rpartition(".")[2],
                owner=self.owner,
                location=self.analysis.location(self.module, call),
                pattern=registration.pattern,
                target=path,
                priority=self._priority(position, keywords),
                model=model,
                certainty=certainty,
                why=doubt,
            )
        )

    def _callback_path(self, reference: Reference) -> str:
        """The dotted path of a callable; of an inherited method under the class that it is reached through."""
        if isinstance(reference, FunctionReference) and isinstance(reference.receiver, SourceClass):
            return f"{self.analysis.graph.name(reference.receiver)}.{reference.symbol.name}"
        return reference.path

    def _registration(self, position: Position, call: ast.Call, keywords: dict[str, ast.expr]) -> _Registration | None:
        if isinstance(call.func, ast.Attribute):
            registration = self._method_registration(position, call, call.func, keywords)
            if registration is not None:
                return registration
        reference = self.resolve(position, call.func)
        match package_and_name(reference), call.args:
            case ("sqlalchemy", "listen"), [_, _, callback, *_]:
                return _Registration(*self._sqlalchemy_event(position, call, keywords), callback)
            case ("sqlalchemy" | "traits_runtime", "listen"), [event, callback, *_]:
                return _Registration(*self.event_pattern(position, event), callback)
        return None

    def _method_registration(
        self, position: Position, call: ast.Call, method: ast.Attribute, keywords: dict[str, ast.expr]
    ) -> _Registration | None:
        """``signal.connect(callback)`` or ``HasSlug.generated.listen(callback)``."""
        callback = call.args[0] if call.args else None
        if method.attr == "connect":
            return self._connection(position, method.value, callback or keywords.get("receiver"))
        if callback is None:
            return None
        wire = self.event_wire(position, method.value)
        return _Registration(wire, "certain", callback) if wire else None

    def _connection(self, position: Position, sender: ast.expr, callback: ast.expr | None) -> _Registration | None:
        """``signal.connect(callback)``, where the object is a signal."""
        if callback is None:
            return None
        signal = self.resolve(position, sender)
        return _Registration(signal.path, "certain", callback) if self.is_signal(signal) else None

    def listener_class(self, context: ClassContext) -> None:
        """Add ``class Audit(TraitEventListener): pattern = "trait.**"``: its ``handle`` listens once subscribed."""
        handle = next((function for function in context.functions if function.name == "handle"), None)
        if handle is None or not is_subclass(context, context.node, "TraitEventListener"):
            return
        attributes = {statement.name: statement.value for statement in context.statements if statement.value}
        if "pattern" in attributes:
            pattern, certainty = self.event_pattern(context.position, attributes["pattern"])
            self._add(handle, context.position, f"{context.name}.handle", pattern, certainty, attributes)

    def _priority(self, position: Position, keywords: dict[str, ast.expr]) -> int:
        node = keywords.get("priority")
        value = self.analysis.constants.value(position, node, default=0)
        return value if isinstance(value, int) else 0

    def _model(self, position: Position, keywords: dict[str, ast.expr]) -> tuple[str, str]:
        """The only model that a listener hears, and why that is not certain."""
        node = keywords.get("model", keywords.get("sender"))
        if node is None:
            return "", ""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else "", ""
        reference = self.resolve(position, node)
        if isinstance(reference, SourceClass):
            return self.analysis.graph.name(reference), ""
        return ast.unparse(node), "which model it hears is only known when the program runs"
