"""The values of the config file as facts: read by the program's own reader."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx_traits.manifest import Finding, Location, Setting, Value
from sphinx_traits.manifest_cache import digest
from traits_runtime.errors import ConfigFileError
from traits_runtime.rules.files import ConfigFile, find_config, read_file, searched_files, unknown_setting
from traits_runtime.rules.layers import Address


def settings_files(start: Path | None) -> dict[str, str]:
    """The files that decide which config file is read, each with its digest, empty for one that does not exist.

    Args:
        start: The folder in which the search begins, None for no search.
    """
    digests: dict[str, str] = {}
    for path in searched_files(start.resolve(), os.environ) if start is not None else ():
        try:
            digests[str(path)] = digest(path.read_bytes())
        except OSError:
            digests[str(path)] = ""
    return digests


def file_settings(start: Path | None, project: Path | None) -> tuple[list[Setting], list[Finding]]:
    """The settings in the config file that the program would read, and the names in it that mean nothing.

    Args:
        start: The folder in which the search begins, None for no search.
        project: The folder that paths are relative to.
    """
    path = find_config(start.resolve(), os.environ) if start is not None else None
    if path is None:
        return [], []
    shown = _shown(path, project)
    try:
        file = read_file(path)
    except ConfigFileError as error:
        return [], [_unreadable(shown, str(error).removeprefix(f"{path}: "))]
    return list(_settings(file, shown)), list(_unknown(file, shown))


def _shown(path: Path, project: Path | None) -> str:
    """The path relative to the project; the name alone where the file is outside of it."""
    path = path.resolve()
    if project is not None and path.is_relative_to(project.resolve()):
        return path.relative_to(project.resolve()).as_posix()
    return path.name


def _settings(file: ConfigFile, shown: str) -> list[Setting]:
    return [
        Setting(
            trait=trait,
            key=key,
            value=Value(repr(entry.value)),
            layer=layer_of(entry.address),
            model=model,
            tenant=tenant,
            location=Location(shown, entry.line, entry.line),
        )
        for entry in file.entries
        for trait, key, model, tenant in [entry.address]
    ]


def layer_of(address: Address) -> str:
    """The layer of a value in a file.

    >>> layer_of(("HasSlug", "max_length", "", "acme"))
    'tenant'
    """
    _trait, _key, model, tenant = address
    if tenant:
        return "tenant+model" if model else "tenant"
    return "model" if model else "file"


def _unknown(file: ConfigFile, shown: str) -> list[Finding]:
    return [
        Finding(
            location=Location(shown, line),
            code="unknown_key",
            message=str(unknown_setting(name)),
            hint="It has no effect.",
        )
        for name, line in file.unknown
    ]


def _unreadable(shown: str, why: str) -> Finding:
    line = re.search(r"line (\d+)", why)
    return Finding(
        location=Location(shown, int(line.group(1)) if line else 1),
        code="syntax_error",
        message=f"The config file {why}",
        level="error",
    )
