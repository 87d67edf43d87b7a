"""The files that a command may change: those of the analysed packages that lie in the project itself."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from sphinx_traits.extract import Extraction
from sphinx_traits.extract.locator import Locator, interpreter_paths
from sphinx_traits.manifest import Class
from sphinx_traits.project import Project

INSTALLED = {"site-packages", "dist-packages"}

MADE = {"__pycache__", "build", "dist", "node_modules"}
"""Folders whose files are made from others."""


class OwnFiles:
    """Files by the paths that facts give.

    Args:
        project: The project.
        extraction: What was read of it.
    """

    def __init__(self, project: Project, extraction: Extraction) -> None:
        self.project = project
        self.packages: tuple[str, ...] = extraction.manifest.packages
        locator = Locator(project.search_paths, interpreter_paths(), project.root)
        roots = sorted(project.search_paths, key=lambda one: len(one.parts), reverse=True)
        self.roots: dict[Path, Path] = {}
        self.by_shown: dict[str, Path] = {}
        for path in extraction.files:
            root = next((one for one in roots if path.is_relative_to(one)), None)
            if root is not None and path.suffix == ".py" and not INSTALLED & set(path.relative_to(root).parts):
                self.roots[path] = root
                if self.module(path).partition(".")[0] in {one.partition(".")[0] for one in self.packages}:
                    self.by_shown[locator.display_path(str(path))] = path

    @cached_property
    def beside(self) -> dict[str, Path]:
        """The other Python files of the project by their paths in it: tests, scripts, packages that are not read."""
        root = self.project.root.resolve()
        own = {one.resolve() for one in self.by_shown.values()}
        found = {}
        for folder, folders, files in os.walk(root):
            here = Path(folder)
            folders[:] = sorted(one for one in folders if not _is_foreign(here / one))
            for name in sorted(files):
                path = here / name
                if path.suffix == ".py" and path.resolve() not in own:
                    found[str(path.relative_to(root))] = path
        return found

    def module(self, path: Path) -> str:
        """Dotted name of the module in a file."""
        parts = path.relative_to(self.roots[path]).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def holds(self, one: Class) -> bool:
        """Whether a class is written in a file of the project."""
        return one.location.path in self.by_shown

    def within(self, one: Class) -> str:
        """Dotted path of a class in its module."""
        return one.name.removeprefix(self.module(self.by_shown[one.location.path]) + ".")

    @contextmanager
    def changed(self, content: Mapping[Path, bytes]) -> Iterator[Project]:
        """The project as it would be with other content, in a folder that is gone at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="traits-migrate-") as folder:
            top = Path(folder).resolve()
            places = {root: top / str(number) for number, root in enumerate(self.project.search_paths)}
            for path, root in self.roots.items():
                there = places[root] / path.relative_to(root)
                there.parent.mkdir(parents=True, exist_ok=True)
                if path in content:
                    there.write_bytes(content[path])
                else:
                    shutil.copyfile(path, there)
            kept = tuple(one for one in places.values() if one.is_dir())
            yield replace(self.project, search_paths=(*kept, *self.project.search_paths))


def _is_foreign(folder: Path) -> bool:
    """Whether what is in a folder is not written by the project: hidden, made, installed, an environment."""
    named = folder.name.startswith(".") or folder.name in MADE | INSTALLED
    return named or (folder / "pyvenv.cfg").is_file()
