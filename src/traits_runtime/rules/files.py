"""The file layer: finding and reading ``[tool.traits]`` of a ``pyproject.toml``, or a ``traits.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from traits_runtime.errors import ConfigFileError, UnknownNameError
from traits_runtime.rules.keys import ENABLED
from traits_runtime.rules.layers import Address, Table
from traits_runtime.rules.toml_lines import Keys, line_of, lines_of

VARIABLE: Final = "TRAITS_CONFIG"
"""Environment variable that names the file."""

PROJECT_SETTINGS: Final = frozenset(
    {"base-overrides", "docs", "exclude", "model-names", "packages", "search-paths", "trait-names"}
)
"""Names in ``[tool.traits]`` that say what is documented."""

PROGRAM_SETTINGS: Final = frozenset(
    {"app", "cache", "config", "enabled", "engines", "features", "flags", "forward", "models", "outbox", "queue",
     "store", "telemetry", "tenants"}
)  # fmt: skip
"""Names in ``[tool.traits]`` that the program and commands that run it read."""


def unknown_setting(name: str) -> UnknownNameError:
    """The error about a name that ``[tool.traits]`` does not have.

    >>> print(unknown_setting("confg"))
    [tool.traits] has no setting 'confg'. Did you mean 'config'?
    """
    return UnknownNameError(f"[tool.traits] has no setting {name!r}.", name, PROJECT_SETTINGS | PROGRAM_SETTINGS)


class Entry(NamedTuple):
    """A value of a file.

    Args:
        address: Whose value.
        value: The value.
        line: Its line.
        table: The names of the tables around it, without ``tool.traits``.
    """

    address: Address
    value: Any
    line: int
    table: Keys


class ConfigFile(NamedTuple):
    """What a file gives to traits.

    Args:
        path: The file.
        entries: Its values; a later one of the same address is stronger.
        unknown: Names that mean nothing here, each with its line.
    """

    path: Path
    entries: tuple[Entry, ...]
    unknown: tuple[tuple[str, int], ...]

    @property
    def table(self) -> Table:
        """The values as the resolver reads them."""
        return Table(
            {entry.address: (entry.value, f"{self.path.name}:{entry.line}") for entry in self.entries},
            tuple((name, f"{self.path.name}:{line}") for name, line in self.unknown),
        )


def find_config(start: Path, environ: Mapping[str, str]) -> Path | None:
    """The config file: the one that ``TRAITS_CONFIG`` names, else the nearest in a folder or above it."""
    named = environ.get(VARIABLE)
    return Path(named) if named else find_file(start)


def find_file(start: Path) -> Path | None:
    """The nearest ``traits.toml``, or ``pyproject.toml`` with a ``[tool.traits]`` table, in a folder or above it."""
    return next((path for path in _candidates(start) if _is_config(path)), None)


def searched_files(start: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """All files that `find_config` looks at, up to the one that it returns: a change of any may change the answer."""
    named = environ.get(VARIABLE)
    if named:
        return (Path(named),)
    searched: list[Path] = []
    for path in _candidates(start):
        searched.append(path)
        if _is_config(path):
            break
    return tuple(searched)


def _candidates(start: Path) -> Iterator[Path]:
    for folder in (start, *start.parents):
        yield folder / "traits.toml"
        yield folder / "pyproject.toml"


def _is_config(path: Path) -> bool:
    """Whether a file counts: a ``traits.toml`` that exists, a readable ``pyproject.toml`` that has our table."""
    if path.name == "traits.toml":
        return path.is_file()
    try:
        content = path.read_bytes()
    except OSError:
        return False
    if b"[tool.traits" in content:
        return True
    return b"traits" in content and bool(_has_table(path))


def _has_table(path: Path) -> bool:
    try:
        return bool(read_tables(path))
    except ConfigFileError:
        return False


def read_file(path: Path) -> ConfigFile:
    """The values that a file gives.

    Raises:
        ConfigFileError: The file is missing, is no TOML, or has something else in the place of a table.
    """
    text = read_text(path)
    tables = _our_tables(path, _parsed(path, text))
    prefix: Keys = ("tool", "traits") if path.name == "pyproject.toml" else ()
    lines = lines_of(text)
    entries = (
        Entry(address, value, line_of(lines, (*prefix, *table, address[1])), table)
        for address, value, table in _values(path, tables)
    )
    unknown = sorted(tables.keys() - PROJECT_SETTINGS - PROGRAM_SETTINGS)
    return ConfigFile(path, tuple(entries), tuple((name, line_of(lines, (*prefix, name))) for name in unknown))


def read_text(path: Path) -> str:
    """The text of a config file, without a byte order mark.

    Raises:
        ConfigFileError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigFileError(str(path), f"cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigFileError(str(path), "is no TOML: it is not UTF-8.") from error


def read_tables(path: Path) -> Mapping[str, Any]:
    """What a file says about traits: all of a ``traits.toml``, ``[tool.traits]`` of a ``pyproject.toml``.

    Raises:
        ConfigFileError: The file is missing, is no TOML, or has something else in the place of a table.
    """
    return _our_tables(path, _parsed(path, read_text(path)))


def _parsed(path: Path, text: str) -> Mapping[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigFileError(str(path), f"is no TOML: {error}.") from error


def _our_tables(path: Path, document: Mapping[str, Any]) -> Mapping[str, Any]:
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
    value = read_tables(path).get(name)
    return read_tables(beside).get(name) if value is None and beside.is_file() and beside != path else value


def named_store(path: Path) -> Path | None:
    """The file of the store that a project names, relative to its folder; None where it names none."""
    named = setting(path, "store")
    return path.parent / named if isinstance(named, str) and named else None


def _values(path: Path, tables: Mapping[str, Any]) -> Iterator[tuple[Address, Any, Keys]]:
    """Each value with its address and the table that has it; ``features`` is stronger than ``config``."""
    if ENABLED in tables:
        yield ("*", ENABLED, "", ""), tables[ENABLED], ()
    for name in ("config", "features"):
        yield from _of_traits(path, tables.get(name, {}), (name,), "", "")
    yield from _of_models(path, tables.get("models", {}), ("models",), "")
    for tenant, content in _tables(path, tables.get("tenants", {}), ("tenants",)):
        traits = {name: table for name, table in content.items() if name != "models"}
        yield from _of_traits(path, traits, ("tenants", tenant), "", tenant)
        yield from _of_models(path, content.get("models", {}), ("tenants", tenant, "models"), tenant)


def _of_models(path: Path, tables: Any, keys: Keys, tenant: str) -> Iterator[tuple[Address, Any, Keys]]:
    for model, traits in _tables(path, tables, keys):
        yield from _of_traits(path, traits, (*keys, model), model, tenant)


def _of_traits(path: Path, tables: Any, keys: Keys, model: str, tenant: str) -> Iterator[tuple[Address, Any, Keys]]:
    for trait, values in _tables(path, tables, keys):
        for key, value in values.items():
            yield (trait, key, model, tenant), value, (*keys, trait)


def _tables(path: Path, tables: Any, keys: Keys) -> Iterator[tuple[str, Mapping[str, Any]]]:
    name = ".".join(keys)
    if not isinstance(tables, Mapping):
        raise ConfigFileError(str(path), f"{name} must be a table.")
    for inner, content in tables.items():
        if not isinstance(content, Mapping):
            raise ConfigFileError(str(path), f"{name}.{inner} must be a table, not {content!r}.")
        yield inner, content
