"""The reference pages know everything that can be written."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from sphinx_traits._sphinx.config import Settings
from sphinx_traits._sphinx.directives import DIRECTIVES
from traits_runtime.cli import COMMANDS

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"

WORDS = [
    *(("configuration.md", f"`traits_{one.name}`") for one in fields(Settings)),
    *(("directives.md", f"`{name}`") for name in DIRECTIVES),
    *(("command-line.md", f"## `traits {name}") for name in COMMANDS),
]


@pytest.mark.parametrize(("page", "word"), WORDS, ids=[word for _, word in WORDS])
def test_reference_names_it(page: str, word: str) -> None:
    """Each value of conf.py, each directive, each command."""
    assert word in (REFERENCE / page).read_text(encoding="utf-8")
