"""The elements that pages are made of: frozen records, cheap to make, which know no builder.

A reference names its target; each writer resolves it in its own way. Lists of inline elements hold plain texts too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

MODEL, TRAIT, PAGE = "model", "trait", "page"
"""Object types of a reference: a model, a trait, an overview by its name; others are those of the domain."""


class Element(msgspec.Struct, frozen=True, gc=False, tag_field="element", tag=str.lower):
    """An element of a page; its JSON form names its class."""


class Code(Element, frozen=True):
    """A piece of code.

    Args:
        text: What is shown.
        style: Classes, separated by spaces.
    """

    text: str
    style: str = ""


class Strong(Element, frozen=True):
    """A strong text."""

    text: str


class Emphasis(Element, frozen=True):
    """Emphasised content."""

    content: Sequence[Inline]
    style: str = ""


class Span(Element, frozen=True):
    """Inline content with a style."""

    content: Sequence[Inline]
    style: str


class Badge(Element, frozen=True):
    """A word in a frame; the word carries the meaning, the colour repeats it.

    Args:
        label: The word, translated.
        tone: Chooses the colour.
    """

    label: str
    tone: str


class Reference(Element, frozen=True):
    """A reference to a described object.

    Args:
        objtype: Object type of the domain `trait`, or `PAGE`.
        name: Full dotted name.
        content: What is shown; shown alone where nothing describes the object.
    """

    objtype: str
    name: str
    content: Sequence[Inline]


class Place(Element, frozen=True):
    """A place in the sources."""

    path: str
    line: int = 0
    end_line: int = 0

    @property
    def text(self) -> str:
        """Path and line."""
        return f"{self.path}:{self.line}" if self.line else self.path


class Link(Element, frozen=True):
    """A link to an address outside the documentation."""

    url: str
    text: str


class Paragraph(Element, frozen=True):
    """A paragraph of inline elements."""

    content: Sequence[Inline]
    style: str = ""


class Rubric(Element, frozen=True):
    """A heading inside a section."""

    content: Sequence[Inline]


class Facts(Element, frozen=True):
    """Names with values; a value is inline content or paragraphs."""

    pairs: Sequence[tuple[str, Cell]]


class BulletList(Element, frozen=True):
    """A list without numbers."""

    items: Sequence[Paragraph]


class Admonition(Element, frozen=True):
    """A box that stands out; `tone` is `warning` or `attention`."""

    tone: str
    content: Sequence[Block]


class Table(Element, frozen=True):
    """A table.

    Args:
        name: What its rows are, `hooks`.
        heads: The cells of the head.
        rows: The cells of the body.
        spans: For each row how many further rows its first cell covers; -1 where it is covered itself.
        stub: Whether the first cell of each row heads it.
    """

    name: str
    heads: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    spans: Sequence[int]
    stub: bool = False


class Fold(Element, frozen=True):
    """Content that opens on demand.

    Args:
        summary: What is shown while it is closed.
        content: What opens.
        key: Name under which a reader's choice is remembered; empty for none.
    """

    summary: Sequence[Inline]
    content: Sequence[Block]
    key: str = ""


class Group(Element, frozen=True):
    """Content that belongs together under a title of its own."""

    title: Sequence[Inline]
    content: Sequence[Block]


class Drawing(Element, frozen=True):
    """Boxes and arrows between them, and the same in words.

    Args:
        title: What the drawing shows.
        boxes: One reference a box, in reading order.
        arrows: From box to box, by their numbers.
        words: For readers without pictures.
    """

    title: str
    boxes: Sequence[Reference]
    arrows: Sequence[tuple[int, int]]
    words: BulletList


class Docstring(Element, frozen=True):
    """A docstring in its own markup.

    Args:
        text: The docstring, after the listeners of `traits-process-docstring`.
        source: The docstring as the source file has it, to find its line.
        place: The definition that it belongs to.
        owner: Dotted path of the class that the definition belongs to.
    """

    text: str
    source: str
    place: Place
    owner: str


class Description(Element, frozen=True):
    """The canonical description of one declared object; links to the object lead here.

    Args:
        objtype: Object type of the domain `trait`.
        name: Full dotted name; its last part is shown.
        short: The name as search and links show it.
        prefix: What is shown in front of the name.
        suffix: What follows the name: a type, a value.
        aliases: Other names that lead here.
        doc: Its docstring.
        content: What follows the docstring.
        usage: What the rest of the program says of it: who emits and hears an event.
    """

    objtype: str
    name: str
    short: str
    prefix: str = ""
    suffix: str = ""
    aliases: Sequence[str] = ()
    doc: Docstring | None = None
    content: Sequence[Block] = ()
    usage: Sequence[Block] = ()

    @property
    def title(self) -> str:
        """The signature on one line."""
        return f"{self.prefix}{self.name.rpartition('.')[2]}{self.suffix}"


Inline: TypeAlias = "str | Code | Strong | Emphasis | Span | Badge | Reference | Place | Link"
Block: TypeAlias = (
    "Paragraph | Rubric | Facts | BulletList | Admonition | Table | Fold | Group | Drawing | Docstring | Description"
)
Cell: TypeAlias = "Sequence[Inline | Paragraph]"
Content: TypeAlias = "Sequence[Block]"


def plain_text(content: Cell) -> str:
    """The words of inline elements or paragraphs, without any markup.

    >>> plain_text(["calls ", Code("save()"), " ", Badge("async", "note")])
    'calls save() async'
    """
    return "".join(element if isinstance(element, str) else _text_of(element) for element in content)


def _text_of(element: Element) -> str:
    if isinstance(element, Code | Strong | Place | Link):
        return element.text
    if isinstance(element, Badge):
        return element.label
    content: Cell = element.content  # type: ignore[attr-defined]  # all other inline elements have content
    return plain_text(content)
