"""Values that configuration files give to traits, each with the line it stands on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sphinx_traits.manifest import Finding, Location, Setting, Value
from sphinx_traits.manifest_cache import digest

_HEADER = re.compile(r"\s*\[(?P<path>[^\[\]]+)\]\s*(#.*)?$")
_KEY = re.compile(
    r"\s*(?P<path>(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")
_TABLES = ("config", "features")


def settings_files(project: Path | None) -> dict[str, str]:
    """The files that may hold settings, each with its content's digest, empty for one that is not there."""
    found: dict[str, str] = {}
    for name in ("pyproject.toml", "traits.toml") if project is not None else ():
        path = Path(project or "") / name
        try:
            found[str(path)] = digest(path.read_bytes())
        except OSError:
            found[str(path)] = ""
    return found


def file_settings(project: Path | None) -> tuple[list[Setting], list[Finding]]:
    """The settings in a project's ``pyproject.toml`` and ``traits.toml``, with what is wrong there.

    Args:
        project: The project's folder.
    """
    settings: list[Setting] = []
    findings: list[Finding] = []
    for name, prefix in (("pyproject.toml", ("tool", "traits")), ("traits.toml", ())):
        path = project / name if project is not None else None
        if path is None or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
            table: Any = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            findings.append(_unreadable(name, error))
            continue
        for part in prefix:
            table = table.get(part, {}) if isinstance(table, dict) else {}
        if isinstance(table, dict):
            settings += _read(table, _lines(text), prefix, name)
    return settings, findings


def _unreadable(name: str, error: Exception) -> Finding:
    line = re.search(r"line (\d+)", str(error))
    return Finding(
        location=Location(name, int(line.group(1)) if line else 1),
        code="syntax_error",
        message=f"The file cannot be read: {error}.",
        level="error",
    )


def _read(
    table: Mapping[str, Any], lines: Mapping[tuple[str, ...], int], prefix: tuple[str, ...], name: str
) -> Iterator[Setting]:
    for kind in _TABLES:
        yield from _traits(table.get(kind), lines, (*prefix, kind), name, layer="file")
    for model, inner in _tables(table.get("models")):
        yield from _traits(inner, lines, (*prefix, "models", model), name, layer="model", model=model)
    for tenant, inner in _tables(table.get("tenants")):
        yield from _traits(inner, lines, (*prefix, "tenants", tenant), name, layer="tenant", tenant=tenant)


def _tables(value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, dict):
        yield from ((key, inner) for key, inner in value.items() if isinstance(inner, dict))


def _traits(
    table: object,
    lines: Mapping[tuple[str, ...], int],
    path: tuple[str, ...],
    name: str,
    layer: str,
    model: str = "",
    tenant: str = "",
) -> Iterator[Setting]:
    for trait, values in _tables(table):
        for key, value in values.items():
            line = lines.get((*path, trait, key)) or lines.get((*path, trait), 0)
            yield Setting(
                trait=trait,
                key=key,
                value=Value(repr(value)),
                layer=layer,
                model=model,
                tenant=tenant,
                location=Location(name, line, line),
            )


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each table and key; keys of inline tables stand on the line of their table."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        key = None if header else _KEY.match(line)
        if header:
            table = _parts(header.group("path"))
            found.setdefault(table, number)
        elif key:
            found.setdefault((*table, *_parts(key.group("path"))), number)
    return found


def _parts(path: str) -> tuple[str, ...]:
    return tuple(next(one for one in match.groups() if one is not None) for match in _PART.finditer(path))
