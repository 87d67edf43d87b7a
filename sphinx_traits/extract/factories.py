"""Bases that a call makes: the well-known factories, and functions whose ``return`` says which class it is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.mro import INLINE_BASES, ClassGraph
from sphinx_traits.extract.name_resolver import NameResolver
from sphinx_traits.extract.references import (
    ClassNode,
    FunctionReference,
    Position,
    Reference,
    StdlibClass,
    SyntheticClass,
    Unresolved,
    ValueReference,
    package_and_name,
)

Factory: TypeAlias = "Callable[[ClassFactories, Position, ast.Call, Reference], Reference | None]"


class ClassFactories:
    """Answers what class a call makes.

    Args:
        graph: The class graph.
    """

    def __init__(self, graph: ClassGraph) -> None:
        self.graph = graph
        self.resolver: NameResolver = graph.resolver

    def call_result(self, position: Position, call: ast.Call) -> Reference | None:
        """The class that a call makes; None where it makes some other value."""
        function = self.resolver.expression(position, call.func)
        factory = _TABLE.get(package_and_name(function)) or _ANYWHERE.get(package_and_name(function)[1])
        if factory is not None:
            made_class = factory(self, position, call, function)
            if made_class is not None:
                return made_class
        return self._returned(position, call, function) if isinstance(function, FunctionReference) else None

    def call_item(self, value: ValueReference, index: int) -> Reference | None:
        """One of several classes that a call gives."""
        if not isinstance(value.node, ast.Call):
            return None
        function = self.resolver.expression(value.position, value.node.func)
        if package_and_name(function) == ("oscar", "get_classes"):
            names = _keyword(value.node, "classnames", 1)
            if isinstance(names, ast.List | ast.Tuple) and index < len(names.elts):
                return _oscar_class(self, value.node, names.elts[index])
        return None

    def instance_attribute(self, value: ValueReference, made_by: ClassNode, name: str) -> Reference | None:
        """A class that an object holds: set in its class's ``__init__``, or one that a library is known to set."""
        if not isinstance(value.node, ast.Call):
            return None
        for node in self.graph.mro(made_by).nodes:
            if package_and_name(node) == ("flask_sqlalchemy", "SQLAlchemy") and name == "Model":
                return _flask_model(self, value, node)
            attribute = self._set_in_init(node, value, name) if isinstance(node, SourceClass) else None
            if attribute is not None:
                return attribute
        return None

    def _set_in_init(self, node: SourceClass, value: ValueReference, name: str) -> Reference | None:
        """The class that ``__init__`` assigns to ``self.name`` once, itself or from an argument of the call."""
        function = _own_function(node, "__init__")
        if function is None or not isinstance(value.node, ast.Call):
            return None
        expression = _only_assignment(function, name)
        if not isinstance(expression, ast.Name):
            return None
        reference = self._argument_or_name(function, node, value.position, value.node, expression)
        return reference if isinstance(reference, SourceClass | StdlibClass | SyntheticClass) else None

    def _argument_or_name(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        node: SourceClass,
        position: Position,
        call: ast.Call,
        name: ast.Name,
    ) -> Reference | None:
        """The reference of a name in ``__init__``: of a parameter, what the call passes for it."""
        positional = [parameter.arg for parameter in (*function.args.posonlyargs, *function.args.args)][1:]
        keyword_only = [parameter.arg for parameter in function.args.kwonlyargs]
        if name.id not in positional and name.id not in keyword_only:
            return self.resolver.expression(Position(node.module), name)
        argument = _keyword(call, name.id, positional.index(name.id) if name.id in positional else -1)
        return self.resolver.expression(position, argument) if argument is not None else None

    def targets(self, position: Position, nodes: Iterable[ast.expr]) -> tuple[Reference, ...]:
        """The references of several expressions."""
        return tuple(self.resolver.expression(position, expression) for expression in nodes)

    def _returned(self, position: Position, call: ast.Call, function: FunctionReference) -> Reference | None:
        """The class that a function returns, read from its body."""
        syntax = function.module.syntax
        if syntax is None or (function.symbol.decorators and not _harmless(function.symbol.decorators)):
            return None
        node = syntax.functions[function.index]
        result = _single_return(node)
        if result is None:
            return None
        arguments = _arguments(node, call)
        local = _local_class_statement(node, result.id)
        if local is not None:
            return self._local_class(position, function, local, arguments)
        if result.id in arguments:
            return self.resolver.expression(position, arguments[result.id])
        return None

    def _local_class(
        self, position: Position, function: FunctionReference, node: ast.ClassDef, arguments: Mapping[str, ast.expr]
    ) -> Reference:
        inside = Position(function.module)
        bases: list[Reference] = []
        for base in node.bases:
            argument = arguments.get(base.id) if isinstance(base, ast.Name) else None
            bases.append(
                self.resolver.expression(position, argument) if argument else self.resolver.expression(inside, base)
            )
        scope = function.symbol.scope
        prefix = f"{function.module.symbols.classes[scope].qualname}." if scope >= 0 else ""
        path = f"{function.module.name}.{prefix}{function.symbol.name}.<locals>.{node.name}"
        return SyntheticClass(path, tuple(bases), f"{function.path}:{node.lineno}")


def _own_function(node: SourceClass, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function of a name in a class's own body."""
    scope, syntax = node.module.scope(node.index), node.module.syntax
    index = scope.last(name)
    if index < 0 or scope.bindings[index].kind != "def" or syntax is None:
        return None
    return syntax.functions[scope.bindings[index].index]


def _sets(statement: ast.Assign, name: str) -> bool:
    return any(
        isinstance(target, ast.Attribute)
        and target.attr == name
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
        for target in statement.targets
    )


def _flask_model(self: ClassFactories, value: ValueReference, node: ClassNode) -> Reference | None:
    """``SQLAlchemy(model_class=Base).Model``, for model classes that are not declarative themselves."""
    call = value.node
    argument = _keyword(call, "model_class") if isinstance(call, ast.Call) else None
    base: Reference
    if argument is not None:
        base = self.resolver.expression(value.position, argument)
    else:
        base = self.resolver.dotted("flask_sqlalchemy.model.Model")
    if isinstance(base, SyntheticClass) and base.path.startswith("sqlalchemy."):
        return base
    if not isinstance(base, SourceClass):
        return None
    mro = self.graph.mro(base)
    declarative = ("DeclarativeBase", "DeclarativeBaseNoMeta", "DeclarativeMeta")
    if mro.uncertainties or any(package_and_name(ancestor)[1] in declarative for ancestor in mro.nodes) or node is base:
        return None
    return SyntheticClass("sqlalchemy.orm.decl_api.Model", (base,), f"flask_sqlalchemy:{value.name}")


def _oscar_class(self: ClassFactories, call: ast.Call, name: ast.expr) -> Reference | None:
    """Oscar's own class of a label, unless a project replaces the application: that stays a condition."""
    label, short = _text(_keyword(call, "module_label", 0), ""), _text(name, "")
    if not label or not short or len(call.args) > 2 or len(call.keywords) > 2:
        return None
    reference = self.resolver.dotted(f"oscar.apps.{label}.{short}")
    if not isinstance(reference, SourceClass):
        return None
    self.resolver.conditions.append(f"no application replaces oscar.apps.{label.partition('.')[0]}")
    return reference


def _oscar_get_class(self: ClassFactories, _place: Position, call: ast.Call, _function: Reference) -> Reference | None:
    name = _keyword(call, "classname", 1)
    return _oscar_class(self, call, name) if name is not None else None


def _oscar_get_model(self: ClassFactories, _place: Position, call: ast.Call, _function: Reference) -> Reference | None:
    label, short = _text(_keyword(call, "app_label", 0), ""), _text(_keyword(call, "model_name", 1), "")
    reference = self.resolver.dotted(f"oscar.apps.{label}.models.{short}") if label and short else None
    if not isinstance(reference, SourceClass):
        return None
    self.resolver.conditions.append(f"no application replaces oscar.apps.{label}")
    return reference


def _harmless(decorators: Sequence[str]) -> bool:
    harmless = ("cache", "lru_cache", "staticmethod", "classmethod")
    return all(decorator.partition("(")[0].rpartition(".")[2] in harmless for decorator in decorators)


def _single_return(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.Name | None:
    """The name that a function returns, where all of its returns give the same one, and nothing rebinds it."""
    names: dict[str, ast.Name] = {}
    pending: list[ast.AST] = list(node.body)
    while pending:
        child = pending.pop()
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.Return):
            if not isinstance(child.value, ast.Name):
                return None
            names[child.value.id] = child.value
        pending += ast.iter_child_nodes(child)
    if len(names) != 1:
        return None
    result = next(iter(names.values()))
    stores = [
        child
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and child.id == result.id and isinstance(child.ctx, ast.Store)
    ]
    return None if stores else result


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> dict[str, ast.expr]:
    """The expressions that a call binds to a function's parameters, defaults included where they are given."""
    names = [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)]
    bound: dict[str, ast.expr] = dict(zip(names, call.args, strict=False))
    bound.update((keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg is not None)
    return bound


def _keyword(call: ast.Call, name: str, position: int = -1) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if 0 <= position < len(call.args) else None


def _text(node: ast.expr | None, default: str) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else default


def _declarative_base(self: ClassFactories, position: Position, call: ast.Call, _function: Reference) -> Reference:
    """SQLAlchemy's and its registry's: a class made in ``sqlalchemy.orm.decl_api``."""
    argument = _keyword(call, "cls")
    bases: tuple[Reference, ...] = ()
    if argument is not None:
        bases = self.targets(position, argument.elts if isinstance(argument, ast.Tuple) else [argument])
    name = _text(_keyword(call, "name"), "Base")
    made_by = f"{position.module.name}:{call.lineno}:{position.before}"
    return SyntheticClass(f"sqlalchemy.orm.decl_api.{name}", bases, made_by)


def _automap_base(self: ClassFactories, position: Position, call: ast.Call, function: Reference) -> Reference:
    argument = _keyword(call, "declarative_base", 0)
    base: Reference
    if argument is None:
        base = _declarative_base(self, position, ast.Call(call.func, [], call.keywords, lineno=call.lineno), function)
    else:
        base = self.resolver.expression(position, argument)
    automap = self.resolver.dotted("sqlalchemy.ext.automap.AutomapBase")
    name = base.path.rpartition(".")[2]
    return SyntheticClass(f"sqlalchemy.ext.automap.{name}", (automap, base), f"{position.module.name}:{call.lineno}")


def _with_metaclass(self: ClassFactories, position: Position, call: ast.Call, _function: Reference) -> Reference | None:
    """``with_metaclass(Meta, A, B)`` is replaced by its bases."""
    bases = self.targets(position, call.args[1:])
    return (
        SyntheticClass(f"{position.module.name}.with_metaclass", bases, INLINE_BASES) if bases else StdlibClass(object)
    )


def _from_queryset(self: ClassFactories, position: Position, call: ast.Call, function: Reference) -> Reference | None:
    receiver = function.receiver if isinstance(function, FunctionReference) else None
    queryset = _keyword(call, "queryset_class", 0)
    if receiver is None or queryset is None:
        return None
    source = self.resolver.expression(position, queryset)
    short = receiver.path.rpartition(".")[2]
    name = _text(_keyword(call, "class_name", 1), f"{short}From{source.path.rpartition('.')[2]}")
    return SyntheticClass(
        f"django.db.models.manager.{name}",
        (receiver,),
        f"{position.module.name}:{call.lineno}:{position.before}",
        copies=(source,),
    )


def _namedtuple(_self: ClassFactories, position: Position, call: ast.Call, _function: Reference) -> Reference:
    name = _text(_keyword(call, "typename", 0), "namedtuple")
    return SyntheticClass(f"{position.module.name}.{name}", (StdlibClass(tuple),), f"namedtuple:{call.lineno}")


def _type(self: ClassFactories, position: Position, call: ast.Call, function: Reference) -> Reference | None:
    if not isinstance(function, StdlibClass) or function.type is not type:
        return None
    if len(call.args) == 1 and not call.keywords:
        return _metaclass(self, self.resolver.expression(position, call.args[0]))
    if len(call.args) != 3 or call.keywords:
        return Unresolved("type(...)", "it is the type of a value")
    name, bases, _ = call.args
    bases_reference = self.resolver.expression(position, bases)
    title = _text(name, "")
    if not title or not isinstance(bases_reference, ValueReference) or not isinstance(bases_reference.node, ast.Tuple):
        path = f"{position.module.name}.{title or 'type(...)'}"
        return Unresolved(path, "its name or bases are computed at run time")
    return SyntheticClass(
        f"{position.module.name}.{title}",
        self.targets(bases_reference.position, bases_reference.node.elts),
        f"type:{call.lineno}",
    )


def _metaclass(self: ClassFactories, reference: Reference) -> Reference:
    """``type(Model)``: the metaclass that the class or an ancestor names."""
    if isinstance(reference, SourceClass | SyntheticClass):
        for node in self.graph.mro(reference).nodes:
            if isinstance(node, StdlibClass) and type(node.type) is not type:
                return StdlibClass(type(node.type))
            metaclass = dict(node.symbol.keywords).get("metaclass") if isinstance(node, SourceClass) else None
            if metaclass and isinstance(node, SourceClass):
                return self.resolver.text(Position(node.module, node.symbol.scope, node.symbol.position), metaclass)
            if isinstance(node, Unresolved):
                break
        else:
            return StdlibClass(type)
    return Unresolved("type(...)", "it is the type of a value")


def _new_class(self: ClassFactories, position: Position, call: ast.Call, _function: Reference) -> Reference | None:
    name = _text(_keyword(call, "name", 0), "")
    bases = _keyword(call, "bases", 1)
    if not name or not (bases is None or isinstance(bases, ast.Tuple)):
        return None
    return SyntheticClass(
        f"types.{name}", self.targets(position, bases.elts if bases else ()), f"new_class:{call.lineno}"
    )


def _make_dataclass(self: ClassFactories, position: Position, call: ast.Call, _function: Reference) -> Reference | None:
    name = _text(_keyword(call, "cls_name", 0), "")
    bases = _keyword(call, "bases")
    if not name or not (bases is None or isinstance(bases, ast.Tuple)):
        return None
    return SyntheticClass(
        f"types.{name}", self.targets(position, bases.elts if bases else ()), f"make_dataclass:{call.lineno}"
    )


_TABLE: Mapping[tuple[str, str], Factory] = {
    ("sqlalchemy", "declarative_base"): _declarative_base,
    ("sqlalchemy", "generate_base"): _declarative_base,
    ("sqlalchemy", "automap_base"): _automap_base,
    ("django", "from_queryset"): _from_queryset,
    ("collections", "namedtuple"): _namedtuple,
    ("typing", "NamedTuple"): _namedtuple,
    ("typing_extensions", "NamedTuple"): _namedtuple,
    ("oscar", "get_class"): _oscar_get_class,
    ("oscar", "get_model"): _oscar_get_model,
    ("builtins", "type"): _type,
    ("types", "new_class"): _new_class,
    ("dataclasses", "make_dataclass"): _make_dataclass,
}
_ANYWHERE: Mapping[str, Factory] = {"with_metaclass": _with_metaclass}


def _only_assignment(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> ast.expr | None:
    """The value that a function assigns to an attribute once and unconditionally."""
    assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign) and _sets(node, name)]
    if len(assigned) != 1 or assigned[0] not in function.body:
        return None
    return assigned[0].value


def _local_class_statement(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> ast.ClassDef | None:
    """The class of a name that a function's body defines."""
    for statement in function.body:
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            return statement
    return None
