"""Sphinx configuration of the project's own documentation; the example application is its live subject."""

from importlib.metadata import version as installed_version

project = "sphinx-traits"
author = "The sphinx-traits maintainers"
copyright = "2026, the sphinx-traits maintainers"  # noqa: A001 - Sphinx's name
release = version = installed_version("sphinx-traits")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_traits"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "sphinx-traits"
html_static_path = ["_static"]
exclude_patterns = ["_build"]

traits_project = "../examples/blog"
traits_packages = ["blog", "traits_runtime.traits"]
traits_search_paths = ["../src"]
traits_pages = "example"

# The runtime's reference: types of its private modules and of other projects are shown, not linked.
autodoc_member_order = "bysource"
autodoc_typehints = "description"
default_role = "code"
nitpick_ignore_regex = [
    ("py:.*", r"~?[A-Z_]\w*|traits_runtime\.(_core|rules)\..*"),
    ("py:.*", r"(collections\.abc|contextlib|logging|pathlib|threading|typing)\..*"),
    ("py:.*", r"(traits_runtime\.adapters\.sqlalchemy\.session|sqlalchemy)\..*"),
]
