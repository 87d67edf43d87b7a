"""`traits health`: the checks behind a health endpoint, from the command line."""

from __future__ import annotations

import click

from traits_cli.app import Application, app_options
from traits_cli.base import did_you_mean, fail
from traits_cli.output import json_option, print_json, print_table
from traits_runtime.health import CheckResult, names, run

COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--strict", is_flag=True, help="End with code 1 for a warning too.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds after which a check has failed.")
@click.option("--exclude", multiple=True, metavar="NAME", help="Check to leave out; may be given again.")
@json_option(list[CheckResult])
@app_options
def health(app: Application, timeout: float, exclude: tuple[str, ...], *, strict: bool, as_json: bool) -> None:
    """Check config, events, cache, jobs and telemetry by using each of them.

    Ends with code 1 where a check fails.

    \b
    Examples:
      traits health --app shop.app
      traits health --strict --json
    """
    app.load()
    app.start_engines()
    for one in exclude:
        if one not in names():
            fail(f"There is no check {one!r} among {', '.join(names())}.{did_you_mean(one, names())}")
    found = run(timeout=timeout, exclude=exclude)
    bad = any(one.status == "fail" or (strict and one.status == "warn") for one in found)
    if as_json:
        print_json(found, ok=not bad)
    else:
        rows = [(one.status, one.name, one.output, f"{one.seconds * 1000:.1f} ms") for one in found]
        print_table(rows, ("", "", "", ""))
    raise SystemExit(1 if bad else 0)
