"""Keeps a manifest between two runs, with all that it was made from: files, and the directories that were searched."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

from sphinx_traits.extract.options import Options
from sphinx_traits.extract.summary import Summary
from sphinx_traits.extract.world import digest, without_garbage_collection
from sphinx_traits.manifest import Manifest

T = TypeVar("T")
_RACE_S = 2.0
"""A file changed this shortly before the cache was written may change again without its time telling."""


class _File(msgspec.Struct, frozen=True, array_like=True, gc=False):
    path: str
    modified: int
    size: int
    digest: str


class _Directory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    path: str
    modified: int
    digest: str


class _Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept: when, from what, and the manifest."""

    written: float
    files: tuple[_File, ...]
    directories: tuple[_Directory, ...]
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Kept:
    """What an earlier run left.

    Args:
        manifest: Its manifest.
        unchanged: The files behind it that are what they were, each with its digest; empty for one that is not there.
        summaries: The modules' summaries, each with the digest of its file; none where they are not needed.
        current: Whether nothing has changed since: then the manifest is the answer.
    """

    manifest: Manifest
    unchanged: Mapping[str, str]
    summaries: Mapping[str, tuple[str, Summary]]
    current: bool


class Cache:
    """The kept manifest of one set of packages, search paths and options.

    A file that is damaged, half-written or of another version is as good as none. Two processes may share it:
    each writes a file of its own and moves it into place.

    Args:
        folder: Where to keep it; made when something is kept.
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
            repr(sorted(options.base_overrides.items())), repr((options.traits, options.models, options.exclude)),
        ]  # fmt: skip
        self.path: Path = (
            folder / f"manifest-{hashlib.blake2b(chr(0).join(parts).encode(), digest_size=12).hexdigest()}.json"
        )

        self.summaries: Path = self.path.with_name(self.path.name.replace("manifest-", "modules-"))

    def load(self) -> Kept | None:
        """What is kept; None where there is nothing to be used.

        The folder is made now: were it made after the reading, it would be a change in the directory around it.
        """
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        entry = _decoded(self.path, _Entry)
        if entry is None:
            return None
        horizon = int((entry.written - _RACE_S) * 1e9)
        unchanged = {one.path: one.digest for one in entry.files if _same_file(one, horizon)}
        if len(unchanged) == len(entry.files) and all(_same_directory(one, horizon) for one in entry.directories):
            return Kept(entry.manifest, unchanged, {}, True)
        summaries = _decoded(self.summaries, dict[str, tuple[str, Summary]])
        return Kept(entry.manifest, unchanged, summaries or {}, False)

    def save(
        self,
        manifest: Manifest,
        files: Mapping[str, str],
        directories: Mapping[str, Mapping[str, bool]],
        summaries: Mapping[str, tuple[str, Summary]],
    ) -> None:
        """Keep a manifest; a folder that cannot be written to keeps nothing.

        Args:
            manifest: The manifest.
            files: The digests of the files it was made from, empty for one that was looked for and is not there.
            directories: The directories that were searched, with their entries.
            summaries: The summaries of the modules, each with its file's digest.
        """
        entry = _Entry(
            written=time.time(),
            files=tuple(_file(path, known) for path, known in sorted(files.items())),
            directories=tuple(_directory(path, entries) for path, entries in sorted(directories.items())),
            manifest=manifest,
        )
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _write(self.summaries, msgspec.json.encode(dict(summaries)))
            _write(self.path, msgspec.json.encode(entry))


def _decoded(path: Path, kind: type[T]) -> T | None:
    """A file's content; None for one that is not there, or damaged."""
    try:
        with without_garbage_collection():
            return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _write(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _file(path: str, known: str) -> _File:
    try:
        status = os.stat(path)
    except OSError:
        return _File(path, 0, -1, known)
    return _File(path, status.st_mtime_ns, status.st_size, known)


def _same_file(file: _File, horizon: int) -> bool:
    try:
        status = os.stat(file.path)
    except OSError:
        return file.size < 0
    if (status.st_mtime_ns, status.st_size) == (file.modified, file.size) and file.modified < horizon:
        return True
    try:
        return digest(Path(file.path).read_bytes()) == file.digest
    except OSError:
        return False


def _directory(path: str, entries: Mapping[str, bool]) -> _Directory:
    try:
        modified = os.stat(path).st_mtime_ns
    except OSError:
        modified = -1
    return _Directory(path, modified, _names(entries))


def _same_directory(directory: _Directory, horizon: int) -> bool:
    try:
        modified = os.stat(directory.path).st_mtime_ns
    except OSError:
        return directory.digest == _names({})
    if modified == directory.modified and modified < horizon:
        return True
    try:
        with os.scandir(directory.path) as entries:
            found = {one.name: one.is_dir() for one in entries}
    except OSError:
        found = {}
    return _names(found) == directory.digest


def _names(entries: Mapping[str, bool]) -> str:
    """The digest of what matters in a directory: sources, compiled modules and directories."""
    kept = sorted(
        f"{name}{'/' if is_directory else ''}"
        for name, is_directory in entries.items()
        if (is_directory and name != "__pycache__") or name.endswith((".py", ".so", ".pyd", ".pth"))
    )
    return digest("\n".join(kept).encode("utf-8", "surrogateescape"))


@lru_cache(maxsize=1)
def _code_state() -> str:
    """Changes whenever the code that reads sources does."""
    folder = Path(__file__).parent
    places = (*folder.rglob("*.py"), folder.parent / "manifest.py")
    return digest(repr(sorted((one.name, one.stat().st_mtime_ns) for one in places)).encode())
