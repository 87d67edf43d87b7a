"""Real projects, documented from the outside; ``python -m benchmarks.gallery DIR`` builds them and takes the pictures.

DIR holds an environment for each code base, see `benchmarks.extraction_corpora`. Every page is built with nitpicky
references and with warnings as errors; the configurations stand in ``docs/gallery``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks.extraction_corpora import CORPORA, Corpus, install, site_packages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "gallery"
PICTURES = ROOT / "docs" / "_static" / "gallery"
LARGEST = 300_000
"""Bytes that a picture may have."""

PROJECTS = {
    "wagtail": "wagtail",
    "advanced-alchemy": "advanced-alchemy and mixins",
    "django-oscar": "django-oscar",
    "superset": "superset",
}
"""Folder in ``docs/gallery``, and the code base."""

INDEX = "{title}\n{line}\n\n.. toctree::\n   :maxdepth: 2\n\n   traits/index\n"


@dataclass(frozen=True)
class Picture:
    """One picture of a page.

    Args:
        name: Its file.
        page: The project, and the page in it.
        scheme: Colours.
        width: Width of the window; its height is 1,000.
        top: Selector of what stands at the top of the picture.
    """

    name: str
    page: str
    scheme: Literal["light", "dark"] = "light"
    width: int = 1280
    top: str = ""


PAGE = "wagtail/traits/models/wagtail.models.Page.html"
PICTURES_TAKEN = (
    Picture("page", PAGE),
    Picture("page-columns", PAGE, "dark", top="section#columns"),
    Picture("page-members", PAGE, top="section#members"),
    Picture("page-telephone", PAGE, "dark", 400),
    Picture("trait", "wagtail/traits/traits/wagtail.models.revisions.RevisionMixin.html"),
    Picture("matrix", "superset/traits/matrix.html", "dark"),
    Picture("events", "wagtail/traits/events.html"),
)


def build(name: str, corpus: Corpus, environments: Path, output: Path) -> Path:
    """Build a project's pages in a folder of their own; a warning is an error."""
    project, docs, pages = output / name, output / name / "docs", output / name / "html"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(GALLERY / name, docs)
    (docs / "index.rst").write_text(INDEX.format(title=corpus.name, line="=" * len(corpus.name)), encoding="utf-8")
    (project / "site-packages").symlink_to(site_packages(environments, corpus).resolve())
    subprocess.run([sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", docs, pages], check=True)
    return pages


def take(browser: Browser, sites: dict[str, Path], picture: Picture) -> Path:
    """Take a picture, with the window where the picture wants it."""
    project, _slash, path = picture.page.partition("/")
    page = browser.new_page(viewport={"width": picture.width, "height": 1000}, color_scheme=picture.scheme)
    page.goto((sites[project] / path).as_uri())
    if picture.top:
        page.evaluate("one => window.scrollTo({top: document.querySelector(one).offsetTop - 24})", picture.top)
    page.wait_for_timeout(1000)
    file = PICTURES / f"{picture.name}.png"
    page.screenshot(path=file)
    page.close()
    if file.stat().st_size > LARGEST:
        raise SystemExit(f"{file} has {file.stat().st_size} bytes, more than {LARGEST}")
    return file


def main(environments: Path) -> None:
    """Install, build, and take the pictures."""
    from playwright.sync_api import sync_playwright

    corpora = {one.name: one for one in CORPORA}
    if not install(environments, only=PROJECTS.values()):
        raise SystemExit("a code base is missing")
    output = ROOT / "build" / "gallery"
    sites = {name: build(name, corpora[corpus], environments, output) for name, corpus in PROJECTS.items()}
    for name, pages in sites.items():
        counts = [len(list((pages / "traits" / kind).glob("*.html"))) - 1 for kind in ("models", "traits")]
        print(f"{name}: {counts[0]} models, {counts[1]} traits, no warning")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for picture in PICTURES_TAKEN:
            print(take(browser, sites, picture))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
