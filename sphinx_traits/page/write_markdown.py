"""Pages as Markdown: tables keep one line a row, docstrings keep their own markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sphinx_traits.page.docstring_markdown import docstring_lines
from sphinx_traits.page.elements import (
    Admonition,
    Badge,
    BulletList,
    Code,
    Description,
    Docstring,
    Drawing,
    Emphasis,
    Facts,
    Fold,
    Group,
    Link,
    Paragraph,
    Place,
    Reference,
    Rubric,
    Span,
    Strong,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.page.elements import Block, Cell, Content
    from sphinx_traits.page.links import Links
    from sphinx_traits.page.page import Page

_SPECIAL = re.compile(r"[\\`*<\[]|(?<!\w)_|_(?!\w)")
"""Characters that Markdown would read as markup."""

_LINE_BREAK = "<br>"
"""Between the paragraphs of a cell."""


_SEPARATOR = "<!-- -->"
"""Between two pieces of code that touch: their back-ticks would be one fence."""


class MarkdownWriter:
    """Writes the elements of one page.

    Args:
        links: The addresses that the page links to.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self._level = 2
        self._inline: dict[type, Callable[[Any], str]] = {
            str: _escaped,
            Code: lambda code: _code(code.text),
            Strong: lambda strong: f"**{_escaped(strong.text)}**",
            Emphasis: self._emphasis,
            Span: lambda span: self.inline(span.content),
            Badge: lambda badge: f"*{_escaped(badge.label)}*",
            Reference: self._reference,
            Place: self._place,
            Link: lambda link: f"[{_escaped(link.text)}]({link.url})",
        }
        self._blocks: dict[type, Callable[[Any], Iterator[str]]] = {
            Paragraph: self._paragraph,
            Rubric: self._rubric,
            Facts: self._facts,
            BulletList: self._list,
            Admonition: self._admonition,
            Table: self._table,
            Fold: lambda fold: self._titled(fold.summary, fold.content),
            Group: lambda group: self._titled(group.title, group.content),
            Drawing: lambda drawing: self._list(drawing.words),
            Docstring: lambda docstring: iter([*docstring_lines(docstring.text), ""]),
            Description: self._description,
        }

    def page(self, page: Page) -> str:
        """A whole page."""
        lines = [f"# {_escaped(page.title)}", ""]
        if page.description:
            lines += [f"{page.kind} {_code(page.description.name)}", ""]
            lines += self.blocks(page.head)
            lines += self._body(page.description)
        lines += self.blocks(page.boxes)
        for section in page.sections:
            if section.title:
                lines += [f"## {_escaped(section.title)}", ""]
            self._level = 3 if section.title else 2
            lines += self.blocks(section.content)
        return "\n".join(lines).strip() + "\n"

    def blocks(self, content: Content) -> Iterator[str]:
        """The lines of blocks; an empty line follows each."""
        for block in content:
            yield from self.block(block)

    def block(self, block: Block) -> Iterator[str]:
        """The lines of one block."""
        return self._blocks[type(block)](block)

    def inline(self, content: Cell) -> str:
        """Inline elements, or paragraphs on lines of their own, inside one line."""
        if content and isinstance(content[0], Paragraph):
            return _LINE_BREAK.join(self.inline(line.content) for line in content)  # type: ignore[union-attr]
        written: list[str] = []
        for element in content:
            text = self._inline[type(element)](element)
            if text.startswith("`") and written and written[-1].endswith("`"):
                written.append(_SEPARATOR)
            written.append(text)
        return "".join(written)

    def _emphasis(self, emphasis: Emphasis) -> str:
        content = self.inline(emphasis.content)
        return content if emphasis.style else f"*{content}*"

    def _reference(self, reference: Reference) -> str:
        content = self.inline(reference.content)
        address = self._links.address(reference.objtype, reference.name)
        return f"[{content}]({address})" if address else content

    def _place(self, place: Place) -> str:
        address = self._links.source(place.path, place.line, place.end_line)
        return f"[{_code(place.text)}]({address})" if address else _code(place.text)

    def _paragraph(self, paragraph: Paragraph) -> Iterator[str]:
        yield self.inline(paragraph.content).strip()
        yield ""

    def _rubric(self, rubric: Rubric) -> Iterator[str]:
        yield f"{'#' * self._level} {self.inline(rubric.content)}"
        yield ""

    def _facts(self, facts: Facts) -> Iterator[str]:
        for name, value in facts.pairs:
            yield f"- **{_escaped(name)}:** {self.inline(value)}"
        yield ""

    def _list(self, items: BulletList) -> Iterator[str]:
        for item in items.items:
            yield f"- {self.inline(item.content).strip()}"
        yield ""

    def _admonition(self, admonition: Admonition) -> Iterator[str]:
        lines = list(self.blocks(admonition.content))
        for line in lines[:-1]:
            yield f"> {line}".rstrip()
        yield ""

    def _table(self, table: Table) -> Iterator[str]:
        yield self._row(table.heads)
        yield "|---" * len(table.heads) + "|"
        for row in table.rows:
            yield self._row(row)
        yield ""

    def _row(self, row: Sequence[Cell]) -> str:
        cells = (self.inline(cell).replace("|", "\\|") for cell in row)
        return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"

    def _titled(self, title: Cell, content: Content) -> Iterator[str]:
        yield f"**{self.inline(title)}**"
        yield ""
        yield from self.blocks(content)

    def _description(self, description: Description) -> Iterator[str]:
        yield f"{'#' * self._level} {_code(description.title)}"
        yield ""
        yield from self._body(description)
        yield from self.blocks(description.usage)

    def _body(self, description: Description) -> Iterator[str]:
        if description.doc:
            yield from self.block(description.doc)
        yield from self.blocks(description.content)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split("\n")))


def _code(text: str) -> str:
    """Text in code style, whatever back-ticks it holds."""
    text = " ".join(text.split())
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"
