"""Which pages are generated, and the few lines of each: a title and a directive."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from sphinx.locale import get_translation

from sphinx_traits._sphinx.config import LARGE
from sphinx_traits._sphinx.warn import warn
from sphinx_traits.page.layout import by_short_name
from sphinx_traits.page.overviews import OVERVIEW_PAGES, overview_sentences
from traits_runtime.rules.output import write_if_changed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sphinx_traits._sphinx.config import Settings
    from sphinx_traits.manifest import Class
    from sphinx_traits.resolve import Index

_ = get_translation("sphinx_traits")

FOLDERS = {"model": "models", "trait": "traits"}
"""Folder of the pages of each kind."""

OVERVIEWS = ("config", "events", "matrix")
"""Pages about the whole manifest, in the order of the toctree."""

LISTS = ("models/index", "traits/index")
"""Pages that list the pages of single classes."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The generated pages of a build.

    Args:
        folder: Folder of them all.
        of: Document of each model and trait, by type and name.
        titles: Title of each document.
        in_toctree: Whether the toctree has the pages of single classes.
        sentences: What each overview shows, in a sentence.
    """

    folder: str = ""
    of: Mapping[tuple[str, str], str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    in_toctree: bool = True
    sentences: Mapping[str, str] = field(default_factory=dict)

    def entries(self, kind: str) -> list[str]:
        """The documents that a toctree of a kind lists: `pages`, `models` or `traits`."""
        if kind == "pages":
            return [f"{self.folder}/{name}" for name in (*OVERVIEWS, *LISTS)]
        return [doc for (objtype, _name), doc in self.of.items() if FOLDERS[objtype] == kind]

    @property
    def overviews(self) -> list[tuple[str, str]]:
        """Document and content of each overview, in a sentence."""
        return [(f"{self.folder}/{name}", sentence) for name, sentence in self.sentences.items()]

    @property
    def index(self) -> str:
        """The first of the pages."""
        return f"{self.folder}/index"


def plan(settings: Settings, index: Index) -> Pages:
    """The pages that a manifest has; none where `traits_pages` is empty or there is nothing to show."""
    if not settings.pages or not (index.models or index.traits):
        return Pages()
    of = {
        (objtype, name): f"{settings.pages}/{FOLDERS[objtype]}/{name}"
        for objtype, classes in (("trait", index.traits), ("model", index.models))
        for name in sorted(classes, key=by_short_name)
    }
    titles = {f"{settings.pages}/{name}": str(_(OVERVIEW_PAGES[name])) for name in ("index", *OVERVIEWS, *LISTS)}
    titles |= {of[key]: title for key, title in _class_titles(index).items()}
    toctree = settings.navigation == "toctree" or (settings.navigation == "auto" and len(of) <= LARGE)
    return Pages(settings.pages, of, titles, toctree, overview_sentences(index, _))


def _class_titles(index: Index) -> dict[tuple[str, str], str]:
    """Short names by type and name, with the module where two classes share one."""
    classes: list[tuple[str, Class]] = [("trait", cls) for cls in index.traits.values()]
    classes += [("model", cls) for cls in index.models.values()]
    count = Counter(cls.short for _objtype, cls in classes)
    return {
        (objtype, cls.name): cls.short if count[cls.short] == 1 else f"{cls.short} ({cls.module})"
        for objtype, cls in classes
    }


def write_stubs(pages: Pages, folder: Path, template_paths: list[Path]) -> dict[str, str]:
    """Write the stubs whose text has changed, and remove stubs of pages that no longer exist.

    Args:
        pages: The plan.
        folder: Where stubs stand, below the doctree directory.
        template_paths: The project's `templates_path`, absolute.

    Returns:
        The file of each document.
    """
    stubs = {docname: f"{folder}/{docname}.traits-rst" for docname in pages.titles}
    plan = _fingerprint(pages, template_paths)
    fingerprint_file = folder.parent / "stubs.txt"
    if (
        fingerprint_file.is_file()
        and fingerprint_file.read_text(encoding="utf-8") == plan
        and _are_there(stubs.values())
    ):
        return stubs
    for docname, text in _texts(pages, _environment(template_paths)):
        write_if_changed(Path(stubs[docname]), text.encode())
    _remove_others(folder, {Path(file) for file in stubs.values()})
    write_if_changed(fingerprint_file, plan.encode())
    return stubs


def _are_there(files: Collection[str]) -> bool:
    """Whether all of some files exist; listing folders costs a tenth of a check of each file."""
    try:
        existing = {entry.path for folder in {os.path.dirname(file) for file in files} for entry in os.scandir(folder)}
    except OSError:
        return False
    return existing.issuperset(files)


def _fingerprint(pages: Pages, template_paths: list[Path]) -> str:
    """What the stubs depend on: the plan, and the templates by their times."""
    ours = Path(__file__).parent.parent / "templates" / "pages"
    folders = [ours, *(path / "sphinx_traits" for path in template_paths)]
    templates = sorted(file for folder in folders for file in folder.glob("*.jinja"))
    times = [(str(file), file.stat().st_mtime_ns) for file in templates]
    return hashlib.blake2b(repr((pages, times)).encode(), digest_size=12).hexdigest()


def _remove_others(folder: Path, keep: set[Path]) -> None:
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for file in folder.rglob("*.traits-*"):
        if file not in keep:
            file.unlink()


def _texts(pages: Pages, environment: jinja2.Environment) -> Iterator[tuple[str, str]]:
    names = {doc: key for key, doc in pages.of.items()}
    for docname, title in pages.titles.items():
        kind, name = names.get(docname, (_kind(pages, docname), ""))
        try:
            text = environment.get_template(f"sphinx_traits/{kind}.rst.jinja").render(
                title=title, name=name, pages=pages
            )
        except jinja2.TemplateError as error:
            place = f"{getattr(error, 'filename', None) or kind}:{getattr(error, 'lineno', None) or 1}"
            warn("template", f"the template of {docname} fails: {error}", place)
            text = environment.get_template(f"!sphinx_traits/{kind}.rst.jinja").render(
                title=title, name=name, pages=pages
            )
        yield docname, text


def _kind(pages: Pages, docname: str) -> str:
    return docname.removeprefix(pages.folder + "/").replace("/", "-")


def _environment(template_paths: list[Path]) -> jinja2.Environment:
    ours = jinja2.PackageLoader("sphinx_traits", "templates/pages")
    loader = jinja2.ChoiceLoader(
        [
            jinja2.FileSystemLoader(template_paths),
            jinja2.PrefixLoader({"sphinx_traits": ours, "!sphinx_traits": ours}),
        ]
    )
    environment = jinja2.Environment(  # noqa: S701 - the output is reStructuredText, not HTML
        loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters.update(heading=_heading, translate=_)
    return environment


def _heading(title: str) -> str:
    """A title with its underline; characters that reStructuredText would read as markup are escaped."""
    escaped = "".join(f"\\{char}" if char in "\\*`_|" else char for char in title)
    return f"{escaped}\n{'=' * max(len(escaped) * 2, 3)}"
