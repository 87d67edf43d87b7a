"""The files that a migration may change: those of the analysed packages within the project."""

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

GENERATED = {"__pycache__", "build", "dist", "node_modules"}
"""Folders whose files are built from others."""


class ProjectFiles:
    """Files of the project by the paths that locations of facts have.

    Args:
        project: The project.
        extraction: Its extraction.
    """

    def __init__(self, project: Project, extraction: Extraction) -> None:
        self.project = project
        self.packages: tuple[str, ...] = extraction.manifest.packages
        self.roots: dict[Path, Path] = {}
        """The search path of each file that was read."""
        self.analysed: dict[str, Path] = {}
        """The files of the analysed packages, by display path."""
        locator = Locator(project.search_paths, interpreter_paths(), project.root)
        top_packages = {package.partition(".")[0] for package in self.packages}
        for path in extraction.files:
            root = self._search_path_of(path)
            if root is not None:
                self.roots[path] = root
                if self.module(path).partition(".")[0] in top_packages:
                    self.analysed[locator.display_path(str(path))] = path

    def _search_path_of(self, path: Path) -> Path | None:
        """The deepest search path above a Python file; None for files that are installed."""
        roots = [root for root in self.project.search_paths if path.is_relative_to(root)]
        if not roots or path.suffix != ".py":
            return None
        root = max(roots, key=lambda candidate: len(candidate.parts))
        return None if INSTALLED & set(path.relative_to(root).parts) else root

    @cached_property
    def unread(self) -> dict[str, Path]:
        """The other Python files of the project, by path within it: tests, scripts, packages not analysed."""
        root = self.project.root.resolve()
        analysed = {path.resolve() for path in self.analysed.values()}
        files = {}
        for folder_name, subfolders, names in os.walk(root):
            folder = Path(folder_name)
            subfolders[:] = sorted(name for name in subfolders if not _is_foreign(folder / name))
            for name in sorted(names):
                path = folder / name
                if path.suffix == ".py" and path.resolve() not in analysed:
                    files[str(path.relative_to(root))] = path
        return files

    def module(self, path: Path) -> str:
        """Dotted name of the module in a file."""
        parts = path.relative_to(self.roots[path]).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def contains(self, class_: Class) -> bool:
        """Whether a class is defined in an analysed file of the project."""
        return class_.location.path in self.analysed

    def file_of(self, class_: Class) -> Path:
        """The file of a class that the project contains."""
        return self.analysed[class_.location.path]

    def qualname(self, class_: Class) -> str:
        """Dotted path of a class within its module."""
        return class_.name.removeprefix(self.module(self.file_of(class_)) + ".")

    @contextmanager
    def copy_with(self, content: Mapping[Path, bytes]) -> Iterator[Project]:
        """A temporary copy of the project in which some files have other content."""
        with tempfile.TemporaryDirectory(prefix="traits-migrate-") as folder:
            top = Path(folder).resolve()
            copies = {root: top / str(number) for number, root in enumerate(self.project.search_paths)}
            for path, root in self.roots.items():
                target = copies[root] / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                if path in content:
                    target.write_bytes(content[path])
                else:
                    shutil.copyfile(path, target)
            search_paths = tuple(copy for copy in copies.values() if copy.is_dir())
            yield replace(self.project, search_paths=(*search_paths, *self.project.search_paths))


def _is_foreign(folder: Path) -> bool:
    """Whether a folder is hidden, generated, installed or a virtual environment."""
    if folder.name.startswith(".") or folder.name in GENERATED | INSTALLED:
        return True
    return (folder / "pyvenv.cfg").is_file()
