"""Declarations of our own runtime: config classes, features, events, hooks, jobs, metrics and model settings."""

from __future__ import annotations

import ast
from typing import Literal

from msgspec.structs import replace

from sphinx_traits.extract.adapters.model_settings import read_model_settings
from sphinx_traits.extract.conditions import UNKNOWN
from sphinx_traits.extract.context import ClassContext, FactSet, Statement, clean
from sphinx_traits.extract.enums import enum_values
from sphinx_traits.extract.expressions import source_text
from sphinx_traits.extract.members import bound_signature
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.payload import payload_fields
from sphinx_traits.extract.references import (
    ClassNode,
    Reference,
    Unresolved,
    ValueReference,
    package_and_name,
)
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import (
    CacheKey,
    Certainty,
    Column,
    ConfigKey,
    Event,
    Feature,
    Field,
    Hook,
    Job,
    Metric,
    Scope,
    Value,
)
from traits_runtime.rules.naming import TRANSLATIONS_SUFFIX, event_name

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
_DECLARING = frozenset({"TraitEvent", "feature", "column", *_METRICS, *_CACHES})


class CoreAdapter:
    """Reads what a class declares through `traits_runtime`."""

    name = "core"

    def applies(self, context: ClassContext) -> bool:
        """Whether the class or one of its ancestors uses the runtime."""
        return any(ancestor.startswith(f"{RUNTIME}.") for ancestor in context.ancestors)

    def read(self, context: ClassContext, facts: FactSet) -> None:
        """Add the facts of one class."""
        for statement in context.statements:
            _statement(context, statement, facts)
        for function in context.functions:
            _marks(context, function, facts)
        for keyword in context.tree.keywords:
            if keyword.arg in _HISTORY:
                setattr(facts, keyword.arg, _word(context, keyword.value))


def is_removed(statement: Statement) -> bool:
    """Whether a statement takes away what a base brings: ``make_slug = None``."""
    value = statement.value
    return isinstance(value, ast.Constant) and value.value is None and statement.annotation is None


def api(target: Reference) -> str:
    """The name under which our runtime exports a reference; empty for any other reference."""
    top, name = package_and_name(target)
    return name if top == RUNTIME and not target.path.startswith(READY_MADE) else ""


def is_subclass(context: ClassContext, node: ClassNode | None, name: str) -> bool:
    """Whether a class has a class of our runtime with that name among its ancestors."""
    if node is None:
        return False
    return any(api(ancestor) == name for ancestor in context.analysis.graph.mro(node).nodes)


def _statement(context: ClassContext, statement: Statement, facts: FactSet) -> None:
    """Add what one assignment of a class body declares or removes."""
    if is_removed(statement):
        facts.removed.add(statement.name)
    elif statement.name == "__traits__" and statement.value is not None:
        read_model_settings(context, statement.value, facts)
    elif isinstance(statement.value, ast.Call):
        _declaration(context, statement, statement.value, facts)


def _declaration(context: ClassContext, statement: Statement, call: ast.Call, facts: FactSet) -> None:
    """One ``name = something(...)`` of a class body."""
    made_by = context.resolve(call.func)
    kind = api(made_by)
    if made_by.path.startswith(READY_MADE) and package_and_name(made_by)[1] == "translated":
        virtual = _column(context, statement, call, kind="virtual")
        stored = replace(virtual, name=statement.name + TRANSLATIONS_SUFFIX, kind="column", type="dict", nullable="yes")
        facts.columns += [virtual, stored]
    elif kind in _DECLARING:
        facts.declarations.add(statement.name)
        _add_declaration(context, statement, call, facts, kind)
    elif isinstance(made_by, SourceClass) and is_subclass(context, made_by, "TraitConfig"):
        facts.declarations.add(statement.name)
        facts.config += config_keys(context, made_by, statement.name)


def _add_declaration(context: ClassContext, statement: Statement, call: ast.Call, facts: FactSet, kind: str) -> None:
    """Add what a function or class of the runtime declares; a cache is no fact by itself."""
    if kind == "TraitEvent":
        facts.events.append(_event(context, statement, call))
    elif kind == "feature":
        facts.features.append(_feature(context, statement, call))
    elif kind == "column":
        facts.columns.append(_column(context, statement, call))
    elif kind in _METRICS:
        facts.metrics.append(_metric(context, statement, call, _METRICS[kind]))


def arguments(call: ast.Call) -> dict[str, ast.expr]:
    """The keyword arguments of a call."""
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}


def _word(context: ClassContext, node: ast.expr | None) -> str:
    """A text argument, cleaned; empty where it is missing or not constant."""
    value = context.analysis.constants.value(context.position, node, default="")
    return clean(value) if isinstance(value, str) else ""


def _flag(context: ClassContext, node: ast.expr | None) -> bool:
    value = context.analysis.constants.value(context.position, node, default=False)
    return bool(value) and value is not UNKNOWN


def _number(context: ClassContext, node: ast.expr | None) -> int:
    value = context.analysis.constants.value(context.position, node, default=0)
    return value if isinstance(value, int) else 0


def _described(context: ClassContext, statement: Statement, keywords: dict[str, ast.expr]) -> str:
    return _word(context, keywords.get("doc")) or context.doc(statement)


def _feature(context: ClassContext, statement: Statement, call: ast.Call) -> Feature:
    keywords = arguments(call)
    default = keywords.get("default", call.args[0] if call.args else None)
    return Feature(
        name=statement.name,
        owner=context.name,
        location=context.location(statement.node),
        doc=_described(context, statement, keywords),
        default=context.analysis.constants.display(context.position, default) if default is not None else Value("True"),
        env=_words(context, keywords.get("env")),
    )


def _event(context: ClassContext, statement: Statement, call: ast.Call) -> Event:
    keywords = arguments(call)
    payload = keywords.get("payload", call.args[0] if call.args else None)
    target = context.resolve(payload) if payload is not None else None
    name: str = ""
    fields: tuple[Field, ...] = ()
    if isinstance(target, SourceClass):
        name, fields = context.analysis.graph.name(target), payload_fields(context.analysis, target)
    elif target is not None and not (isinstance(payload, ast.Constant) and payload.value is None):
        name = target.path
    wire = _word(context, keywords.get("name"))
    return Event(
        name=statement.name,
        owner=context.name,
        location=context.location(statement.node),
        doc=_described(context, statement, keywords),
        wire=wire if "." in wire else event_name(context.short, wire or statement.name),
        payload=name,
        fields=fields,
        before=_flag(context, keywords.get("veto")) or _flag(context, keywords.get("before")),
    )


def _column(
    context: ClassContext, statement: Statement, call: ast.Call, kind: Literal["column", "virtual"] = "column"
) -> Column:
    """A column, or what a trait makes of a column of its own: ``title = translated()``."""
    keywords = arguments(call)
    type_node = keywords.get("type", call.args[0] if call.args else None)
    default = keywords.get("default")
    factory = keywords.get("on_insert")
    return Column(
        name=statement.name,
        owner=context.name,
        location=context.location(statement.node),
        doc=_described(context, statement, keywords),
        kind=kind,
        type=source_text(type_node),
        nullable="" if kind == "virtual" else "yes" if _flag(context, keywords.get("nullable")) else "no",
        default=ast.unparse(default)
        if default is not None
        else f"{ast.unparse(factory)}()"
        if factory is not None
        else "",
        target=_word(context, keywords.get("references")),
        named_by=_word(context, keywords.get("named_by")),
    )


def _metric(context: ClassContext, statement: Statement, call: ast.Call, kind: str) -> Metric:
    return Metric(
        name=statement.name,
        owner=context.name,
        location=context.location(statement.node),
        doc=_described(context, statement, arguments(call)),
        kind=kind,
    )


# Config.


def config_keys(context: ClassContext, config: SourceClass, group: str) -> list[ConfigKey]:
    """The keys of a config class and of those it inherits from, base first, as one trait declares them."""
    keys: dict[str, ConfigKey] = {}
    for node in reversed(context.analysis.graph.mro(config).nodes):
        if not isinstance(node, SourceClass) or api(node):
            continue
        holder = context.analysis.class_context(node)
        for statement in holder.statements:
            option = _option(holder, statement)
            if option is not None:
                keys[statement.name] = _config_key(holder, statement, option, context.name, group)
    return list(keys.values())


def _option(holder: ClassContext, statement: Statement) -> ast.Call | None:
    """The call that makes an annotated name a key; without it the name is an attribute that no layer can set."""
    value = statement.value
    if statement.annotation is None or not isinstance(value, ast.Call):
        return None
    return value if api(holder.resolve(value.func)) == "option" else None


def _config_key(holder: ClassContext, statement: Statement, option: ast.Call, owner: str, group: str) -> ConfigKey:
    keywords = arguments(option)
    doc = _word(holder, keywords.get("doc")) or _annotated_doc(holder, statement.annotation) or holder.doc(statement)
    return ConfigKey(
        name=statement.name,
        owner=owner,
        location=holder.location(statement.node),
        doc=doc or _section(holder, statement.name),
        group=group,
        type=_type(statement.annotation),
        default=_default(holder, option, keywords),
        env=_words(holder, keywords.get("env")),
        constraints=tuple(f"{name}={_shown(holder, keywords[name])}" for name in keywords if name in _CONSTRAINTS),
        choices=enum_values(holder, _type_node(statement.annotation)),
        secret=_flag(holder, keywords.get("secret")),
        locked=_flag(holder, keywords.get("locked")),
        since=_word(holder, keywords.get("since")),
        deprecated=_word(holder, keywords.get("deprecated")),
    )


def _section(holder: ClassContext, name: str) -> str:
    from sphinx_traits.extract.payload import attribute_docs

    return attribute_docs(holder.analysis, holder.node).get(name, "")


def _type(annotation: ast.expr | None) -> str:
    node = _type_node(annotation)
    if node is None:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)


def _type_node(annotation: ast.expr | None) -> ast.expr | None:
    """The type in an annotation, without ``Annotated``."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Annotated"):
        inner = annotation.slice
        return inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
    return annotation


def _annotated_doc(holder: ClassContext, annotation: ast.expr | None) -> str:
    """The text in ``Annotated[int, Doc("...")]``."""
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return ""
    for element in annotation.slice.elts[1:]:
        if isinstance(element, ast.Call) and ast.unparse(element.func).endswith("Doc") and element.args:
            return _word(holder, element.args[0])
    return ""


def _default(holder: ClassContext, option: ast.Call, keywords: dict[str, ast.expr]) -> Value:
    if "factory" in keywords:
        return Value(ast.unparse(keywords["factory"]), "factory")
    value = keywords.get("default", option.args[0] if option.args else None)
    return holder.analysis.constants.display(holder.position, value) if value is not None else Value("", "required")


def _shown(holder: ClassContext, node: ast.expr) -> str:
    return holder.analysis.constants.display(holder.position, node).text


def _words(holder: ClassContext, node: ast.expr | None) -> tuple[str, ...]:
    value = holder.analysis.constants.value(holder.position, node, default=())
    if isinstance(value, str):
        return (value,)
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, tuple | list) else ()


# Decorated methods.


def _marks(context: ClassContext, function: FunctionNode, facts: FactSet) -> None:
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        kind = api(context.resolve(call.func if call is not None else decorator))
        if kind == "hook" and call is not None:
            facts.hooks.append(_hook(context, function, call))
        elif kind == "job":
            facts.jobs.append(read_job(context, function, call))
        elif kind == "scope" and call is not None:
            facts.declarations.add(function.name)
            facts.scopes.append(_scope(context, function, call))
        elif kind in _CACHED:
            facts.cache_keys.append(_cached_method(context, function, call, kind))


def _hook(context: ClassContext, function: FunctionNode, call: ast.Call) -> Hook:
    keywords = arguments(call)
    moment = keywords.get("moment", call.args[0] if call.args else None)
    name: str = ""
    certainty: Certainty = "dynamic"
    if moment is not None:
        name, certainty = context.analysis.constants.pattern(context.position, moment)
    when = keywords.get("when")
    return Hook(
        name=function.name,
        owner=context.name,
        location=context.location(function),
        doc=docstring(function),
        moment=name,
        certainty=certainty,
        why="" if certainty == "certain" else "the moment is computed when the class is made",
        priority=_number(context, keywords.get("priority")),
        when=source_text(when),
        is_async=isinstance(function, ast.AsyncFunctionDef),
    )


def _scope(context: ClassContext, function: FunctionNode, call: ast.Call) -> Scope:
    keywords = arguments(call)
    return Scope(
        name=_word(context, keywords.get("name")) or function.name,
        owner=context.name,
        location=context.location(function),
        doc=docstring(function),
        signature=bound_signature(function),
        always=_flag(context, keywords.get("always")),
        lifted_by=_words(context, keywords.get("lifted_by")),
    )


def read_job(context: ClassContext, function: FunctionNode, call: ast.Call | None) -> Job:
    """The job that a decorated function is."""
    keywords = arguments(call) if call is not None else {}
    other_options = {name: value for name, value in keywords.items() if name not in ("queue", "doc")}
    queue = keywords.get("queue", call.args[0] if call is not None and call.args else None)
    return Job(
        name=function.name,
        owner=context.name,
        location=context.location(function),
        doc=docstring(function) or _word(context, keywords.get("doc")),
        queue=_word(context, queue),
        parameters=parameters(function),
        options=tuple(f"{name}={_shown(context, value)}" for name, value in other_options.items()),
    )


def _cached_method(context: ClassContext, function: FunctionNode, call: ast.Call | None, kind: str) -> CacheKey:
    key = call.args[0] if call is not None and call.args else None
    name: str = function.name
    certainty: Certainty = "certain"
    if key is not None:
        name, certainty = context.analysis.constants.pattern(context.position, key)
    return CacheKey(
        name=name,
        owner=context.name,
        location=context.location(function),
        doc=docstring(function),
        operation=_CACHED[kind],
        certainty=certainty,
    )


def docstring(function: FunctionNode) -> str:
    """A function's docstring, dedented."""
    return ast.get_docstring(function) or ""


def parameters(function: FunctionNode, *, bound: bool = True) -> tuple[Field, ...]:
    """What a function takes; of a method without its first parameter."""
    signature = function.args
    positional = [*signature.posonlyargs, *signature.args]
    blanks: list[ast.expr | None] = [None] * (len(positional) - len(signature.defaults))
    pairs = list(zip(positional, [*blanks, *signature.defaults], strict=True))[1 if bound else 0 :]
    pairs += list(zip(signature.kwonlyargs, signature.kw_defaults, strict=True))
    return tuple(
        Field(
            parameter.arg,
            source_text(parameter.annotation),
            source_text(default),
        )
        for parameter, default in pairs
    )


def event_of(context: ClassContext, attribute: str) -> Event | None:
    """The declared event of a name, found along a class's MRO."""
    for node in context.mro.nodes:
        if isinstance(node, Unresolved) or not isinstance(node, SourceClass):
            continue
        event = declared_event(context.analysis.class_context(node), attribute)
        if event is not None:
            return event
    return None


def is_cache(context: ClassContext, attribute: str) -> bool:
    """Whether a name of a class, or of an ancestor, is a declared cache."""
    target = context.analysis.resolver.attributes.find(context.node, attribute)
    if not isinstance(target, ValueReference) or not isinstance(target.node, ast.Call):
        return False
    return api(context.analysis.resolver.expression(target.position, target.node.func)) in _CACHES


def declared_event(context: ClassContext, attribute: str) -> Event | None:
    """The event that a class itself declares under a name."""
    at = context.module.scope(context.node.index).last(attribute)
    if at < 0:
        return None
    target = context.analysis.resolver.binding(context.module, context.node.index, at)
    if not isinstance(target, ValueReference) or not isinstance(target.node, ast.Call):
        return None
    made_by = context.analysis.resolver.expression(target.position, target.node.func)
    if api(made_by) != "TraitEvent":
        return None
    keywords = arguments(target.node)
    wire = _word(context, keywords.get("name"))
    return Event(
        name=attribute,
        owner=context.name,
        wire=wire if "." in wire else event_name(context.short, wire or attribute),
    )
