"""Docstrings as text and sections, in Google, NumPy and Sphinx style; markup inside stays as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sphinx_traits.page.elements import plain_text
from sphinx_traits.page.prose import prose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KINDS = {
    "args": "parameters",
    "arguments": "parameters",
    "parameters": "parameters",
    "keyword args": "parameters",
    "keyword arguments": "parameters",
    "other parameters": "parameters",
    "attributes": "attributes",
    "returns": "returns",
    "return": "returns",
    "yields": "yields",
    "raises": "raises",
    "warns": "warns",
    "note": "note",
    "notes": "note",
    "warning": "warning",
    "warnings": "warning",
    "example": "examples",
    "examples": "examples",
    "see also": "see also",
    "references": "references",
    "todo": "todo",
}
"""Kind of a section by its title."""

LISTS = frozenset({"parameters", "attributes", "returns", "yields", "raises", "warns"})
"""Sections that hold items with a name or a type."""

FIELDS = {
    **dict.fromkeys(("param", "parameter", "arg", "argument", "key", "keyword"), "parameters"),
    **dict.fromkeys(("var", "ivar", "cvar"), "attributes"),
    **dict.fromkeys(("return", "returns"), "returns"),
    **dict.fromkeys(("yield", "yields"), "yields"),
    **dict.fromkeys(("raise", "raises", "except", "exception"), "raises"),
}
"""Kind of a section by Sphinx's field name."""

ORDER = ("parameters", "attributes", "returns", "yields", "raises")
"""Order of the kinds on a page."""

TYPES = {"type": "parameters", "vartype": "attributes", "rtype": "returns"}
"""Fields that give the type of another field's subject."""

_FIELD = re.compile(rf":(?P<field>{'|'.join((*FIELDS, *TYPES))})(?:\s+(?P<about>[^:]+?))?:(?:\s+(?P<text>.*))?$")
_GOOGLE = re.compile(rf"({'|'.join(KINDS)}):\s*$", re.IGNORECASE)
_RULE = re.compile(r"-{3,}\s*$")
_ITEM = re.compile(r"(?P<name>\*{0,2}[\w.\[\]]+(?:, *\*{0,2}\w+)*)\s*(?:\((?P<type>.*?)\))?:(?:\s+(?P<text>.*))?$")


@dataclass(frozen=True, slots=True)
class Item:
    """One parameter, attribute, result or exception."""

    name: str
    type: str
    lines: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a docstring.

    Args:
        kind: A value of `KINDS`, or `text`.
        lines: Its text, dedented; empty for a list.
        line: Where it starts, the docstring's first line is 0.
        items: What a list holds.
    """

    kind: str
    lines: tuple[str, ...]
    line: int
    items: tuple[Item, ...] = field(default=())


def split(doc: str, style: str) -> Iterator[Section]:
    """The sections of a docstring, in order.

    Args:
        doc: The docstring, dedented.
        style: `google`, `numpy`, `sphinx`, `auto` for any of them, anything else for none.
    """
    rows = doc.splitlines()
    start = at = 0
    while at < len(rows):
        if style in ("auto", "sphinx") and _FIELD.match(rows[at]):
            yield from _text(rows, start, at)
            start, at = at, _until_text(rows, at)
            yield from _sections_of_fields(rows[start:at], start)
            start = at
            continue
        head = _head(rows, at, style)
        if head is None:
            at += 1
            continue
        kind, first, stop, numpy = head
        yield from _text(rows, start, at)
        yield _section(kind, rows, first, stop, numpy)
        start = at = stop
    yield from _text(rows, start, len(rows))


def _text(rows: Sequence[str], start: int, stop: int) -> Iterator[Section]:
    if any(row.strip() for row in rows[start:stop]):
        yield Section("text", tuple(rows[start:stop]), start)


def _head(rows: Sequence[str], at: int, style: str) -> tuple[str, int, int, bool] | None:
    """The section that starts at a line: kind, first and last line, and whether it is in NumPy style."""
    row = rows[at]
    following = rows[at + 1] if at + 1 < len(rows) else ""
    google = _GOOGLE.match(row)
    if google and style in ("auto", "google") and following.startswith((" ", "\t")):
        return KINDS[google[1].lower()], at + 1, _indented(rows, at + 1), False
    title = row.strip().lower()
    if title in KINDS and style in ("auto", "numpy") and _RULE.match(following):
        return KINDS[title], at + 2, _until_rule(rows, at + 2), True
    return None


def _indented(rows: Sequence[str], start: int) -> int:
    at = start
    while at < len(rows) and (not rows[at].strip() or rows[at].startswith((" ", "\t"))):
        at += 1
    return at


def _until_rule(rows: Sequence[str], start: int) -> int:
    for at in range(start, len(rows) - 1):
        if rows[at].strip().lower() in KINDS and _RULE.match(rows[at + 1]):
            return at
    return len(rows)


def _section(kind: str, rows: Sequence[str], start: int, stop: int, numpy: bool) -> Section:
    body = list(rows[start:stop])
    if not numpy:
        body = dedent(body)
    if kind not in LISTS:
        return Section(kind, tuple(body), start)
    items = _numpy_items(body, start, kind) if numpy else _google_items(body, start, kind)
    return Section(kind, (), start, tuple(items))


def _google_items(body: Sequence[str], start: int, kind: str) -> Iterator[Item]:
    if kind in ("returns", "yields"):
        yield Item("", "", tuple(body), start)
        return
    for at, block in _blocks(body):
        match = _ITEM.match(block[0])
        name, type_, text = (match["name"], match["type"], match["text"]) if match else ("", "", block[0])
        yield Item(name, type_ or "", (text or "", *dedent(block[1:])), start + at)


def _numpy_items(body: Sequence[str], start: int, kind: str) -> Iterator[Item]:
    for at, block in _blocks(body):
        name, _colon, type_ = (part.strip() for part in block[0].partition(" : "))
        if kind in ("returns", "yields") and not type_:
            name, type_ = "", name
        yield Item(name, type_, tuple(dedent(block[1:])), start + at + 1)


def _until_text(rows: Sequence[str], start: int) -> int:
    """The end of a list of fields, without trailing blank lines."""
    stop = start
    for at in range(start, len(rows)):
        if rows[at].strip():
            if not (_FIELD.match(rows[at]) or rows[at].startswith((" ", "\t"))):
                break
            stop = at + 1
    return stop


def _sections_of_fields(rows: Sequence[str], start: int) -> Iterator[Section]:
    """Sphinx's fields by subject, each with the type that its type field gives."""
    sections: dict[str, dict[str, Item]] = {}
    types: dict[tuple[str, str], str] = {}
    for at, block in _blocks(rows):
        match = _FIELD.match(block[0])
        assert match is not None  # noqa: S101 - a line without indent is a field here
        about, text = match["about"] or "", match["text"] or ""
        if match["field"] in TYPES:
            types[TYPES[match["field"]], about] = _words(text)
            continue
        kind = FIELDS[match["field"]]
        type_, _space, name = about.rpartition(" ") if kind in ("parameters", "attributes") else ("", "", about)
        sections.setdefault(kind, {})[name] = Item(name, type_, (text, *dedent(block[1:])), start + at)
    for kind, about in types:
        sections.setdefault(kind, {}).setdefault(about, Item(about, "", (), start))
    for kind, items in sorted(sections.items(), key=lambda entry: ORDER.index(entry[0])):
        typed = (replace(item, type=item.type or types.get((kind, name), "")) for name, item in items.items())
        yield Section(kind, (), start, tuple(typed))


def _words(markup: str) -> str:
    """A type without its markup."""
    return plain_text(prose(markup))


def _blocks(body: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Each line without indent, with the indented ones that follow."""
    heads = [at for at, row in enumerate(body) if row.strip() and not row.startswith((" ", "\t"))]
    for head, stop in zip(heads, [*heads[1:], len(body)], strict=True):
        yield head, list(body[head:stop])


def dedent(rows: Sequence[str]) -> list[str]:
    """Lines without the indent that they share."""
    indents = [len(row) - len(row.lstrip()) for row in rows if row.strip()]
    cut = min(indents, default=0)
    return [row[cut:] for row in rows]
