"""The example's documentation in every form that Sphinx makes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sphinx_traits.testing import Built, SphinxBuilder

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[2] / "examples" / "blog" / "docs"
FORMS = {
    "latex": "theblog.tex",
    "man": "theblog.1",
    "text": "events.txt",
    "epub": "Theblog.epub",
    "gettext": "index.pot",
    "singlehtml": "index.html",
    "dirhtml": "events/index.html",
    "json": "events.fjson",
    "texinfo": "theblog.texi",
    "xml": "events.xml",
}


def build(folder: Path, form: str) -> Built:
    """The example's documentation in a form; its sources are read where they are."""
    shutil.copytree(DOCS, folder / "docs")
    project = SphinxBuilder(folder, {"traits_project": str(DOCS.parent), "nitpicky": True})
    return project.build(form)


@pytest.mark.filterwarnings("ignore:'sphinxcontrib.serializinghtml")
@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_made_without_a_warning(form: str, tmp_path: Path) -> None:
    """Every reference leads somewhere, and every node is known to the writer."""
    built = build(tmp_path, form)

    assert built.warnings == []
    assert (built.out / FORMS[form]).stat().st_size > 1000


def test_plain_text_says_what_the_pages_say(tmp_path: Path) -> None:
    """Tables, values and who set them are there without a browser."""
    text = build(tmp_path, "text").text("traits/models/blog.models.content.Article.txt")

    for word in ("HasSlug", "max_length", "120", "instead of", "slug_generated", "Lookup order:"):
        assert word in text


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="apt-get install latexmk texlive-latex-extra tex-gyre")
def test_the_pdf_is_made_and_its_tables_fit(tmp_path: Path) -> None:
    """No character is unknown, and no line sticks out by more than a character or two."""
    out = build(tmp_path, "latex").out
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "theblog.tex"]

    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-2000:]
    log = (out / "theblog.log").read_text(encoding="utf-8", errors="replace")
    assert max(map(float, re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)), default=0) < 20
