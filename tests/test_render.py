"""Compositions as Markdown."""

from __future__ import annotations

from markdown_it import MarkdownIt

from facts import MANIFEST
from sphinx_traits.manifest import Manifest
from sphinx_traits.render import markdown_pages

PAGES = dict(markdown_pages(MANIFEST))


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
    assert "| 2 | [HasSlug](../traits/shop.traits.HasSlug.md) | through [HasContent]" in page


def test_links_lead_to_pages_that_exist() -> None:
    """No dead link in any page."""
    parser = MarkdownIt("commonmark").enable("table")
    for path, text in PAGES.items():
        folder = path.rpartition("/")[0]
        for token in parser.parse(text):
            for child in token.children or ():
                if child.type == "link_open":
                    target = str(child.attrs["href"])
                    resolved = target.removeprefix("../") if folder else target
                    assert resolved in PAGES, f"{path} -> {target}"


def test_tables_are_tables() -> None:
    """Every table row is read as one by a Markdown parser."""
    parser = MarkdownIt("commonmark").enable("table")
    for text in PAGES.values():
        rows = sum(token.type == "tr_open" for token in parser.parse(text))
        lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]

        assert rows == len(lines)


def test_effective_value_and_its_layer_are_shown() -> None:
    """The model's own value, not the default."""
    assert "| `max_length` | `int` | `120` | model | [HasSlug]" in PAGES["models/shop.models.Article.md"]


def test_incomplete_composition_says_so_at_the_top() -> None:
    """A reader cannot miss that a base is unknown."""
    page = PAGES["models/shop.models.Label.md"]

    assert page.index("**The composition is incomplete.** The base db.Model is made by a call.") < page.index(
        "## Traits"
    )


def test_trait_page_says_who_uses_it() -> None:
    """The reverse index is on the page."""
    assert "- [Article](../models/shop.models.Article.md): A dated text." in PAGES["traits/shop.traits.HasSlug.md"]


def test_pipes_and_back_ticks_stay_inside_their_cells() -> None:
    """Text from sources cannot break a table."""
    import msgspec

    from facts import ARTICLE, SLUG

    key = msgspec.structs.replace(SLUG.config[0], doc="a | b", type="str | `x`")
    trait = msgspec.structs.replace(SLUG, config=(key,))
    pages = dict(markdown_pages(Manifest(models=(ARTICLE,), traits=(trait,))))

    assert "`` str \\| `x` ``" in pages["models/shop.models.Article.md"]
    assert "a \\| b" in pages["models/shop.models.Article.md"]
