"""Plans the change of one file: runs its codemods and checks the outcome; writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from traits_runtime.errors import MigrationError
from traits_runtime.migrate.codemods import CODEMODS
from traits_runtime.migrate.records import Hunk, Kind, Rewrite, Step
from traits_runtime.migrate.source_text import BOM, check_syntax, decode


def rewrite(path: Path, display_path: str, steps: Sequence[Step], kinds: frozenset[Kind]) -> Rewrite:
    """Plan the change of one file.

    Args:
        path: The file.
        display_path: Its path in messages and diffs.
        steps: The codemods to run, in order.
        kinds: Which kinds of hunks to apply.

    Raises:
        MigrationError: The file is not readable Python, or the outcome would not be what was meant.
    """
    before = path.read_bytes()
    check_syntax(before, display_path)
    text, encoding = decode(before)
    after, hunks = _run(text, display_path, steps, kinds)
    repeated, _ = _run(after, display_path, steps, kinds)
    if repeated != after:
        raise MigrationError(f"{display_path}: a second run changes it again; nothing was written. Please report this.")
    data = _encode(display_path, before, text, after, encoding)
    check_syntax(data, display_path)
    return Rewrite(path, display_path, before, data, tuple(sorted(set(hunks))))


def _encode(display_path: str, before: bytes, text: str, after: str, encoding: str) -> bytes:
    """The new text in the encoding of the file.

    Raises:
        MigrationError: The encoding does not round-trip, or lacks a character of the new text.
    """
    if after != text and text.encode(encoding) != before.removeprefix(BOM):
        raise MigrationError(f"{display_path}: its {encoding} does not round-trip byte for byte; change it by hand.")
    try:
        return (BOM if before.startswith(BOM) else b"") + after.encode(encoding)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise MigrationError(f"{display_path} is written in {encoding}, which has no {character!r}.") from None


def _run(text: str, display_path: str, steps: Sequence[Step], kinds: frozenset[Kind]) -> tuple[str, list[Hunk]]:
    hunks: list[Hunk] = []
    for step in steps:
        text, step_hunks = CODEMODS[step.codemod].transform(text, display_path, step.targets, kinds)
        hunks += step_hunks
    return text, hunks
