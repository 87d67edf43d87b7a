"""The Sphinx extension; with `sphinx_traits.domain` the only place that imports Sphinx or docutils."""
