"""The file layer: ``[tool.traits]`` of a ``pyproject.toml``, or a ``traits.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from traits_runtime.errors import ConfigFileError
from traits_runtime.rules.layers import Address, Table

VARIABLE = "TRAITS_CONFIG"
"""Environment variable that names the file."""

Entry = tuple[Address, object, tuple[str, ...]]
"""Whose value, the value, and the table that holds it."""

_HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?")
_PART = re.compile(r"\"[^\"]*\"|'[^']*'|[^.\s]+")
_KEY = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[\w-]+)\s*=")
_BARE = re.compile(r"[\w-]+", re.ASCII)


def find_file(start: Path) -> Path | None:
    """The nearest ``traits.toml``, or ``pyproject.toml`` with a ``[tool.traits]`` table, in a folder or above it."""
    for folder in (start, *start.parents):
        own = folder / "traits.toml"
        if own.is_file():
            return own
        shared = folder / "pyproject.toml"
        if shared.is_file() and _mentions_us(shared):
            return shared
    return None


def _mentions_us(path: Path) -> bool:
    """Whether a ``pyproject.toml`` has our table; one that nobody may read, or can, has none."""
    try:
        return b"[tool.traits" in path.read_bytes()
    except OSError:
        return False


def read_file(path: Path) -> Table:
    """The values that a file gives.

    Raises:
        ConfigFileError: The file is missing, is no TOML, or holds something else where a table must be.
    """
    tables = read_tables(path)
    lines = lines_of(path)

    def placed(table: tuple[str, ...], key: str) -> str:
        line = lines.get((*table, key))
        return f"{path.name} [{_header(path, table)}]" if line is None else f"{path.name}:{line}"

    return Table({address: (value, placed(table, address[1])) for address, value, table in _entries(path, tables)})


def lines_of(path: Path) -> dict[tuple[str, ...], int]:
    """The lines of the values of a file, by their tables and key without ``tool.traits``.

    Those that are written in an unusual way are missing: in tables on one line, with dotted keys.
    """
    shared = path.name == "pyproject.toml"
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] | None = None if shared else ()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        header = _HEADER.fullmatch(line)
        if header is not None:
            parts = tuple(one.strip("\"'") for one in _PART.findall(header[1]))
            ours = not shared or parts[:2] == ("tool", "traits")
            table = (parts[2:] if shared else parts) if ours else None
            continue
        key = _KEY.match(line)
        if key is not None and table is not None:
            found.setdefault((*table, key[1].strip("\"'")), number)
    return found


def _header(path: Path, table: tuple[str, ...]) -> str:
    """A table as its header names it."""
    parts = ("tool", "traits", *table) if path.name == "pyproject.toml" else table
    return ".".join(part if _BARE.fullmatch(part) else f'"{part}"' for part in parts)


def read_tables(path: Path) -> Mapping[str, Any]:
    """What a file says about traits: all of a ``traits.toml``, ``[tool.traits]`` of a ``pyproject.toml``.

    Raises:
        ConfigFileError: The file is missing, is no TOML, or holds something else where a table must be.
    """
    import tomllib

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigFileError(str(path), f"cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigFileError(str(path), "is no TOML: it is not UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigFileError(str(path), f"is no TOML: {error}.") from error
    if path.name != "pyproject.toml":
        return document
    for name in ("tool", "traits"):
        document = document.get(name, {})
        if not isinstance(document, Mapping):
            raise ConfigFileError(str(path), f"{name} must be a table.")
    return document


def setting(path: Path, name: str) -> Any:
    """A setting of the project: of its config file, else of the ``pyproject.toml`` beside it; None for none."""
    beside = path.with_name("pyproject.toml")
    found = read_tables(path).get(name)
    return read_tables(beside).get(name) if found is None and beside.is_file() and beside != path else found


def named_store(path: Path) -> Path | None:
    """The file of the store that a project names, relative to its folder; None where it names none."""
    named = setting(path, "store")
    return path.parent / named if isinstance(named, str) and named else None


def _entries(path: Path, tables: Mapping[str, Any]) -> Iterator[Entry]:
    for trait, values in _tables(path, tables.get("config", {}), "config"):
        yield from _trait(trait, values, "", "", ("config", trait))
    for model, traits in _tables(path, tables.get("models", {}), "models"):
        yield from _model(path, model, traits, "", ("models", model))
    for tenant, content in _tables(path, tables.get("tenants", {}), "tenants"):
        rest = {name: value for name, value in content.items() if name != "models"}
        for trait, values in _tables(path, rest, f"tenants.{tenant}"):
            yield from _trait(trait, values, "", tenant, ("tenants", tenant, trait))
        for model, traits in _tables(path, content.get("models", {}), f"tenants.{tenant}.models"):
            yield from _model(path, model, traits, tenant, ("tenants", tenant, "models", model))
    if "enabled" in tables:
        yield ("*", "enabled", "", ""), tables["enabled"], ()


def _model(path: Path, model: str, traits: Mapping[str, Any], tenant: str, table: tuple[str, ...]) -> Iterator[Entry]:
    for trait, values in _tables(path, traits, f"models.{model}"):
        yield from _trait(trait, values, model, tenant, (*table, trait))


def _trait(trait: str, values: Mapping[str, Any], model: str, tenant: str, table: tuple[str, ...]) -> Iterator[Entry]:
    for key, value in values.items():
        yield (trait, key, model, tenant), value, table


def _tables(path: Path, tables: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(tables, Mapping):
        raise ConfigFileError(str(path), f"{where} must be a table.")
    for name, content in tables.items():
        if not isinstance(content, Mapping):
            raise ConfigFileError(str(path), f"{where}.{name} must be a table, not {content!r}.")
        yield name, content
