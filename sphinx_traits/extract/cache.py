"""The on-disk cache of one project: its manifest with the input files, and the symbol tables of its modules."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from sphinx_traits import manifest_cache
from sphinx_traits.extract.options import Options
from sphinx_traits.extract.symbols import SymbolTable
from traits_runtime.rules.files import VARIABLE
from traits_runtime.rules.output import write_file


class Cache:
    """The cached manifest of one set of packages, search paths and options.

    A file that is damaged, incomplete or of another version counts as missing. Two processes may share it:
    each writes a file of its own and moves it into place.

    Args:
        folder: Where to keep it; made on the first write.
        packages: The analysed packages.
        paths: All search paths.
        project: The project's folder.
        options: What shapes the manifest.
    """

    def __init__(
        self, folder: Path, packages: Iterable[str], paths: Iterable[str], project: Path | None, options: Options
    ) -> None:
        parts = [
            sys.version, _code_state(), *packages, "|", *paths, "|", str(project),
            str(options.config_start), os.environ.get(VARIABLE, ""),
            repr(sorted(options.base_overrides.items())), repr((options.traits, options.models, options.exclude)),
        ]  # fmt: skip
        name = hashlib.blake2b(chr(0).join(parts).encode(), digest_size=12).hexdigest()
        self.path: Path = folder / f"manifest-{name}.json"
        self._summaries: Path = folder / f"modules-{name}.json"

    def load(self) -> manifest_cache.CacheEntry | None:
        """The manifest of an earlier run; None where there is none to be used.

        The folder is made now: were it made after the reading, it would be a change in the directory around it.
        """
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return manifest_cache.load(self.path)

    def symbol_tables(self) -> dict[str, tuple[str, SymbolTable]]:
        """The symbol tables of that run's modules, each with its file's digest; empty where they cannot be read."""
        try:
            return manifest_cache.decoded(self._summaries.read_bytes(), dict[str, tuple[str, SymbolTable]])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {}

    def save(
        self,
        data: bytes,
        fingerprint: str,
        began: float,
        files: Mapping[str, str],
        directories: Mapping[str, Mapping[str, bool]],
        symbol_tables: Mapping[str, tuple[str, SymbolTable]],
    ) -> None:
        """Write the manifest and the symbol tables; does nothing where the folder cannot be written to."""
        with contextlib.suppress(OSError):
            write_file(self._summaries, msgspec.json.encode(symbol_tables))
            manifest_cache.save(self.path, data, fingerprint, began, files, directories)


@lru_cache(maxsize=1)
def _code_state() -> str:
    """Changes whenever the code that reads sources does."""
    folder = Path(__file__).parent
    positions = (*folder.rglob("*.py"), folder.parent / "manifest.py", folder.parent / "manifest_cache.py")
    return manifest_cache.digest(repr(sorted((path.name, path.stat().st_mtime_ns) for path in positions)).encode())
