"""Sphinx configuration of the project's own documentation; the example application is its live subject."""

from importlib.metadata import version as installed_version

project = "sphinx-traits"
author = "The sphinx-traits maintainers"
copyright = "2026, the sphinx-traits maintainers"  # noqa: A001 - Sphinx's name
release = version = installed_version("sphinx-traits")

extensions = ["myst_parser", "sphinx_traits"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "sphinx-traits"
html_static_path = ["_static"]
exclude_patterns = ["_build"]

traits_project = "../examples/blog"
traits_pages = "example"
