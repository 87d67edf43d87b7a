"""Where generated pages stand among all pages, and what sidebars list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from blogfacts import ARTICLE, PAGE, TAGS, base, manifest

from sphinx_traits.manifest import Manifest, Model

if TYPE_CHECKING:
    from sphinx_traits.testing import Built, SphinxBuilder


@pytest.fixture
def unlisted(blog: SphinxBuilder) -> SphinxBuilder:
    """The blog on Furo, as one with hundreds of models would be: sidebars list overviews alone."""
    blog.config.update(traits_navigation="orphan", html_theme="furo")
    return blog


def with_note(facts: Manifest) -> Manifest:
    """The blog with another model, between the article and the page."""
    name = "blog.models.Note"
    note = Model(name=name, bases=(base(TAGS),), mro=(name, TAGS, "builtins.object"), traits=(TAGS,), doc="A note.")
    return msgspec.structs.replace(facts, models=tuple(sorted((*facts.models, note), key=lambda one: one.name)))


def sidebar(built: Built, page: str) -> str:
    """The list of pages beside a page."""
    return built.text(page).partition('class="sidebar-tree"')[2].partition("</aside>")[0]


def test_a_small_project_lists_every_page_in_sidebars(blog: SphinxBuilder) -> None:
    """Models and traits stand below their overviews."""
    blog.config["html_theme"] = "furo"

    assert f'href="{ARTICLE}.html"' in sidebar(blog.build(), "traits/models/index.html")


def test_a_large_project_lists_overviews_alone(unlisted: SphinxBuilder) -> None:
    """No entry opens to an empty list, and the overview leads to the page."""
    built = unlisted.build()
    models = sidebar(built, "traits/models/index.html").partition(">Models<")[2].partition("</li>")[0]

    assert built.warnings == []
    assert f"{ARTICLE}.html" not in sidebar(built, "traits/models/index.html")
    assert f'href="{ARTICLE}.html#' in built.text("traits/models/index.html")
    assert "<ul" not in models


def test_the_first_page_leads_to_the_overviews(unlisted: SphinxBuilder) -> None:
    """It says what each is about; what they list is repeated there only for a small project."""
    large = unlisted.build().text("traits/index.html")
    unlisted.config["traits_navigation"] = "toctree"
    small = unlisted.build().text("traits/index.html")

    for text in (large, small):
        assert 'href="models/index.html"' in text
        assert f"{len(manifest().models)} in all, each with its traits" in text
    assert ("traits-table" in large, "traits-table" in small) == (False, True)


def test_pages_know_the_next_one_though_no_sidebar_lists_them(unlisted: SphinxBuilder) -> None:
    """They have their place in the order of all pages."""
    text = unlisted.build().text(f"traits/models/{ARTICLE}.html")

    assert f'<link rel="next" title="Page" href="{PAGE}.html"' in text
    assert '<link rel="prev" title="Models" href="index.html"' in text


@pytest.mark.slow
@pytest.mark.parametrize("builder", ["latex", "singlehtml"])
def test_one_file_of_everything_has_the_unlisted_pages(unlisted: SphinxBuilder, builder: str) -> None:
    """A book has no sidebar: every page is in it."""
    built = unlisted.build(builder)
    text = "".join(file.read_text() for file in built.out.glob("*.tex" if builder == "latex" else "index.html"))

    assert "Somebody who writes." in text


def test_classes_stand_in_the_order_of_what_a_reader_sees(blog: SphinxBuilder) -> None:
    """By their short names, whatever modules they are of: in tables, in sidebars, in *Used by*."""
    facts = manifest()
    note = Model(name="aaa.Note", bases=(base(TAGS),), mro=("aaa.Note", TAGS, "builtins.object"), traits=(TAGS,))
    blog.manifest(msgspec.structs.replace(facts, models=(note, *facts.models))).config["html_theme"] = "furo"
    built = blog.build()
    places = (
        sidebar(built, "traits/models/index.html"),
        built.text("traits/models/index.html").partition("<article")[2],
        built.text("traits/matrix.html").partition("<article")[2],
        built.text(f"traits/traits/{TAGS}.html").partition("Used by</h2>")[2]
        or built.text(f"traits/traits/{TAGS}.html"),
    )

    for text in places:
        shown = re.findall(r">(Article|Note|Page)<", text)
        assert shown[:3] == ["Article", "Note", "Page"]


def test_a_new_model_has_only_its_neighbours_written_again(unlisted: SphinxBuilder) -> None:
    """The page before it and the page after it link to it; a page beyond them stays as it is."""
    first = unlisted.build()
    files = [*first.out.glob("traits/models/blog.*.html"), first.out / "traits/config.html"]
    before = {file.name: file.stat().st_mtime_ns for file in files}
    unlisted.manifest(with_note(manifest()))

    built = unlisted.build()

    changed = {file.name for file in files if file.stat().st_mtime_ns != before[file.name]}
    assert "config.html" in changed  # it lists who uses a trait
    assert {f"{ARTICLE}.html", f"{PAGE}.html"} <= changed
    assert "blog.models.User.html" not in changed
    assert 'title="Note"' in built.text(f"traits/models/{ARTICLE}.html")
