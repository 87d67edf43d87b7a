"""What a block is: one part of a page that is filled in when the page is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sphinx_traits._sphinx.parts import Content, Part, Piece, code
from sphinx_traits.manifest import MASK
from sphinx_traits.resolve import Composition

if TYPE_CHECKING:
    from sphinx_traits._sphinx.catalogue import Catalogue
    from sphinx_traits._sphinx.config import Settings
    from sphinx_traits._sphinx.links import Linker
    from sphinx_traits.manifest import Fact


@dataclass(frozen=True, slots=True)
class Page:
    """What a block may use to fill itself in; `options` are those of its directive."""

    catalogue: Catalogue
    linker: Linker
    settings: Settings
    options: Mapping[str, Any] = field(default_factory=dict)

    def name(self, objtype: str, fact: Fact) -> Part:
        """A fact's name with a link; of one that a plain base declares the name alone."""
        return self.linker.fact(objtype, fact)

    def origin(self, fact: Fact, subject: str) -> list[Part]:
        """The *From* cell: the class that declares a fact; empty for a trait's own, whose page is about them."""
        if fact.owner == subject and subject in self.catalogue.index.traits:
            return []
        if fact.owner == subject:
            return [Piece("em", [self.linker.cls(fact.owner)], "traits-own")]
        return [self.linker.cls(fact.owner)]


Render = Callable[[Page, Composition], Content]


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a class's page.

    Args:
        name: How options and templates call it; also the section's anchor.
        title: The section's title.
        filled: Whether there is anything to show.
        render: Makes the content.
        lead: A sentence in front of it.
    """

    name: str
    title: str
    filled: Callable[[Composition], object]
    render: Render
    lead: str = ""


def marked(words: str) -> str:
    """Words that are translated where they are shown.

    Sphinx translates what a module says while it is imported once and for all, if a build has begun already: pages
    of the next language would have titles in that of the first.
    """
    return words


def value_code(shown: str, secret: bool = False) -> Part:
    """A value as code; a secret one is masked."""
    return code(MASK if secret else shown, "traits-value")
