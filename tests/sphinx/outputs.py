"""Comparing what two builds wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BOOK_KEEPING = (".buildinfo", "environment.pickle")
"""Files that Sphinx writes for itself."""


def tree(folder: Path) -> dict[str, bytes]:
    """All files of an output, by path; Sphinx's own book-keeping left out."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in BOOK_KEEPING
    }
