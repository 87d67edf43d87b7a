"""Markdown beside the pages of a site: the same language, docstrings and titles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blogfacts import ARTICLE, SLUG

if TYPE_CHECKING:
    from sphinx_traits.testing import SphinxBuilder

EXTENSION = """
def shout(app, what, name, lines):
    lines[:] = [line.replace("readable address", "MEMORABLE ADDRESS") for line in lines]


def setup(app):
    app.connect("traits-process-docstring", shout)
"""

TITLE = """{% extends "!sphinx_traits/trait.rst.jinja" %}
{% block title %}{{ ("The trait " ~ title) | heading }}{% endblock %}
"""


def test_markdown_speaks_the_language_of_the_site(blog: SphinxBuilder) -> None:
    """Titles, heads, badges and the index of a German site are German, and no heading stays English."""
    blog.config.update(language="de", traits_markdown=True)
    built = blog.build()
    model, trait = built.text(f"traits/models/{ARTICLE}.md"), built.text(f"traits/traits/{SLUG}.md")
    headings = [line for line in (model + trait).splitlines() if line.startswith(("## ", "| Schl"))]

    assert built.warnings == []
    assert "## Konfiguration" in headings
    assert "| Schlüssel | Typ | Wert | Gesetzt von | Von |" in headings
    assert {"## Configuration", "## Events", "## Used by"}.isdisjoint(headings)
    assert "*Vorgabe*" in model
    assert "durch [HasContent]" in model
    assert "## Genutzt von" in headings
    assert "alle Modelle und alle Traits in einer Tabelle" in built.text("llms.txt")


def test_markdown_has_docstrings_after_the_listeners(blog: SphinxBuilder) -> None:
    """A listener to `traits-process-docstring` changes page, tables, Markdown and index alike."""
    (blog.root / "docs").mkdir(exist_ok=True)
    blog.write({"conf.py": f"extensions = ['sphinx_traits']\n{EXTENSION}"})
    blog.config.update(traits_markdown=True, html_theme="alabaster")
    built = blog.build()
    texts = [
        built.text(path)
        for path in (
            f"traits/traits/{SLUG}.html",
            f"traits/traits/{SLUG}.md",
            f"traits/models/{ARTICLE}.html",
            f"traits/models/{ARTICLE}.md",
            "llms.txt",
        )
    ]

    assert ["MEMORABLE ADDRESS" in text for text in texts] == [True] * 5
    assert ["readable address" in text for text in texts] == [False] * 5


def test_markdown_has_the_titles_of_templates(blog: SphinxBuilder) -> None:
    """A title that a template of the project overrides is that of the Markdown page and of the index."""
    blog.write({"_templates/sphinx_traits/trait.rst.jinja": TITLE})
    blog.config.update(traits_markdown=True, templates_path=["_templates"])
    blog.write({"conf.py": "extensions = ['sphinx_traits']\n"})
    built = blog.build()

    assert built.text(f"traits/traits/{SLUG}.md").startswith("# The trait HasSlug\n")
    assert f"- [The trait HasSlug ({SLUG})](" in built.text("llms.txt")
