"""Addresses of objects and source lines as link targets of one page, resolved when the page is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.errors import NoUri

if TYPE_CHECKING:
    from sphinx.builders import Builder

    from sphinx_traits.domain import TraitDomain


class SphinxLinks:
    """The addresses that one page of a build links to.

    Args:
        domain: Knows where each object is described.
        builder: Knows the address of each page.
        docname: The page that is written.
        source_link: URL template of source lines, empty for none.
    """

    def __init__(self, domain: TraitDomain, builder: Builder, docname: str, source_link: str) -> None:
        self._domain = domain
        self._builder = builder
        self._docname = docname
        self._source_link = source_link
        self._pages: dict[str, str | None] = {}

    def address(self, objtype: str, name: str) -> str:
        """The address of an object; empty where nothing describes it, or the builder makes no addresses."""
        target = self._domain.objects.get((objtype, name))
        if target is None:
            return ""
        docname, anchor = target[0], target[1]
        if docname == self._docname and anchor:
            return f"#{anchor}"
        page = self._page(docname)
        if page is None:
            return ""
        return f"{page}#{anchor}" if anchor else page

    def source(self, path: str, line: int, end_line: int) -> str:
        """The address of a source line; empty where the project has none."""
        if not self._source_link:
            return ""
        return self._source_link.format(path=path, line=line, end_line=end_line or line)

    def _page(self, docname: str) -> str | None:
        if docname not in self._pages:
            try:
                self._pages[docname] = self._builder.get_relative_uri(self._docname, docname)
            except NoUri:
                self._pages[docname] = None
        return self._pages[docname]
