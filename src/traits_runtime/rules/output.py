"""Writing files: whole or not at all, through links, into devices and pipes that a user names."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

PRIVATE = 0o600
"""Mode of a file that only its owner may read."""


def write_file(path: Path, content: bytes | str, *, private: bool = False) -> None:
    """Write a file.

    A regular file is replaced in one step, so that a reader never sees half of it and an error or an interrupt leaves
    the old content; it keeps its mode. A symbolic link stays a link: its target is written. A character device or a
    FIFO is written to and stays what it is.

    Args:
        path: The file. Missing folders are made.
        content: Bytes, or text that is written as UTF-8.
        private: Only the owner may read the file, and the folders that are made.

    Raises:
        OSError: The path cannot be written: it names a folder, a socket or a disk, its links form a loop, the folder is
            read-only, the disk is full. `filename` is the path that was given.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        target = path.resolve() if path.is_symlink() else path
        mode = _mode(target)
        if mode is None or stat.S_ISREG(mode):
            _replace(target, data, mode, private)
        elif stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
            _write_into(target, data)
        else:
            raise OSError(f"{path} is {_KINDS.get(stat.S_IFMT(mode), 'no file')}: it cannot be written")
    except (OSError, RuntimeError) as error:  # until Python 3.13 a loop of links is a RuntimeError
        if not isinstance(error, OSError):
            raise OSError(f"{path}: {error}") from error
        if error.filename is not None:
            error.filename, error.filename2 = str(path), None
        raise


def write_if_changed(path: Path, data: bytes) -> bool:
    """Write a file unless it has the same content already.

    Returns:
        Whether it was written.
    """
    if path.is_file() and path.read_bytes() == data:
        return False
    write_file(path, data)
    return True


def is_temporary(name: str) -> bool:
    """Whether a file is one that `write_file` left behind when the process was killed.

    >>> is_temporary(".0123456789abcdef.tmp")
    True
    """
    return re.fullmatch(r"\.[0-9a-f]{16}\.tmp", name) is not None


_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a disk"}


def _mode(path: Path) -> int | None:
    """Type and permissions of what is at a path; None where nothing is."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _replace(path: Path, data: bytes, mode: int | None, private: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")  # a name as long as the file's own could be too long
    created = PRIVATE if private else 0o666
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, created)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if mode is not None and not private:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_into(path: Path, data: bytes) -> None:
    """Write to a device or a FIFO; a FIFO waits for its reader."""
    with os.fdopen(os.open(path, os.O_WRONLY), "wb") as file:
        file.write(data)
