"""Expressions as text: parsing and shortening."""

from __future__ import annotations

import ast
from functools import lru_cache

_LONGEST = 80


@lru_cache(maxsize=65536)
def parse_expression(text: str) -> ast.expr | None:
    """The tree of an expression's text; None where it is not a valid expression."""
    try:
        return ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def source_text(node: ast.expr | None) -> str:
    """The text of an expression; empty where there is none."""
    return ast.unparse(node) if node is not None else ""


def short_text(node: ast.expr) -> str:
    """The text of an expression, cut to 80 characters."""
    text = ast.unparse(node)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
