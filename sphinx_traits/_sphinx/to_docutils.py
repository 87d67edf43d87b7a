"""Elements as docutils nodes: stock ones, which every builder knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from sphinx import addnodes

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
    from collections.abc import Callable, Iterator, Sequence

    from sphinx_traits.page.elements import Block, Cell, Content, Inline
    from sphinx_traits.page.links import Links
    from sphinx_traits.page.write_html import HtmlWriter

_ADMONITIONS: dict[str, type[nodes.Element]] = {"warning": nodes.warning, "attention": nodes.attention}


class Described(NamedTuple):
    """A described object with its signature and content nodes."""

    node: addnodes.desc
    signature: addnodes.desc_signature
    content: addnodes.desc_content


class DocutilsWriter:
    """Makes the nodes of one page.

    Args:
        links: The addresses that the page links to.
        html: Writes tables and drawings, where the page is for a browser: nodes for each cell cost more than all the
            rest of the page.
    """

    def __init__(self, links: Links, html: HtmlWriter | None = None) -> None:
        self._links = links
        self._html = html
        self._inline: dict[type, Callable[[Any], nodes.Node]] = {
            str: nodes.Text,
            Code: lambda code: nodes.literal("", "", nodes.Text(code.text), classes=code.style.split()),
            Strong: lambda strong: nodes.strong("", "", nodes.Text(strong.text)),
            Emphasis: lambda emphasis: self._element(nodes.emphasis, emphasis.content, emphasis.style),
            Span: lambda span: self._element(nodes.inline, span.content, span.style),
            Badge: _badge,
            Reference: self._reference,
            Place: self._place,
            Link: lambda link: nodes.reference("", "", nodes.Text(link.text), internal=False, refuri=link.url),
            Paragraph: lambda paragraph: self._element(nodes.paragraph, paragraph.content, paragraph.style),
        }
        self._blocks: dict[type, Callable[[Any], nodes.Node]] = {
            Rubric: lambda rubric: nodes.rubric("", "", *self.inline(rubric.content)),
            Facts: self._facts,
            BulletList: self._list,
            Admonition: lambda box: _ADMONITIONS[box.tone]("", *self.blocks(box.content)),
            Table: self._table,
            Group: self._group,
            Drawing: self._drawing,
            Docstring: lambda doc: nodes.paragraph("", doc.text),
            Description: self._description,
        }

    def blocks(self, content: Content) -> list[nodes.Node]:
        """Blocks as nodes."""
        return [node for block in content for node in self.block(block)]

    def block(self, block: Block) -> Sequence[nodes.Node]:
        """One block as nodes."""
        if isinstance(block, Paragraph):
            return self.inline([block])
        if isinstance(block, Fold):
            return list(self._fold(block))
        return [self._blocks[type(block)](block)]

    def inline(self, content: Cell) -> list[nodes.Node]:
        """Inline elements or paragraphs as nodes."""
        writers = self._inline
        return [writers[type(element)](element) for element in content]

    def _element(self, node: type[nodes.TextElement], content: Sequence[Inline], style: str) -> nodes.TextElement:
        return node("", "", *self.inline(content), classes=style.split())

    def _reference(self, reference: Reference) -> nodes.Node:
        content = self.inline(reference.content)
        address = self._links.address(reference.objtype, reference.name)
        if not address:
            return content[0] if len(content) == 1 else nodes.inline("", "", *content)
        node = nodes.reference("", "", *content, internal=True)
        if address.startswith("#"):
            node["refid"] = address[1:]
        else:
            node["refuri"] = address
        node["reftitle"] = reference.name
        return node

    def _place(self, place: Place) -> nodes.Node:
        text = nodes.literal("", "", nodes.Text(place.text), classes=["traits-place"])
        address = self._links.source(place.path, place.line, place.end_line)
        return nodes.reference("", "", text, internal=False, refuri=address) if address else text

    def _facts(self, facts: Facts) -> nodes.field_list:
        fields = nodes.field_list(classes=["traits-facts"])
        for name, value in facts.pairs:
            fields += nodes.field("", nodes.field_name(name, name), nodes.field_body("", *self._in_paragraphs(value)))
        return fields

    def _in_paragraphs(self, cell: Cell) -> list[nodes.Node]:
        if not cell or isinstance(cell[0], Paragraph):
            return self.inline(cell)
        return [nodes.paragraph("", "", *self.inline(cell))]

    def _group(self, group: Group) -> nodes.container:
        title = nodes.rubric("", "", *self.inline(group.title))
        return nodes.container("", title, *self.blocks(group.content), classes=["traits-group"])

    def _description(self, description: Description) -> nodes.Node:
        """A description whose docstring is not parsed; `Describer` parses those of pages that are read."""
        described = signature(description)
        doc = [description.doc] if description.doc else []
        described.content.extend(self.blocks([*doc, *description.content, *description.usage]))
        return described.node

    def _list(self, items: BulletList) -> nodes.bullet_list:
        return nodes.bullet_list("", *(nodes.list_item("", *self.block(item)) for item in items.items))

    def _fold(self, fold: Fold) -> Iterator[nodes.Node]:
        if self._html is None:
            yield nodes.paragraph("", "", *self.inline(fold.summary))
            yield from self.blocks(fold.content)
            return
        yield nodes.raw("", self._html.fold_opening(fold), format="html")
        yield from self.blocks(fold.content)
        yield nodes.raw("", "</details>", format="html")

    def _drawing(self, drawing: Drawing) -> nodes.Node:
        if self._html is not None:
            return nodes.raw("", self._html.block(drawing), format="html")
        return self._list(drawing.words)

    def _table(self, table: Table) -> nodes.Node:
        if self._html is not None:
            return nodes.raw("", self._html.table(table), format="html")
        group = nodes.tgroup(cols=len(table.heads))
        for column, width in enumerate(_widths(table)):
            stub: dict[str, Any] = {"stub": 1} if table.stub and column == 0 else {}
            group += nodes.colspec(colwidth=width, **stub)
        heads = (nodes.entry("", *self._in_paragraphs(head)) for head in table.heads)
        group += [nodes.thead("", nodes.row("", *heads)), nodes.tbody("", *map(self._row, table.rows, table.spans))]
        node = nodes.table("", group, classes=["traits-table", f"traits-{table.name}", "colwidths-auto"])
        return nodes.container("", node, classes=["traits-scroll"])

    def _row(self, cells: Sequence[Cell], span: int) -> nodes.row:
        row = nodes.row()
        for column, cell in enumerate(cells):
            # A covered cell is empty instead: manual pages know no cells over several rows.
            row += nodes.entry("", *self._in_paragraphs(cell if column or span >= 0 else []))
        return row


def _badge(badge: Badge) -> nodes.inline:
    return nodes.inline("", "", nodes.Text(badge.label), classes=["traits-badge", f"traits-badge-{badge.tone}"])


def _widths(table: Table) -> list[int]:
    """Width of each column in characters, for builders that lay out tables themselves."""
    columns = ([head, *(row[column] for row in table.rows)] for column, head in enumerate(table.heads))
    return [min(max(max(map(_longest_line, cells)) + 2, 6), 40) for cells in columns]


def _longest_line(cell: Cell) -> int:
    """Length of a cell's longest line."""
    if cell and isinstance(cell[0], Paragraph):
        return max(len(plain_text([line])) for line in cell)
    return len(plain_text(cell))


def signature(description: Description, ids: Sequence[str] = (), *, prefix: str = "") -> Described:
    """The entry of a described object; the caller fills its content.

    Args:
        description: The object.
        ids: Anchors.
        prefix: The word for what it is, in front of all.
    """
    name = description.name
    short = name.rpartition(".")[2]
    sig = addnodes.desc_signature("", "", ids=list(ids), classes=["sig-object", "trait"])
    sig["fullname"], sig["_toc_parts"], sig["_toc_name"] = name, (name,), short
    if prefix:
        sig += addnodes.desc_annotation("", "", nodes.Text(prefix))
    if description.prefix:
        sig += addnodes.desc_addname("", description.prefix)
    sig += addnodes.desc_name("", short)
    if description.suffix:
        sig += addnodes.desc_annotation("", "", nodes.Text(description.suffix))
    objtype = description.objtype
    desc = addnodes.desc(classes=["trait", objtype], domain="trait", objtype=objtype, desctype=objtype)
    for flag in ("no-index", "no-index-entry", "no-contents-entry", "no-typesetting"):
        desc[flag] = desc[flag.replace("no-", "no", 1)] = False
    content = addnodes.desc_content()
    desc += [sig, content]
    return Described(desc, sig, content)
