"""Django: fields, managers' scopes, ``Meta``, overridden life-cycle methods and django-lifecycle's hooks."""

from __future__ import annotations

import ast
from typing import Literal

from sphinx_traits.extract.adapters.core import arguments, docstring, is_removed
from sphinx_traits.extract.scopes import manager_scopes
from sphinx_traits.extract.subject import Facts, Statement, Subject
from sphinx_traits.extract.targets import ClassNode, Opaque, SourceClass, symbol
from sphinx_traits.manifest import Column, Hook

MODEL = "django.db.models.base.Model"
_FIELD = "django.db.models.fields.Field"
_RELATIONS = frozenset({"ForeignKey", "OneToOneField", "ManyToManyField", "ForeignObject", "RelatedField"})
_VIRTUAL = frozenset({"GenericForeignKey", "GenericRelation"})
_MOMENTS = frozenset({"save", "delete", "clean", "full_clean", "refresh_from_db", "clean_fields", "validate_unique"})


class DjangoAdapter:
    """Reads Django models and the abstract models and mixins below them."""

    name = "django"

    def applies(self, subject: Subject) -> bool:
        """Whether the module uses Django: a mixin has no Django base of its own."""
        return MODEL in subject.ancestors or "django" in _imports(subject)

    def read(self, subject: Subject, facts: Facts) -> None:
        """Add the facts of one class."""
        for statement in subject.statements:
            _field(subject, statement, facts)
            manager_scopes(subject, statement, facts)
        for function in subject.functions:
            if function.name in _MOMENTS and MODEL in subject.ancestors:
                facts.hooks.append(
                    Hook(
                        name=function.name,
                        owner=subject.name,
                        location=subject.location(function),
                        doc=docstring(function),
                        moment=function.name,
                        via="inferred",
                        why=f"it overrides Django's {function.name}()",
                    )
                )
            _lifecycle(subject, facts, function)
        _meta(subject, facts)


def _imports(subject: Subject) -> set[str]:
    """Top-level packages that the class's module imports from."""
    bindings = subject.module.summary.bindings
    return {one.text.partition(".")[0] for one in bindings if one.kind in ("import", "from", "star")}


def field_kind(subject: Subject, call: ast.Call) -> Literal["column", "relation", "virtual", ""]:
    """What kind of field a call makes; empty for anything else."""
    made = subject.resolve(call.func)
    if isinstance(made, Opaque):
        top, name = symbol(made)
        if name in _VIRTUAL:
            return "virtual"
        if name in _RELATIONS or name == "ParentalKey" or name == "ParentalManyToManyField":
            return "relation"
        return "column" if top == "django" and name.endswith("Field") else ""
    return _kind_of_class(subject, made) if isinstance(made, SourceClass) else ""


def _kind_of_class(subject: Subject, made: ClassNode) -> Literal["column", "relation", "virtual", ""]:
    nodes = subject.reader.graph.lineage(made).nodes
    shorts = {symbol(one)[1] for one in nodes}
    if shorts & _VIRTUAL:
        return "virtual"
    names = {subject.reader.graph.name(one) for one in nodes}
    if not (_FIELD in names or any(one.startswith("django.db.models") and one.endswith(".Field") for one in names)):
        return ""
    return "relation" if shorts & _RELATIONS else "column"


def _field(subject: Subject, statement: Statement, facts: Facts) -> None:
    value = statement.value
    if is_removed(statement):
        facts.removed.add(statement.name)
        return
    if not isinstance(value, ast.Call):
        return
    kind = field_kind(subject, value)
    if not kind:
        return
    given = arguments(value)
    facts.declarations.add(statement.name)
    facts.columns.append(
        Column(
            name=statement.name,
            owner=subject.name,
            location=subject.location(statement.node),
            doc=_text(subject, given.get("help_text")) or subject.doc(statement),
            kind=kind,
            type=symbol(subject.resolve(value.func))[1],
            nullable=_nullable(subject, given.get("null")) if kind != "virtual" else "",
            default=ast.unparse(given["default"]) if "default" in given else "",
            target=_target(subject, value, given) if kind == "relation" else "",
        )
    )


def _nullable(subject: Subject, node: ast.expr | None) -> Literal["yes", "no", ""]:
    if node is None:
        return "no"
    value = subject.reader.folder.value(subject.place, node)
    return ("yes" if value else "no") if isinstance(value, bool) else ""


def _text(subject: Subject, node: ast.expr | None) -> str:
    """A text, also inside ``_("...")``."""
    if isinstance(node, ast.Call) and len(node.args) == 1:
        node = node.args[0]
    value = subject.reader.folder.value(subject.place, node) if node is not None else ""
    return value if isinstance(value, str) else ""


def _target(subject: Subject, call: ast.Call, given: dict[str, ast.expr]) -> str:
    node = given.get("to", call.args[0] if call.args else None)
    if node is None:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return subject.name if node.value == "self" else node.value
    target = subject.resolve(node)
    return subject.reader.graph.name(target) if isinstance(target, SourceClass) else ast.unparse(node)


def _lifecycle(subject: Subject, facts: Facts, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call) or not decorator.args:
            continue
        named = ast.unparse(decorator.func).rpartition(".")[2]
        if named != "hook" or symbol(subject.resolve(decorator.func))[0] != "django_lifecycle":
            continue
        moment, certainty = subject.reader.folder.pattern(subject.place, decorator.args[0])
        given = arguments(decorator)
        facts.hooks.append(
            Hook(
                name=function.name,
                owner=subject.name,
                location=subject.location(function),
                doc=docstring(function),
                moment=moment,
                certainty=certainty,
                priority=_priority(subject, given.get("priority")),
                when=", ".join(f"{name}={ast.unparse(value)}" for name, value in given.items() if name != "priority"),
                why="django-lifecycle's @hook",
            )
        )


def _priority(subject: Subject, node: ast.expr | None) -> int:
    value = subject.reader.folder.value(subject.place, node) if node is not None else 0
    return value if isinstance(value, int) else 0


def _meta(subject: Subject, facts: Facts) -> None:
    if MODEL not in subject.ancestors:
        return
    for name, value in meta_options(subject).items():
        facts.meta[name] = ast.unparse(value)
    table = meta_options(subject).get("db_table")
    if isinstance(table, ast.Constant) and isinstance(table.value, str):
        facts.table = table.value


def meta_options(subject: Subject) -> dict[str, ast.expr]:
    """What the class's own ``Meta`` says, and what that inherits: all but ``abstract``, which holds for one class."""
    scope = subject.module.scope(subject.node.index)
    at = scope.last("Meta")
    if at < 0 or scope.bindings[at].kind != "class":
        return {}
    own = subject.module.class_at(scope.bindings[at].index)
    found: dict[str, ast.expr] = {}
    for node in reversed(subject.reader.graph.lineage(own).nodes):
        for one in subject.reader.subject(node).statements if isinstance(node, SourceClass) else ():
            if one.value is not None and (node == own or one.name != "abstract"):
                found[one.name] = one.value
    return found
