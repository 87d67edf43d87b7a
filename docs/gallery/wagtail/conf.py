"""Wagtail's models, documented from the outside."""

project = "Wagtail"
extensions = ["sphinx_traits"]
html_theme = "furo"
traits_packages = ["wagtail"]
traits_search_paths = ["../site-packages"]
traits_exclude = ["wagtail.test*", "*.tests*"]
# Which index entry there is depends on the database: these pages are about PostgreSQL and SQLite with FTS.
_entries = [f"modelsearch.abstract_models.Abstract{one}IndexEntry" for one in ("Postgres", "SQLiteFTS")]
traits_base_overrides = {one: one for one in _entries}
suppress_warnings = ["traits.docstring"]
