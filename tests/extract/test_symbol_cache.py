"""Symbol tables of third-party files are read once for all projects, and a damaged cache is repaired."""

from __future__ import annotations

import os
import stat
import textwrap
from pathlib import Path

import pytest

from sphinx_traits.extract import Extraction, Options, extract_with_files
from sphinx_traits.extract.symbol_cache import SymbolCache
from sphinx_traits.extract.symbols import Binding, SymbolTable
from sphinx_traits.manifest import dumps

LIBRARY = {
    "models": "from library.base import Root as Model\n",
    "base": """
        try:
            from library.extra import Root
        except ImportError:
            class Root: ...
    """,
}
PROJECT = """from traits_runtime import Trait
from library.models import Model
class Own(Trait): ...
class Article(Own, Model): ...
"""
TABLE = SymbolTable(bindings=(Binding("A", "class", 1, index=0),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The cache folder of a user."""
    return tmp_path / "user" / "symbols"


def read(project: Path, library: Path, folder: Path | None) -> Extraction:
    """Read a project that uses a library."""
    options = Options(symbol_cache_dir=folder)
    return extract_with_files(["shop"], search_paths=[project, library], options=options)


def write_project(root: Path) -> Path:
    """Write a project."""
    (root / "shop").mkdir(parents=True)
    (root / "shop" / "__init__.py").write_text(PROJECT, encoding="utf-8")
    return root


def write_library(root: Path, extra: str = "") -> Path:
    """Write a virtual environment that has the library."""
    (root / "library").mkdir(parents=True)
    (root / "library" / "__init__.py").touch()
    for name, text in LIBRARY.items():
        (root / "library" / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    if extra:
        (root / "library" / "extra.py").write_text(extra, encoding="utf-8")
    return root


def test_second_project_in_another_environment_parses_no_library(tmp_path: Path, folder: Path) -> None:
    """A library of the same content is not parsed again, wherever it is installed, unless its classes are described."""
    first = read(write_project(tmp_path / "one"), write_library(tmp_path / "env1"), folder)
    second = read(write_project(tmp_path / "two"), write_library(tmp_path / "env2"), folder)

    assert {"library.base", "library.models", "shop"} <= set(first.parsed)
    assert "library.models" not in second.parsed
    assert dumps(second.manifest) == dumps(first.manifest)
    assert dumps(second.manifest) == dumps(read(tmp_path / "two", tmp_path / "env2", None).manifest)


def test_table_is_not_used_where_its_assumptions_are_wrong(tmp_path: Path, folder: Path) -> None:
    """A file whose branches depend on another module is parsed again where that module exists."""
    project = write_project(tmp_path / "one")
    read(project, write_library(tmp_path / "env1"), folder)
    other = write_library(tmp_path / "env2", extra="class Root: ...\n")
    extraction = read(project, other, folder)

    assert "library.base" in extraction.parsed
    assert "library.extra.Root" in extraction.manifest.models[0].mro
    assert dumps(extraction.manifest) == dumps(read(project, other, None).manifest)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"0123\n[]"])
def test_damaged_table_is_read_from_the_source_and_written_anew(damage: bytes, tmp_path: Path, folder: Path) -> None:
    """The result is right, and the next run uses the cache again."""
    project, library = write_project(tmp_path / "one"), write_library(tmp_path / "env")
    first = read(project, library, folder)
    for path in folder.rglob("*.json"):
        path.write_bytes(damage)

    assert dumps(read(project, library, folder).manifest) == dumps(first.manifest)
    assert "library.models" not in read(project, library, folder).parsed


def test_changed_byte_is_detected(folder: Path) -> None:
    """A table that is valid JSON but not what was written is not used."""
    SymbolCache(folder).save("content", "library", TABLE)
    (path,) = folder.rglob("*.json")
    path.write_bytes(path.read_bytes().replace(b'"A"', b'"B"'))

    assert SymbolCache(folder).load("content", "library") is None


def test_same_content_in_another_package_is_another_table(folder: Path) -> None:
    """Relative imports of the same text lead elsewhere in another package."""
    cache = SymbolCache(folder)
    cache.save("content", "library", TABLE)

    assert cache.load("content", "library") == TABLE
    assert cache.load("content", "library.inner") is None


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_files_and_folders_are_private(folder: Path) -> None:
    """Only the user can read the tables; a folder that others may write to is not used."""
    cache = SymbolCache(folder)
    cache.save("content", "library", TABLE)
    (path,) = folder.rglob("*.json")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    assert SymbolCache(folder).load("content", "library") is None


def test_tables_used_least_recently_are_removed(folder: Path) -> None:
    """A folder that grows beyond its size loses the oldest tables, and keeps the newest."""
    cache = SymbolCache(folder, max_bytes=3_000)
    table = SymbolTable(needs=("x" * 800,))
    for number in range(5):
        cache.save(f"content{number}", "library", table)
        os.utime(cache._path(f"content{number}", "library"), (number, number))
    cache.shrink()

    assert [cache.load(f"content{number}", "library") is not None for number in range(5)] == [False] * 3 + [True] * 2
    assert sum(path.stat().st_size for path in folder.rglob("*.json")) <= 3_000


def test_folder_that_cannot_be_written_caches_nothing(tmp_path: Path) -> None:
    """A file in the place of the folder is no error."""
    (tmp_path / "file").touch()
    cache = SymbolCache(tmp_path / "file" / "symbols")
    cache.save("content", "library", TABLE)

    assert cache.load("content", "library") is None
    assert cache.written == 0
