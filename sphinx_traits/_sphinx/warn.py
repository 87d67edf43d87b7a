"""The warnings of the extension: each has a type to suppress it by, and a place."""

from __future__ import annotations

import logging as standard
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from docutils import nodes
from sphinx.util import logging
from sphinx.util.nodes import get_node_source

if TYPE_CHECKING:
    from docutils.nodes import Node

logger = logging.getLogger("sphinx_traits")

Warn: TypeAlias = Literal[
    "config",  # a value in conf.py or pyproject.toml cannot be used
    "package_not_found",  # a package of `traits_packages` is not on the search path
    "manifest",  # the file of `traits_manifest` cannot be read
    "unknown_object",  # a directive names a class that the manifest does not have
    "ambiguous_object",  # a directive names several classes
    "docstring",  # a docstring has a mistake in its markup, or refers to what is not there
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


_LOGGERS = ("util.docutils", "transforms.post_transforms", "domains.std", "domains.python")
"""Sphinx's modules that warn about markup and references."""


def setup() -> None:
    """Give what is wrong inside docstrings a type of its own: who documents others' code cannot mend it."""
    for name in _LOGGERS:
        standard.getLogger(f"sphinx.sphinx.{name}").addFilter(_type_docstring_warning)


def _type_docstring_warning(record: standard.LogRecord) -> bool:
    location = getattr(record, "location", None)
    source = get_node_source(location) if isinstance(location, nodes.Element) else location
    if re.search(r"\.pyi?(:\d*)?$", str(source)):
        record.type, record.subtype = "traits", "docstring"
    return True
