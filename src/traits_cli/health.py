"""`traits health`: runs the checks of a health endpoint."""

from __future__ import annotations

import click

from traits_cli.app import Application, app_options
from traits_cli.base import did_you_mean, fail
from traits_cli.output import json_option, print_json, print_table
from traits_runtime.health import CheckResult, names, run

COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--strict", is_flag=True, help="A warning makes the exit code 1 too.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds until a check fails.")
@click.option("--exclude", multiple=True, metavar="NAME", help="Check to leave out; may be given again.")
@json_option(list[CheckResult])
@app_options
def health(app: Application, timeout: float, exclude: tuple[str, ...], *, strict: bool, as_json: bool) -> None:
    """Check config, events, cache, jobs and telemetry by using each of them.

    The exit code is 1 where a check fails.

    \b
    Examples:
      traits health --app shop.app
      traits health --strict --json
    """
    app.load()
    app.start_engines()
    for name in exclude:
        if name not in names():
            fail(f"There is no check {name!r} among {', '.join(names())}.{did_you_mean(name, names())}")
    results = run(timeout=timeout, exclude=exclude)
    bad = any(result.status == "fail" or (strict and result.status == "warn") for result in results)
    if as_json:
        print_json(results, ok=not bad)
    else:
        rows = [(result.status, result.name, result.output, f"{result.seconds * 1000:.1f} ms") for result in results]
        print_table(rows, ("", "", "", ""))
    raise SystemExit(1 if bad else 0)
