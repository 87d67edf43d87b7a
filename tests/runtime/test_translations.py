"""Texts in several languages: which is read, and what is stored."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, ClassVar

import pytest

from traits_runtime import current_locale, events, locale, run_hooks
from traits_runtime._core import locales
from traits_runtime._core.locales import chain, normal, parents
from traits_runtime.errors import InvalidLocaleError
from traits_runtime.traits import HasTranslations, Translations, translated

HAS_BABEL = importlib.util.find_spec("babel") is not None


class Page(HasTranslations):
    """A page in several languages."""

    __traits__: ClassVar[Any] = {HasTranslations: {"default_locale": "en", "fallbacks": ("en",)}}

    title = translated(doc="The headline.")


class Strict(HasTranslations):
    """A page that takes two languages."""

    __traits__: ClassVar[Any] = {HasTranslations: {"locales": ("de", "en")}}

    title = translated()


def test_a_region_falls_back_to_its_language_and_then_to_the_configured_one() -> None:
    """pt-BR, pt, en: the first that has a value."""
    page = Page()
    page.title = {"pt": "Jardim", "en": "Garden"}

    with locale("pt-BR"):
        portuguese = page.title
    with locale("fr-CA"):
        french = page.title

    assert portuguese == "Jardim"
    assert french == "Garden"


@pytest.mark.skipif(not HAS_BABEL, reason="needs Babel")
def test_parents_are_those_of_cldr() -> None:
    """Angola reads European Portuguese, Mexico the Spanish of Latin America, Taiwan no simplified Chinese."""
    assert parents("pt-AO") == ("pt-AO", "pt-PT", "pt")
    assert parents("es-MX") == ("es-MX", "es-419", "es")
    assert parents("zh-Hant-TW") == ("zh-Hant-TW", "zh-Hant")
    assert normal("iw") == "he"


def test_without_babel_parents_are_shorter_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is not needed for the common case."""
    monkeypatch.setitem(sys.modules, "babel", None)
    monkeypatch.setitem(sys.modules, "babel.core", None)
    locales.parents.cache_clear()
    locales.normal.cache_clear()
    try:
        result = list(chain("pt_BR", ["en-GB"]))
    finally:
        locales.parents.cache_clear()
        locales.normal.cache_clear()

    assert result == ["pt-BR", "pt", "en-GB", "en"]


@pytest.mark.parametrize("text", ["", "x", "de-", "../etc", "e n", "deutsch-deutsch"])
def test_what_names_no_language_is_refused(text: str) -> None:
    """A typing mistake is not stored as a language."""
    with pytest.raises(InvalidLocaleError):
        normal(text)


def test_reading_a_fallback_stores_nothing() -> None:
    """The value that stood in is no value of the language that was asked."""
    page = Page()
    page.title = {"en": "Garden"}

    with locale("de"):
        assert page.title == "Garden"

    assert page.title_translations == {"en": "Garden"}
    assert not page.has_translation("title", "de")


@pytest.mark.parametrize(
    ("skip", "empty", "none", "missing"),
    [("missing", "", None, "Garden"), ("none", "", "Garden", "Garden"), ("empty", "Garden", "Garden", "Garden")],
)
def test_empty_none_and_missing_are_three_things(skip: str, empty: object, none: object, missing: object) -> None:
    """Which of them lets another language stand in is a setting."""

    class Choosing(HasTranslations):
        __traits__: ClassVar[Any] = {HasTranslations: {"fallbacks": ("en",), "skip": skip}}
        title = translated()

    page = Choosing()
    page.title = {"en": "Garden", "de": "", "fr": None}

    assert [page.translation("title", one) for one in ("de", "fr", "it")] == [empty, none, missing]


def test_any_language_is_better_than_none_where_the_model_says_so() -> None:
    """The last resort is what there is."""

    class Any_(HasTranslations):
        __traits__: ClassVar[Any] = {HasTranslations: {"any_language": True}}
        title = translated()

    page = Any_()
    page.title = {"ja": "庭"}

    assert page.translation("title", "de") == "庭"
    assert page.translation("title", "de", fallback=False) is None


def test_setting_a_language_leaves_the_others_and_the_old_dictionary_alone() -> None:
    """What was read before is not changed behind the reader's back."""
    page = Page()
    page.title = {"en": "Garden"}
    before = page.title_translations

    with locale("de_DE"):
        page.title = "Garten"

    assert before == {"en": "Garden"}
    assert page.title_translations == {"en": "Garden", "de-DE": "Garten"}


def test_a_model_takes_the_languages_it_names() -> None:
    """Through the attribute at once, however else before the row is written."""
    page = Strict()

    with pytest.raises(InvalidLocaleError, match="'fr' is not a locale here"):
        page.translate("title", "Jardin", "fr")


def test_a_missing_language_is_announced_with_what_stood_in() -> None:
    """A translator's list of work."""
    heard = []
    page = Page()
    page.title = {"en": "Garden"}

    with events.listen("trait.HasTranslations.translation_missing", heard.append), locale("de"):
        page.title  # noqa: B018 - it is read

    assert [(event.payload.attribute, event.payload.locale, event.payload.used) for event in heard] == [
        ("title", "de", "en")
    ]


def test_translations_know_languages_however_they_are_written() -> None:
    """One language is one key."""
    stored = Translations()
    stored["PT_br"] = "a"
    stored.update({"de": "b"})
    stored |= {"EN": "c"}

    assert stored == {"pt-BR": "a", "de": "b", "en": "c"}
    assert stored.pop("pt_BR") == "a"


def test_languages_of_an_attribute() -> None:
    """Those that have a value, not those that have None."""
    page = Page()
    page.title = {"en": "Garden", "de": None}
    page.translate("title", "Jardin", "fr")
    page.forget_translation("title", "en")

    assert page.translation_locales("title") == ("fr",)


def test_block_of_a_language_ends_where_it_ends() -> None:
    """Also after an error."""
    inside = []
    with pytest.raises(RuntimeError), locale("de"), locale("fr"):
        raise RuntimeError(inside.append(current_locale()))

    assert inside == ["fr"]
    assert current_locale() is None


def test_saving_runs_in_memory_too() -> None:
    """The check of languages needs no host."""
    page = Strict()
    page.title = "Garden"
    run_hooks(page, "saving")

    assert page.title == "Garden"
