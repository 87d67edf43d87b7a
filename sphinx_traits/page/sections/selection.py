"""Which classes an overview shows, and overviews with one table a class."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Emphasis, Paragraph, Rubric
from sphinx_traits.page.layout import by_short_name, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from sphinx_traits.manifest import Class
    from sphinx_traits.page.elements import Block, Content
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context

    RowsOf = Callable[[Class], list[list[CellSource]]]


def matching(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The names that match a name or pattern of a list; all of them where the list is empty."""
    return [name for name in names if not patterns or _matches_any(patterns, name)]


def _matches(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")


def selected(options: Mapping[str, Any], kind: str, names: Iterable[str]) -> list[str]:
    """The names that an overview shows: those of its option, without excluded ones, sorted by their last part."""
    excluded = options.get(f"exclude-{kind}", ())
    included = matching(names, options.get(kind, ()))
    return sorted((name for name in included if not _matches_any(excluded, name)), key=by_short_name)


def _matches_any(patterns: Iterable[str], name: str) -> bool:
    return any(_matches(pattern, name) for pattern in patterns)


def per_class(page: Context, kind: str, heads: list[str], rows_of: RowsOf) -> list[Block]:
    """A heading and a table for each class with rows: traits first, then models with facts of their own."""
    index = page.catalogue.index
    traits = selected(page.options, "traits", index.traits)
    models = selected(page.options, "traits", index.models)
    content: list[Block] = []
    for name in (*traits, *models):
        rows = rows_of(index.by_name[name])
        if rows:
            content += [Rubric([page.reference(name)]), table(kind, heads, rows)]
    return content


def or_nothing(page: Context, content: Content) -> Content:
    """The content, or the sentence that there is none."""
    return content or [Paragraph([Emphasis([page.gettext("There are none.")])])]
