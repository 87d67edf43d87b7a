"""The warnings of the extension: each has a type to suppress it by, and a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from sphinx.util import logging

if TYPE_CHECKING:
    from docutils.nodes import Node

logger = logging.getLogger("sphinx_traits")

Warn: TypeAlias = Literal[
    "config",  # a value in conf.py or pyproject.toml cannot be used
    "package_not_found",  # a package of `traits_packages` is not on the search path
    "manifest",  # the file of `traits_manifest` cannot be read
    "unknown_object",  # a directive names a class that the manifest does not have
    "ambiguous_object",  # a directive names several classes
    "docstring",  # a docstring has a mistake in its markup
    "template",  # a page template fails
]
"""Subtypes of `traits`; findings of the manifest are further ones, by their code."""


def warn(subtype: Warn | str, message: str, location: Node | tuple[str, int] | str | None = None) -> None:
    """Warn as `traits.<subtype>`.

    Args:
        subtype: One of `Warn`, or the code of a finding.
        message: What is wrong and the way out.
        location: A node, a page and line, or `file:line` of a source file.
    """
    logger.warning(message.replace("%", "%%"), type="traits", subtype=subtype, location=location)
