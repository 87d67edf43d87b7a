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
from sphinx_traits.extract.prune import absolute
from sphinx_traits.extract.scan import FunctionNode
from sphinx_traits.extract.subject import Facts, Reader, Subject
from sphinx_traits.extract.targets import Opaque, Place, SourceClass, Target, ValueTarget, symbol
from sphinx_traits.extract.world import Module
from sphinx_traits.manifest import CacheKey, Certainty, Emit, Job, Listener
from traits_runtime._core.naming import event_name

_EMITS = frozenset({"emit", "aemit", "emit_event", "aemit_event", "publish"})
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
    ".send",
    "validates",
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def read_class_calls(subject: Subject, facts: Facts) -> None:
    """Add what a class's own methods emit and listen to."""
    declared = _declares_events(subject)
    for function in subject.functions:
        name = f"{subject.name}.{function.name}"
        reader = _Calls(subject.reader, subject.module, subject.name, facts)
        reader.decorated(function, subject.place, name)
        if declared:
            reader.emitted_by(function, subject, name)


def _declares_events(subject: Subject) -> bool:
    return any(one.startswith("traits_runtime.") for one in subject.ancestors)


def read_module_calls(reader: Reader, module: Module, facts: Facts) -> None:
    """Add what a module's functions and top level emit, listen to and queue."""
    source = module.source
    if source is None or source.tree is None or not any(word in source.text for word in _WORTH_READING):
        return
    place = Place(module)
    calls = _Calls(reader, module, module.name, facts)
    for node in source.tree.body:
        if isinstance(node, _FUNCTIONS):
            name = f"{module.name}.{node.name}"
            calls.decorated(node, place, name)
            calls.free_emits(node, place, name)
            calls.registered(node, place)
        elif isinstance(node, ast.ClassDef):
            calls.subscriber(node, place)
        else:
            calls.free_emits(node, place, module.name)
            calls.registered(node, place)


class _Calls:
    def __init__(self, reader: Reader, module: Module, owner: str, facts: Facts) -> None:
        self.reader = reader
        self.module = module
        self.owner = owner
        self.facts = facts
        self.local: dict[str, tuple[str, str]] = {}

    def resolve(self, place: Place, node: ast.expr) -> Target:
        """What an expression stands for, imports inside the function at hand included."""
        if isinstance(node, ast.Attribute) and self.local:
            return self.reader.resolver.attribute(self.resolve(place, node.value), node.attr)
        if isinstance(node, ast.Name) and node.id in self.local:
            module, name = self.local[node.id]
            resolver = self.reader.resolver
            return resolver.member(module, name) if name else resolver.module_target(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("partial") and node.args:
            return self.resolve(place, node.args[0])
        return self.reader.resolver.expression(place, node)

    # Listeners.

    def decorated(self, function: FunctionNode, place: Place, name: str) -> None:
        """Listeners and jobs that a function's decorators make."""
        for decorator in function.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            called = call.func if call is not None else decorator
            pattern, given, via = self._pattern(place, called, call)
            for one, certainty in pattern:
                self._listener(function, place, name, one, certainty, given, via)
            if place.scope < 0 and api(self.reader.resolver.expression(place, called)) == "job":
                self._job(function, place, given, name)

    def _pattern(
        self, place: Place, called: ast.expr, call: ast.Call | None
    ) -> tuple[list[tuple[str, Certainty]], dict[str, ast.expr], str]:
        given = arguments(call) if call is not None else {}
        if isinstance(called, ast.Attribute) and called.attr in ("listener", "listen"):
            wire = self._event_wire(place, called.value)
            if wire:
                return [(wire, "certain")], given, "declared"
        target = self.reader.resolver.expression(place, called)
        top, last = symbol(target)
        if api(target) in ("listen", "on") and call is not None:
            named = call.args[0] if call.args else given.get("pattern")
            return [self._name(place, named)] if named is not None else [], given, "declared"
        if last == "receiver" and top in ("django", "blinker") and call is not None and call.args:
            signals = call.args[0].elts if isinstance(call.args[0], ast.Tuple | ast.List) else [call.args[0]]
            return [self._signal(place, one) for one in signals], given, "declared"
        if last == "listens_for" and top == "sqlalchemy" and call is not None and len(call.args) >= 2:
            return [self._sqlalchemy(place, call)], given, "declared"
        return [], given, ""

    def _event_wire(self, place: Place, node: ast.expr) -> str:
        """The wire name of ``HasSlug.slug_generated``; empty where that is no declared event."""
        if not isinstance(node, ast.Attribute):
            return ""
        owner = self.reader.resolver.expression(place, node.value)
        if not isinstance(owner, SourceClass):
            return ""
        found = event_of(self.reader.subject(owner), node.attr)
        return found.wire if found is not None else ""

    def _name(self, place: Place, node: ast.expr) -> tuple[str, Certainty]:
        wire = self._event_wire(place, node)
        return (wire, "certain") if wire else self.reader.folder.pattern(place, node)

    def _signal(self, place: Place, node: ast.expr) -> tuple[str, Certainty]:
        target = self.reader.resolver.expression(place, node)
        return target.path, "dynamic" if isinstance(target, Opaque) else "certain"

    def _sqlalchemy(self, place: Place, call: ast.Call) -> tuple[str, Certainty]:
        event, certainty = self.reader.folder.pattern(place, call.args[1])
        return f"sqlalchemy.{event}", certainty

    def _listener(
        self,
        function: FunctionNode,
        place: Place,
        name: str,
        pattern: str,
        certainty: Certainty,
        given: dict[str, ast.expr],
        via: str,
    ) -> None:
        inferred = via != "declared"
        self.facts.listeners.append(
            Listener(
                name=function.name,
                owner=self.owner,
                location=self.reader.location(self.module, function),
                doc=docstring(function),
                pattern=pattern,
                target=name,
                priority=self._integer(place, given.get("priority")),
                model=self._class(place, given.get("model", given.get("sender"))),
                is_async=isinstance(function, ast.AsyncFunctionDef),
                certainty=certainty,
                via="inferred" if inferred else "declared",
            )
        )

    def registered(self, statement: ast.stmt, place: Place) -> None:
        """Listeners that a statement registers: ``events.listen("trait.**", audit)``, ``saved.connect(audit)``."""
        self.local = local_imports(statement, self.module.package)
        for call in _calls(statement):
            named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if named not in ("connect", "listen", "on"):
                continue
            given = arguments(call)
            found = self._registration(place, call, given)
            if found is None:
                continue
            (pattern, certainty), target = found
            path = self.resolve(place, target).path
            self.facts.listeners.append(
                Listener(
                    name=path.rpartition(".")[2],
                    owner=self.owner,
                    location=self.reader.location(self.module, call),
                    pattern=pattern,
                    target=path,
                    priority=self._integer(place, given.get("priority")),
                    model=self._class(place, given.get("model", given.get("sender"))),
                    certainty=certainty,
                )
            )

    def _registration(
        self, place: Place, call: ast.Call, given: dict[str, ast.expr]
    ) -> tuple[tuple[str, Certainty], ast.expr] | None:
        attribute = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if attribute == "connect" and isinstance(call.func, ast.Attribute) and (call.args or "receiver" in given):
            signal = self.resolve(place, call.func.value)
            if self._is_signal(signal):
                return (signal.path, "certain"), call.args[0] if call.args else given["receiver"]
        if attribute in ("listen", "on") and isinstance(call.func, ast.Attribute) and call.args:
            wire = self._event_wire(place, call.func.value)
            if wire:
                return (wire, "certain"), call.args[0]
        target = self.reader.resolver.expression(place, call.func)
        ours = target.path.startswith("traits_runtime.") or symbol(target) == ("sqlalchemy", "listen")
        if symbol(target)[1] == "listen" and ours and len(call.args) >= 2:
            if symbol(target)[0] == "sqlalchemy" and len(call.args) >= 3:
                return self._sqlalchemy(place, call), call.args[2]
            return self._name(place, call.args[0]), call.args[1]
        return None

    def _is_signal(self, target: Target) -> bool:
        if isinstance(target, Opaque):
            return target.path.startswith("django.") and ".signals." in target.path
        if not isinstance(target, ValueTarget):
            return False
        made = self.reader.graph.instance_of(target)
        if made is None:
            return symbol(target)[1] == "signal"
        lineage = self.reader.graph.lineage(made).nodes
        return any(
            symbol(one) in (("django", "Signal"), ("blinker", "Signal"), ("blinker", "NamedSignal")) for one in lineage
        )

    def subscriber(self, node: ast.ClassDef, place: Place) -> None:
        """Listeners among the methods of a class that is neither model nor trait."""
        scan = self.module.scan
        index = scan.classes.index(node) if scan is not None else -1
        marked = [one for one in node.body if isinstance(one, _FUNCTIONS) and one.decorator_list]
        if index < 0:
            return
        subject = self.reader.subject(SourceClass(self.module, index))
        if is_subclass(subject, subject.node, "Trait"):
            return
        inner = _Calls(self.reader, self.module, subject.name, self.facts)
        inner.listener_class(subject)
        for function in (one for one in node.body if isinstance(one, _FUNCTIONS)):
            inner.registered(function, subject.place)
        for function in marked:
            inner.decorated(function, subject.place, f"{subject.name}.{function.name}")

    def listener_class(self, subject: Subject) -> None:
        """``class Audit(TraitEventListener): pattern = "trait.**"``: its ``handle`` hears once it is subscribed."""
        handle = next((one for one in subject.functions if one.name == "handle"), None)
        if handle is None or not is_subclass(subject, subject.node, "TraitEventListener"):
            return
        given = {one.name: one.value for one in subject.statements if one.value is not None}
        if "pattern" not in given:
            return
        pattern, certainty = self._name(subject.place, given["pattern"])
        name = f"{subject.name}.handle"
        self._listener(handle, subject.place, name, pattern, certainty, given, "declared")

    def _job(self, function: FunctionNode, place: Place, given: dict[str, ast.expr], name: str) -> None:
        queue = self.reader.folder.value(place, given["queue"]) if "queue" in given else ""
        self.facts.jobs.append(
            Job(
                name=function.name,
                owner=name.rpartition(".")[0],
                location=self.reader.location(self.module, function),
                doc=docstring(function),
                queue=queue if isinstance(queue, str) else "",
                parameters=parameters(function, bound=False),
            )
        )

    # Emits.

    def emitted_by(self, function: FunctionNode, subject: Subject, name: str) -> None:
        """The emitting calls of a method."""
        receiver = _first_parameter(function)
        for call in _calls(function):
            self._cached(call, subject, receiver)
            found = self._emitted(call, subject, receiver)
            if found is not None:
                wire, certainty = found
                self._emit(call, name, wire, certainty)

    def _cached(self, call: ast.Call, subject: Subject, receiver: str) -> None:
        """``self.pages.remember("latest", make)``: a key of a declared cache."""
        node = call.func
        if not isinstance(node, ast.Attribute) or node.attr not in _CACHE_OPERATIONS or not call.args:
            return
        held = node.value
        if not (isinstance(held, ast.Attribute) and isinstance(held.value, ast.Name) and held.value.id == receiver):
            return
        if is_cache(subject, held.attr):
            key, certainty = self.reader.folder.pattern(subject.place, call.args[0])
            self.facts.cache_keys.append(
                CacheKey(
                    name=key,
                    owner=self.owner,
                    location=self.reader.location(self.module, call),
                    operation=_CACHE_OPERATIONS[node.attr],
                    via="inferred",
                    certainty=certainty,
                    why=f"a call on the cache {held.attr!r}",
                )
            )

    def _emitted(self, call: ast.Call, subject: Subject, receiver: str) -> tuple[str, Certainty] | None:
        node = call.func
        if not isinstance(node, ast.Attribute):
            return None
        if isinstance(node.value, ast.Name) and node.value.id == receiver:
            if node.attr in _EMITS and call.args:
                return self._emitted_name(call, subject)
            event = event_of(subject, node.attr)
            return (event.wire, "certain") if event is not None else None
        inner = node.value
        bound = isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == receiver
        if node.attr in _EMITS and bound and isinstance(inner, ast.Attribute):
            event = event_of(subject, inner.attr)
            return (event.wire, "certain") if event is not None else None
        wire = self._event_wire(subject.place, inner) if node.attr in _EMITS else self._event_wire(subject.place, node)
        return (wire, "certain") if wire else None

    def _emitted_name(self, call: ast.Call, subject: Subject) -> tuple[str, Certainty]:
        """``self.emit("slug_generated")``: the name of an event of the class, or a whole name."""
        first = call.args[0]
        receiver = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else "self"
        if isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name) and first.value.id == receiver:
            at = self.reader.graph.attribute(subject.node, first.attr)
            if isinstance(at, ValueTarget):
                first = at.node
        text, certainty = self.reader.folder.pattern(subject.place, first)
        if certainty == "dynamic" or text.startswith("trait."):
            return text, certainty
        event = event_of(subject, text) if certainty == "certain" else None
        return (event.wire, "certain") if event is not None else (event_name(subject.short, text), certainty)

    def free_emits(self, node: ast.AST, place: Place, name: str) -> None:
        """Emitting calls outside a trait: ``HasSlug.slug_generated.emit(...)``, ``events.emit("trait.x.y")``."""
        for call in _calls(node):
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in _EMITS:
                continue
            wire = self._event_wire(place, call.func.value)
            if wire:
                self._emit(call, name, wire, "certain")
            elif call.args and self.reader.resolver.expression(place, call.func).path.startswith("traits_runtime."):
                text, certainty = self._name(place, call.args[0])
                self._emit(call, name, text, certainty)

    def _emit(self, call: ast.Call, function: str, wire: str, certainty: Certainty) -> None:
        self.facts.emits.append(
            Emit(
                name=wire,
                owner=self.owner,
                location=self.reader.location(self.module, call),
                function=function,
                certainty=certainty,
                via="inferred",
                why="" if certainty == "certain" else "the name is put together when the call runs",
            )
        )

    def _integer(self, place: Place, node: ast.expr | None) -> int:
        value = self.reader.folder.value(place, node) if node is not None else 0
        return value if isinstance(value, int) else 0

    def _class(self, place: Place, node: ast.expr | None) -> str:
        if node is None or isinstance(node, ast.Constant):
            return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        target = self.reader.resolver.expression(place, node)
        return self.reader.graph.name(target) if isinstance(target, SourceClass) else target.path


def local_imports(statement: ast.stmt, package: str) -> dict[str, tuple[str, str]]:
    """The names that imports inside a function bind: the module, and the name in it."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(statement) if isinstance(statement, _FUNCTIONS) else ():
        if isinstance(node, ast.ImportFrom):
            module = absolute(package, node.module, node.level)
            found.update((one.asname or one.name, (module, one.name)) for one in node.names)
        elif isinstance(node, ast.Import):
            found.update((one.asname, (one.name, "")) for one in node.names if one.asname)
    return found


def _first_parameter(function: FunctionNode) -> str:
    given = [*function.args.posonlyargs, *function.args.args]
    return given[0].arg if given else "self"


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls below a node, decorators left out, in the order of the text."""
    pending: list[ast.AST] = [*getattr(node, "body", ())] if isinstance(node, _FUNCTIONS) else [node]
    pending.reverse()
    while pending:
        one = pending.pop()
        if isinstance(one, ast.Call):
            yield one
        pending += reversed(list(ast.iter_child_nodes(one)))
