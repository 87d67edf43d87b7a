"""What a project says about itself in `[tool.traits]`: its packages, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from traits_runtime.errors import ConfigFileError
from traits_runtime.rules.files import PROGRAM_SETTINGS, PROJECT_SETTINGS, read_tables, unknown_setting


class ProjectError(ValueError):
    """The project's file cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Project:
    """Which sources to read, as a project declares it.

    Args:
        root: The project's folder; paths in the manifest are relative to it.
        packages: Packages to analyse whole.
        search_paths: Folders that hold them, absolute; the root and its `src` by default.
        base_overrides: What a base class that cannot be read stands for, by dotted path.
        trait_names: Names or patterns of classes to take for traits, though they do not say so.
        model_names: Names or patterns of classes to take for models.
        exclude: Patterns of modules to leave out.
        config_start: Folder in which the search for the config file begins; the root by default.
        docs: Folder with the project's own `conf.py`, None if it has none.
    """

    root: Path
    packages: tuple[str, ...] = ()
    search_paths: tuple[Path, ...] = ()
    base_overrides: Mapping[str, str] = field(default_factory=dict)
    trait_names: tuple[str, ...] = ()
    model_names: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    config_start: Path | None = None
    docs: Path | None = None


def read_project(root: Path) -> Project:
    """Read `[tool.traits]` of the `pyproject.toml` in a folder.

    Args:
        root: The folder. One without the file or the table gives a project without packages.

    Raises:
        ProjectError: The folder is missing, the file is no TOML, or a value has the wrong type.

    >>> read_project(Path("examples/blog")).packages
    ('blog',)
    """
    root = root.resolve()
    if not root.is_dir():
        raise ProjectError(f"{root} is not a folder.")
    file = root / "pyproject.toml"
    table = _table(file) if file.is_file() else {}
    for name in sorted(table.keys() - PROJECT_SETTINGS - PROGRAM_SETTINGS):
        raise ProjectError(f"{file}: {unknown_setting(name)}")
    return Project(
        root=root,
        packages=_strings(file, table, "packages"),
        search_paths=tuple((root / path).resolve() for path in _strings(file, table, "search-paths"))
        or _default_paths(root),
        base_overrides=_mapping(file, table, "base-overrides"),
        trait_names=_strings(file, table, "trait-names"),
        model_names=_strings(file, table, "model-names"),
        exclude=_strings(file, table, "exclude"),
        docs=_docs(file, root, table),
    )


def find_project(start: Path) -> Project | None:
    """The project of the nearest folder above that declares `[tool.traits]`; None if there is none."""
    for folder in (start.resolve(), *start.resolve().parents):
        file = folder / "pyproject.toml"
        if file.is_file() and _table(file):
            return replace(read_project(folder), config_start=start.resolve())
    return None


def with_sources(project: Project, packages: tuple[str, ...], search_paths: tuple[Path, ...]) -> Project:
    """The project with other packages or more search paths, as the command line or `conf.py` gives them."""
    return replace(
        project,
        packages=packages or project.packages,
        search_paths=tuple(dict.fromkeys((*(path.resolve() for path in search_paths), *project.search_paths))),
    )


def _default_paths(root: Path) -> tuple[Path, ...]:
    return tuple(folder for folder in (root / "src", root) if folder.is_dir())


def _docs(file: Path, root: Path, table: Mapping[str, Any]) -> Path | None:
    name = table.get("docs", "docs")
    if not isinstance(name, str):
        raise ProjectError(f"{file}: [tool.traits] docs must be a string, not {name!r}.")
    folder = root / name
    return folder if (folder / "conf.py").is_file() else None


def _table(file: Path) -> Mapping[str, Any]:
    try:
        return read_tables(file)
    except ConfigFileError as error:
        raise ProjectError(str(error)) from error


def _strings(file: Path, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ProjectError(f"{file}: [tool.traits] {key} must be a list of strings, not {value!r}.")
    return tuple(value)


def _mapping(file: Path, table: Mapping[str, Any], key: str) -> Mapping[str, str]:
    value = table.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ProjectError(f"{file}: [tool.traits] {key} must be a table of strings, not {value!r}.")
    return value
