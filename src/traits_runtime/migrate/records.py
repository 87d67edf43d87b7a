"""Records of a migration: what a codemod is asked to do, each change, and the new content of a file."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from traits_runtime.migrate.source_text import decode, lines_of

Kind: TypeAlias = Literal["safe", "unsafe", "manual"]


class Hunk(msgspec.Struct, frozen=True, order=True):
    """One change of a migration.

    Args:
        path: The file, relative to the project.
        line: Its line before the change, from 1.
        codemod: Which codemod makes it.
        kind: ``safe``, ``unsafe`` (probably right; review it) or ``manual`` (left to you).
        subject: Dotted path of the class or member.
        message: What is done, or why it is not.
    """

    path: str
    line: int
    codemod: str
    kind: Kind
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {self.message} [{self.codemod}]"


class Target(NamedTuple):
    """What a codemod has to do in one file.

    Args:
        name: Dotted path of the class within its module, ``Outer.Inner``; empty for the whole file.
        subject: Dotted path that hunks name.
        kind: How sure it is.
        reason: Why it is not safe, or what to know about it.
        old: The member's old name, for renaming.
        new: Its new name.
        shim: Whether the class keeps the old name.
    """

    name: str
    subject: str
    kind: Kind
    reason: str = ""
    old: str = ""
    new: str = ""
    shim: bool = False


class Step(NamedTuple):
    """A codemod and its targets in one file."""

    codemod: str
    targets: tuple[Target, ...]


Transform: TypeAlias = Callable[[str, str, tuple[Target, ...], frozenset[Kind]], tuple[str, list[Hunk]]]
"""Signature of a codemod: text, display path, targets and the kinds to apply; returns the new text and all hunks."""


class Rewrite(NamedTuple):
    """A file before and after.

    Args:
        path: The file, with symbolic links resolved.
        display_path: Its path in messages and diffs.
        before: Its bytes.
        after: Its bytes after the allowed kinds of changes.
        hunks: All changes, including those that are not applied.
    """

    path: Path
    display_path: str
    before: bytes
    after: bytes
    hunks: tuple[Hunk, ...]

    @property
    def changes(self) -> bool:
        """Whether the content differs."""
        return self.before != self.after

    def diff(self) -> str:
        """The change as a unified diff that `git apply` and `patch` take."""
        before, after = lines_of(decode(self.before)[0]), lines_of(decode(self.after)[0])
        diff_lines = difflib.unified_diff(before, after, f"a/{self.display_path}", f"b/{self.display_path}")
        return "".join(_with_line_end(line) for line in diff_lines)


def _with_line_end(line: str) -> str:
    return line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n"
