"""Reads and parses one source file; whatever is wrong with it becomes a `Problem`, never an exception."""

from __future__ import annotations

import ast
import io
import math
import os
import re
import stat
import tokenize
import warnings
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 4_000_000
"""Larger files are left out with a finding: generated tables, not models. Of this size one takes seconds."""

_ODD_LITERALS = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F]|0[xXoObB][0-9a-fA-F_]{3000}")
"""Halves of surrogate pairs, which no JSON holds, and numbers that Python parses and refuses to print."""


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


def read(path: str, most: int = -1) -> tuple[bytes, Problem | None]:
    """The bytes of a regular file of bearable size; ``most`` is how many, -1 for all."""
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
            return file.read(most), None
    except OSError as error:
        return b"", Problem("unreadable_file", f"The file cannot be read: {error.strerror or error}.")


def parse(data: bytes) -> Source:
    """Decode and parse the bytes of a source file."""
    try:
        text = _decode(data)
    except (SyntaxError, ValueError, LookupError) as error:
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
        tree = ast.parse(text)
    if _ODD_LITERALS.search(text):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant):
                node.value = _plain_literal(node.value)
    return tree


def _plain_literal(value: Any) -> Any:
    """A literal's value as it can be written down: escapes for what is no character, infinity for what has no end."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return math.inf if isinstance(value, int) and value.bit_length() > 10_000 else value


def _decode(data: bytes) -> str:
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
    encoding, _ = tokenize.detect_encoding(io.BytesIO(lines).readline)
    text = data.decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _plain(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return (error.msg or "unknown").rstrip(".")
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.object[error.start]:#04x} is not {error.encoding}"
    return str(error).rstrip(".") or type(error).__name__


class Lines:
    """The lines of a text, to get the source of a node."""

    def __init__(self, text: str) -> None:
        self.lines: list[str] = text.split("\n")
        self._encoded: dict[int, bytes] = {}

    def segment(self, node: ast.expr) -> str:
        """The source of an expression, as written."""
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        end = node.end_col_offset or 0
        if first == last:
            return self._slice(first, node.col_offset, end)
        middle = self.lines[first + 1 : last]
        return "\n".join([self._slice(first, node.col_offset, None), *middle, self._slice(last, 0, end)])

    def _slice(self, number: int, start: int, end: int | None) -> str:
        """A part of a line; columns count bytes."""
        line = self.lines[number]
        if line.isascii():
            return line[start:end]
        if number not in self._encoded:
            self._encoded[number] = line.encode("utf-8")
        return self._encoded[number][start:end].decode("utf-8", "replace")
