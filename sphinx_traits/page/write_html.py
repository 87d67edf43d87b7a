"""Elements as HTML.

The HTML of tables says more than docutils' own: the column of each cell, so that a narrow page can show rows as cards,
and which heads belong to rows and columns. Every cell and paragraph begins on a line of its own, because search indices
read the HTML with the tags cut out: words side by side would be one word to them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from sphinx_traits.page.drawing import svg
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
    plain_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sphinx_traits.page.elements import Block, Cell, Content
    from sphinx_traits.page.links import Links
    from sphinx_traits.page.page import Page

LONG = 14
"""Length of a name above which it may break, in a narrow column, where one of its parts ends."""

_SLASHES = re.compile(r"(?<=/)(?=\w)")
_ENDS = re.compile(r"(?<=[a-z0-9]{3})(?=[A-Z])|(?<=[a-z0-9]_)(?=\w)|(?<=[./:(,])(?=\w)")


class HtmlWriter:
    """Writes the elements of one page.

    Args:
        links: The addresses that the page links to.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self._references: dict[tuple[str, str], str] = {}
        self._writers: dict[type, Callable[[Any], str]] = {
            Code: self._code,
            Strong: lambda strong: f"<strong>{_escaped(strong.text)}</strong>",
            Emphasis: lambda emphasis: _tagged("em", emphasis.style, self.inline(emphasis.content)),
            Span: self._span,
            Badge: _badge,
            Reference: self._reference,
            Place: self._place,
            Link: _link,
            Paragraph: lambda paragraph: "\n" + _tagged("p", paragraph.style, self.inline(paragraph.content)),
            Rubric: lambda rubric: f'\n<p class="rubric">{self.inline(rubric.content)}</p>\n',
            Facts: self._facts,
            BulletList: lambda items: f"<ul>{''.join(f'<li>{self.block(item)}</li>' for item in items.items)}</ul>\n",
            Admonition: lambda box: f'<div class="admonition {box.tone}">{self.blocks(box.content)}</div>\n',
            Table: self.table,
            Fold: self._fold,
            Group: self._group,
            Drawing: lambda drawing: svg(drawing, links),
            Docstring: _docstring,
            Description: self._description,
        }

    def page(self, page: Page) -> str:
        """A whole page, without the frame of a site."""
        written = [f"<h1>{escape(page.title)}</h1>\n"]
        if page.description:
            written.append(self._description(page.description, page.head))
        written.append(self.blocks(page.boxes))
        for section in page.sections:
            title = f"<h2>{escape(section.title)}</h2>\n" if section.title else ""
            written.append(f'<section id="{section.name}">\n{title}{self.blocks(section.content)}</section>\n')
        return "".join(written)

    def blocks(self, content: Content) -> str:
        """Blocks, one after the other."""
        return "".join(map(self.block, content))

    def block(self, block: Block) -> str:
        """One block."""
        return self._writers[type(block)](block)

    def inline(self, content: Cell) -> str:
        """Inline elements or paragraphs."""
        writers = self._writers
        return "".join(
            _escaped(element) if isinstance(element, str) else writers[type(element)](element) for element in content
        )

    def table(self, table: Table) -> str:
        """A table in a frame that scrolls where the page is narrow."""
        labels = [escape(plain_text(head)) for head in table.heads]
        heads = "".join(f'\n<th scope="col">{self.inline(head)}</th>' for head in table.heads)
        rows = "".join(
            self._row(cells, labels, span, table.stub) for cells, span in zip(table.rows, table.spans, strict=True)
        )
        return (
            f'<div class="traits-scroll"><table class="traits-table traits-{table.name}">\n'
            f"<thead><tr>{heads}</tr></thead>\n<tbody>{rows}\n</tbody></table></div>\n"
        )

    def _row(self, cells: Sequence[Cell], labels: Sequence[str], span: int, stub: bool) -> str:
        written = ["\n<tr>", self._first_cell(cells[0], span, stub)]
        for label, cell in zip(labels[1:], cells[1:], strict=True):
            written.append(f'\n<td data-label="{label}">{self.inline(cell)}</td>' if cell else "\n<td></td>")
        written.append("</tr>")
        return "".join(written)

    def _first_cell(self, cell: Cell, span: int, stub: bool) -> str:
        if span < 0:
            return ""
        if stub:
            return f'\n<th scope="row">{self.inline(cell)}</th>'
        rows = f' rowspan="{span + 1}"' if span else ""
        return f"\n<td{rows}>{self.inline(cell)}</td>"

    def _code(self, code: Code) -> str:
        return _code(code.text, code.style)

    def _span(self, span: Span) -> str:
        if not span.style.startswith("traits-class"):
            return _tagged("span", span.style, self.inline(span.content))
        name = "".join(_name(part) if isinstance(part, str) else self.inline([part]) for part in span.content)
        return _tagged("span", span.style, name)

    def _reference(self, reference: Reference) -> str:
        """A reference to a class is written once: its name is on a page in many rows."""
        if reference.objtype not in ("model", "trait"):
            return self._new_reference(reference)
        key = reference.objtype, reference.name
        if key not in self._references:
            self._references[key] = self._new_reference(reference)
        return self._references[key]

    def _new_reference(self, reference: Reference) -> str:
        content = self.inline(reference.content)
        address = self._links.address(reference.objtype, reference.name)
        if not address:
            return content
        title = escape(reference.name)
        return f'<a class="reference internal" href="{escape(address)}" title="{title}">{content}</a>'

    def _place(self, place: Place) -> str:
        text = _code(place.text, "traits-place", _SLASHES)
        address = self._links.source(place.path, place.line, place.end_line)
        return f'<a class="reference external" href="{escape(address)}">{text}</a>' if address else text

    def _facts(self, facts: Facts) -> str:
        pairs = (f"<dt>{escape(name)}</dt>\n<dd>{self.inline(value)}</dd>\n" for name, value in facts.pairs)
        return f'<dl class="field-list traits-facts">\n{"".join(pairs)}</dl>\n'

    def _fold(self, fold: Fold) -> str:
        return f"{self.fold_opening(fold)}{self.blocks(fold.content)}</details>\n"

    def fold_opening(self, fold: Fold) -> str:
        """The opening tag of a fold with its summary."""
        key = f' data-traits-fold="{escape(fold.key)}"' if fold.key else ""
        return f"<details{key}><summary>{self.inline(fold.summary)}</summary>\n"

    def _group(self, group: Group) -> str:
        title = self.inline(group.title)
        return f'<div class="traits-group"><p class="rubric">{title}</p>\n{self.blocks(group.content)}</div>\n'

    def _description(self, description: Description, head: Content = ()) -> str:
        doc = _docstring(description.doc) if description.doc else ""
        content = self.blocks([*description.content, *description.usage])
        return (
            f'<dl class="trait {description.objtype}">\n<dt class="sig sig-object trait">'
            f"{escape(description.title)}</dt>\n<dd>{self.blocks(head)}{doc}{content}</dd></dl>\n"
        )


def _escaped(text: str) -> str:
    """Text as HTML; `>` needs no escape, and a search index would take it for a word."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


@lru_cache(maxsize=4096)
def _name(name: str, ends: re.Pattern[str] = _ENDS) -> str:
    """A name that breaks between its parts and nowhere else."""
    broken = ends.sub("\0", name) if len(name) > LONG else name
    return _escaped(broken).replace("\0", "<wbr>")


def _code(text: str, style: str, ends: re.Pattern[str] = _ENDS) -> str:
    classes = f"docutils literal notranslate {style}" if style else "docutils literal notranslate"
    return f'<code class="{classes}">{_name(text, ends)}</code>'


def _tagged(tag: str, style: str, inner: str) -> str:
    return f'<{tag} class="{style}">{inner}</{tag}>' if style else f"<{tag}>{inner}</{tag}>"


def _badge(badge: Badge) -> str:
    label = _escaped(badge.label)
    return f'<span class="traits-badge traits-badge-{badge.tone}">{label}</span>'


def _link(link: Link) -> str:
    return f'<a class="reference external" href="{escape(link.url)}">{escape(link.text)}</a>'


def _docstring(docstring: Docstring) -> str:
    """The paragraphs of a docstring; its own markup is read by Sphinx alone."""
    paragraphs = docstring.text.strip().split("\n\n")
    return "".join(f"<p>{escape(paragraph)}</p>\n" for paragraph in paragraphs)
