"""Apache Superset's models, documented from the outside."""

project = "Apache Superset"
extensions = ["sphinx_traits"]
html_theme = "furo"
traits_packages = ["superset"]
traits_search_paths = ["../site-packages"]
# SqlaTable inherits get_extra_cache_keys() twice, and one of the two never runs.
suppress_warnings = ["traits.docstring", "traits.broken_super_chain"]
