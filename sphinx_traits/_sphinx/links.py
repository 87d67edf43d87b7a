"""Links to objects and to source lines, made when a page is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.errors import NoUri

from sphinx_traits._sphinx.parts import Part, Piece, code, text

if TYPE_CHECKING:
    from sphinx.builders import Builder

    from sphinx_traits.domain import TraitDomain
    from sphinx_traits.manifest import Fact, Location
    from sphinx_traits.resolve import Index


def object_name(fact: Fact) -> str:
    """The full name of a declared fact as the domain knows it."""
    return f"{fact.owner}.{fact.name}"


class Linker:
    """Makes the links of one page.

    Args:
        domain: Knows where each object is described.
        builder: Knows the address of each page.
        index: Knows which classes are models and traits.
        docname: The page that is written.
        source_link: URL template of source lines, empty for none.
    """

    def __init__(self, domain: TraitDomain, builder: Builder, index: Index, docname: str, source_link: str) -> None:
        self.domain = domain
        self.builder = builder
        self.index = index
        self.docname = docname
        self.source_link = source_link
        self._uris: dict[str, str] = {}
        self._classes: dict[str, Part] = {}

    def to(self, objtype: str, name: str, shown: Part) -> Part:
        """A link to an object; what is shown alone where nothing describes the object."""
        target = self.domain.objects.get((objtype, name))
        if target is None:
            return shown
        if target[0] == self.docname and target[1]:
            return Piece("link", [shown], href=f"#{target[1]}", title=name)
        uri = self._uri(target[0])
        if uri is None:
            return shown
        address = f"{uri}#{target[1]}" if target[1] else uri
        return Piece("link", [shown], href=address, title=name)

    def fact(self, objtype: str, fact: Fact) -> Part:
        """A link to where a hook, key, event, ... is described, under its own name."""
        return self.to(objtype, object_name(fact), code(fact.name))

    def cls(self, name: str) -> Part:
        """A class by its short name: a link for models and traits, text with its path for others."""
        if name not in self._classes:
            self._classes[name] = self._class(name)
        return self._classes[name]

    def _class(self, name: str) -> Part:
        short = name.rpartition(".")[2]
        for objtype, known in (("trait", self.index.traits), ("model", self.index.models)):
            if name in known:
                return self.to(objtype, name, text(short, "traits-class"))
        return text(short, "traits-class traits-foreign")

    def place(self, location: Location) -> list[Part]:
        """A place in the sources, a link where the project has a URL for it."""
        if not location.path:
            return []
        shown = code(str(location), "traits-place")
        if not self.source_link:
            return [shown]
        uri = self.source_link.format(
            path=location.path, line=location.line, end_line=location.end_line or location.line
        )
        return [Piece("link", [shown], href=uri, internal=False)]

    def page(self, docname: str, shown: Part) -> Part:
        """A link to a whole page."""
        uri = self._uri(docname)
        return shown if uri is None else Piece("link", [shown], href=uri)

    def _uri(self, docname: str) -> str | None:
        if docname not in self._uris:
            try:
                self._uris[docname] = self.builder.get_relative_uri(self.docname, docname)
            except NoUri:
                return None
        return self._uris[docname]
