"""Applies the fixes of findings, round after round, until none is left that can be applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import click

from traits_runtime.diagnose.checks import Fixing
from traits_runtime.diagnose.finding import Finding, Fix

ROUNDS = 5
"""Most rounds of checking and fixing: a fix can uncover another finding."""


class FixPlan(NamedTuple):
    """Which fixes are applied.

    Args:
        kinds: ``safe``, ``unsafe``, both, or none.
        accepted: Fingerprints of the baseline, which are left alone.
        is_preview: Whether fixes are printed instead.
    """

    kinds: frozenset[Fixing]
    accepted: frozenset[str]
    is_preview: bool

    def fixes(self, findings: Iterable[Finding]) -> list[tuple[Finding, Fix]]:
        """The findings that have a fix to apply."""
        return [
            (finding, finding.fix)
            for finding in findings
            if finding.fix is not None and finding.fixing in self.kinds and finding.fingerprint not in self.accepted
        ]


def fix_all(findings: list[Finding], plan: FixPlan, check_again: Callable[[], list[Finding]]) -> list[Finding]:
    """Apply or print the fixes of findings.

    Args:
        findings: The findings of the first check.
        plan: Which fixes are applied.
        check_again: Runs the checks after a round of fixes.

    Returns:
        The findings that are left.
    """
    if plan.is_preview:
        for finding, fix in plan.fixes(findings):
            click.echo(f"{finding.id} {fix}")
        return findings
    total = 0
    for _ in range(ROUNDS):
        count = _apply_round(plan.fixes(findings))
        total += count
        if not count:
            break
        findings = check_again()
    click.echo(f"{total} fixed.", err=True)
    return findings


def _apply_round(pending: list[tuple[Finding, Fix]]) -> int:
    """Apply fixes; one that needs another is tried again after it. Returns how many succeeded."""
    total = 0
    errors: list[str] = []
    while pending:
        failed, errors = [], []
        for finding, fix in pending:
            error = _apply(finding, fix)
            if error:
                failed.append((finding, fix))
                errors.append(error)
        total += len(pending) - len(failed)
        if len(failed) == len(pending):
            break
        pending = failed
    for error in errors:
        click.echo(error, err=True)
    return total


def _apply(finding: Finding, fix: Fix) -> str:
    """Apply one fix; returns the error as a sentence, empty for success."""
    try:
        fix.apply()
    except Exception as error:
        return f"{finding.id} {fix.preview}: {type(error).__name__}: {str(error).splitlines()[0]}"
    click.echo(f"{finding.id} {fix}", err=True)
    return ""
