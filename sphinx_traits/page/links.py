"""How a writer resolves references: addresses of objects and of source lines."""

from __future__ import annotations

from typing import Protocol


class Links(Protocol):
    """The addresses that one page may link to."""

    def address(self, objtype: str, name: str) -> str:
        """The address of an object as seen from the page; empty where nothing describes it."""
        ...

    def source(self, path: str, line: int, end_line: int) -> str:
        """The address of a source line; empty where there is none."""
        ...


class NoLinks:
    """A page without links."""

    def address(self, objtype: str, name: str) -> str:
        """No object has an address."""
        return ""

    def source(self, path: str, line: int, end_line: int) -> str:
        """No source line has an address."""
        return ""
