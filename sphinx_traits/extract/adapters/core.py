"""Declarations of our own runtime: config classes, features, events, hooks, jobs, metrics and model settings."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Literal

from sphinx_traits.extract.conditions import UNKNOWN
from sphinx_traits.extract.describe import bound_signature
from sphinx_traits.extract.payload import payload_fields
from sphinx_traits.extract.scan import FunctionNode
from sphinx_traits.extract.subject import Facts, Statement, Subject, clean
from sphinx_traits.extract.targets import ClassNode, FunctionTarget, Opaque, SourceClass, Target, ValueTarget, symbol
from sphinx_traits.manifest import (
    CacheKey,
    Certainty,
    Column,
    ConfigKey,
    Event,
    Feature,
    Field,
    Finding,
    Hook,
    Job,
    Metric,
    Scope,
    Setting,
    Value,
)
from traits_runtime._core.naming import event_name

RUNTIME = "traits_runtime"
READY_MADE = "traits_runtime.traits."
"""Traits as users write them, and not what they are written with."""

_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "choices")
_HISTORY = ("since", "deprecated")
_CACHED = {"cached": "remember"}
_CACHES = ("cache", "TraitCache")
_METRICS = {
    "counter": "counter",
    "Counter": "counter",
    "timing": "timing",
    "Timing": "timing",
    "gauge": "gauge",
    "Gauge": "gauge",
}


class CoreAdapter:
    """Reads what a class declares through `traits_runtime`."""

    name = "core"

    def applies(self, subject: Subject) -> bool:
        """Whether the class or one of its ancestors uses the runtime."""
        return any(one.startswith(f"{RUNTIME}.") for one in subject.ancestors)

    def read(self, subject: Subject, facts: Facts) -> None:
        """Add the facts of one class."""
        for statement in subject.statements:
            if is_removed(statement):
                facts.removed.add(statement.name)
            elif statement.name == "__traits__" and statement.value is not None:
                _settings(subject, statement.value, facts)
            elif isinstance(statement.value, ast.Call):
                _declaration(subject, statement, statement.value, facts)
        for function in subject.functions:
            _marks(subject, function, facts)
        for keyword in subject.tree.keywords:
            if keyword.arg in _HISTORY:
                setattr(facts, keyword.arg, _word(subject, keyword.value))


def is_removed(statement: Statement) -> bool:
    """Whether a statement takes away what a base brings: ``make_slug = None``."""
    value = statement.value
    return isinstance(value, ast.Constant) and value.value is None and statement.annotation is None


def api(target: Target) -> str:
    """The name under which our runtime exports a target; empty for anything else."""
    top, name = symbol(target)
    return name if top == RUNTIME and not target.path.startswith(READY_MADE) else ""


def is_subclass(subject: Subject, node: ClassNode | None, name: str) -> bool:
    """Whether a class has a class of our runtime with that name among its ancestors."""
    if node is None:
        return False
    return any(api(one) == name for one in subject.reader.graph.lineage(node).nodes)


def _declaration(subject: Subject, statement: Statement, call: ast.Call, facts: Facts) -> None:
    """One ``name = something(...)`` of a class body."""
    made_by = subject.resolve(call.func)
    kind = api(made_by)
    if kind == "TraitEvent":
        facts.declarations.add(statement.name)
        facts.events.append(_event(subject, statement, call))
    elif kind == "feature":
        facts.declarations.add(statement.name)
        facts.features.append(_feature(subject, statement, call))
    elif kind == "column":
        facts.declarations.add(statement.name)
        facts.columns.append(_column(subject, statement, call))
    elif made_by.path.startswith(READY_MADE) and symbol(made_by)[1] == "translated":
        facts.columns.append(_column(subject, statement, call, kind="virtual"))
    elif kind in _METRICS:
        facts.declarations.add(statement.name)
        facts.metrics.append(_metric(subject, statement, call, _METRICS[kind]))
    elif kind in _CACHES:
        facts.declarations.add(statement.name)
    elif isinstance(made_by, SourceClass) and is_subclass(subject, made_by, "TraitConfig"):
        facts.declarations.add(statement.name)
        facts.config += config_keys(subject, made_by, statement.name)


def arguments(call: ast.Call) -> dict[str, ast.expr]:
    """The keyword arguments of a call."""
    return {one.arg: one.value for one in call.keywords if one.arg is not None}


def _word(subject: Subject, node: ast.expr | None) -> str:
    """A text argument, cleaned; empty where it is missing or not constant."""
    value = subject.reader.folder.value(subject.place, node) if node is not None else ""
    return clean(value) if isinstance(value, str) else ""


def _flag(subject: Subject, node: ast.expr | None) -> bool:
    value = subject.reader.folder.value(subject.place, node) if node is not None else False
    return bool(value) and value is not UNKNOWN


def _number(subject: Subject, node: ast.expr | None) -> int:
    value = subject.reader.folder.value(subject.place, node) if node is not None else 0
    return value if isinstance(value, int) else 0


def _described(subject: Subject, statement: Statement, given: dict[str, ast.expr]) -> str:
    return _word(subject, given.get("doc")) or subject.doc(statement)


def _feature(subject: Subject, statement: Statement, call: ast.Call) -> Feature:
    given = arguments(call)
    default = given.get("default", call.args[0] if call.args else None)
    return Feature(
        name=statement.name,
        owner=subject.name,
        location=subject.location(statement.node),
        doc=_described(subject, statement, given),
        default=subject.reader.folder.shown(subject.place, default) if default is not None else Value("True"),
    )


def _event(subject: Subject, statement: Statement, call: ast.Call) -> Event:
    given = arguments(call)
    payload = given.get("payload", call.args[0] if call.args else None)
    target = subject.resolve(payload) if payload is not None else None
    name: str = ""
    fields: tuple[Field, ...] = ()
    if isinstance(target, SourceClass):
        name, fields = subject.reader.graph.name(target), payload_fields(subject.reader, target)
    elif target is not None and not (isinstance(payload, ast.Constant) and payload.value is None):
        name = target.path
    wire = _word(subject, given.get("name"))
    return Event(
        name=statement.name,
        owner=subject.name,
        location=subject.location(statement.node),
        doc=_described(subject, statement, given),
        wire=wire if "." in wire else event_name(subject.short, wire or statement.name),
        payload=name,
        fields=fields,
        before=_flag(subject, given.get("veto")) or _flag(subject, given.get("before")),
    )


def _column(
    subject: Subject, statement: Statement, call: ast.Call, kind: Literal["column", "virtual"] = "column"
) -> Column:
    """A column, or what a trait makes of a column of its own: ``title = translated()``."""
    given = arguments(call)
    written = given.get("type", call.args[0] if call.args else None)
    default = given.get("default")
    made = given.get("on_insert")
    return Column(
        name=statement.name,
        owner=subject.name,
        location=subject.location(statement.node),
        doc=_described(subject, statement, given),
        kind=kind,
        type=ast.unparse(written) if written is not None else "",
        nullable="" if kind == "virtual" else "yes" if _flag(subject, given.get("nullable")) else "no",
        default=ast.unparse(default) if default is not None else f"{ast.unparse(made)}()" if made is not None else "",
        target=_word(subject, given.get("references")),
    )


def _metric(subject: Subject, statement: Statement, call: ast.Call, kind: str) -> Metric:
    return Metric(
        name=statement.name,
        owner=subject.name,
        location=subject.location(statement.node),
        doc=_described(subject, statement, arguments(call)),
        kind=kind,
    )


# Config.


def config_keys(subject: Subject, config: SourceClass, group: str) -> list[ConfigKey]:
    """The keys of a config class and of those it inherits from, base first, as one trait declares them."""
    found: dict[str, ConfigKey] = {}
    for node in reversed(subject.reader.graph.lineage(config).nodes):
        if not isinstance(node, SourceClass) or api(node):
            continue
        holder = subject.reader.subject(node)
        for statement in holder.statements:
            option = _option(holder, statement)
            if option is not None:
                found[statement.name] = _config_key(holder, statement, option, subject.name, group)
    return list(found.values())


def _option(holder: Subject, statement: Statement) -> ast.Call | None:
    """The call that makes an annotated name a key; without it the name is an attribute that no layer can set."""
    value = statement.value
    if statement.annotation is None or not isinstance(value, ast.Call):
        return None
    return value if api(holder.resolve(value.func)) == "option" else None


def _config_key(holder: Subject, statement: Statement, option: ast.Call, owner: str, group: str) -> ConfigKey:
    given = arguments(option)
    doc = _word(holder, given.get("doc")) or _annotated_doc(holder, statement.annotation) or holder.doc(statement)
    return ConfigKey(
        name=statement.name,
        owner=owner,
        location=holder.location(statement.node),
        doc=doc or _section(holder, statement.name),
        group=group,
        type=_type(statement.annotation),
        default=_default(holder, option, given),
        env=_words(holder, given.get("env")),
        constraints=tuple(f"{name}={_shown(holder, given[name])}" for name in given if name in _CONSTRAINTS),
        secret=_flag(holder, given.get("secret")),
        locked=_flag(holder, given.get("locked")),
        since=_word(holder, given.get("since")),
        deprecated=_word(holder, given.get("deprecated")),
    )


def _section(holder: Subject, name: str) -> str:
    from sphinx_traits.extract.payload import attribute_docs

    return attribute_docs(holder.reader, holder.node).get(name, "")


def _type(annotation: ast.expr | None) -> str:
    if annotation is None:
        return ""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Annotated"):
        inner = annotation.slice
        annotation = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def _annotated_doc(holder: Subject, annotation: ast.expr | None) -> str:
    """The text in ``Annotated[int, Doc("...")]``."""
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return ""
    for one in annotation.slice.elts[1:]:
        if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("Doc") and one.args:
            return _word(holder, one.args[0])
    return ""


def _default(holder: Subject, option: ast.Call, given: dict[str, ast.expr]) -> Value:
    if "factory" in given:
        return Value(ast.unparse(given["factory"]), "factory")
    value = given.get("default", option.args[0] if option.args else None)
    return holder.reader.folder.shown(holder.place, value) if value is not None else Value("", "required")


def _shown(holder: Subject, node: ast.expr) -> str:
    return holder.reader.folder.shown(holder.place, node).text


def _words(holder: Subject, node: ast.expr | None) -> tuple[str, ...]:
    value = holder.reader.folder.value(holder.place, node) if node is not None else ()
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, tuple | list) else ()


# Decorated methods.


def _marks(subject: Subject, function: FunctionNode, facts: Facts) -> None:
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        kind = api(subject.resolve(call.func if call is not None else decorator))
        if kind == "hook" and call is not None:
            facts.hooks.append(_hook(subject, function, call))
        elif kind == "job":
            facts.jobs.append(read_job(subject, function, call))
        elif kind == "scope" and call is not None:
            facts.declarations.add(function.name)
            facts.scopes.append(_scope(subject, function, call))
        elif kind in _CACHED:
            facts.cache_keys.append(_cached_method(subject, function, call, kind))


def _hook(subject: Subject, function: FunctionNode, call: ast.Call) -> Hook:
    given = arguments(call)
    moment = given.get("moment", call.args[0] if call.args else None)
    name: str = ""
    certainty: Certainty = "dynamic"
    if moment is not None:
        name, certainty = subject.reader.folder.pattern(subject.place, moment)
    when = given.get("when")
    return Hook(
        name=function.name,
        owner=subject.name,
        location=subject.location(function),
        doc=docstring(function),
        moment=name,
        certainty=certainty,
        why="" if certainty == "certain" else "the moment is computed when the class is made",
        priority=_number(subject, given.get("priority")),
        when=ast.unparse(when) if when is not None else "",
        is_async=isinstance(function, ast.AsyncFunctionDef),
    )


def _scope(subject: Subject, function: FunctionNode, call: ast.Call) -> Scope:
    given = arguments(call)
    return Scope(
        name=_word(subject, given.get("name")) or function.name,
        owner=subject.name,
        location=subject.location(function),
        doc=docstring(function),
        signature=bound_signature(function),
        always=_flag(subject, given.get("always")),
        lifted_by=_words(subject, given.get("lifted_by")),
    )


def read_job(subject: Subject, function: FunctionNode, call: ast.Call | None) -> Job:
    """The job that a decorated function is."""
    given = arguments(call) if call is not None else {}
    others = {name: value for name, value in given.items() if name not in ("queue", "doc")}
    queue = given.get("queue", call.args[0] if call is not None and call.args else None)
    return Job(
        name=function.name,
        owner=subject.name,
        location=subject.location(function),
        doc=docstring(function) or _word(subject, given.get("doc")),
        queue=_word(subject, queue),
        parameters=parameters(function),
        options=tuple(f"{name}={_shown(subject, value)}" for name, value in others.items()),
    )


def _cached_method(subject: Subject, function: FunctionNode, call: ast.Call | None, kind: str) -> CacheKey:
    key = call.args[0] if call is not None and call.args else None
    name: str = function.name
    certainty: Certainty = "certain"
    if key is not None:
        name, certainty = subject.reader.folder.pattern(subject.place, key)
    return CacheKey(
        name=name,
        owner=subject.name,
        location=subject.location(function),
        doc=docstring(function),
        operation=_CACHED[kind],
        certainty=certainty,
    )


def docstring(function: FunctionNode) -> str:
    """A function's docstring, dedented."""
    return ast.get_docstring(function) or ""


def parameters(function: FunctionNode, *, bound: bool = True) -> tuple[Field, ...]:
    """What a function takes; of a method without its first parameter."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    blanks: list[ast.expr | None] = [None] * (len(positional) - len(given.defaults))
    pairs = list(zip(positional, [*blanks, *given.defaults], strict=True))[1 if bound else 0 :]
    pairs += list(zip(given.kwonlyargs, given.kw_defaults, strict=True))
    return tuple(
        Field(
            one.arg,
            ast.unparse(one.annotation) if one.annotation is not None else "",
            ast.unparse(default) if default is not None else "",
        )
        for one, default in pairs
    )


# Settings of one model.


def _settings(subject: Subject, value: ast.expr, facts: Facts) -> None:
    """``__traits__ = {HasSlug: {"max_length": 60}}``."""
    facts.declarations.add("__traits__")
    if not isinstance(value, ast.Dict):
        facts.findings.append(_dynamic_settings(subject, value))
        return
    for key, inner in zip(value.keys, value.values, strict=True):
        if key is None or not isinstance(inner, ast.Dict):
            facts.findings.append(_dynamic_settings(subject, inner))
            continue
        trait = _trait_name(subject, key)
        for name, given in _pairs(subject, inner, facts):
            facts.settings.append(
                Setting(
                    trait=trait,
                    key=name,
                    value=subject.reader.folder.shown(subject.place, given),
                    layer="model",
                    model=subject.name,
                    location=subject.location(given),
                )
            )


def _pairs(subject: Subject, table: ast.Dict, facts: Facts) -> Iterator[tuple[str, ast.expr]]:
    for key, value in zip(table.keys, table.values, strict=True):
        name = subject.reader.folder.value(subject.place, key) if key is not None else UNKNOWN
        if isinstance(name, str):
            yield name, value
        else:
            facts.findings.append(_dynamic_settings(subject, value))


def _trait_name(subject: Subject, key: ast.expr) -> str:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    target = subject.resolve(key)
    return subject.reader.graph.name(target) if isinstance(target, SourceClass) else target.path


def _dynamic_settings(subject: Subject, node: ast.AST) -> Finding:
    return Finding(
        location=subject.location(node),
        code="dynamic_settings",
        message=f"A part of __traits__ of {subject.name} is computed when the program runs, so it cannot be read.",
        hint='Write it out: __traits__ = {HasSlug: {"max_length": 60}}.',
        subject=subject.name,
    )


def event_of(subject: Subject, attribute: str) -> Event | None:
    """The declared event that a name of a class stands for, found along its ancestors."""
    for node in subject.lineage.nodes:
        if isinstance(node, Opaque) or not isinstance(node, SourceClass):
            continue
        found = declared_event(subject.reader.subject(node), attribute)
        if found is not None:
            return found
    return None


def is_cache(subject: Subject, attribute: str) -> bool:
    """Whether a name of a class, or of an ancestor, is a declared cache."""
    target = subject.reader.graph.attribute(subject.node, attribute)
    if not isinstance(target, ValueTarget) or not isinstance(target.node, ast.Call):
        return False
    return api(subject.reader.resolver.expression(target.place, target.node.func)) in _CACHES


def declared_event(subject: Subject, attribute: str) -> Event | None:
    """The event that a class itself declares under a name."""
    at = subject.module.scope(subject.node.index).last(attribute)
    if at < 0:
        return None
    target = subject.reader.resolver.binding(subject.module, subject.node.index, at)
    if not isinstance(target, ValueTarget) or not isinstance(target.node, ast.Call):
        return None
    made_by = subject.reader.resolver.expression(target.place, target.node.func)
    if api(made_by) != "TraitEvent":
        return None
    given = arguments(target.node)
    wire = _word(subject, given.get("name"))
    return Event(
        name=attribute,
        owner=subject.name,
        wire=wire if "." in wire else event_name(subject.short, wire or attribute),
    )


def is_function(target: Target, names: Iterable[str]) -> bool:
    """Whether a target is one of our runtime's functions."""
    return isinstance(target, FunctionTarget | Opaque) and api(target) in names
