"""Source files of the places in a manifest, for warnings with the exact line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.manifest import Class, Location


@dataclass(frozen=True, slots=True)
class Origin:
    """File and line of a docstring, for warnings about its markup."""

    path: str
    line: int


class Sources:
    """Finds and reads source files, each once in a build.

    Args:
        folders: Where relative paths may start, in order.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._absolute: dict[str, str] = {}
        self._rows: dict[str, list[str]] = {}

    def absolute(self, path: str) -> str:
        """The file behind a path of the manifest; the path itself where there is none."""
        if path not in self._absolute:
            candidates = (folder / path for folder in self.folders if (folder / path).is_file())
            self._absolute[path] = str(next(candidates, path)) if path else ""
        return self._absolute[path]

    def origin(self, doc: str, location: Location) -> Origin:
        """Where a docstring starts: the first line of its definition that holds the docstring's first line."""
        path = self.absolute(location.path)
        start = max(location.line, 1)
        first = next((row.strip() for row in doc.splitlines() if row.strip()), "")
        rows = self._read(path)[start - 1 : location.end_line or start + 200]
        for at, row in enumerate(rows, start):
            if first and first in row:
                return Origin(path, at)
        return Origin(path, start)

    def text(self, path: str) -> str:
        """The text of a file of the manifest; empty where it cannot be read."""
        return "".join(f"{row}\n" for row in self._read(self.absolute(path)))

    def _read(self, path: str) -> list[str]:
        if path not in self._rows:
            try:
                self._rows[path] = Path(path).read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError):
                self._rows[path] = []
        return self._rows[path]


def module_of(cls: Class) -> str:
    """The module that holds a class, by its file: a class may give itself out for another module's.

    >>> from sphinx_traits.manifest import Class, Location
    >>> module_of(Class(name="shop.models.Page", location=Location("src/shop/models/pages.py", 3)))
    'shop.models.pages'
    """
    parts = cls.location.path.removesuffix(".py").removesuffix("/__init__").split("/")
    package = cls.name.partition(".")[0]
    return ".".join(parts[parts.index(package) :]) if package in parts else ""
