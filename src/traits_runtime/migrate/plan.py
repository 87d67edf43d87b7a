"""What a migration would do: the new content of files, and each change with how sure it is."""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from traits_runtime.errors import MigrationError

Kind: TypeAlias = Literal["safe", "unsafe", "manual"]

BOM = b"\xef\xbb\xbf"


class Hunk(msgspec.Struct, frozen=True, order=True):
    """One change of a migration.

    Args:
        path: The file, relative to the project.
        line: Its line before the change, from 1.
        codemod: Which codemod makes it.
        kind: ``safe``, ``unsafe`` (right as far as can be told; look at it) or ``manual`` (left to you).
        subject: What it is about: a dotted path.
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
"""What a codemod is: text, shown path, targets and the kinds to apply; gives the new text and all hunks."""


class Rewrite(NamedTuple):
    """A file before and after.

    Args:
        path: The file; links are followed.
        shown: Its path as people see it.
        before: Its bytes.
        after: Its bytes when what is allowed has been done.
        hunks: All changes, those too that are not done.
    """

    path: Path
    shown: str
    before: bytes
    after: bytes
    hunks: tuple[Hunk, ...]

    @property
    def changes(self) -> bool:
        """Whether anything is done."""
        return self.before != self.after

    def diff(self) -> str:
        """What is done, as a unified diff that `git apply` and `patch` take."""
        old, new = (lines_of(decode(one)[0]) for one in (self.before, self.after))
        drawn = difflib.unified_diff(old, new, f"a/{self.shown}", f"b/{self.shown}")
        return "".join(
            line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n" for line in drawn
        )


def rewrite(path: Path, shown: str, steps: Sequence[Step], kinds: frozenset[Kind]) -> Rewrite:
    """Plan the change of one file.

    Args:
        path: The file.
        shown: Its path as people see it.
        steps: What to do, in order.
        kinds: Which kinds of hunks to do.

    Raises:
        MigrationError: The file is no Python that can be read, or the outcome would not be what was meant.
    """
    before = path.read_bytes()
    check_syntax(before, shown)
    text, encoding = decode(before)
    after, hunks = _run(text, shown, steps, kinds)
    again, _ = _run(after, shown, steps, kinds)
    if again != after:
        raise MigrationError(f"{shown}: doing it twice changes it twice; nothing was written. Please report this.")
    if after != text and text.encode(encoding) != before.removeprefix(BOM):
        raise MigrationError(f"{shown}: not every byte of its {encoding} can be written again; change it by hand.")
    try:
        data = (BOM if before.startswith(BOM) else b"") + after.encode(encoding)
    except UnicodeEncodeError as error:
        raise MigrationError(f"{shown} is written in {encoding}, which has no {error.object[error.start]!r}.") from None
    check_syntax(data, shown)
    return Rewrite(path, shown, before, data, tuple(sorted(set(hunks))))


def _run(text: str, shown: str, steps: Sequence[Step], kinds: frozenset[Kind]) -> tuple[str, list[Hunk]]:
    from traits_runtime.migrate.codemods import CODEMODS

    hunks: list[Hunk] = []
    for step in steps:
        text, found = CODEMODS[step.codemod].transform(text, shown, step.targets, kinds)
        hunks += found
    return text, hunks


def decode(data: bytes) -> tuple[str, str]:
    """The text of a source file, without its byte order mark, and the encoding that it declares."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(lines).readline)
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    return data.removeprefix(BOM).decode(encoding), encoding


def check_syntax(data: bytes, shown: str) -> ast.Module:
    """The tree of a source file.

    Raises:
        MigrationError: It is no Python; the text says where.
    """
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except SyntaxError as error:
        raise MigrationError(f"{shown}:{error.lineno or 1}: {error.msg}. Correct it first.") from None
    except ValueError as error:
        raise MigrationError(f"{shown}: it cannot be read: {error}.") from None


def lines_of(text: str) -> list[str]:
    """Lines with their ends; only what Python takes for the end of a line ends one.

    >>> lines_of("a\\r\\nb\\rc\\x0cd")
    ['a\\r\\n', 'b\\r', 'c\\x0cd']
    """
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)


def graft(text: str, before: str, after: str) -> str:
    """Make a change in a text that another text is a tidied copy of.

    A parser may drop a form feed or the last line end; lines that it did not mean to change stay as they were.

    Args:
        text: The text as it is.
        before: The copy, as the parser gives it back unchanged.
        after: The copy, changed.

    Raises:
        ValueError: The copy has other lines than the text.
    """
    if text == before:
        return after
    own, old, new = lines_of(text), lines_of(before), lines_of(after)
    if len(own) != len(old):
        raise ValueError
    made = "".join(_grafted(own, old, new))
    end = text[len(text.rstrip("\r\n")) :]
    return made if not end or made.endswith(("\n", "\r")) else made + end


def _grafted(own: list[str], old: list[str], new: list[str]) -> Iterator[str]:
    for tag, start, end, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield from own[start:end] if tag == "equal" else new[first:last]
