"""The file layer: ``[tool.traits]`` of a ``pyproject.toml``, or a ``traits.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from traits_runtime._core.config.resolver import Address, Table
from traits_runtime.errors import ConfigFileError

VARIABLE = "TRAITS_CONFIG"
"""Environment variable that names the file."""

Value = tuple[object, str]


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
    prefix = f"{path.name} [{'tool.traits.' if path.name == 'pyproject.toml' else ''}"
    return Table(dict(_entries(path, read_tables(path), prefix)))


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


def _entries(path: Path, tables: Mapping[str, Any], prefix: str) -> Iterator[tuple[Address, Value]]:
    for trait, values in _tables(path, tables.get("config", {}), "config"):
        yield from _trait(trait, values, "", "", f"{prefix}config.{trait}]")
    for model, traits in _tables(path, tables.get("models", {}), "models"):
        yield from _model(path, model, traits, "", f'{prefix}models."{model}"')
    for tenant, content in _tables(path, tables.get("tenants", {}), "tenants"):
        rest = {name: value for name, value in content.items() if name != "models"}
        for trait, values in _tables(path, rest, f"tenants.{tenant}"):
            yield from _trait(trait, values, "", tenant, f"{prefix}tenants.{tenant}.{trait}]")
        for model, traits in _tables(path, content.get("models", {}), f"tenants.{tenant}.models"):
            yield from _model(path, model, traits, tenant, f'{prefix}tenants.{tenant}.models."{model}"')
    if "enabled" in tables:
        yield ("*", "enabled", "", ""), (tables["enabled"], f"{prefix.rstrip('.')}]")


def _model(
    path: Path, model: str, traits: Mapping[str, Any], tenant: str, prefix: str
) -> Iterator[tuple[Address, Value]]:
    for trait, values in _tables(path, traits, f"models.{model}"):
        yield from _trait(trait, values, model, tenant, f"{prefix}.{trait}]")


def _trait(
    trait: str, values: Mapping[str, Any], model: str, tenant: str, place: str
) -> Iterator[tuple[Address, Value]]:
    for key, value in values.items():
        yield (trait, key, model, tenant), (value, place)


def _tables(path: Path, tables: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(tables, Mapping):
        raise ConfigFileError(str(path), f"{where} must be a table.")
    for name, content in tables.items():
        if not isinstance(content, Mapping):
            raise ConfigFileError(str(path), f"{where}.{name} must be a table, not {content!r}.")
        yield name, content
