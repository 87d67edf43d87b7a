"""Filter for Alembic's autogenerate: leaves out FTS5's own tables, and tables that adapters create."""

from __future__ import annotations

from typing import Any, Final

OWN: Final = frozenset({"traits_cache", "traits_outbox", "traits_override", "traits_override_history"})
"""Tables that an outbox, cache or store of the config creates by itself; a project that migrates one declares
it in its metadata."""

SHADOWS: Final = tuple(f"search_entries_{suffix}" for suffix in ("config", "content", "data", "docsize", "idx"))
"""Tables of SQLite behind the virtual table of the search index."""


def include_object(element: Any, name: str | None, kind: str, reflected: bool, beside: Any) -> bool:
    """For ``context.configure(include_object=include_object)`` in Alembic's ``env.py``.

    Without it, autogenerate proposes to drop what SQLite keeps behind a search index, to change the virtual table
    itself, and to drop tables of ours that the metadata does not declare.

    Args:
        element: A table, column, index or constraint.
        name: Its name.
        kind: What it is, ``table`` for instance.
        reflected: Whether it was read from the database.
        beside: What the other side has of that name, None for nothing.

    Returns:
        Whether it is compared. A filter of one's own is asked besides: ``mine(*given) and include_object(*given)``.
    """
    if kind != "table":
        return True
    if reflected:
        return beside is not None or name not in {*OWN, *SHADOWS}
    return beside is None or "fts5" not in element.info or "rowid" in beside.columns
