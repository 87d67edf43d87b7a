"""A finding of `traits diagnose`: its place, its cause, and the fix where a command can apply one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from traits_runtime.diagnose.checks import CHECKS, LEVELS, Fixing, Level


class Fix:
    """The change that removes the cause of a finding.

    Args:
        target: The file it changes, or ``database``, or ``store``.
        preview: The change as a statement or as a line of a diff.
        apply: Makes the change; may raise.
    """

    __slots__ = ("apply", "preview", "target")

    def __init__(self, target: str, preview: str, apply: Callable[[], None]) -> None:
        self.target: str = target
        self.preview: str = preview
        self.apply: Callable[[], None] = apply

    def __str__(self) -> str:
        return f"{self.target}: {self.preview}"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One result of a check.

    Args:
        path: File, relative to the project; empty where the cause is in no file.
        line: Line, 0 where there is none.
        id: The check, see `CHECKS`.
        level: The severity.
        subject: Dotted path, ``HasSlug.max_length`` or ``articles.slug``: what it is about.
        message: The cause.
        hint: What to do about it.
        fixing: Whether `--fix` or `--unsafe-fixes` applies the fix.
        fix: The fix; in JSON its target and preview as text.
    """

    path: str = ""
    line: int = 0
    id: str
    level: Level
    subject: str
    message: str
    hint: str
    fixing: Fixing = ""
    fix: Fix | None = None

    @property
    def place(self) -> str:
        """``shop/models.py:12``; the subject where there is no file."""
        if not self.path:
            return self.subject
        return f"{self.path}:{self.line}" if self.line else self.path

    @property
    def fingerprint(self) -> str:
        """Identifies the finding in a baseline; independent of the line."""
        return f"{self.id} {self.path} {self.subject}"

    @property
    def sort_key(self) -> tuple[str | int, ...]:
        """Findings are listed by place, then by check."""
        return self.path, self.line, self.id, self.subject, self.message


def make_finding(
    id: str, subject: str, message: str, *, hint: str = "", path: str = "", line: int = 0, fix: Fix | None = None,  # noqa: A002
    fixing: Fixing | None = None,
) -> Finding:  # fmt: skip
    """A finding of a check, with the level and, by default, the hint of that check.

    Args:
        id: The check, see `CHECKS`.
        subject: What it is about.
        message: The cause.
        hint: What to do in this case; the hint of the check by default.
        path: File.
        line: Line.
        fix: The fix.
        fixing: Where it differs from that of the check.

    >>> make_finding("TRT404", "Outbox", "2 jobs are dead.").level
    'warning'
    """
    check = CHECKS[id]
    kind: Fixing = "" if fix is None else (check.fixing if fixing is None else fixing)
    return Finding(
        id=id, level=check.level, subject=subject, message=message, hint=hint or check.hint, path=path, line=line,
        fixing=kind, fix=fix if kind else None,
    )  # fmt: skip


class Selection(NamedTuple):
    """The checks that a user asks for.

    Args:
        select: Ids or their beginnings; empty for all.
        ignore: Ids or their beginnings that are left out.

    >>> Selection(("TRT2",), ("TRT203",)).includes("TRT203")
    False
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def includes(self, id: str) -> bool:  # noqa: A002
        """Whether a check is asked for."""
        is_selected = not self.select or id.startswith(self.select)
        is_ignored = bool(self.ignore) and id.startswith(self.ignore)
        return is_selected and not is_ignored


def count_by_level(findings: Iterable[Finding]) -> dict[Level, int]:
    """The number of findings of each level, the worst first; levels without any are left out."""
    levels = [finding.level for finding in findings]
    return {level: levels.count(level) for level in LEVELS if level in levels}
