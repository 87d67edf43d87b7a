"""One thing that is wrong, with what puts it right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from traits_runtime._core.diagnose.catalogue import CHECKS, Fixing, Level


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One finding.

    Args:
        path: File, relative to the project; empty where it lies in no file.
        line: Line, 0 where there is none.
        id: See `CHECKS`.
        level: How bad it is.
        subject: Dotted path, ``HasSlug.max_length`` or ``articles.slug``: what it is about.
        message: What is wrong.
        hint: The way out.
        fixing: Whether `--fix` or `--unsafe-fixes` puts it right.
    """

    path: str = ""
    line: int = 0
    id: str
    level: Level
    subject: str
    message: str
    hint: str
    fixing: Fixing = ""

    @property
    def place(self) -> str:
        """``shop/models.py:12``; what it is about where it lies in no file."""
        if not self.path:
            return self.subject
        return f"{self.path}:{self.line}" if self.line else self.path

    @property
    def fingerprint(self) -> str:
        """What stays when lines move: for a baseline."""
        return f"{self.id} {self.path} {self.subject}"


class Fix(NamedTuple):
    """What puts a problem right.

    Args:
        target: The file it changes, or ``database``, or ``store``.
        preview: What it would do, as a statement or a line of a diff.
        apply: Does it.
    """

    target: str
    preview: str
    apply: Callable[[], None]


class Found(NamedTuple):
    """A problem, and its fix where a command can do it."""

    problem: Problem
    fix: Fix | None = None


def found(
    id: str, subject: str, message: str, *, hint: str = "", path: str = "", line: int = 0, fix: Fix | None = None,  # noqa: A002
    fixing: Fixing | None = None,
) -> Found:  # fmt: skip
    """A problem of an id, with that id's level and hint.

    Args:
        id: See `CHECKS`.
        subject: What it is about.
        message: What is wrong, in this case.
        hint: The way out of this case; the id's own by default.
        path: File.
        line: Line.
        fix: What puts it right.
        fixing: Where it differs from the id's own.
    """
    check = CHECKS[id]
    kind: Fixing = "" if fix is None else (check.fixing if fixing is None else fixing)
    problem = Problem(
        id=id, level=check.level, subject=subject, message=message, hint=hint or check.hint, path=path, line=line,
        fixing=kind,
    )  # fmt: skip
    return Found(problem, fix if kind else None)


class Chosen(NamedTuple):
    """Which ids are asked for.

    Args:
        select: Ids or their beginnings; empty for all.
        ignore: Ids or their beginnings that are left out.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def wants(self, id: str) -> bool:  # noqa: A002
        """Whether an id is asked for."""
        chosen = not self.select or id.startswith(self.select)
        return chosen and not (self.ignore and id.startswith(self.ignore))


def counted(problems: list[Problem]) -> Mapping[str, int]:
    """How many of each level, the worst first; levels without any left out."""
    return dict(_counts(problems))


def _counts(problems: list[Problem]) -> Iterator[tuple[str, int]]:
    for level in ("error", "warning", "info"):
        count = sum(one.level == level for one in problems)
        if count:
            yield level, count
