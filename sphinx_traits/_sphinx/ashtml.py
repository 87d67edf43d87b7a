"""Tables as HTML: most of a page is tables, and nodes for each cell would cost more than all the rest of it.

The HTML says more than docutils' own: what a cell's column is called, so that a narrow page can show rows as cards,
and which heads belong to rows and columns. Builders that are not for a browser get nodes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from docutils import nodes

from sphinx_traits._sphinx.parts import Drawing, Part, Piece, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG = 14
"""Length of a name above which it may break, in a narrow column, where one of its parts ends."""

_SLASHES = re.compile(r"(?<=/)(?=\w)")
_ENDS = re.compile(r"(?<=[a-z0-9]{3})(?=[A-Z])|(?<=[a-z0-9]_)(?=\w)|(?<=[./:(,])(?=\w)")

_TAGS = {"strong": "strong", "em": "em", "span": "span", "p": "p"}


def raw(part: Table | Drawing) -> nodes.raw:
    """A table or a drawing as a node that holds HTML.

    The search index reads it with the tags cut out, so every cell and paragraph begins on a line of its own: words
    that stand side by side there would be one word to it.
    """
    return nodes.raw("", part.svg if isinstance(part, Drawing) else html_of_table(part), format="html")


def html_of_table(table: Table) -> str:
    """The HTML of a table."""
    labels = [escape(_words(cell)) for cell in table.heads]
    heads = "".join(f'\n<th scope="col">{html_of(cell)}</th>' for cell in table.heads)
    rows = "".join(_row(cells, labels, span, table.stub) for cells, span in zip(table.rows, table.spans, strict=True))
    return (
        f'<div class="traits-scroll"><table class="traits-table traits-{table.kind}">\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>{rows}\n</tbody></table></div>\n"
    )


def _row(cells: Sequence[Sequence[Part]], labels: Sequence[str], span: int, stub: bool) -> str:
    made = ["\n<tr>"]
    for at, cell in enumerate(cells):
        if at == 0:
            made.append(_first(cell, span, stub))
        else:
            made.append(f'\n<td data-label="{labels[at]}">{html_of(cell)}</td>' if cell else "\n<td></td>")
    made.append("</tr>")
    return "".join(made)


def _first(cell: Sequence[Part], span: int, stub: bool) -> str:
    if span < 0:
        return ""
    if stub:
        return f'\n<th scope="row">{html_of(cell)}</th>'
    rows = f' rowspan="{span + 1}"' if span else ""
    return f"\n<td{rows}>{html_of(cell)}</td>"


def html_of(children: Sequence[Part]) -> str:
    """Pieces as HTML."""
    return "".join(escape(one, quote=False) if isinstance(one, str) else _piece(one) for one in children)


@lru_cache(maxsize=4096)
def _name(value: str, ends: re.Pattern[str] = _ENDS) -> str:
    """A name that breaks between its parts and nowhere else."""
    broken = ends.sub("\0", value) if len(value) > LONG else value
    return escape(broken, quote=False).replace("\0", "<wbr>")


def _piece(piece: Piece) -> str:
    if piece.kind == "code" or piece.classes.startswith("traits-class"):
        ends = _SLASHES if piece.classes == "traits-place" else _ENDS
        inner = "".join(_name(one, ends) if isinstance(one, str) else _piece(one) for one in piece.children)
    else:
        inner = html_of(piece.children)
    if piece.kind == "link":
        kind = "internal" if piece.internal else "external"
        title = f' title="{escape(piece.title)}"' if piece.title else ""
        return f'<a class="reference {kind}" href="{escape(piece.href)}"{title}>{inner}</a>'
    if piece.kind == "code":
        more = f" {piece.classes}" if piece.classes else ""
        return f'<code class="docutils literal notranslate{more}">{inner}</code>'
    tag = _TAGS[piece.kind]
    opening = f'<{tag} class="{piece.classes}">' if piece.classes else f"<{tag}>"
    return f"\n{opening}{inner}</{tag}>" if tag == "p" else f"{opening}{inner}</{tag}>"


def _words(children: Sequence[Part]) -> str:
    """The text of pieces."""
    return "".join(one if isinstance(one, str) else _words(one.children) for one in children)
