"""Who emits, who listens and what is queued: calls and decorators in the bodies of functions and modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sphinx_traits.extract.adapters.core import (
    api,
    arguments,
    docstring,
    event_of,
    is_cache,
    is_subclass,
    parameters,
)
from sphinx_traits.extract.bodies import choices, local_values, parameter_nodes
from sphinx_traits.extract.context import AnalysisContext, ClassContext, FactSet
from sphinx_traits.extract.members import first_parameter
from sphinx_traits.extract.modules import Module, SourceClass
from sphinx_traits.extract.prune import CONDITION, absolute
from sphinx_traits.extract.references import (
    FunctionReference,
    Position,
    Reference,
    Unresolved,
    ValueReference,
    package_and_name,
)
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import CacheKey, Certainty, Emit, Job, Listener
from traits_runtime.rules.naming import event_name

_EMITS = frozenset({"emit", "aemit", "emit_event", "aemit_event", "publish"})
_SENDS = frozenset({"send", "send_robust", "asend", "asend_robust", "send_async"})
_SIGNALS = frozenset({("django", "Signal"), ("blinker", "Signal"), ("blinker", "NamedSignal"), ("blinker", "signal")})
"""What makes a signal."""
_CACHE_OPERATIONS = {"get": "get", "set": "set", "remember": "remember", "aremember": "remember", "forget": "forget"}
_WORTH_READING = (
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
_WHY: dict[Certainty, str] = {
    "certain": "",
    "pattern": "the name is put together when the call runs",
    "dynamic": "the name is only known when the call runs",
    "conditional": "it is one of several names",
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def read_class_calls(context: ClassContext, facts: FactSet) -> None:
    """Add what a class's own methods emit and listen to."""
    declared = _declares_events(context)
    for function in context.functions:
        name = f"{context.name}.{function.name}"
        analysis = _Calls(context.analysis, context.module, context.name, facts)
        analysis.decorated(function, context.position, name)
        analysis.sent(function, context.position, name)
        if declared:
            analysis.emitted_by(function, context, name)


def _declares_events(context: ClassContext) -> bool:
    return any(ancestor.startswith("traits_runtime.") for ancestor in context.ancestors)


def read_module_calls(analysis: AnalysisContext, module: Module, facts: FactSet) -> None:
    """Add what a module's functions and top level emit, listen to and queue."""
    source = module.source
    if source is None or source.tree is None or not any(word in source.text for word in _WORTH_READING):
        return
    position = Position(module)
    calls = _Calls(analysis, module, module.name, facts)
    for node in source.tree.body:
        if isinstance(node, _FUNCTIONS):
            name = f"{module.name}.{node.name}"
            calls.decorated(node, position, name)
            calls.free_emits(node, position, name)
            calls.sent(node, position, name)
            calls.registered(node, position)
        elif isinstance(node, ast.ClassDef):
            calls.subscriber(node, position)
        else:
            calls.free_emits(node, position, module.name)
            calls.sent(node, position, module.name)
            calls.registered(node, position)


class _Calls:
    def __init__(self, analysis: AnalysisContext, module: Module, owner: str, facts: FactSet) -> None:
        self.analysis = analysis
        self.module = module
        self.owner = owner
        self.facts = facts
        self.local: dict[str, tuple[str, str]] = {}

    def resolve(self, position: Position, node: ast.expr) -> Reference:
        """What an expression stands for, imports inside the function at hand included."""
        if isinstance(node, ast.Attribute) and self.local:
            return self.analysis.resolver.attribute(self.resolve(position, node.value), node.attr)
        if isinstance(node, ast.Name) and node.id in self.local:
            module, name = self.local[node.id]
            resolver = self.analysis.resolver
            return resolver.member(module, name) if name else resolver.module_target(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("partial") and node.args:
            return self.resolve(position, node.args[0])
        return self.analysis.resolver.expression(position, node)

    # Listeners.

    def decorated(self, function: FunctionNode, position: Position, name: str) -> None:
        """Listeners and jobs that a function's decorators make."""
        for decorator in function.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            called = call.func if call is not None else decorator
            pattern, keywords, via = self._pattern(position, called, call)
            for event_pattern, certainty in pattern:
                self._listener(function, position, name, event_pattern, certainty, keywords, via)
            if position.scope < 0 and api(self.analysis.resolver.expression(position, called)) == "job":
                self._job(function, position, keywords, name)

    def _pattern(
        self, position: Position, called: ast.expr, call: ast.Call | None
    ) -> tuple[list[tuple[str, Certainty]], dict[str, ast.expr], str]:
        keywords = arguments(call) if call is not None else {}
        if isinstance(called, ast.Attribute) and called.attr in ("listener", "listen"):
            wire = self._event_wire(position, called.value)
            if wire:
                return [(wire, "certain")], keywords, "declared"
        target = self.analysis.resolver.expression(position, called)
        top, last = package_and_name(target)
        if api(target) in ("listen", "on") and call is not None:
            pattern_node = call.args[0] if call.args else keywords.get("pattern")
            return [self._name(position, pattern_node)] if pattern_node is not None else [], keywords, "declared"
        if last == "receiver" and top in ("django", "blinker") and call is not None and call.args:
            signals = call.args[0].elts if isinstance(call.args[0], ast.Tuple | ast.List) else [call.args[0]]
            return [self._signal(position, signal) for signal in signals], keywords, "declared"
        if last == "listens_for" and top == "sqlalchemy" and call is not None and len(call.args) >= 2:
            return [self._sqlalchemy(position, call, keywords)], keywords, "declared"
        return [], keywords, ""

    def _event_wire(self, position: Position, node: ast.expr) -> str:
        """The wire name of ``HasSlug.slug_generated``; empty where that is no declared event."""
        if not isinstance(node, ast.Attribute):
            return ""
        owner = self.resolve(position, node.value)
        if not isinstance(owner, SourceClass):
            return ""
        event = event_of(self.analysis.class_context(owner), node.attr)
        return event.wire if event is not None else ""

    def _name(self, position: Position, node: ast.expr) -> tuple[str, Certainty]:
        wire = self._event_wire(position, node)
        return (wire, "certain") if wire else self.analysis.constants.pattern(position, node)

    def _signal(self, position: Position, node: ast.expr) -> tuple[str, Certainty]:
        target = self.analysis.resolver.expression(position, node)
        return target.path, "dynamic" if isinstance(target, Unresolved) else "certain"

    def _sqlalchemy(self, position: Position, call: ast.Call, keywords: dict[str, ast.expr]) -> tuple[str, Certainty]:
        """The event; what it is listened for at counts as the model where it is one."""
        event, certainty = self.analysis.constants.pattern(position, call.args[1])
        heard = self.resolve(position, call.args[0])
        if isinstance(heard, SourceClass) and package_and_name(heard)[0] != "sqlalchemy":
            keywords["model"] = call.args[0]
        return f"sqlalchemy.{event}", certainty

    def _listener(
        self,
        function: FunctionNode,
        position: Position,
        name: str,
        pattern: str,
        certainty: Certainty,
        keywords: dict[str, ast.expr],
        via: str,
    ) -> None:
        inferred = via != "declared"
        model, doubt = self._model(position, keywords)
        self.facts.listeners.append(
            Listener(
                name=function.name,
                owner=self.owner,
                location=self.analysis.location(self.module, function),
                doc=docstring(function),
                pattern=pattern,
                target=name,
                priority=self._integer(position, keywords.get("priority")),
                model=model,
                is_async=isinstance(function, ast.AsyncFunctionDef),
                certainty="dynamic" if doubt else certainty,
                why=doubt,
                via="inferred" if inferred else "declared",
            )
        )

    def registered(self, statement: ast.stmt, position: Position) -> None:
        """Listeners that a statement registers: ``events.listen("trait.**", audit)``, ``saved.connect(audit)``."""
        self.local = local_imports(statement, self.module.package)
        for call in _calls(statement):
            method = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if method not in ("connect", "listen", "on"):
                continue
            keywords = arguments(call)
            registration = self._registration(position, call, keywords)
            if registration is None:
                continue
            (pattern, certainty), target = registration
            model, doubt = self._model(position, keywords)
            condition = getattr(statement, CONDITION, "")
            if condition and not doubt:
                doubt, certainty = f"it depends on the condition `{condition}`", "conditional"
            elif doubt:
                certainty = "dynamic"
            elif isinstance(statement, _FUNCTIONS):
                doubt = f"{statement.name}() registers it"
            path = self._path(self.resolve(position, target))
            self.facts.listeners.append(
                Listener(
                    name=path.rpartition(".")[2],
                    owner=self.owner,
                    location=self.analysis.location(self.module, call),
                    pattern=pattern,
                    target=path,
                    priority=self._integer(position, keywords.get("priority")),
                    model=model,
                    certainty=certainty,
                    why=doubt,
                )
            )

    def _path(self, target: Reference) -> str:
        """The dotted path of a callable; of an inherited method under the class that it is reached through."""
        if isinstance(target, FunctionReference) and isinstance(target.receiver, SourceClass):
            return f"{self.analysis.graph.name(target.receiver)}.{target.symbol.name}"
        return target.path

    def _registration(
        self, position: Position, call: ast.Call, keywords: dict[str, ast.expr]
    ) -> tuple[tuple[str, Certainty], ast.expr] | None:
        attribute = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if attribute == "connect" and isinstance(call.func, ast.Attribute) and (call.args or "receiver" in keywords):
            signal = self.resolve(position, call.func.value)
            if self._is_signal(signal):
                return (signal.path, "certain"), call.args[0] if call.args else keywords["receiver"]
        if attribute in ("listen", "on") and isinstance(call.func, ast.Attribute) and call.args:
            wire = self._event_wire(position, call.func.value)
            if wire:
                return (wire, "certain"), call.args[0]
        target = self.resolve(position, call.func)
        ours = target.path.startswith("traits_runtime.") or package_and_name(target) == ("sqlalchemy", "listen")
        if package_and_name(target)[1] == "listen" and ours and len(call.args) >= 2:
            if package_and_name(target)[0] == "sqlalchemy" and len(call.args) >= 3:
                return self._sqlalchemy(position, call, keywords), call.args[2]
            return self._name(position, call.args[0]), call.args[1]
        return None

    def _is_signal(self, target: Reference) -> bool:
        if isinstance(target, Unresolved):
            return target.path.startswith("django.") and ".signals." in target.path
        if not isinstance(target, ValueReference):
            return False
        made_by = self.analysis.graph.callee(target)
        if made_by is None:
            return False
        kinds = self.analysis.graph.mro(made_by).nodes if isinstance(made_by, SourceClass) else (made_by,)
        return any(package_and_name(kind) in _SIGNALS for kind in kinds)

    def subscriber(self, node: ast.ClassDef, position: Position) -> None:
        """Listeners among the methods of a class that is neither model nor trait."""
        syntax = self.module.syntax
        index = syntax.classes.index(node) if syntax is not None else -1
        marked = [
            statement for statement in node.body if isinstance(statement, _FUNCTIONS) and statement.decorator_list
        ]
        if index < 0:
            return
        context = self.analysis.class_context(self.module.class_at(index))
        if is_subclass(context, context.node, "Trait"):
            return
        inner = _Calls(self.analysis, self.module, context.name, self.facts)
        inner.listener_class(context)
        for function in (statement for statement in node.body if isinstance(statement, _FUNCTIONS)):
            inner.registered(function, context.position)
            inner.sent(function, context.position, f"{context.name}.{function.name}")
        for function in marked:
            inner.decorated(function, context.position, f"{context.name}.{function.name}")

    def listener_class(self, context: ClassContext) -> None:
        """``class Audit(TraitEventListener): pattern = "trait.**"``: its ``handle`` hears once it is subscribed."""
        handle = next((function for function in context.functions if function.name == "handle"), None)
        if handle is None or not is_subclass(context, context.node, "TraitEventListener"):
            return
        attributes = {
            statement.name: statement.value for statement in context.statements if statement.value is not None
        }
        if "pattern" not in attributes:
            return
        pattern, certainty = self._name(context.position, attributes["pattern"])
        name = f"{context.name}.handle"
        self._listener(handle, context.position, name, pattern, certainty, attributes, "declared")

    def _job(self, function: FunctionNode, position: Position, keywords: dict[str, ast.expr], name: str) -> None:
        queue = self.analysis.constants.value(position, keywords["queue"]) if "queue" in keywords else ""
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

    # Emits.

    def emitted_by(self, function: FunctionNode, context: ClassContext, name: str) -> None:
        """The emitting calls of a method."""
        receiver = first_parameter(function) or "self"
        values = local_values(function)
        for call in _calls(function):
            self._cached(call, context, receiver)
            for wire, certainty in self._emitted(call, context, receiver, values):
                self._emit(call, name, wire, certainty)

    def _cached(self, call: ast.Call, context: ClassContext, receiver: str) -> None:
        """``self.pages.remember("latest", make)``: a key of a declared cache."""
        node = call.func
        if not isinstance(node, ast.Attribute) or node.attr not in _CACHE_OPERATIONS or not call.args:
            return
        cache = node.value
        if not (isinstance(cache, ast.Attribute) and isinstance(cache.value, ast.Name) and cache.value.id == receiver):
            return
        if is_cache(context, cache.attr):
            key, certainty = self.analysis.constants.pattern(context.position, call.args[0])
            self.facts.cache_keys.append(
                CacheKey(
                    name=key,
                    owner=self.owner,
                    location=self.analysis.location(self.module, call),
                    operation=_CACHE_OPERATIONS[node.attr],
                    via="inferred",
                    certainty=certainty,
                    why=f"a call on the cache {cache.attr!r}",
                )
            )

    def _emitted(
        self, call: ast.Call, context: ClassContext, receiver: str, values: dict[str, list[ast.expr]]
    ) -> list[tuple[str, Certainty]]:
        node = call.func
        if not isinstance(node, ast.Attribute):
            return []
        if isinstance(node.value, ast.Name) and node.value.id == receiver:
            if node.attr in _EMITS and call.args:
                return self._emitted_names(call.args[0], context, receiver, values)
            event = event_of(context, node.attr)
            return [(event.wire, "certain")] if event is not None else []
        inner = node.value
        bound = isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == receiver
        if node.attr in _EMITS and bound and isinstance(inner, ast.Attribute):
            event = event_of(context, inner.attr)
            return [(event.wire, "certain")] if event is not None else []
        wire = (
            self._event_wire(context.position, inner)
            if node.attr in _EMITS
            else self._event_wire(context.position, node)
        )
        return [(wire, "certain")] if wire else []

    def _emitted_names(
        self, argument: ast.expr, context: ClassContext, receiver: str, values: dict[str, list[ast.expr]]
    ) -> list[tuple[str, Certainty]]:
        """``self.emit("slug_generated")``: the name of an event of the class, or a whole name; one for each choice."""
        ways = choices(argument, values)
        names = [self._emitted_name(expression, context, receiver) for expression in ways]
        sure = len(ways) == 1
        return [(wire, certainty if sure or certainty != "certain" else "conditional") for wire, certainty in names]

    def _emitted_name(self, argument: ast.expr, context: ClassContext, receiver: str) -> tuple[str, Certainty]:
        of_class = (
            isinstance(argument, ast.Attribute)
            and isinstance(argument.value, ast.Name)
            and argument.value.id == receiver
        )
        if of_class and isinstance(argument, ast.Attribute):
            at = self.analysis.resolver.attributes.find(context.node, argument.attr)
            argument = at.node if isinstance(at, ValueReference) else argument
        text, certainty = self.analysis.constants.pattern(context.position, argument)
        if certainty == "certain" and of_class:
            certainty = "conditional"
        if certainty == "dynamic" or text.startswith("trait."):
            return text, certainty
        event = event_of(context, text) if certainty != "pattern" else None
        return (event.wire if event is not None else event_name(context.short, text)), certainty

    def free_emits(self, node: ast.AST, position: Position, name: str) -> None:
        """Emitting calls outside a trait: ``HasSlug.slug_generated.emit(...)``, ``events.emit("trait.x.y")``."""
        function = node if isinstance(node, _FUNCTIONS) else None
        self.local = local_imports(function, self.module.package) if function is not None else {}
        typed = self._typed(function, position) if function is not None else {}
        values = local_values(function) if typed and function is not None else {}
        for call in _calls(node):
            if not isinstance(call.func, ast.Attribute):
                continue
            for receiver, context in typed.items():
                if isinstance(call.func.value, ast.Name) and call.func.value.id == receiver:
                    for wire, certainty in self._emitted(call, context, receiver, values):
                        self._emit(call, name, wire, certainty)
            if call.func.attr not in _EMITS:
                continue
            wire = self._event_wire(position, call.func.value)
            if wire:
                self._emit(call, name, wire, "certain")
            elif call.args and self.resolve(position, call.func).path.startswith("traits_runtime."):
                text, certainty = self._name(position, call.args[0])
                self._emit(call, name, text, certainty)

    def sent(self, node: ast.stmt, position: Position, name: str) -> None:
        """Signals that a function or a statement sends: ``published.send(sender=type(self), page=self)``."""
        self.local = local_imports(node, self.module.package)
        for call in _calls(node):
            if isinstance(call.func, ast.Attribute) and call.func.attr in _SENDS:
                signal = self.resolve(position, call.func.value)
                if self._is_signal(signal):
                    self._emit(call, name, signal.path, "certain")

    def _typed(self, function: FunctionNode, position: Position) -> dict[str, ClassContext]:
        """The parameters of a function that are annotated as instances of a trait or of a model."""
        contexts: dict[str, ClassContext] = {}
        for parameter in parameter_nodes(function):
            target = self.resolve(position, parameter.annotation) if parameter.annotation is not None else None
            if isinstance(target, SourceClass) and is_subclass(self.analysis.class_context(target), target, "Trait"):
                contexts[parameter.arg] = self.analysis.class_context(target)
        return contexts

    def _emit(self, call: ast.Call, function: str, wire: str, certainty: Certainty) -> None:
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

    def _integer(self, position: Position, node: ast.expr | None) -> int:
        value = self.analysis.constants.value(position, node) if node is not None else 0
        return value if isinstance(value, int) else 0

    def _model(self, position: Position, keywords: dict[str, ast.expr]) -> tuple[str, str]:
        """The only model that a listener hears, and why that is not certain."""
        node = keywords.get("model", keywords.get("sender"))
        if node is None or isinstance(node, ast.Constant):
            return (node.value, "") if node is not None and isinstance(node.value, str) else ("", "")
        target = self.resolve(position, node)
        if isinstance(target, SourceClass):
            return self.analysis.graph.name(target), ""
        return ast.unparse(node), "which model it hears is only known when the program runs"


def local_imports(statement: ast.stmt, package: str) -> dict[str, tuple[str, str]]:
    """The names that imports inside a function bind: the module, and the name in it."""
    imported: dict[str, tuple[str, str]] = {}
    for node in ast.walk(statement) if isinstance(statement, _FUNCTIONS) else ():
        if isinstance(node, ast.ImportFrom):
            module = absolute(package, node.module, node.level)
            imported.update((alias.asname or alias.name, (module, alias.name)) for alias in node.names)
        elif isinstance(node, ast.Import):
            imported.update((alias.asname, (alias.name, "")) for alias in node.names if alias.asname)
    return imported


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls below a node, decorators left out, in the order of the text."""
    pending: list[ast.AST] = [*getattr(node, "body", ())] if isinstance(node, _FUNCTIONS) else [node]
    pending.reverse()
    while pending:
        child = pending.pop()
        if isinstance(child, ast.Call):
            yield child
        pending += reversed(list(ast.iter_child_nodes(child)))
