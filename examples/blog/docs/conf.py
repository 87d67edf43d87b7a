"""Sphinx configuration of the blog's documentation."""

project = "The blog"
author = "The blog's authors"
copyright = "2026, the blog's authors"  # noqa: A001 - Sphinx's name
version = release = "1.0"

extensions = ["myst_parser", "sphinx_traits"]
html_theme = "furo"
html_title = "The blog"

# The packages stand in [tool.traits] of ../pyproject.toml; conf.py only says what Sphinx should do with them.
traits_pages = "traits"
