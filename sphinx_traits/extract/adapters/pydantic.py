"""Pydantic: fields with their defaults and constraints, validators, and settings read from the environment."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from sphinx_traits.extract.adapters.core import arguments, docstring
from sphinx_traits.extract.context import ClassContext, FactSet, Statement
from sphinx_traits.extract.expressions import source_text
from sphinx_traits.extract.references import package_and_name
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import Column, Hook

MODEL = "pydantic.main.BaseModel"
_VALIDATORS = frozenset(
    {"field_validator", "model_validator", "validator", "root_validator", "field_serializer", "model_serializer"}
)


class PydanticAdapter:
    """Reads pydantic models."""

    name = "pydantic"

    def applies(self, context: ClassContext) -> bool:
        """Whether the class is a pydantic model."""
        return MODEL in context.ancestors or "pydantic.BaseModel" in context.ancestors

    def read(self, context: ClassContext, facts: FactSet) -> None:
        """Add the facts of one class."""
        for statement in context.statements:
            if _is_field(statement):
                facts.declarations.add(statement.name)
                facts.columns.append(_column(context, statement))
        for function in context.functions:
            calls = [decorator for decorator in function.decorator_list if isinstance(decorator, ast.Call)]
            for call in calls:
                facts.hooks += _validator_hooks(context, function, call)


def _is_field(statement: Statement) -> bool:
    """Whether a statement of a class body declares a field of the model."""
    if statement.annotation is None or statement.name.startswith("_"):
        return False
    return statement.name != "model_config" and "ClassVar" not in ast.unparse(statement.annotation)


def _validator_hooks(context: ClassContext, function: FunctionNode, decorator: ast.Call) -> list[Hook]:
    """The hook that a decorator of pydantic makes of a method; none for other decorators."""
    top, name = package_and_name(context.resolve(decorator.func))
    if top not in ("pydantic", "pydantic_core") or name not in _VALIDATORS:
        return []
    hook = Hook(
        name=function.name,
        owner=context.name,
        location=context.location(function),
        doc=docstring(function),
        moment=name,
        when=", ".join(ast.unparse(argument) for argument in decorator.args),
        why=f"pydantic's @{name}",
    )
    return [hook]


def _column(context: ClassContext, statement: Statement) -> Column:
    keywords = _field_arguments(context, statement.value)
    description = keywords.get("description") if keywords is not None else None
    doc = context.analysis.constants.value(context.position, description, default="")
    return Column(
        name=statement.name,
        owner=context.name,
        location=context.location(statement.node),
        doc=doc if isinstance(doc, str) and doc else context.doc(statement),
        type=source_text(statement.annotation),
        default=source_text(statement.value) if keywords is None else _field_default(keywords),
    )


def _field_arguments(context: ClassContext, value: ast.expr | None) -> dict[str, ast.expr] | None:
    """The arguments of ``Field(...)`` by name; None for any other value."""
    if not isinstance(value, ast.Call) or package_and_name(context.resolve(value.func))[1] != "Field":
        return None
    keywords = arguments(value)
    if value.args and "default_factory" not in keywords:
        return {"default": value.args[0], **keywords}
    return keywords


def _field_default(keywords: Mapping[str, ast.expr]) -> str:
    default = source_text(keywords.get("default", keywords.get("default_factory")))
    return "" if default == "..." else default
