"""Pydantic: fields with their defaults and constraints, validators, and settings read from the environment."""

from __future__ import annotations

import ast

from sphinx_traits.extract.adapters.core import arguments, docstring
from sphinx_traits.extract.context import ClassContext, FactSet, Statement
from sphinx_traits.extract.references import package_and_name
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
            if statement.annotation is not None and not statement.name.startswith("_") and not _class_level(statement):
                facts.declarations.add(statement.name)
                facts.columns.append(_column(context, statement))
        for function in context.functions:
            for decorator in function.decorator_list:
                if not isinstance(decorator, ast.Call):
                    continue
                top, name = package_and_name(context.resolve(decorator.func))
                if top in ("pydantic", "pydantic_core") and name in _VALIDATORS:
                    facts.hooks.append(
                        Hook(
                            name=function.name,
                            owner=context.name,
                            location=context.location(function),
                            doc=docstring(function),
                            moment=name,
                            when=", ".join(ast.unparse(argument) for argument in decorator.args),
                            why=f"pydantic's @{name}",
                        )
                    )


def _class_level(statement: Statement) -> bool:
    return statement.name == "model_config" or "ClassVar" in ast.unparse(statement.annotation or ast.Constant(""))


def _column(context: ClassContext, statement: Statement) -> Column:
    value = statement.value
    keywords: dict[str, ast.expr] = {}
    default = ast.unparse(value) if value is not None else ""
    if isinstance(value, ast.Call) and package_and_name(context.resolve(value.func))[1] == "Field":
        keywords = arguments(value)
        first = keywords.get("default", keywords.get("default_factory", value.args[0] if value.args else None))
        default = ast.unparse(first) if first is not None and ast.unparse(first) != "..." else ""
    doc = (
        context.analysis.constants.value(context.position, keywords["description"]) if "description" in keywords else ""
    )
    return Column(
        name=statement.name,
        owner=context.name,
        location=context.location(statement.node),
        doc=doc if isinstance(doc, str) and doc else context.doc(statement),
        type=ast.unparse(statement.annotation) if statement.annotation is not None else "",
        default=default,
    )
