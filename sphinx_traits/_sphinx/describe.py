"""Descriptions on the page that is being read: signature, anchor, parsed docstring and details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits._sphinx.build import build_of, record_dependency
from sphinx_traits._sphinx.to_docutils import Described, DocutilsWriter, signature
from sphinx_traits.manifest import Location
from sphinx_traits.page.links import NoLinks

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.environment import BuildEnvironment

    from sphinx_traits._sphinx.docstrings import DocstringParser
    from sphinx_traits._sphinx.sources import Sources
    from sphinx_traits.domain import TraitDomain
    from sphinx_traits.manifest import ConfigKey
    from sphinx_traits.page.elements import Content, Description, Docstring


class Describer:
    """Writes descriptions on the page being read, and registers them with the domain.

    Args:
        env: The environment.
        domain: Learns where each object is described.
        parser: Reads docstrings.
        sources: Finds the lines of docstrings.
        primary: Whether links to the objects lead to this page.
    """

    def __init__(
        self,
        env: BuildEnvironment,
        domain: TraitDomain,
        parser: DocstringParser,
        sources: Sources,
        primary: bool,
    ) -> None:
        self.env = env
        self.domain = domain
        self.parser = parser
        self.sources = sources
        self.primary = primary
        self._writer = DocutilsWriter(NoLinks())

    def describe(self, description: Description, *, prefix: str = "") -> Described:
        """One description; its usage is left to the caller, because only the written page can link.

        Args:
            description: The description.
            prefix: The word for what is described, in front of the signature.
        """
        described = signature(description, self._anchor(description), prefix=prefix)
        described.content.extend(self.docstring(description.doc))
        described.content.extend(self.details(description.content))
        return described

    def docstring(self, docstring: Docstring | None) -> list[nodes.Node]:
        """A docstring as nodes."""
        if docstring is None:
            return []
        place = Location(docstring.place.path, docstring.place.line, docstring.place.end_line)
        return self.parser.parse(docstring.text, self.sources.origin(docstring.source, place), docstring.owner)

    def details(self, content: Content) -> list[nodes.Node]:
        """Elements without links as nodes."""
        return self._writer.blocks(content)

    def _anchor(self, description: Description) -> list[str]:
        """The ids of an object that is described here: none where links lead to another page."""
        if not self.primary:
            return []
        # Not `type-name`: Sphinx's search would rebuild such an anchor from the name it shows, which is shorter.
        anchor = f"{description.objtype}.{description.name}"
        self.domain.note_object(
            description.objtype,
            description.name,
            self.env.docname,
            anchor,
            display=description.short,
            aliases=description.aliases,
        )
        return [anchor]

    def note_standard_names(self, key: ConfigKey, described: Described) -> None:
        """Register a key and its variables with Sphinx's own roles and the inventory."""
        if not self.primary or not build_of(self.env).settings.std_objects:
            return
        record_dependency(self.env, f"standard:{key.owner}")
        anchor = described.signature["ids"][0]
        for standard in build_of(self.env).catalogue.standard_names.get(key.owner, ()):
            if standard.key == key.name:
                self.env.domains.standard_domain.note_object(standard.objtype, standard.name, anchor)
