"""The reference pages know everything that can be written."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

import sphinx_traits
import traits_runtime
from sphinx_traits._sphinx.config import Settings
from sphinx_traits._sphinx.directives import DIRECTIVES
from sphinx_traits._sphinx.warn import Warn
from sphinx_traits.extract.manifest_builder import _HINTS
from traits_cli.commands import COMMANDS

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def finding_codes() -> set[str]:
    """The codes of findings, as the sources name them."""
    folder = Path(sphinx_traits.__file__).parent / "extract"
    text = "".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.py"))
    return set(re.findall(r'\bcode="([a-z_]+)"', text)) | set(_HINTS)


WORDS = [
    *(("configuration.md", f"`traits_{one.name}`") for one in fields(Settings)),
    *(("directives.md", f"`{name}`") for name in DIRECTIVES),
    *(("configuration.md", f"`traits.{one}`") for one in (*get_args(Warn), *sorted(finding_codes()))),
    *(("command-line.md", f"## `traits {name}") for name in COMMANDS),
    *(("runtime.md", f":: {name}\n") for name in traits_runtime.__all__),
]


@pytest.mark.parametrize(("page", "word"), WORDS, ids=[word for _, word in WORDS])
def test_reference_names_it(page: str, word: str) -> None:
    """Each value of conf.py, each directive, each command, each public name of the runtime."""
    assert word in (REFERENCE / page).read_text(encoding="utf-8")


def test_the_gallery_has_its_pictures_and_ten_lines_a_project() -> None:
    """Pictures are small enough for a page; a project's configuration is what it is said to be."""
    docs = REFERENCE.parent
    pictures = re.findall(r"\{image\} (\S+)", (docs / "gallery.md").read_text(encoding="utf-8"))
    lines = {
        file.parent.name: [one for one in file.read_text(encoding="utf-8").splitlines()[1:] if one.strip("# ")]
        for file in (docs / "gallery").glob("*/conf.py")
    }

    assert len(pictures) == 7
    assert all((docs / one).stat().st_size < 300_000 for one in pictures)
    assert {name for name, own in lines.items() if len(own) > 10} == set()
    assert lines.keys() == {"wagtail", "advanced-alchemy", "django-oscar", "superset"}
