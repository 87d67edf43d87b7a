"""The warnings of the extension: each has a type to suppress it by, and a place."""

from __future__ import annotations

import logging as standard
import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, TypeAlias

from docutils import nodes
from sphinx.util import logging
from sphinx.util.nodes import get_node_source

if TYPE_CHECKING:
    from collections.abc import Iterator

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


_LOGGERS = (
    "sphinx.util.docutils",
    "sphinx.transforms.post_transforms",
    "sphinx.domains.std",
    "sphinx.domains.python",
    "myst_parser.warnings_",
    "myst_parser.sphinx_ext.myst_refs",
)
"""Modules that warn about markup and references."""

_source = ContextVar("_source", default="")
"""The file of the Markdown docstring that is being read: MyST names the page, with the line of the docstring."""


def setup() -> None:
    """Give warnings inside docstrings their own type: authors of the pages may not be able to fix the code."""
    for name in _LOGGERS:
        standard.getLogger(f"sphinx.{name}").addFilter(_type_docstring_warning)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Redirect warnings with a page and line to a line of a source file, inside the block."""
    token = _source.set(path)
    try:
        yield
    finally:
        _source.reset(token)


def _type_docstring_warning(record: standard.LogRecord) -> bool:
    location = getattr(record, "location", None)
    if _source.get() and isinstance(location, tuple):
        location = record.location = f"{_source.get()}:{location[1] or 1}"
    source = _source_of(location) if isinstance(location, nodes.Element) else location
    if re.search(r"\.pyi?(:\d*)?$", str(source)):
        record.type, record.subtype = "traits", "docstring"
    return True


def _source_of(node: nodes.Element) -> str | None:
    """The file of a node; None for one of another extension that has none."""
    try:
        return get_node_source(node)
    except ValueError:
        return None
