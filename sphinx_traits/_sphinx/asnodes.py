"""Pieces as docutils nodes: stock ones, which every builder knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from sphinx import addnodes

from sphinx_traits._sphinx.parts import Drawing, Part, Piece, Table, is_block

if TYPE_CHECKING:
    from collections.abc import Sequence

_INLINE: dict[str, type[nodes.TextElement]] = {
    "strong": nodes.strong,
    "em": nodes.emphasis,
    "span": nodes.inline,
    "p": nodes.paragraph,
}
_BOXES: dict[str, type[nodes.Element]] = {"warning": nodes.warning, "attention": nodes.attention}


class Described(NamedTuple):
    """A described object with its two halves at hand."""

    node: addnodes.desc
    signature: addnodes.desc_signature
    content: addnodes.desc_content


def node_of(part: Part | Table | Drawing) -> nodes.Node:
    """A piece as a node."""
    if isinstance(part, str):
        return nodes.Text(part)
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Drawing):
        return node_of(part.words)
    classes = part.classes.split()
    if part.kind in _INLINE:
        return _INLINE[part.kind]("", "", *nodes_of(part.children), classes=classes)
    if part.kind == "code":
        return nodes.literal("", "", *nodes_of(part.children), classes=classes)
    if part.kind == "link":
        return _link(part)
    if part.kind == "rubric":
        return nodes.rubric("", "", *nodes_of(part.children))
    if part.kind == "facts":
        return _facts(part)
    if part.kind == "list":
        return nodes.bullet_list("", *(nodes.list_item("", one) for one in nodes_of(part.children)))
    return _BOXES[part.kind]("", *nodes_of(part.children))


def nodes_of(children: Sequence[Part]) -> list[nodes.Node]:
    """Pieces as nodes."""
    return [nodes.Text(one) if isinstance(one, str) else node_of(one) for one in children]


def _link(part: Piece) -> nodes.reference:
    made = nodes.reference("", "", *nodes_of(part.children), internal=part.internal)
    if part.href.startswith("#"):
        made["refid"] = part.href[1:]
    else:
        made["refuri"] = part.href
    if part.title:
        made["reftitle"] = part.title
    return made


def _facts(part: Piece) -> nodes.field_list:
    made = nodes.field_list(classes=["traits-facts"])
    for name, value in zip(part.children[::2], part.children[1::2], strict=True):
        assert isinstance(name, str)  # noqa: S101 - names and values stand by turns
        assert isinstance(value, Piece)  # noqa: S101
        made += nodes.field("", nodes.field_name(name, name), nodes.field_body("", *_blocks(value.children)))
    return made


def _blocks(children: Sequence[Part]) -> list[nodes.Node]:
    if not children:
        return []
    if is_block(children[0]):
        return nodes_of(children)
    return [nodes.paragraph("", "", *nodes_of(children))]


def _table(table: Table) -> nodes.container:
    group = nodes.tgroup(cols=len(table.heads))
    group += [nodes.colspec(colwidth=width, **_stub(table.stub and at == 0)) for at, width in enumerate(_widths(table))]
    head = nodes.thead("", nodes.row("", *(nodes.entry("", *_blocks(cell)) for cell in table.heads)))
    group += [head, nodes.tbody("", *map(_row, table.rows, table.spans))]
    made = nodes.table("", group, classes=["traits-table", f"traits-{table.kind}", "colwidths-auto"])
    return nodes.container("", made, classes=["traits-scroll"])


def _row(cells: Sequence[Sequence[Part]], span: int) -> nodes.row:
    row = nodes.row()
    for at, cell in enumerate(cells):
        # A covered cell is empty instead: manual pages know no cells over several rows.
        row += nodes.entry("", *_blocks(cell if at or span >= 0 else []))
    return row


def _widths(table: Table) -> list[int]:
    """Width of each column in characters, for builders that lay out tables themselves."""
    columns = ([table.heads[at], *(row[at] for row in table.rows)] for at in range(len(table.heads)))
    return [min(max(max(map(_longest, cells)) + 2, 6), 40) for cells in columns]


def _longest(cell: Sequence[Part]) -> int:
    """Length of a cell's longest line."""
    if cell and is_block(cell[0]):
        return max(len(_words([one])) for one in cell)
    return len(_words(cell))


def _words(children: Sequence[Part]) -> str:
    return "".join(one if isinstance(one, str) else _words(one.children) for one in children)


def _stub(wanted: bool) -> dict[str, Any]:
    return {"stub": 1} if wanted else {}


def signature(objtype: str, name: str, *, prefix: str = "", ids: Sequence[str] = (), after: str = "") -> Described:
    """A described object whose content the caller fills.

    Args:
        objtype: Object type of the domain `trait`.
        name: Its full dotted name; only the last part is shown.
        prefix: What is shown in front of it, set back.
        ids: Anchors.
        after: What follows the name: a type, a value.
    """
    short = name.rpartition(".")[2]
    sig = addnodes.desc_signature("", "", ids=list(ids), classes=["sig-object", "trait"])
    sig["fullname"], sig["_toc_parts"], sig["_toc_name"] = name, (name,), short
    if prefix:
        sig += addnodes.desc_addname("", prefix)
    sig += addnodes.desc_name("", short)
    if after:
        sig += addnodes.desc_annotation("", "", nodes.Text(after))
    desc = addnodes.desc(classes=["trait", objtype], domain="trait", objtype=objtype, desctype=objtype)
    for flag in ("no-index", "no-index-entry", "no-contents-entry", "no-typesetting"):
        desc[flag] = desc[flag.replace("no-", "no", 1)] = False
    content = addnodes.desc_content()
    desc += [sig, content]
    return Described(desc, sig, content)
