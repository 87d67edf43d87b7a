"""Texts in several languages in a database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from traitmodels import Base, Page

from traits_runtime import locale
from traits_runtime.adapters.sqlalchemy import AsyncTraitSession, TraitSession, set_translation
from traits_runtime.errors import InvalidLocaleError


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


@pytest.fixture
def page(session: TraitSession) -> Page:
    """A page in three languages."""
    made = Page()
    made.title = {"en": "Garden", "pt": "Jardim", "fr": None}
    session.add(made)
    session.commit()
    return made


def stored(session: TraitSession) -> Any:
    """What the database holds."""
    return session.scalar(sa.select(Page.title_translations).execution_options(populate_existing=True))


def test_a_region_reads_its_language_and_then_the_configured_one(page: Page) -> None:
    """pt-BR, pt, en; nothing is stored by reading."""
    with locale("pt-BR"):
        assert page.title == "Jardim"
    with locale("de"):
        assert page.title == "Garden"

    assert not sa.inspect(page).modified


def test_a_change_in_place_is_written_and_has_its_old_value(session: TraitSession, page: Page) -> None:
    """A log sees what it was."""
    held = page.title_translations
    held["de"] = "Garten"
    held["PT"] = "Quintal"
    history = sa.inspect(page).attrs.title_translations.history

    assert list(history.deleted) == [{"en": "Garden", "pt": "Jardim", "fr": None}]
    session.commit()
    assert stored(session) == {"en": "Garden", "pt": "Quintal", "fr": None, "de": "Garten"}


def test_a_change_in_place_that_is_rolled_back_is_gone(session: TraitSession, page: Page) -> None:
    """Also where it was flushed before."""
    page.title_translations["de"] = "Garten"
    session.flush()
    session.rollback()

    assert "de" not in page.title_translations


def test_setting_one_language_writes_the_others_as_they_are(session: TraitSession, page: Page) -> None:
    """None is kept, and is no value."""
    with locale("de"):
        page.title = "Garten"
    session.commit()

    assert stored(session) == {"en": "Garden", "pt": "Jardim", "fr": None, "de": "Garten"}
    assert sorted(page.translation_locales("title")) == ["de", "en", "pt"]


def test_statement_for_many_rows_sets_one_language_alone(session: TraitSession, page: Page) -> None:
    """What another writer translates meanwhile is not overwritten."""
    session.add(Page())
    session.commit()
    session.execute(sa.update(Page).values(set_translation(Page, "title", "Garten \"'", "de_AT")))
    session.commit()

    found = session.scalars(sa.select(Page.title_translations).order_by(Page.id)).all()
    assert found == [{"en": "Garden", "pt": "Jardim", "fr": None, "de-AT": "Garten \"'"}, {"de-AT": "Garten \"'"}]


def test_queries_read_the_current_language_with_its_fallbacks(session: TraitSession, page: Page) -> None:
    """To select, to filter and to order by."""
    with locale("pt-BR"):
        assert session.scalars(sa.select(Page.title).where(Page.title == "Jardim").order_by(Page.title)).all() == [
            "Jardim"
        ]
    with locale("de"):
        assert session.scalars(sa.select(Page.title)).all() == ["Garden"]


def test_rows_by_language(session: TraitSession, page: Page) -> None:
    """That have one of their own, and that say this in it."""

    def count(condition: Any) -> int:
        return len(session.scalars(sa.select(Page).where(condition)).all())

    assert [count(Page.scopes.where_locale("title", one)) for one in ("pt", "pt-BR", "fr", "de")] == [1, 0, 0, 0]
    assert count(Page.scopes.where_translation("title", "Jardim", "pt")) == 1
    assert count(Page.scopes.where_translation("title", "Garden", "pt")) == 0


def test_translations_in_an_asynchronous_session(
    in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None],
) -> None:
    """Written, read by the language of each task, changed in place with its old value, asked for, set for many."""

    async def main(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, class_=AsyncTraitSession, expire_on_commit=False)() as opened:
            page = Page()
            page.title = {"en": "Garden", "pt": "Jardim"}
            opened.add(page)
            await opened.commit()

            async def read(language: str) -> str | None:
                with locale(language):
                    await asyncio.sleep(0)
                    found: str | None = (await opened.get_one(Page, page.id)).title
                    return found

            assert await asyncio.gather(*map(read, ("pt-BR", "de", "en"))) == ["Jardim", "Garden", "Garden"]
            page.title_translations["de"] = "Garten"
            assert list(sa.inspect(page).attrs.title_translations.history.deleted) == [{"en": "Garden", "pt": "Jardim"}]
            await opened.commit()
            with locale("de"):
                assert (await opened.scalars(sa.select(Page.title).where(Page.title == "Garten"))).all() == ["Garten"]
            await opened.execute(sa.update(Page).values(set_translation(Page, "title", "Jardin", "fr")))
            await opened.commit()
            await opened.refresh(page)
            assert page.title_translations == {"en": "Garden", "pt": "Jardim", "de": "Garten", "fr": "Jardin"}

    in_async(main)


def test_language_that_the_model_does_not_take_is_not_written(session: TraitSession) -> None:
    """However it came in."""
    page = Page()
    page.title = {"en": "x"}
    session.add(page)
    with page.translation_config.override(locales=("en", "de")):
        page.title_translations["fr"] = "y"
        with pytest.raises(InvalidLocaleError):
            session.flush()
