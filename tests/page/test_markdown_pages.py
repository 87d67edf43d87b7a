"""The pages of a manifest as Markdown files."""

from __future__ import annotations

import posixpath

import pytest
from markdown_it import MarkdownIt

from facts import MANIFEST
from sphinx_traits.manifest import Column, Manifest
from sphinx_traits.page.catalogue import Catalogue
from sphinx_traits.page.docstring_markdown import docstring_lines
from sphinx_traits.page.elements import Code
from sphinx_traits.page.links import NoLinks
from sphinx_traits.page.markdown_pages import markdown_pages
from sphinx_traits.page.section import Context
from sphinx_traits.page.write_markdown import MarkdownWriter


def pages_of(manifest: Manifest) -> dict[str, str]:
    """The text of each page by its path."""
    return dict(markdown_pages(Context(Catalogue(manifest))))


PAGES = pages_of(MANIFEST)


def test_every_model_and_trait_has_a_page() -> None:
    """The overviews and one page a class."""
    assert sorted(PAGES) == [
        "config.md",
        "events.md",
        "index.md",
        "matrix.md",
        "models/index.md",
        "models/shop.models.Article.md",
        "models/shop.models.Label.md",
        "traits/index.md",
        "traits/shop.traits.HasContent.md",
        "traits/shop.traits.HasSlug.md",
        "traits/shop.traits.HasTags.md",
    ]


def test_model_page_names_and_links_every_trait() -> None:
    """All traits, direct or not, lead to their pages."""
    page = PAGES["models/shop.models.Article.md"]

    for name in ("HasContent", "HasSlug", "HasTags"):
        assert f"[{name}](../traits/shop.traits.{name}.md)" in page
    assert "| 2 | [HasSlug](../traits/shop.traits.HasSlug.md)<br>" in page
    assert "| through [HasContent](" in page


def test_links_lead_to_pages_that_exist() -> None:
    """No dead link in any page."""
    parser = MarkdownIt("commonmark").enable("table")
    for path, text in PAGES.items():
        for token in parser.parse(text):
            for child in token.children or ():
                if child.type == "link_open":
                    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), str(child.attrs["href"])))
                    assert target in PAGES, f"{path} -> {target}"


def test_tables_are_tables() -> None:
    """Every table row is read as one by a Markdown parser."""
    parser = MarkdownIt("commonmark").enable("table")
    for text in PAGES.values():
        rows = sum(token.type == "tr_open" for token in parser.parse(text))
        lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]

        assert rows == len(lines)


def test_effective_value_and_its_layer_are_shown() -> None:
    """The model's own value, not the default."""
    row = next(row for row in PAGES["models/shop.models.Article.md"].splitlines() if row.startswith("| [`max_length`]"))

    assert "| `120` | *model*" in row


def test_incomplete_composition_says_so_at_the_top() -> None:
    """A reader cannot miss that a base is unknown."""
    page = PAGES["models/shop.models.Label.md"]

    assert page.index("> This page may be incomplete: a base class could not be read. The base db.Model is made") < (
        page.index("## Traits")
    )


def test_trait_page_says_who_uses_it() -> None:
    """The reverse index is on the page."""
    used_by = PAGES["traits/shop.traits.HasSlug.md"].partition("## Used by")[2]

    assert "| [Article](../models/shop.models.Article.md) |" in used_by


def test_pipes_and_back_ticks_stay_inside_their_cells() -> None:
    """Text from sources cannot break a table."""
    import msgspec

    from facts import ARTICLE, SLUG

    column = Column(name="note", owner=SLUG.name, type="str | `x`", doc="a | b")
    trait = msgspec.structs.replace(SLUG, columns=(column,))
    page = pages_of(Manifest(models=(ARTICLE,), traits=(trait,)))["models/shop.models.Article.md"]

    assert "| `note`<br>a \\| b | `` str \\| `x` `` |" in page


def test_pieces_of_code_that_touch_stay_apart() -> None:
    """Their back-ticks would be read as one fence."""
    writer = MarkdownWriter(NoLinks())
    tokens = MarkdownIt("commonmark").parseInline(writer.inline([Code("`a"), Code("b")]))[0].children or []

    assert [token.content for token in tokens if token.type == "code_inline"] == ["`a", "b"]


@pytest.mark.parametrize(
    "doc",
    [
        "<script>alert(1)</script>",
        "A <b>tag</b>, and `code` beside <script>.",
        "Odd ` tick\nand ` <script> `.",
        "- a ` tick\n- <script> ` in a list",
        r"An escaped \` tick <script> `.",
        "- item\n  ```\n  code\n<script>",
        "- item\n\n    <script>",
        "> ```\n<script>",
        "<!-- a comment",
        "``` no `fence`\n<script>",
        "`` <script> `",
    ],
)
def test_html_in_a_docstring_is_text(doc: str) -> None:
    """Whatever stands around a tag, no reader of Markdown takes it for one."""
    tokens = MarkdownIt("commonmark").parse("\n".join(docstring_lines(doc)))
    inline = [child for token in tokens for child in token.children or []]

    assert [token.content for token in (*tokens, *inline) if token.type.startswith("html")] == []


def test_markup_of_a_docstring_stays() -> None:
    """Code keeps its tags, and links stay; a fence that is left open ends with the docstring."""
    doc = "A `List<T>`, <https://example.org>.\n\n```python\nx = List<T>\n"

    assert list(docstring_lines(doc)) == [
        "A `List<T>`, <https://example.org>.",
        "",
        "```python",
        "x = List<T>",
        "```",
    ]
