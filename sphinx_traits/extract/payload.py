"""Fields of payload classes (structs, dataclasses, typed dicts), and docs from ``Attributes:`` sections."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import griffe

from sphinx_traits.extract.context import AnalysisContext, ClassContext, Statement
from sphinx_traits.extract.expressions import source_text
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.manifest import Field


def payload_fields(analysis: AnalysisContext, payload: SourceClass) -> tuple[Field, ...]:
    """The fields of a payload's class and of its bases, base first.

    Args:
        analysis: Finds the sources.
        payload: The class.
    """
    fields: dict[str, Field] = {}
    for node in reversed(analysis.graph.mro(payload).nodes):
        if not isinstance(node, SourceClass) or _is_foreign(node):
            continue
        holder = analysis.class_context(node)
        docs = attribute_docs(analysis, node)
        for statement in holder.statements:
            if _is_payload_field(statement):
                fields[statement.name] = Field(
                    statement.name,
                    type_text(statement.annotation),
                    source_text(statement.value),
                    holder.doc(statement) or docs.get(statement.name, ""),
                )
    return tuple(fields.values())


def _is_payload_field(statement: Statement) -> bool:
    """Whether a statement of a class body declares a field of its instances."""
    return statement.annotation is not None and "ClassVar" not in ast.unparse(statement.annotation)


def _is_foreign(node: SourceClass) -> bool:
    return node.module.name.partition(".")[0] in ("msgspec", "pydantic", "attr", "attrs", "typing_extensions")


def type_text(annotation: ast.expr | None) -> str:
    """An annotation as written, without the quotes around the whole of it; empty where there is none."""
    if annotation is None:
        return ""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def attribute_docs(analysis: AnalysisContext, node: SourceClass) -> dict[str, str]:
    """What a class's docstring says about its attributes in an ``Attributes:`` or ``Args:`` section."""
    context = ClassContext(analysis, node)
    text = ast.get_docstring(context.tree) or ""
    return section_docs(text)


@contextmanager
def quiet_griffe() -> Iterator[None]:
    """Silence griffe's log: what cannot be read is reported as a finding."""
    logger = logging.getLogger("griffe")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def section_docs(text: str) -> dict[str, str]:
    """The described names of a docstring's sections, in Google's, NumPy's or Sphinx's style.

    >>> section_docs("Sum.\\n\\nAttributes:\\n    slug: The new slug.")
    {'slug': 'The new slug.'}
    """
    if not any(word in text for word in ("Attributes", "Args", "Parameters", ":param", ":ivar", ":var", ":cvar")):
        return {}
    with quiet_griffe():
        try:
            sections = griffe.Docstring(text, lineno=1).parse("auto")
        except Exception:
            return {}
    docs: dict[str, str] = {}
    for section in sections:
        if section.kind in (griffe.DocstringSectionKind.attributes, griffe.DocstringSectionKind.parameters):
            docs.update((item.name, item.description.strip()) for item in section.value)
    return docs
