"""advanced-alchemy's bases and mixins, documented from the outside."""

project = "advanced-alchemy"
extensions = ["sphinx_traits"]
html_theme = "furo"
traits_packages = ["advanced_alchemy"]
traits_search_paths = ["../site-packages"]
suppress_warnings = ["traits.docstring"]
