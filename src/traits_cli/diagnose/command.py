"""The command `traits diagnose`."""

from __future__ import annotations

from pathlib import Path

import click

from traits_cli.app import Application, app_options
from traits_cli.base import confirm, did_you_mean
from traits_cli.completion import completes
from traits_cli.diagnose.baseline import BASELINE, read_baseline, write_baseline
from traits_cli.diagnose.fixes import FixPlan, fix_all
from traits_cli.diagnose.formats import FORMATS, summary
from traits_cli.diagnose.inspection import Inspection
from traits_cli.output import json_option, print_json
from traits_runtime.diagnose.checks import CHECKS, LEVELS, Fixing, explain
from traits_runtime.diagnose.finding import Finding, Selection


def _check_ids(ctx: click.Context, _: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Split ids at commas; an unknown one ends the command."""
    ids = tuple(part.strip().upper() for text in value for part in text.split(",") if part.strip())
    for id_ in ids:
        if not any(check.startswith(id_) for check in CHECKS):
            ctx.fail(f"There is no check {id_!r}.{did_you_mean(id_, CHECKS)}")
    return ids


def _explain(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    """Print the explanation of a check and end the command."""
    if value is None:
        return
    check = CHECKS.get(value.upper())
    if check is None:
        ctx.fail(f"There is no check {value!r}.{did_you_mean(value.upper(), CHECKS)}")
    click.echo(explain(check))
    ctx.exit()


@click.command()
@click.argument("name", default="", metavar="[MODEL|TRAIT]", shell_complete=completes("class_names"))
@click.option("--select", multiple=True, metavar="ID", callback=_check_ids, help="Only checks whose id begins so.")
@click.option("--ignore", multiple=True, metavar="ID", callback=_check_ids, help="No checks whose id begins so.")
@click.option("--fix", is_flag=True, help="Apply safe fixes.")
@click.option("--unsafe-fixes", is_flag=True, help="Also apply fixes that may lose data; asks first.")
@click.option("--diff", is_flag=True, help="Print the fixes and apply none.")
@click.option("--yes", is_flag=True, help="Do not ask before unsafe fixes.")
@click.option("--database", metavar="URL", default="", help="The database. Default: the engine of --app's object.")
@click.option(
    "--baseline", type=click.Path(dir_okay=False, path_type=Path), help=f"Accepted findings. Default: {BASELINE}."
)
@click.option("--write-baseline", "is_baseline_written", is_flag=True, help="Accept all findings of this run.")
@click.option(
    "--fail-level",
    type=click.Choice(LEVELS),
    default="warning",
    show_default=True,
    help="Lowest level that makes the exit code 1.",
)
@click.option("--format", "format_", type=click.Choice([*FORMATS, "json"]), default="text", show_default=True)
@click.option(
    "--explain", metavar="ID", callback=_explain, expose_value=False, is_eager=True, help="Explain a check and stop."
)
@json_option(list[Finding])
@app_options
def diagnose(
    app: Application, name: str, select: tuple[str, ...], ignore: tuple[str, ...], database: str,
    baseline: Path | None, fail_level: str, format_: str, *, fix: bool, unsafe_fixes: bool, diff: bool, yes: bool,
    is_baseline_written: bool, as_json: bool,
) -> None:  # fmt: skip
    """Check sources and config; with --app also the running application and its database.

    The exit code is 1 where a finding is left. A finding has an id, a place, the cause
    and what to do about it.

    \b
    Examples:
      traits diagnose --project examples/blog
      traits diagnose Article --app shop.app:engine --fix
      traits diagnose --explain TRT201
    """
    inspection = Inspection(app, database)
    selection = Selection(select, ignore)
    findings = inspection.findings(selection, name)
    file = baseline or app.folder / BASELINE
    if is_baseline_written:
        click.echo(write_baseline(file, findings), err=True)
        return
    accepted = read_baseline(file) if baseline is not None or file.is_file() else frozenset()
    kinds = _fixing_kinds(safe=fix or diff, unsafe=unsafe_fixes)
    if not diff:
        _confirm_unsafe(findings, kinds, yes=yes)
    if kinds:

        def check_again() -> list[Finding]:
            inspection.reload_config()
            return inspection.findings(selection, name)

        findings = fix_all(findings, FixPlan(kinds, accepted, is_preview=diff), check_again)
    remaining = [finding for finding in findings if finding.fingerprint not in accepted]
    _print(remaining, "json" if as_json else format_, fail_level)


def _confirm_unsafe(findings: list[Finding], kinds: frozenset[Fixing], *, yes: bool) -> None:
    if "unsafe" in kinds and any(finding.fixing == "unsafe" for finding in findings):
        confirm("Unsafe fixes may lose data.", yes=yes)


def _fixing_kinds(*, safe: bool, unsafe: bool) -> frozenset[Fixing]:
    if unsafe:
        return frozenset({"safe", "unsafe"})
    return frozenset({"safe"}) if safe else frozenset()


def _print(findings: list[Finding], format_: str, fail_level: str) -> None:
    """Print findings and end the process with 1 where one reaches the level."""
    failing = LEVELS[: LEVELS.index(fail_level) + 1]
    has_failed = any(finding.level in failing for finding in findings)
    if format_ == "json":
        print_json(findings, ok=not has_failed)
    else:
        click.echo(FORMATS[format_](findings))
    if format_ != "text":
        click.echo(summary(findings), err=True)
    raise SystemExit(1 if has_failed else 0)
