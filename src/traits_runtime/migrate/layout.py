"""Inserts an item into a list of arguments or imported names in the layout of the other items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import libcst as cst

Item = TypeVar("Item", cst.Arg, cst.ImportAlias)
Comma: TypeAlias = cst.Comma | cst.MaybeSentinel


def insert_item(
    items: Sequence[Item], position: int, item: Item, first_space: cst.BaseParenthesizableWhitespace
) -> list[Item]:
    """A list with one more item, laid out like the others.

    Args:
        items: The items of the list.
        position: Index of the new item.
        item: The new item.
        first_space: The space before the first item; it decides the layout of a list of one item.
    """
    result: list[Item] = list(items)
    separator = _without_comment(items[0].comma) if len(items) > 1 else _comma_before(first_space)
    if position == len(items) and items:
        result[-1] = result[-1].with_changes(comma=_comma_after_last(items[-1].comma, separator))
        separator = _without_comment(items[-1].comma)
    result.insert(position, item.with_changes(comma=separator if items else cst.MaybeSentinel.DEFAULT))
    return result


def _comma_before(space: cst.BaseParenthesizableWhitespace) -> cst.Comma:
    """A comma with the space after it; a line break keeps its indent and loses its comment."""
    if isinstance(space, cst.ParenthesizedWhitespace):
        first_line = space.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
        return cst.Comma(whitespace_after=space.with_changes(first_line=first_line, empty_lines=[]))
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _without_comment(comma: Comma) -> Comma:
    """The same comma without its comment."""
    if not isinstance(comma, cst.Comma):
        return comma
    space = comma.whitespace_after
    if isinstance(space, cst.ParenthesizedWhitespace):
        return comma.with_changes(whitespace_after=_comma_before(space).whitespace_after)
    return comma


def _comma_after_last(last: Comma, separator: Comma) -> Comma:
    """The comma after the item that was the last: it keeps its comment and takes the indent of a separator."""
    if not isinstance(last, cst.Comma) or not isinstance(last.whitespace_after, cst.ParenthesizedWhitespace):
        return separator
    space = separator.whitespace_after if isinstance(separator, cst.Comma) else None
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return separator
    return cst.Comma(
        whitespace_after=last.whitespace_after.with_changes(indent=space.indent, last_line=space.last_line)
    )
