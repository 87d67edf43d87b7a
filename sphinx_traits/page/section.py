"""What sections are and what they may use: the catalogue, a translator, and the options of a page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from sphinx_traits.manifest import MASK, ConfigKey, Fact
from sphinx_traits.page.elements import (
    MODEL,
    TRAIT,
    Code,
    Content,
    Description,
    Docstring,
    Emphasis,
    Inline,
    Paragraph,
    Place,
    Reference,
)
from sphinx_traits.page.layout import lines, name_cell, text
from sphinx_traits.resolve import Composition

if TYPE_CHECKING:
    from sphinx_traits.manifest import Class, Location
    from sphinx_traits.page.catalogue import Catalogue
    from sphinx_traits.page.layout import CellSource


def N_(message: str) -> str:  # noqa: N802 - gettext's name for it
    """Mark a constant for translation; `Context.gettext` translates it where it is shown."""
    return message


def unprocessed(_what: str, _name: str, doc: str) -> str:
    """A docstring as it is."""
    return doc


@dataclass(frozen=True, slots=True)
class Context:
    """What the sections of one page may use.

    Args:
        catalogue: The facts.
        gettext: Translates into the language of the page.
        process: Gives listeners a docstring to change: kind of object, its name, the docstring.
        private_members: Whether members with a leading underscore are shown.
        options: Options of one section, as of the directive that shows it.
        ambiguous: Short names that several classes of the page's lookup order have.
    """

    catalogue: Catalogue
    gettext: Callable[[str], str] = str
    process: Callable[[str, str, str], str] = unprocessed
    private_members: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    ambiguous: Collection[str] = ()

    def reference(self, name: str) -> Inline:
        """A class by its short name, an ambiguous one in full: a reference for models and traits, a text for others."""
        short = name.rpartition(".")[2]
        if short in self.ambiguous:
            short = name
        kind = self.catalogue.kind(name)
        if not kind:
            return text(short, "traits-class traits-foreign")
        return Reference(kind, name, [text(short, "traits-class")])

    def origin(self, fact: Fact, subject: str) -> list[Paragraph]:
        """The *From* cell: the class that declares a fact, unless the page is that trait's own, and the place."""
        rows: list[list[Inline]] = []
        if fact.owner != subject:
            rows.append([self.reference(fact.owner)])
        elif subject not in self.catalogue.index.traits:
            rows.append([Emphasis([self.reference(fact.owner)], "traits-own")])
        if fact.location.path:
            rows.append(place(fact.location))
        return lines(rows)

    def doc(self, fact: Fact | Class) -> str:
        """The docstring of a fact or a class after the listeners."""
        return self.process(_kind(fact), fact.name, fact.doc) if fact.doc else ""

    def docstring(self, fact: Fact | Class) -> Docstring | None:
        """The docstring of a fact or a class as an element; None where there is none."""
        doc = self.doc(fact)
        owner = fact.owner if isinstance(fact, Fact) else fact.name
        return Docstring(doc, fact.doc, _place(fact.location), owner) if doc else None

    def name_cell(self, name: list[Inline], fact: Fact | Class, *details: CellSource) -> list[Paragraph]:
        """The first cell of a row about a fact or a class."""
        return name_cell(name, self.doc(fact), *details)


def object_name(fact: Fact) -> str:
    """The full name of a declared fact as the domain knows it."""
    return f"{fact.owner}.{fact.name}"


def fact_reference(objtype: str, fact: Fact) -> Reference:
    """A reference to the description of a hook, key, event, ... under its own name."""
    return Reference(objtype, object_name(fact), [Code(fact.name)])


def place(location: Location) -> list[Inline]:
    """A place in the sources; nothing where it is not known."""
    return [_place(location)] if location.path else []


def value_code(value: str, secret: bool = False) -> Code:
    """A value as code; a secret one is masked."""
    return Code(MASK if secret else value, "traits-value")


def _place(location: Location) -> Place:
    return Place(location.path, location.line, location.end_line)


def _kind(fact: Fact | Class) -> str:
    return "config" if isinstance(fact, ConfigKey) else type(fact).__name__.lower()


Build: TypeAlias = Callable[[Context, Composition], Content]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a trait's page describes one by one.

    Args:
        attribute: Attribute of `Class` that holds the facts.
        objtype: Object type of the domain.
        describe: Makes the description of one fact.
    """

    attribute: str
    objtype: str
    describe: Callable[[Context, Any], Description]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a class's page.

    Args:
        name: How options and templates call it; also the section's anchor.
        title: The section's title.
        filled: Whether there is anything to show; on a trait's page, beside its own declarations.
        build: Makes the content.
        pages: The kinds of pages that have it.
        lead: A sentence in front of the content.
        declared: What a trait's page describes in front of it.
    """

    name: str
    title: str
    filled: Callable[[Composition], object]
    build: Build
    pages: tuple[str, ...] = (MODEL, TRAIT)
    lead: str = ""
    declared: Declared | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """A part of a page about the whole manifest; its options choose what it shows."""

    name: str
    build: Callable[[Context], Content]
