"""Reads and parses one source file; whatever is wrong with it becomes a `Problem`, never an exception."""

from __future__ import annotations

import ast
import io
import os
import stat
import tokenize
import warnings
from dataclasses import dataclass

MAX_BYTES = 16_000_000
"""Larger files are left out with a finding: generated tables, not models."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a file, or a part of it, from being read."""

    code: str
    message: str
    line: int = 1
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file, and its tree where it has one."""

    text: str
    tree: ast.Module | None
    problem: Problem | None = None


def read(path: str) -> tuple[bytes, Problem | None]:
    """The bytes of a regular file of bearable size."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return b"", Problem("unreadable_file", "This is not a regular file.")
        if status.st_size > MAX_BYTES:
            size = f"{status.st_size / 1e6:.0f} MB"
            return b"", Problem(
                "unreadable_file",
                f"The file has {size}, more than the {MAX_BYTES // 10**6} MB that are read.",
                hint="Leave the module out with `exclude` in [tool.traits].",
            )
        with open(path, "rb") as file:
            return file.read(), None
    except OSError as error:
        return b"", Problem("unreadable_file", f"The file cannot be read: {error.strerror or error}.")


def parse(data: bytes) -> Source:
    """Decode and parse the bytes of a source file."""
    try:
        text = _decode(data)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        line = data[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else 1
        return Source("", None, Problem("syntax_error", f"The file's encoding is wrong: {_plain(error)}.", line))
    try:
        return Source(text, parse_text(text))
    except SyntaxError as error:
        hint = "Read the sources with a Python at least as new as the one they are written for."
        return Source(text, None, Problem("syntax_error", f"Invalid syntax: {_plain(error)}.", error.lineno or 1, hint))
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        nested = isinstance(error, RecursionError | MemoryError)
        message = "The code is nested too deeply to be parsed" if nested else f"Invalid syntax: {_plain(error)}"
        return Source(text, None, Problem("syntax_error", f"{message}."))


def parse_text(text: str) -> ast.Module:
    """The tree of a module's text, without the compiler's warnings about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _decode(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    text = data.decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _plain(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return (error.msg or "unknown").rstrip(".")
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.object[error.start]:#04x} is not {error.encoding}"
    return str(error).rstrip(".") or type(error).__name__


class Lines:
    """A text that gives back what a node was written as."""

    def __init__(self, text: str) -> None:
        self.lines: list[str] = text.split("\n")

    def segment(self, node: ast.expr) -> str:
        """The source of an expression, as written."""
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        end = node.end_col_offset or 0
        if first == last:
            return _slice(self.lines[first], node.col_offset, end)
        middle = self.lines[first + 1 : last]
        return "\n".join([_slice(self.lines[first], node.col_offset, None), *middle, _slice(self.lines[last], 0, end)])


def _slice(line: str, start: int, end: int | None) -> str:
    if line.isascii():
        return line[start:end]
    return line.encode("utf-8")[start:end].decode("utf-8", "replace")
