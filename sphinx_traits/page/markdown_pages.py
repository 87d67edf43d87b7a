"""All pages of a catalogue as Markdown files that link to each other."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from sphinx_traits.page.elements import MODEL, PAGE, TRAIT
from sphinx_traits.page.page import make_page, page_names
from sphinx_traits.page.write_markdown import MarkdownWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sphinx_traits.page.catalogue import Catalogue
    from sphinx_traits.page.section import Context

FOLDERS = {MODEL: "models", TRAIT: "traits"}
"""Folder of the pages of each kind."""


def page_path(objtype: str, name: str) -> str:
    """Path of a page below the output folder, without suffix.

    >>> page_path("model", "blog.models.Article"), page_path("page", "models/index")
    ('models/blog.models.Article', 'models/index')
    """
    return name if objtype == PAGE else f"{FOLDERS[objtype]}/{name}"


class MarkdownLinks:
    """Relative addresses from one Markdown page to the others.

    Args:
        catalogue: Says which classes have a page.
        path: Path of the page that links.
        source_link: URL template of source lines, empty for none.
    """

    def __init__(self, catalogue: Catalogue, path: str, source_link: str = "") -> None:
        self._catalogue = catalogue
        self._path = path
        self._folder = posixpath.dirname(path)
        self._source_link = source_link

    def address(self, objtype: str, name: str) -> str:
        """The file of a page; of a declared fact the page of its owner."""
        if objtype not in (PAGE, MODEL, TRAIT):
            name = name.rpartition(".")[0]
            objtype = self._catalogue.kind(name)
        if objtype != PAGE and not self._catalogue.kind(name):
            return ""
        path = page_path(objtype, name)
        return "" if path == self._path else f"{posixpath.relpath(path, self._folder or '.')}.md"

    def source(self, path: str, line: int, end_line: int) -> str:
        """The address of a source line."""
        if not self._source_link:
            return ""
        return self._source_link.format(path=path, line=line, end_line=end_line or line)


def markdown_pages(
    page: Context, titles: Mapping[tuple[str, str], str] | None = None, source_link: str = ""
) -> Iterator[tuple[str, str]]:
    """Every page as path and text: the overviews, then one for each model and trait.

    Args:
        page: The catalogue and the options of all pages.
        titles: Titles in place of the usual ones, by object type and name.
        source_link: URL template of source lines, empty for none.
    """
    for objtype, name in page_names(page):
        title = titles.get((objtype, name), "") if titles else ""
        yield f"{page_path(objtype, name)}.md", markdown_page(page, objtype, name, title, source_link)


def markdown_page(page: Context, objtype: str, name: str, title: str = "", source_link: str = "") -> str:
    """One page as Markdown."""
    links = MarkdownLinks(page.catalogue, page_path(objtype, name), source_link)
    return MarkdownWriter(links).page(make_page(page, objtype, name, title))
