"""How a text becomes a slug, and which one is taken where many want the same."""

# ruff: noqa: RUF001 - other scripts' letters are what is tested

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import pytest

from traits_runtime import run_hooks
from traits_runtime.errors import InvalidSlugError
from traits_runtime.traits import HasLocalizedSlugs, HasSlug, HasTranslations, translated
from traits_runtime.traits.slug import BLOCKS, Place, allocate, shorten, slugify


class Page(HasSlug):
    """A page in memory."""

    def __init__(self, title: str, slug: str = "") -> None:
        self.title = title
        self.slug = slug


class Shelf:
    """A backend that knows what is taken, and whether another writer is at it."""

    def __init__(self, received: Collection[str] = (), free: bool = True) -> None:
        self.held = set(received)
        self.free = free
        self.questions = 0

    def serves(self, model: type) -> bool:
        return True

    def claim(self, row: Any, place: Place, base: str, wait: float) -> bool:
        return self.free

    def taken(self, row: Any, place: Place, candidates: Sequence[str]) -> Collection[str]:
        self.questions += 1
        return self.held & set(candidates)

    def before(self, row: Any, attribute: str) -> Any:
        return None

    def changed(self, row: Any, place: Place, slug: str, old: str | None, *, history: bool) -> None:
        self.held.add(slug)


@pytest.mark.parametrize(
    ("text", "mode", "language", "expected"),
    [
        ("Déjà vu, again!", "ascii", "", "deja-vu-again"),
        ("  --many -- dashes--  ", "ascii", "", "many-dashes"),
        ("Über Äpfel & Straßen", "ascii", "de", "ueber-aepfel-strassen"),
        ("Über Äpfel", "ascii", "", "uber-apfel"),
        ("Über Äpfel", "unicode", "", "über-äpfel"),
        ("हिन्दी में", "unicode", "", "हिन्दी-में"),
        ("İstanbul'un IŞIĞI", "unicode", "tr", "istanbul-un-ışığı"),
        ("İstanbul", "unicode", "", "istanbul"),
        ("東京 タワー", "unicode", "", "東京-タワー"),
        ("東京", "ascii", "", "dong-jing"),
        ("Ελλάδα", "unicode", "", "ελλάδα"),
        ("العربية\u200f الآن", "unicode", "", "العربية-الآن"),
        ("a\u0301 cafe\u0301", "unicode", "", "á-café"),
        ("\u0301\u0301", "unicode", "", ""),
        ("🔥🔥", "ascii", "", ""),
        ("🔥🔥", "unicode", "", ""),
        ("", "ascii", "", ""),
        ("50% _off_", "ascii", "", "50-off"),
    ],
)
def test_text_becomes_a_slug(text: str, mode: str, language: str, expected: str) -> None:
    """Scripts, accents, dots on i, signs of direction, emoji."""
    assert slugify(text, mode=mode, language=language) == expected


@pytest.mark.parametrize("text", ["İstanbul", "हिन्दी में", "Ǆ ﬁne ＡＢ", "ẞ ß", "𝔘nicode", "e\u0301\u0327"])
@pytest.mark.parametrize("mode", ["ascii", "unicode"])
def test_a_slug_is_a_slug_of_itself(text: str, mode: str) -> None:
    """What was made passes the check of what is given."""
    once = slugify(text, mode=mode)

    assert slugify(once, mode=mode) == once


def test_number_is_within_the_longest_length() -> None:
    """A title of 300 characters and a number together fit."""
    created = shorten(slugify("word " * 60), 40, "-", "17")

    assert len(created) <= 40
    assert created.endswith("-17")
    assert "--" not in created


def test_cut_leaves_no_half_syllable() -> None:
    """A vowel sign is not cut from its letter's end in the middle of a cluster."""
    assert shorten("हिन्दी", 4, "-") in ("हिन", "हि", "हिन्")
    assert not shorten("नि" * 10, 3, "-").endswith("ि") or shorten("नि" * 10, 3, "-") == "नि"


def test_taken_slug_gets_the_first_free_number() -> None:
    """The numbers start with 2, and gaps are filled."""
    shelf = Shelf({"a", "a-2", "a-4"})

    result = allocate(shelf, Page("A"), Place("slug"), "a", Page.slug_config)

    assert result.slug == "a-3"
    assert result.questions == 2


def test_questions_are_bounded_and_then_chance_decides() -> None:
    """However many numbers are taken, the database is asked once, and then once for each block."""
    shelf = Shelf({"a", *(f"a-{number}" for number in range(2, 5000))})

    result = allocate(shelf, Page("A"), Place("slug"), "a", Page.slug_config)

    assert result.slug not in shelf.held
    assert shelf.questions == len(BLOCKS) + 1


def test_another_writer_that_does_not_let_go_gives_a_random_tail() -> None:
    """Nobody waits for ever: the loser takes another address."""
    result = allocate(Shelf(free=False), Page("A"), Place("slug"), "a", Page.slug_config)

    assert result.slug.startswith("a-")
    assert len(result.slug) == len("a-") + 8
    assert result.slug[2].isdigit()


def test_reserved_word_counts_as_taken() -> None:
    """No page shadows the place where pages are made."""
    page = Page("New")
    run_hooks(page, "creating")

    assert page.slug == "new-2"


def test_title_without_letters_still_gets_an_address() -> None:
    """Emoji alone give no empty slug."""
    page = Page("🔥")
    run_hooks(page, "creating")

    assert len(page.slug) == 8


def test_given_slug_stays_as_it_is() -> None:
    """What an editor chose is not made from the title."""
    page = Page("Title", slug="my-own")
    run_hooks(page, "creating")

    assert page.slug == "my-own"


@pytest.mark.parametrize(
    ("slug", "why"),
    [("Two Words", "'two-words' is possible"), ("admin", "reserved"), ("x" * 99, "99 characters, 80 are allowed")],
)
def test_given_slug_is_checked_and_not_rewritten(slug: str, why: str) -> None:
    """The error says what would do."""
    page = Page("Title", slug=slug)

    with pytest.raises(InvalidSlugError, match=why):
        run_hooks(page, "creating")

    assert page.slug == slug


def test_slug_is_announced_with_the_one_before() -> None:
    """Whoever keeps redirects hears both."""
    heard = []
    page = Page("First")
    with HasSlug.slug_generated.listen(heard.append):
        run_hooks(page, "creating")
        page.title = "Second"
        page.regenerate_slug()

    assert [(event.payload.slug, event.payload.old) for event in heard] == [("first", None), ("second", "first")]


def test_policy_always_follows_the_source_and_keeps_a_number() -> None:
    """Another title gives another slug; another row's number is no change of title."""

    class Following(HasSlug):
        __traits__: ClassVar[Any] = {HasSlug: {"policy": "always"}}
        title = "First"

    page = Following()
    page.slug = "first-2"
    run_hooks(page, "updating")
    stored = page.slug
    page.title = "Second"
    run_hooks(page, "updating")

    assert stored == "first-2"
    assert page.slug == "second"


def test_each_language_has_its_own_slug_by_its_own_rules() -> None:
    """German writes ue, Turkish keeps its letters; a language without a text has no slug."""

    class Place_(HasLocalizedSlugs, HasTranslations):
        __traits__: ClassVar[Any] = {
            HasLocalizedSlugs: {"locales": ("de", "tr", "en"), "mode": "unicode", "policy": "always"},
        }
        title = translated()

    row = Place_()
    row.title = {"de": "Über uns", "tr": "IŞIK"}
    run_hooks(row, "creating")
    first = dict(row.slugs or {})
    row.translate("title", "Wir", "de")
    run_hooks(row, "updating")

    assert first == {"de": "ueber-uns", "tr": "ışık"}
    assert row.slugs == {"de": "wir", "tr": "ışık"}
