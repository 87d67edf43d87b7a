"""Django: fields, managers' scopes, ``Meta``, overridden life-cycle methods and django-lifecycle's hooks."""

from __future__ import annotations

import ast
from typing import Literal

from sphinx_traits.extract.adapters.core import arguments, docstring, is_removed
from sphinx_traits.extract.context import ClassContext, FactSet, Statement
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.references import (
    ClassNode,
    Unresolved,
    package_and_name,
)
from sphinx_traits.extract.scopes import manager_scopes
from sphinx_traits.manifest import Column, Hook

MODEL = "django.db.models.base.Model"
_FIELD = "django.db.models.fields.Field"
_RELATIONS = frozenset({"ForeignKey", "OneToOneField", "ManyToManyField", "ForeignObject", "RelatedField"})
_CLUSTER_RELATIONS = frozenset({"ParentalKey", "ParentalManyToManyField"})
_VIRTUAL = frozenset({"GenericForeignKey", "GenericRelation"})
_MOMENTS = frozenset({"save", "delete", "clean", "full_clean", "refresh_from_db", "clean_fields", "validate_unique"})


class DjangoAdapter:
    """Reads Django models and the abstract models and mixins below them."""

    name = "django"

    def applies(self, context: ClassContext) -> bool:
        """Whether the module uses Django: a mixin has no Django base of its own."""
        return MODEL in context.ancestors or "django" in _imports(context)

    def read(self, context: ClassContext, facts: FactSet) -> None:
        """Add the facts of one class."""
        for statement in context.statements:
            _field(context, statement, facts)
            manager_scopes(context, statement, facts)
        for function in context.functions:
            if function.name in _MOMENTS and MODEL in context.ancestors:
                facts.hooks.append(
                    Hook(
                        name=function.name,
                        owner=context.name,
                        location=context.location(function),
                        doc=docstring(function),
                        moment=function.name,
                        via="inferred",
                        why=f"it overrides Django's {function.name}()",
                    )
                )
            _lifecycle(context, facts, function)
        _meta(context, facts)


def _imports(context: ClassContext) -> set[str]:
    """Top-level packages that the class's module imports from."""
    bindings = context.module.symbols.bindings
    return {binding.text.partition(".")[0] for binding in bindings if binding.kind in ("import", "from", "star")}


def field_kind(context: ClassContext, call: ast.Call) -> Literal["column", "relation", "virtual", ""]:
    """What kind of field a call makes; empty for anything else."""
    field_class = context.resolve(call.func)
    if isinstance(field_class, SourceClass):
        return _kind_of_class(context, field_class)
    if not isinstance(field_class, Unresolved):
        return ""
    top, name = package_and_name(field_class)
    if name in _VIRTUAL:
        return "virtual"
    if name in _RELATIONS or name in _CLUSTER_RELATIONS:
        return "relation"
    return "column" if top == "django" and name.endswith("Field") else ""


def _kind_of_class(context: ClassContext, field_class: ClassNode) -> Literal["column", "relation", "virtual", ""]:
    nodes = context.analysis.graph.mro(field_class).nodes
    short_names = {package_and_name(ancestor)[1] for ancestor in nodes}
    if short_names & _VIRTUAL:
        return "virtual"
    if not any(_is_field(context.analysis.graph.name(ancestor)) for ancestor in nodes):
        return ""
    return "relation" if short_names & _RELATIONS else "column"


def _is_field(name: str) -> bool:
    """Whether a class name is Django's ``Field``, by either of its paths."""
    return name == _FIELD or (name.startswith("django.db.models") and name.endswith(".Field"))


def _field(context: ClassContext, statement: Statement, facts: FactSet) -> None:
    value = statement.value
    if is_removed(statement):
        facts.removed.add(statement.name)
        return
    if not isinstance(value, ast.Call):
        return
    kind = field_kind(context, value)
    if not kind:
        return
    keywords = arguments(value)
    facts.declarations.add(statement.name)
    facts.columns.append(
        Column(
            name=statement.name,
            owner=context.name,
            location=context.location(statement.node),
            doc=_text(context, keywords.get("help_text")) or context.doc(statement),
            kind=kind,
            type=package_and_name(context.resolve(value.func))[1],
            nullable=_nullable(context, value, keywords.get("null")) if kind != "virtual" else "",
            default=ast.unparse(keywords["default"]) if "default" in keywords else "",
            target=_target(context, value, keywords) if kind == "relation" else "",
        )
    )


def _nullable(context: ClassContext, call: ast.Call, node: ast.expr | None) -> Literal["yes", "no", ""]:
    """Whether a field may be empty; unknown where a field class of the project has a constructor that may decide it."""
    if node is None:
        return "" if _has_own_constructor(context, call) else "no"
    value = context.analysis.constants.value(context.position, node)
    return ("yes" if value else "no") if isinstance(value, bool) else ""


def _has_own_constructor(context: ClassContext, call: ast.Call) -> bool:
    field = context.resolve(call.func)
    nodes = context.analysis.graph.mro(field).nodes if isinstance(field, SourceClass) else ()
    custom = [node for node in nodes if isinstance(node, SourceClass) and not node.path.startswith("django.")]
    functions = [function for node in custom for function in context.analysis.class_context(node).functions]
    return any(function.name == "__init__" for function in functions)


def _text(context: ClassContext, node: ast.expr | None) -> str:
    """A text, also inside ``_("...")``."""
    if isinstance(node, ast.Call) and len(node.args) == 1:
        node = node.args[0]
    value = context.analysis.constants.value(context.position, node, default="")
    return value if isinstance(value, str) else ""


def _target(context: ClassContext, call: ast.Call, keywords: dict[str, ast.expr]) -> str:
    node = keywords.get("to", call.args[0] if call.args else None)
    if node is None:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return context.name if node.value == "self" else node.value
    target = context.resolve(node)
    return context.analysis.graph.name(target) if isinstance(target, SourceClass) else ast.unparse(node)


def _lifecycle(context: ClassContext, facts: FactSet, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call) or not decorator.args:
            continue
        function_name = ast.unparse(decorator.func).rpartition(".")[2]
        if function_name != "hook" or package_and_name(context.resolve(decorator.func))[0] != "django_lifecycle":
            continue
        moment, certainty = context.analysis.constants.pattern(context.position, decorator.args[0])
        keywords = arguments(decorator)
        facts.hooks.append(
            Hook(
                name=function.name,
                owner=context.name,
                location=context.location(function),
                doc=docstring(function),
                moment=moment,
                certainty=certainty,
                priority=_priority(context, keywords.get("priority")),
                when=", ".join(
                    f"{name}={ast.unparse(value)}" for name, value in keywords.items() if name != "priority"
                ),
                why="django-lifecycle's @hook",
            )
        )


def _priority(context: ClassContext, node: ast.expr | None) -> int:
    value = context.analysis.constants.value(context.position, node, default=0)
    return value if isinstance(value, int) else 0


def _meta(context: ClassContext, facts: FactSet) -> None:
    if MODEL not in context.ancestors:
        return
    for name, value in meta_options(context).items():
        facts.meta[name] = ast.unparse(value)
    table = meta_options(context).get("db_table")
    if isinstance(table, ast.Constant) and isinstance(table.value, str):
        facts.table = table.value


def meta_options(context: ClassContext) -> dict[str, ast.expr]:
    """What the class's own ``Meta`` says, and what that inherits: all but ``abstract``, which holds for one class."""
    scope = context.module.scope(context.node.index)
    at = scope.last("Meta")
    if at < 0 or scope.bindings[at].kind != "class":
        return {}
    meta_class = context.module.class_at(scope.bindings[at].index)
    options: dict[str, ast.expr] = {}
    for node in reversed(context.analysis.graph.mro(meta_class).nodes):
        for statement in context.analysis.class_context(node).statements if isinstance(node, SourceClass) else ():
            if statement.value is not None and (node == meta_class or statement.name != "abstract"):
                options[statement.name] = statement.value
    return options
