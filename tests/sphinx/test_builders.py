"""What is built beside pages, and how other extensions take part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from blogfacts import ARTICLE, SLUG, manifest

from sphinx_traits.manifest import loads

if TYPE_CHECKING:
    from sphinx_traits.testing import SphinxBuilder


pytestmark = pytest.mark.slow


def test_the_json_builder_writes_the_manifest(blog: SphinxBuilder) -> None:
    """What it writes can be read back, and says the same."""
    built = blog.build("traits-json")

    assert loads(built.text("traits.json")) == manifest()


def test_the_coverage_builder_lists_what_has_no_docstring(blog: SphinxBuilder) -> None:
    """Each fact without words is a line with its kind; the last line is the total."""
    built = blog.build("traits-coverage")

    assert built.warnings == []
    assert ": config blog.traits.HasTags.max_tags" in built.text("undocumented.txt")
    assert built.text("undocumented.txt").endswith("documented (95%)\n")


def test_too_little_coverage_is_a_warning(blog: SphinxBuilder) -> None:
    """With `-W` it fails the build."""
    blog.config["traits_coverage"] = 100

    assert "[traits.undocumented]" in blog.build("traits-coverage").warnings[0]


def test_pages_have_twins_in_markdown(blog: SphinxBuilder) -> None:
    """Beside each page, and listed in `llms.txt`."""
    blog.config["traits_markdown"] = True
    built = blog.build()

    assert "HasSlug" in built.text(f"traits/models/{ARTICLE}.md")
    assert f"- [{ARTICLE}](traits/models/{ARTICLE}.md): A dated text." in built.text("llms.txt")


@pytest.mark.parametrize("builder", ["text", "latex", "man", "epub", "singlehtml", "dirhtml", "xml", "gettext"])
def test_every_builder_knows_the_pages(blog: SphinxBuilder, builder: str) -> None:
    """No builder meets a node that it does not know; the facts are in the output."""
    blog.config.update(version="1", release="1", copyright="x", author="x", epub_title="x")
    blog.config["man_pages"] = [("index", "blog", "Blog", ["x"], 1)]
    blog.write({"index.rst": "Blog\n====\n\n.. toctree::\n\n   traits/index\n\n.. trait-model:: Article\n"})

    built = blog.build(builder)

    assert built.warnings == []
    written = [
        file.read_text() for file in built.out.rglob("*") if file.suffix in (".txt", ".tex", ".1", ".html", ".xml")
    ]
    if builder in ("text", "latex", "man", "singlehtml", "dirhtml", "xml"):
        assert any("only when" in text and "fill_creator" in text.replace("\\", "") for text in written)


def test_the_text_of_a_page_is_readable(blog: SphinxBuilder) -> None:
    """Tables are tables in plain text too."""
    text = blog.build("text").text(f"traits/models/{ARTICLE}.txt")

    assert "Lookup order: Article → HasContent → HasSlug" in text
    assert "120" in text


def test_an_extension_can_leave_out_facts(blog: SphinxBuilder) -> None:
    """A listener of `traits-skip-fact` decides for each fact."""
    blog.write(
        {
            "conf.py": "extensions = ['sphinx_traits']\n"
            "def setup(app):\n"
            "    app.connect('traits-skip-fact', lambda app, owner, fact: fact.name == 'max_length')\n"
        }
    )

    text = blog.build().text(f"traits/traits/{SLUG}.html")

    assert "max_length" not in text.replace("max_length =", "")
    assert "follow_title" in text


def test_an_extension_can_change_docstrings(blog: SphinxBuilder) -> None:
    """A listener of `traits-process-docstring` edits the lines before they are parsed."""
    blog.write(
        {
            "conf.py": "extensions = ['sphinx_traits']\n"
            "def setup(app):\n"
            "    add = lambda app, what, name, lines: lines.extend(['', '*Checked.*'])\n"
            "    app.connect('traits-process-docstring', add)\n"
        }
    )

    assert "<em>Checked.</em>" in blog.build().text(f"traits/models/{ARTICLE}.html")


def test_a_template_can_replace_one_block(blog: SphinxBuilder) -> None:
    """The project's template extends ours and fills one block."""
    blog.config["templates_path"] = ["templates"]
    blog.write(
        {
            "conf.py": "extensions = ['sphinx_traits']\n",
            "templates/sphinx_traits/model.rst.jinja": '{% extends "!sphinx_traits/model.rst.jinja" %}\n'
            "{% block before %}All about *{{ title }}*.{% endblock %}\n",
        }
    )

    text = blog.build().text(f"traits/models/{ARTICLE}.html")

    assert "All about <em>Article</em>." in text
    assert "Lookup order" in text
