"""SQLAlchemy: mapped columns and relations (typed, untyped and declared by functions), validators, tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal, TypeAlias

from sphinx_traits.extract.adapters.core import arguments, docstring
from sphinx_traits.extract.context import ClassContext, FactSet, Statement
from sphinx_traits.extract.expressions import parse_expression
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.references import (
    Position,
    Reference,
    Unresolved,
    ValueReference,
    package_and_name,
)
from sphinx_traits.extract.scopes import select_scopes
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import Certainty, Column, Hook

ColumnKind: TypeAlias = Literal["column", "relation", "virtual", ""]
BASES = frozenset({"DeclarativeBase", "DeclarativeBaseNoMeta"})
_COLUMNS = frozenset({"Column", "mapped_column", "column_property", "deferred", "query_expression"})
_RELATIONS = frozenset({"relationship", "dynamic_loader", "relation", "backref"})
_VIRTUAL = frozenset({"composite", "synonym", "association_proxy", "AssociationProxy", "SynonymProperty"})
_MAPPED = frozenset(
    {"Mapped", "MappedColumn", "DynamicMapped", "WriteOnlyMapped", "MappedSQLExpression", "InstrumentedAttribute"}
)
_DYNAMIC = frozenset({"DynamicMapped", "WriteOnlyMapped"})
_COLLECTIONS = frozenset({"list", "set", "List", "Set", "Sequence", "dict", "Dict", "Collection"})
_DECLARED = frozenset({"declared_attr", "directive", "cascading"})


class SQLAlchemyAdapter:
    """Reads mapped classes and the mixins below them."""

    name = "sqlalchemy"

    def applies(self, context: ClassContext) -> bool:
        """Whether the class is mapped, or its module uses SQLAlchemy."""
        if any(ancestor.startswith("sqlalchemy.") for ancestor in context.ancestors):
            return True
        bindings = (*context.module.symbols.bindings, *context.module.symbols.typing)
        return any(
            binding.kind in ("import", "from", "star") and _near_sqlalchemy(binding.text) for binding in bindings
        )

    def read(self, context: ClassContext, facts: FactSet) -> None:
        """Add the facts of one class."""
        for statement in context.statements:
            if statement.name == "__tablename__" and isinstance(statement.value, ast.Constant):
                facts.table = str(statement.value.value)
            elif not statement.name.startswith("__"):
                column = _attribute(context, statement)
                if column is not None:
                    facts.declarations.add(statement.name)
                    facts.columns.append(column)
        for table in _tables(context):
            _table_columns(context, table, facts)
        for function in context.functions:
            _decorated(context, function, facts)
        select_scopes(context, facts)


def _near_sqlalchemy(module: str) -> bool:
    return any(package in module for package in ("sqlalchemy", "sqlmodel", "advanced_alchemy", "db"))


def _tables(context: ClassContext) -> Iterator[tuple[ast.Call, Position]]:
    """The tables that a class is mapped to by hand: ``__table__ = Table(...)``, or set from outside."""
    for statement in context.statements:
        if statement.name == "__table__" and statement.value is not None:
            yield from _table(context, context.position, statement.value)
    for binding in context.module.symbols.bindings:
        is_table = binding.kind == "attribute" and binding.attr in ("table", "__table__")
        value = parse_expression(binding.text) if is_table and binding.name == context.short else None
        if value is not None:
            yield from _table(context, Position(context.module), value)


def _table(context: ClassContext, position: Position, value: ast.expr) -> Iterator[tuple[ast.Call, Position]]:
    target = context.analysis.resolver.expression(position, value)
    if isinstance(target, ValueReference) and isinstance(target.node, ast.Call):
        table_class = context.analysis.resolver.expression(target.position, target.node.func)
        if package_and_name(table_class) == ("sqlalchemy", "Table"):
            yield target.node, target.position


def _table_columns(context: ClassContext, table: tuple[ast.Call, Position], facts: FactSet) -> None:
    call, position = table
    column_names = {column.name for column in facts.columns}
    for argument in call.args:
        if not isinstance(argument, ast.Call) or not argument.args:
            continue
        if kind_of(context, context.analysis.resolver.expression(position, argument.func))[0] != "column":
            continue
        keywords = arguments(argument)
        name = context.analysis.constants.value(position, keywords.get("key", argument.args[0]))
        if isinstance(name, str) and name not in column_names:
            facts.columns.append(
                Column(
                    name=name,
                    owner=context.name,
                    location=context.location(argument if position.module is context.module else context.tree),
                    doc=_doc(context, argument),
                    type=_column_type(argument, "Column"),
                    nullable=_nullable(context, argument, None, "column"),
                    default=_default(argument),
                    target=_foreign_key(context, argument),
                )
            )


def _attribute(context: ClassContext, statement: Statement) -> Column | None:
    annotation = statement.annotation
    call = statement.value if isinstance(statement.value, ast.Call) else None
    kind, function_name = _made(context, call)
    mapped, inner = _mapped(annotation)
    if not kind and mapped:
        kind = "relation" if mapped in _DYNAMIC or _points_to_class(context, inner) else "column"
    if not kind:
        return None
    return Column(
        name=statement.name,
        owner=context.name,
        location=context.location(statement.node),
        doc=_doc(context, call) or context.doc(statement),
        kind=kind,
        type=_shown(inner) if inner is not None else _column_type(call, function_name),
        nullable=_nullable(context, call, inner, kind),
        default=_default(call),
        target=_target(context, call, inner) if kind == "relation" else _foreign_key(context, call),
    )


def _made(context: ClassContext, call: ast.Call | None) -> tuple[ColumnKind, str]:
    """What kind of attribute a call makes, and the function's name."""
    if call is None:
        return "", ""
    return kind_of(context, context.resolve(call.func))


def kind_of(context: ClassContext, target: Reference) -> tuple[ColumnKind, str]:
    """What kind of attribute a function or class of SQLAlchemy makes."""
    top, name = package_and_name(target)
    if top not in ("sqlalchemy", "sqlmodel", "flask_sqlalchemy", "advanced_alchemy"):
        if _is_column_class(context, target):
            return "column", name
        if not (isinstance(target, Unresolved) and ".db." in f".{target.path}"):
            return "", ""
    if name in _COLUMNS:
        return "column", name
    if name in _RELATIONS:
        return "relation", name
    return ("virtual", name) if name in _VIRTUAL else ("", name)


def _is_column_class(context: ClassContext, target: Reference) -> bool:
    """Whether a class inherits from SQLAlchemy's ``Column``."""
    if not isinstance(target, SourceClass):
        return False
    nodes = context.analysis.graph.mro(target).nodes
    return any(package_and_name(ancestor) == ("sqlalchemy", "Column") for ancestor in nodes)


def _mapped(annotation: ast.expr | None) -> tuple[str, ast.expr | None]:
    """``Mapped[int]``: the word and what it holds."""
    annotation = _unquoted(annotation)
    if not isinstance(annotation, ast.Subscript):
        return "", None
    name = annotation.value.attr if isinstance(annotation.value, ast.Attribute) else getattr(annotation.value, "id", "")
    if name not in _MAPPED:
        return "", None
    return name, _unquoted(annotation.slice)


def _unquoted(node: ast.expr | None) -> ast.expr | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return node
    return node


def _points_to_class(context: ClassContext, inner: ast.expr | None) -> bool:
    """Whether ``Mapped[...]`` without a value holds a mapped class or a collection of them."""
    for name in _names(inner):
        target = _typed(context, name)
        if isinstance(target, SourceClass) and is_mapped(context, target):
            return True
    return False


def is_mapped(context: ClassContext, node: SourceClass) -> bool:
    """Whether a class has a declarative base among its ancestors."""
    nodes = context.analysis.graph.mro(node).nodes
    return any(
        package_and_name(ancestor)[0] == "sqlalchemy" and package_and_name(ancestor)[1] in (*BASES, "Base", "Model")
        for ancestor in nodes
    )


def _typed(context: ClassContext, node: ast.expr) -> Reference:
    """The reference of a name in an annotation, imports for type checkers included."""
    target = context.resolve(node)
    if isinstance(target, Unresolved) and isinstance(node, ast.Name):
        typed_reference = context.analysis.resolver.typed_member(context.module, node.id)
        return typed_reference if typed_reference is not None else target
    return target


def _names(node: ast.expr | None) -> Iterator[ast.expr]:
    node = _unquoted(node)
    if isinstance(node, ast.Subscript):
        yield from _names(node.slice)
    elif isinstance(node, ast.BinOp):
        yield from _names(node.left)
        yield from _names(node.right)
    elif isinstance(node, ast.Tuple):
        for element in node.elts:
            yield from _names(element)
    elif isinstance(node, ast.Name | ast.Attribute):
        yield node


def _shown(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)


def _column_type(call: ast.Call | None, function_name: str) -> str:
    if call is None or function_name not in _COLUMNS:
        return ""
    for argument in call.args[:2]:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            continue
        if not (isinstance(argument, ast.Call) and ast.unparse(argument.func).endswith("ForeignKey")):
            return ast.unparse(argument)
    return ""


def _doc(context: ClassContext, call: ast.Call | None) -> str:
    keywords = arguments(call) if call is not None else {}
    for name in ("doc", "comment"):
        value = context.analysis.constants.value(context.position, keywords.get(name), default=None)
        if isinstance(value, str):
            return value
    return ""


def _nullable(
    context: ClassContext, call: ast.Call | None, inner: ast.expr | None, kind: str
) -> Literal["yes", "no", ""]:
    if kind != "column":
        return ""
    keywords = arguments(call) if call is not None else {}
    if "nullable" in keywords:
        value = context.analysis.constants.value(context.position, keywords["nullable"])
        return ("yes" if value else "no") if isinstance(value, bool) else ""
    if "primary_key" in keywords and ast.unparse(keywords["primary_key"]) == "True":
        return "no"
    if inner is not None:
        return "yes" if _optional(inner) else "no"
    return "yes" if call is not None else ""


def _optional(inner: ast.expr) -> bool:
    if isinstance(inner, ast.BinOp):
        return any(
            isinstance(operand, ast.Constant) and operand.value is None for operand in (inner.left, inner.right)
        ) or _optional(inner.left)
    return isinstance(inner, ast.Subscript) and ast.unparse(inner.value).endswith("Optional")


def _default(call: ast.Call | None) -> str:
    keywords = arguments(call) if call is not None else {}
    for name in ("default", "insert_default", "default_factory", "server_default"):
        if name in keywords:
            return ast.unparse(keywords[name])
    return ""


def _foreign_key(context: ClassContext, call: ast.Call | None) -> str:
    for argument in call.args if call is not None else ():
        if isinstance(argument, ast.Call) and ast.unparse(argument.func).endswith("ForeignKey") and argument.args:
            text, _ = context.analysis.constants.pattern(context.position, argument.args[0])
            return text
    return ""


def _target(context: ClassContext, call: ast.Call | None, inner: ast.expr | None) -> str:
    first = call.args[0] if call is not None and call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    candidates = list(_names(inner)) if inner is not None else ([first] if first is not None else [])
    for node in candidates:
        target = _typed(context, node)
        if isinstance(target, SourceClass):
            return context.analysis.graph.name(target)
    texts = [ast.unparse(candidate) for candidate in candidates]
    return next((text for text in texts if text.rpartition(".")[2] not in _COLLECTIONS), "")


# Functions.


def _decorated(context: ClassContext, function: FunctionNode, facts: FactSet) -> None:
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        called = call.func if call is not None else decorator
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in _DECLARED and _is_declared_attr(context, called):
            _declared(context, function, facts)
        elif (
            name == "validates"
            and call is not None
            and package_and_name(context.resolve(called))[0] in ("sqlalchemy", "")
        ):
            _validator(context, function, call, facts)


def _is_declared_attr(context: ClassContext, node: ast.expr) -> bool:
    base = node.value if isinstance(node, ast.Attribute) and node.attr in ("directive", "cascading") else node
    target = context.resolve(base)
    return package_and_name(target)[1] == "declared_attr"


def _declared(context: ClassContext, function: FunctionNode, facts: FactSet) -> None:
    """Add the column or relation that a ``declared_attr`` function returns."""
    if function.name.startswith("__"):
        facts.meta[function.name] = "declared_attr"
        return
    values = [statement.value for statement in _returns(function)]
    calls = [value for value in values if isinstance(value, ast.Call)]
    call = calls[0] if calls else None
    mapped, inner = _mapped(function.returns)
    kind = _declared_kind(context, calls, mapped, inner)
    certainty, why = _declared_certainty(values, bool(kind))
    kind = kind or "virtual"
    column_type = _column_type(call, "Column") if kind == "column" else ""
    facts.columns.append(
        Column(
            name=function.name,
            owner=context.name,
            location=context.location(function),
            doc=docstring(function) or _doc(context, call),
            kind=kind,
            type=_shown(inner) if inner is not None else column_type,
            nullable=_nullable(context, call, inner, kind),
            default=_default(call),
            target=_target(context, call, inner) if kind == "relation" else _foreign_key(context, call),
            certainty=certainty,
            why=why,
        )
    )
    facts.declarations.add(function.name)


def _declared_kind(context: ClassContext, calls: list[ast.Call], mapped: str, inner: ast.expr | None) -> ColumnKind:
    """The kind of the first call that has one, else what the return annotation says; empty where neither tells."""
    for call in calls:
        kind = kind_of(context, context.resolve(call.func))[0]
        if kind:
            return kind
    if not mapped:
        return ""
    return "relation" if _points_to_class(context, inner) else "column"


def _declared_certainty(values: list[ast.expr | None], kind_is_known: bool) -> tuple[Certainty, str]:
    if any(value is None or (isinstance(value, ast.Constant) and value.value is None) for value in values):
        return "conditional", "the function that declares it may return nothing"
    return ("certain", "") if kind_is_known else ("dynamic", "its function decides")


def _returns(function: FunctionNode) -> list[ast.Return]:
    returns: list[ast.Return] = []
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Return):
            returns.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
    return returns


def _validator(context: ClassContext, function: FunctionNode, call: ast.Call, facts: FactSet) -> None:
    names = ", ".join(ast.unparse(argument) for argument in call.args)
    facts.hooks.append(
        Hook(
            name=function.name,
            owner=context.name,
            location=context.location(function),
            doc=docstring(function),
            moment="validates",
            when=names,
            why="SQLAlchemy's @validates",
        )
    )
