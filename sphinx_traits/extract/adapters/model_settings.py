"""Settings that a model gives its traits: ``__traits__``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sphinx_traits.extract.context import ClassContext, FactSet
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.manifest import Finding, Setting


def read_model_settings(context: ClassContext, value: ast.expr, facts: FactSet) -> None:
    """Add the settings of ``__traits__ = {HasSlug: {"max_length": 60}}``."""
    facts.declarations.add("__traits__")
    if not isinstance(value, ast.Dict):
        facts.findings.append(_dynamic_settings(context, value))
        return
    for key, inner in zip(value.keys, value.values, strict=True):
        if key is None or not isinstance(inner, ast.Dict):
            facts.findings.append(_dynamic_settings(context, inner))
            continue
        trait = _trait_name(context, key)
        for name, setting_value in _pairs(context, inner, facts):
            facts.settings.append(
                Setting(
                    trait=trait,
                    key=name,
                    value=context.analysis.constants.display(context.position, setting_value),
                    layer="model",
                    model=context.name,
                    location=context.location(setting_value),
                )
            )


def _pairs(context: ClassContext, table: ast.Dict, facts: FactSet) -> Iterator[tuple[str, ast.expr]]:
    for key, value in zip(table.keys, table.values, strict=True):
        name = context.analysis.constants.value(context.position, key)
        if isinstance(name, str):
            yield name, value
        else:
            facts.findings.append(_dynamic_settings(context, value))


def _trait_name(context: ClassContext, key: ast.expr) -> str:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    target = context.resolve(key)
    return context.analysis.graph.name(target) if isinstance(target, SourceClass) else target.path


def _dynamic_settings(context: ClassContext, node: ast.AST) -> Finding:
    return Finding(
        location=context.location(node),
        code="dynamic_settings",
        message=f"A part of __traits__ of {context.name} is computed when the program runs, so it cannot be read.",
        hint='Write it out: __traits__ = {HasSlug: {"max_length": 60}}.',
        subject=context.name,
    )
