"""What a reader meets: accessible in light and dark, whole on a telephone, found by the search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

pytest.importorskip("axe_playwright_python", reason="uv sync --group browser")

from axe_playwright_python.sync_playwright import Axe

ARTICLE = "traits/models/blog.models.content.Article.html"
SLUG = "traits/traits/traits_runtime.traits.slug.HasSlug.html"
PAGES = (
    "index.html",
    "events.html",
    "traits/index.html",
    "traits/config.html",
    "traits/events.html",
    "traits/matrix.html",
    "traits/models/index.html",
    "traits/traits/index.html",
    "traits/models/blog.models.people.User.html",
    "traits/traits/traits_runtime.traits.publishing.Publishable.html",
    ARTICLE,
    SLUG,
)

OURS = {
    "furo": "article[role=main]",
    "pydata_sphinx_theme": "article.bd-article",
    "sphinx_rtd_theme": "div[role=main]",
    "alabaster": "div.body",
}
"""The part of a page that a theme leaves to its content."""

THEMES_OWN = {
    "furo": {"landmark-unique", "region"},
    "pydata_sphinx_theme": {"summary-name"},
    "sphinx_rtd_theme": {"color-contrast", "link-in-text-block", "region"},
    "alabaster": {"color-contrast", "heading-order", "region"},
}
"""What axe finds around our content, in the themes as they are today."""


@pytest.fixture
def look(browser: Browser, sites: Callable[[str], str]) -> Iterator[Callable[..., Page]]:
    """Opens a page of the example."""
    opened = []

    def opens(path: str, *, theme: str = "furo", scheme: Any = "light", width: int = 1400) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(120_000)
        opened.append(page)
        page.goto(f"{sites(theme)}/{path}")
        return page

    yield opens
    for page in opened:
        page.close()


def violations(page: Page, context: Any = None, **options: Any) -> list[str]:
    """What axe finds, one line for each element."""
    found = Axe().run(page, context, options or None).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 400)])
@pytest.mark.parametrize("path", PAGES)
def test_content_has_no_violation(look: Callable[..., Page], path: str, scheme: str, width: int) -> None:
    """Axe finds nothing in our content on Furo: contrast, headings, tables, keyboard, names."""
    page = look(path, scheme=scheme, width=width)

    assert violations(page, {"include": [[OURS["furo"]]]}) == []


@pytest.mark.parametrize("path", [ARTICLE, SLUG, "traits/events.html", "traits/matrix.html"])
@pytest.mark.parametrize(
    ("theme", "scheme"),
    [
        ("pydata_sphinx_theme", "light"),
        ("pydata_sphinx_theme", "dark"),
        ("alabaster", "light"),
        ("sphinx_rtd_theme", "light"),
    ],
)
def test_content_has_no_violation_on_other_themes(
    look: Callable[..., Page], theme: str, path: str, scheme: str
) -> None:
    """The same elsewhere: alabaster and RTD know no dark; RTD's own blue for links is below 4.5:1 on every page."""
    page = look(path, theme=theme, scheme=scheme)
    left_out = ["color-contrast"] if theme == "sphinx_rtd_theme" else []

    found = violations(page, {"include": [[OURS[theme]]]}, rules={one: {"enabled": False} for one in left_out})

    assert found == []


@pytest.mark.parametrize("theme", OURS)
def test_what_else_axe_finds_is_the_themes_own(look: Callable[..., Page], theme: str) -> None:
    """The rest of the page has violations, each of a kind that the theme has without us; none is hidden here.

    Furo's two sidebars are landmarks without names, and its "view this page" stands outside of any. PyData's toggles
    have no text. RTD's and alabaster's colours have too little contrast, their footers stand outside of landmarks.
    """
    page = look(ARTICLE, theme=theme)

    found = violations(page, {"exclude": [[OURS[theme]]]})

    assert {one.partition(":")[0] for one in found} <= THEMES_OWN[theme], found


@pytest.mark.parametrize("theme", OURS)
def test_no_page_scrolls_sideways_on_a_telephone(look: Callable[..., Page], theme: str) -> None:
    """At 400 pixels wide tables show rows as cards, and the matrix scrolls in its own frame."""
    widths = {
        path: look(path, theme=theme, width=400).evaluate("document.documentElement.scrollWidth") for path in PAGES
    }

    assert {path: width for path, width in widths.items() if width > 400} == {}


@pytest.mark.parametrize(("word", "anchor"), [("max_length", "config"), ("slug_generated", "event")])
def test_search_finds_a_key_and_an_event(look: Callable[..., Page], word: str, anchor: str) -> None:
    """Its name leads to the very entry that describes it."""
    page = look(f"search.html?q={word}")
    result = page.locator(f"#search-results li a[href*='#{anchor}.traits_runtime.traits.slug.HasSlug.{word}']").first

    result.click()
    page.wait_for_url(re.compile(rf".*/{re.escape(SLUG)}(\?.*)?#{anchor}\..*{word}$"))

    page.locator(f"[id='{anchor}.traits_runtime.traits.slug.HasSlug.{word}']").wait_for(state="visible")


def test_a_wide_table_is_scrolled_by_keyboard(look: Callable[..., Page]) -> None:
    """The matrix's frame takes the focus, arrow keys move it, and the names of the models stay."""
    page = look("traits/matrix.html", width=400)
    frame = page.locator(".traits-scroll").first
    frame.evaluate("one => { one.style.maxWidth = '200px'; }")
    before = frame.locator("tbody th").first.bounding_box()

    frame.focus()
    for _press in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("one => one.scrollLeft > 0", arg=frame.element_handle())

    after = frame.locator("tbody th").first.bounding_box()
    assert before is not None
    assert after is not None
    assert after["x"] == before["x"]
