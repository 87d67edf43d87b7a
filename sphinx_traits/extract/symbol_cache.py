"""Symbol tables of third-party files, cached by content for all projects and virtual environments of a user."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import time
from functools import lru_cache
from pathlib import Path

import msgspec

from sphinx_traits.extract.symbols import SymbolTable
from sphinx_traits.manifest_cache import digest
from sphinx_traits.version import __version__
from traits_runtime.rules.output import write_file

MAX_BYTES = 256 * 1024 * 1024
"""When the folder grows beyond this, the tables that were used least recently are removed."""

_AFTER_REMOVAL = 0.75
"""Share of `MAX_BYTES` that remains after a removal."""
_USED_S = 24 * 3600
"""A table's file is marked as used at most once in this time."""
_BUILDERS = ("conditions.py", "prune.py", "source.py", "symbol_builder.py", "symbols.py")
"""The files of this folder whose code decides what a symbol table contains."""


class SymbolCache:
    """Symbol tables in one file each, named by the digest of what they were made from.

    A file is private to the user and begins with the digest of its content: one that is damaged, or belongs to
    another user, is not read and is written anew. Several processes may share the folder.

    Args:
        folder: Created with mode 0700 on the first write.
        max_bytes: Size at which `shrink` removes tables.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.written: int = 0
        self._usable: bool = _is_private(folder)

    def load(self, content: str, package: str) -> SymbolTable | None:
        """The table of a file; None where there is none, or it is damaged.

        Args:
            content: Digest of the file's bytes.
            package: The package that the file's relative imports start from.
        """
        if not self._usable:
            return None
        path = self._path(content, package)
        try:
            checksum, _, data = path.read_bytes().partition(b"\n")
            if digest(data).encode() != checksum:
                return None
            table = msgspec.json.decode(data, type=SymbolTable)
            _mark_used(path)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return table

    def save(self, content: str, package: str, table: SymbolTable) -> None:
        """Write the table of a file; does nothing where the folder cannot be written to."""
        if not self._usable:
            return
        data = msgspec.json.encode(table)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(self._path(content, package), digest(data).encode() + b"\n" + data, private=True)
        except OSError:
            self._usable = False
        else:
            self.written += 1

    def shrink(self) -> None:
        """Remove the tables that were used least recently, if this run wrote some and the folder is too large."""
        if not self.written:
            return
        files = sorted(_files(self.folder), reverse=True)
        if sum(size for _, size, _ in files) <= self.max_bytes:
            return
        total = 0
        for _, size, path in files:
            total += size
            if total > self.max_bytes * _AFTER_REMOVAL:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, content: str, package: str) -> Path:
        name = digest(f"{_version()}\n{package}\n{content}".encode())
        return self.folder / name[:2] / f"{name[2:]}.json"


def _files(folder: Path) -> list[tuple[float, int, Path]]:
    """Last use, size and path of every table."""
    files: list[tuple[float, int, Path]] = []
    for path in folder.glob("??/*.json"):
        with contextlib.suppress(OSError):
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    return files


def _mark_used(path: Path) -> None:
    if time.time() - path.stat().st_mtime > _USED_S:
        with contextlib.suppress(OSError):
            os.utime(path)


def _is_private(folder: Path) -> bool:
    """Whether a folder is missing, or belongs to this user and nobody else may write to it."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@lru_cache(maxsize=1)
def _version() -> str:
    """Changes with our version, the code that makes tables, and Python's version and platform."""
    code = hashlib.blake2b(digest_size=16)
    for name in _BUILDERS:
        with contextlib.suppress(OSError):
            code.update((Path(__file__).parent / name).read_bytes())
    return f"{__version__} {code.hexdigest()} {sys.version} {sys.platform}"
