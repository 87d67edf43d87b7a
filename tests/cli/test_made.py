"""What the documentation takes from the program is what the program says."""

from __future__ import annotations

import html
import importlib.util
from types import ModuleType

import pytest

from programs import ROOT


def script(name: str) -> ModuleType:
    """A script of the documentation's folder."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_of_the_documentation_are_current() -> None:
    """The JSON Schemas of all commands: a change of a command's output shows here; `python docs/made.py` writes it."""
    assert script("made").stale() == []


@pytest.mark.slow
def test_recorded_session_is_what_the_commands_say() -> None:
    """Its ten commands and more run again and say the same; `python docs/session.py` writes it anew."""
    session = script("session")

    assert session.plain(session.record()) == session.TEXT.read_text(encoding="utf-8")


def test_picture_of_the_session_shows_its_text_and_loads_nothing() -> None:
    """Every command of the text stands in the picture; there is no address of a font or a style in it."""
    session = script("session")
    drawn = html.unescape(session.PICTURE.read_text(encoding="utf-8")).replace("\xa0", " ")

    assert [one for one in session.SESSION if one not in drawn] == []
    assert "url(http" not in drawn
    assert "@import" not in drawn
    assert "<script" not in drawn
