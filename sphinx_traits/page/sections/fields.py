"""Fields of payloads and parameters of jobs, as Python writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Code

if TYPE_CHECKING:
    from sphinx_traits.manifest import Field


def field_text(field: Field) -> str:
    """A field's name, type and default as Python writes them."""
    annotation = f": {field.type}" if field.type else ""
    default = f" = {field.default}" if field.default else ""
    return f"{field.name}{annotation}{default}"


def field_code(field: Field) -> Code:
    """A field as code."""
    return Code(field_text(field))
