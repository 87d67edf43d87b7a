"""Small docutils pieces that the pages are built of: all of them stock nodes, which every builder knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DASH = " \N{EN DASH} "
"""Between a name and what it means."""

Cell: TypeAlias = "str | nodes.Node | Sequence[nodes.Node]"

_MARKUP = re.compile(
    r"``(?P<literal>.+?)``"
    r"|:[\w:+-]+:`(?P<role>[^`]+)`"
    r"|`(?P<code>[^`]+)`_{0,2}"
    r"|\*\*(?P<strong>[^*\s](?:[^*]*[^*\s])?)\*\*"
    r"|(?<![\w*])\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*(?![\w*])"
)


class Described(NamedTuple):
    """A described object with its two halves at hand."""

    node: addnodes.desc
    signature: addnodes.desc_signature
    content: addnodes.desc_content


def code(text: str, *classes: str) -> nodes.literal:
    """A piece of code, which breaks after dots and commas but not inside words."""
    return nodes.literal(text, text, classes=list(classes))


def text(value: str, *classes: str) -> nodes.Node:
    """Plain text; with classes, a span of it."""
    return nodes.inline(value, value, classes=list(classes)) if classes else nodes.Text(value)


def badge(label: str, kind: str) -> nodes.inline:
    """A word in a frame; the word says it all, the colour repeats it.

    Args:
        label: The word, translated.
        kind: Chooses the colour, `traits-badge-<kind>`.
    """
    return nodes.inline(label, label, classes=["traits-badge", f"traits-badge-{kind}"])


def summary(doc: str) -> str:
    """The first sentence of a docstring, on one line.

    >>> summary("Make it. At once.")
    'Make it.'
    """
    paragraph = " ".join(doc.strip().split("\n\n", 1)[0].split())
    sentence = re.match(r"(.+?[.!?])(?=\s+[A-Z(`*]|$)", paragraph)
    return sentence[1] if sentence else paragraph


def prose(value: str) -> list[nodes.Node]:
    """One line of a docstring with its literals and emphasis; roles are shown by their text."""
    found: list[nodes.Node] = []
    end = 0
    for match in _MARKUP.finditer(value):
        if match.start() > end:
            found.append(nodes.Text(value[end : match.start()]))
        found.append(_marked(match))
        end = match.end()
    if end < len(value):
        found.append(nodes.Text(value[end:]))
    return found


def _marked(match: re.Match[str]) -> nodes.Node:
    kind = match.lastgroup or ""
    body = match[kind]
    if kind == "strong":
        return nodes.strong(body, body)
    if kind == "emphasis":
        return nodes.emphasis(body, body)
    if kind == "role":
        titled = re.match(r"(.+?)\s*<[^>]+>$", body)
        body = titled[1] if titled else body.lstrip("!")
        body = body[1:].rpartition(".")[2] if body.startswith("~") else body
    return nodes.literal(body, body)


def paragraph(*pieces: str | nodes.Node, classes: Sequence[str] = ()) -> nodes.paragraph:
    """A paragraph of texts and nodes."""
    made = nodes.paragraph(classes=list(classes))
    made += [nodes.Text(one) if isinstance(one, str) else one for one in pieces]
    return made


def joined(pieces: Iterable[nodes.Node], separator: str = ", ") -> list[nodes.Node]:
    """Nodes with a separator between them."""
    found: list[nodes.Node] = []
    for piece in pieces:
        if found:
            found.append(nodes.Text(separator))
        found.append(piece)
    return found


def lines(items: Iterable[Cell]) -> list[nodes.Node]:
    """A cell with one paragraph for each item."""
    return [paragraph(*_inline(item), classes=["traits-line"]) for item in items]


def _inline(cell: Cell) -> list[nodes.Node]:
    if isinstance(cell, str):
        return [nodes.Text(cell)] if cell else []
    return [cell] if isinstance(cell, nodes.Node) else list(cell)


def _is_block(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Body) and not isinstance(node, nodes.Inline)


def named(name: Sequence[nodes.Node], doc: str, *more: Cell) -> list[nodes.Node]:
    """The first cell of a row: a name, below it what it is for, and details.

    Args:
        name: The name with its link and badges.
        doc: A docstring, of which the first sentence is shown.
        more: Further lines.
    """
    found: list[nodes.Node] = [paragraph(*name, classes=["traits-name"])]
    said = summary(doc)
    if said:
        found.append(paragraph(*prose(said), classes=["traits-what"]))
    found += [paragraph(*_inline(one), classes=["traits-more"]) for one in more if _filled(one)]
    return found


def table(
    kind: str, heads: Sequence[Cell], rows: Sequence[Sequence[Cell]], *, span: bool = False, stub: bool = False
) -> nodes.container:
    """A table in a frame that scrolls where the page is narrow; columns without any content are left out.

    Args:
        kind: Becomes the class `traits-<kind>`.
        heads: The column titles, translated.
        rows: The cells.
        span: Whether equal neighbours in the first column become one cell.
        stub: Whether the first cell of each row heads it.
    """
    used = [at for at in range(len(heads)) if any(_filled(row[at]) for row in rows)]
    group = nodes.tgroup(cols=len(used))
    group += [nodes.colspec(colwidth=1, **_stub(stub and at == 0)) for at in range(len(used))]
    group += nodes.thead("", _row([heads[at] for at in used]))
    body = nodes.tbody()
    spans = _spans([row[used[0]] for row in rows]) if span and used else [0] * len(rows)
    for row, rowspan in zip(rows, spans, strict=True):
        body += _row([row[at] for at in used], rowspan)
    group += body
    made = nodes.table("", group, classes=["traits-table", f"traits-{kind}", "colwidths-auto"])
    return nodes.container("", made, classes=["traits-scroll"])


def _stub(wanted: bool) -> dict[str, Any]:
    return {"stub": 1} if wanted else {}


def _rowspan(rows: int) -> dict[str, Any]:
    return {"morerows": rows} if rows > 0 else {}


def _filled(cell: Cell) -> bool:
    return isinstance(cell, nodes.Node) or bool(cell)


def _spans(cells: Sequence[Cell]) -> list[int]:
    """For each row how many further rows its first cell covers; -1 where it is covered itself."""
    spans = [0] * len(cells)
    first = 0
    for at in range(1, len(cells)):
        if cells[at] and cells[at] == cells[first]:
            spans[first] += 1
            spans[at] = -1
        else:
            first = at
    return spans


def _row(cells: Sequence[Cell], rowspan: int = 0) -> nodes.row:
    row = nodes.row()
    for at, cell in enumerate(cells):
        if at == 0 and rowspan < 0:
            continue
        entry = nodes.entry(**_rowspan(rowspan if at == 0 else 0))
        inline = _inline(cell)
        if inline and _is_block(inline[0]):
            entry += inline
        elif inline:
            entry += paragraph(*inline)
        row += entry
    return row


def facts(pairs: Iterable[tuple[str, Cell]]) -> nodes.field_list:
    """Names with values, below a signature."""
    made = nodes.field_list(classes=["traits-facts"])
    for name, value in pairs:
        inline = _inline(value)
        if not inline:
            continue
        block = inline if _is_block(inline[0]) else [paragraph(*inline)]
        made += nodes.field("", nodes.field_name(name, name), nodes.field_body("", *block))
    return made


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
