"""What is built beside pages, and how other extensions take part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from blogfacts import ARTICLE, SLUG, manifest

from sphinx_traits.manifest import loads, masked

if TYPE_CHECKING:
    from sphinx_traits.testing import SphinxBuilder


pytestmark = pytest.mark.slow


def test_the_json_builder_writes_the_manifest(blog: SphinxBuilder) -> None:
    """What it writes can be read back, and says the same but for secrets."""
    built = blog.build("traits-json")

    assert "s3cret" not in built.text("traits.json")
    assert loads(built.text("traits.json")) == masked(manifest()) != manifest()


def test_the_coverage_builder_lists_what_has_no_docstring(blog: SphinxBuilder) -> None:
    """Each fact without words is a line with its kind; the last line is the total."""
    built = blog.build("traits-coverage")

    assert built.warnings == []
    assert ": config blog.traits.HasTags.max_tags" in built.text("undocumented.txt")
    assert built.text("undocumented.txt").endswith("documented (95%)\n")


@pytest.mark.parametrize(("asked", "status"), [(95, 0), (96, 1)])
def test_too_little_coverage_fails_the_build(blog: SphinxBuilder, asked: int, status: int) -> None:
    """Also without `-W`; the warning stands at the value of `conf.py` and names the list."""
    blog.write({"conf.py": f"extensions = ['sphinx_traits']\ntraits_coverage = {asked}\n"})
    built = blog.build("traits-coverage")

    assert built.app.statuscode == status
    assert len(built.warnings) == status
    for one in built.warnings:
        assert one.startswith(f"{blog.source}/conf.py:2: WARNING: ")
        assert f"See {built.out}/undocumented.txt. [traits.undocumented]" in one


@pytest.mark.parametrize("base", ["", "https://blog.example/docs", "https://blog.example/docs/"])
def test_pages_have_twins_in_markdown(blog: SphinxBuilder, base: str) -> None:
    """Each generated page has one beside it, which `llms.txt` lists; its links lead to twins."""
    blog.config.update(traits_markdown=True, html_baseurl=base)
    built = blog.build()
    listed = re.findall(r"\]\((.+?)\)", built.text("llms.txt"))
    pages = sorted(file.relative_to(built.out).with_suffix("") for file in built.out.glob("traits/**/*.html"))
    links = [
        (file.parent / link).resolve()
        for file in built.out.glob("traits/**/*.md")
        for link in re.findall(r"\]\((.+?\.md)\)", file.read_text())
    ]

    assert "HasSlug" in built.text(f"traits/models/{ARTICLE}.md")
    assert [built.out / f"{page}.md" for page in pages if not (built.out / f"{page}.md").is_file()] == []
    address = base.rstrip("/") + "/" if base else ""
    assert f"- [{ARTICLE}]({address}traits/models/{ARTICLE}.md): A dated text." in built.text("llms.txt")
    assert {one.removeprefix(address) for one in listed} == {f"{page}.md" for page in pages if page.name != "index"} | {
        "traits/models/index.md",
        "traits/traits/index.md",
    }
    assert [link for link in links if not link.is_file()] == []


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
