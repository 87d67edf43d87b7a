"""Sphinx documentation of trait-based models, read from their sources without importing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.version import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

__all__ = ["__version__", "setup"]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make this a Sphinx extension: `extensions = ["sphinx_traits"]`.

    Args:
        app: Sphinx's application object.
    """
    from sphinx_traits._sphinx.wiring import setup as wire

    return wire(app)
