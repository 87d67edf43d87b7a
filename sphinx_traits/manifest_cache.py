"""On-disk cache of a manifest with its input files and the directories that were searched."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from sphinx_traits.manifest import Manifest
from traits_runtime.rules.output import write_file

T = TypeVar("T")
_RACE_S = 2.0
"""A file that changed within this time before it was read is compared by content: file times may be coarse."""


class _File(msgspec.Struct, frozen=True, array_like=True, gc=False):
    path: str
    modified: int
    size: int
    digest: str


class _Directory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    path: str
    modified: int
    digest: str


class _Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The first line of a cache file: start of the run, the manifest's digest, and the inputs."""

    began: float
    fingerprint: str
    files: tuple[_File, ...]
    directories: tuple[_Directory, ...]


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """The cached result of an earlier run.

    Args:
        manifest: Its manifest.
        fingerprint: The manifest's digest.
        unchanged: Input files that have not changed, with their digests; empty for a file that does not exist.
        current: Whether nothing has changed since: then the manifest is the answer.
    """

    manifest: Manifest
    fingerprint: str
    unchanged: Mapping[str, str]
    current: bool


def load(path: Path, *, only_current: bool = False) -> CacheEntry | None:
    """The entry of a cache file; None for a file that is missing, damaged, or of another version.

    Args:
        path: The file.
        only_current: Whether a manifest that no longer holds is as good as none.
    """
    try:
        first, _newline, rest = path.read_bytes().partition(b"\n")
        head = decoded(first, _Head)
        horizon = int((head.began - _RACE_S) * 1e9)
        unchanged = {file.path: file.digest for file in head.files if _same_file(file, horizon)}
        current = len(unchanged) == len(head.files) and all(
            _same_directory(directory, horizon) for directory in head.directories
        )
        if only_current and not current:
            return None
        return CacheEntry(decoded(rest, Manifest), head.fingerprint, unchanged, current)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def save(
    path: Path,
    data: bytes,
    fingerprint: str,
    began: float,
    files: Mapping[str, str],
    directories: Mapping[str, Mapping[str, bool]],
) -> None:
    """Write a cache entry.

    Args:
        path: The file.
        data: The manifest as JSON.
        fingerprint: Its digest.
        began: When the first of the files was read, in seconds since 1970: what has changed since is compared whole.
        files: The digests of the files it was made from, empty for one that was looked for and is not there.
        directories: The directories that were searched, with their entries.

    Raises:
        OSError: The file cannot be written.
    """
    head = _Head(
        began=began,
        fingerprint=fingerprint,
        files=tuple(_file(path, content_digest) for path, content_digest in sorted(files.items())),
        directories=tuple(_directory(path, entries) for path, entries in sorted(directories.items())),
    )
    write_file(path, b"%b\n%b" % (msgspec.json.encode(head), data))


def digest(data: bytes) -> str:
    """The digest by which a content is known."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def decoded(data: bytes, kind: type[T]) -> T:
    """JSON as records.

    Raises:
        msgspec.MsgspecError: It is none, or of another form.
    """
    with without_garbage_collection():
        return msgspec.json.decode(data, type=kind)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Hold the garbage collector back while many long-lived trees are made: saves a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _file(path: str, content_digest: str) -> _File:
    try:
        status = os.stat(path)
    except OSError:
        return _File(path, 0, -1, content_digest)
    return _File(path, status.st_mtime_ns, status.st_size, content_digest)


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
            listing = {entry.name: entry.is_dir() for entry in entries}
    except OSError:
        listing = {}
    return _names(listing) == directory.digest


def _names(entries: Mapping[str, bool]) -> str:
    """The digest of what matters in a directory: sources, compiled modules and directories."""
    relevant = sorted(
        f"{name}{'/' if is_directory else ''}"
        for name, is_directory in entries.items()
        if (is_directory and name != "__pycache__") or name.endswith((".py", ".so", ".pyd", ".pth"))
    )
    return digest("\n".join(relevant).encode("utf-8", "surrogateescape"))
