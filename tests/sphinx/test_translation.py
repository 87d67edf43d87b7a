"""The extension's own words in another language."""

from __future__ import annotations

import gettext
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from blogfacts import ARTICLE, SLUG

import sphinx_traits

if TYPE_CHECKING:
    from sphinx_traits.testing import SphinxBuilder

pytestmark = pytest.mark.slow


PACKAGE = Path(sphinx_traits.__file__).parent
LANGUAGES = sorted(folder.name for folder in (PACKAGE / "locale").iterdir())


def messages() -> set[str]:
    """All texts in the code that are marked for translation."""
    found: set[str] = set()
    for file in [*(PACKAGE / "_sphinx").rglob("*.py"), *(PACKAGE / "page").rglob("*.py"), PACKAGE / "domain.py"]:
        source = file.read_text(encoding="utf-8")
        found.update(re.findall(r'\b(?:_|N_|gettext)\(\s*"((?:[^"\\]|\\.)+)"\s*,?\s*\)', source))
        found.update(re.findall(r'_index\("\w+", "\w+", "([^"]+)"\)', source))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    """A catalogue has each text of the code, and no text that the code has lost."""
    with (PACKAGE / "locale" / language / "LC_MESSAGES" / "sphinx_traits.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]

    assert {key for key in catalogue if key} == messages()


def test_pages_speak_the_projects_language(blog: SphinxBuilder) -> None:
    """Titles, heads and badges are German where the project is, also after an English one in the same process."""
    blog.build()
    blog.config["language"] = "de"

    built = blog.build()
    model, trait = built.text(f"traits/models/{ARTICLE}.html"), built.text(f"traits/traits/{SLUG}.html")

    assert built.warnings == []
    for word in ("Konfiguration", "Suchreihenfolge", "Vorgabe", "Ausgelöst von", "durch "):
        assert word in model
    assert "Genutzt von" in trait
    assert "Verzeichnis der Ereignisse" in built.text("trait-events.html")
