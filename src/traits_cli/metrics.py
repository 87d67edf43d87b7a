"""`traits metrics`: the numbers that traits declare, and those that the application has recorded."""

from __future__ import annotations

import click

from traits_cli.app import Application, app_options
from traits_cli.base import did_you_mean, fail
from traits_cli.output import counted, json_option, print_json, print_table
from traits_runtime._core.telemetry import Reading


@click.command()
@click.argument("pattern", default="**", metavar="[PATTERN]")
@json_option(list[Reading])
@app_options
def metrics(app: Application, pattern: str, *, as_json: bool) -> None:
    """Print the numbers whose name PATTERN matches, those not recorded yet as 0.

    Numbers live in the process that records them: this prints those of starting the
    application. A running one is read through its exporter.

    \b
    Examples:
      traits metrics --app shop.app
      traits metrics 'trait.HasSlug.*' --json
    """
    from traits_runtime import telemetry
    from traits_runtime.rules.naming import matches

    app.load()
    every = _all(telemetry.read())
    rows = [one for one in every if matches(pattern, one.name)]
    if every and not rows:
        names = [one.name for one in every]
        fail(f"None of {counted(len(every), 'metric')} matches {pattern!r}.{did_you_mean(pattern, names)}")
    if as_json:
        print_json(rows, warnings=() if telemetry.on else ("Telemetry is off: nothing is recorded.",))
        return
    print_table([_shown(one) for one in rows], ("metric", "kind", "model", "outcome", "count", "total"))
    if not telemetry.on:
        click.echo("Telemetry is off: nothing is recorded. telemetry.enable() switches it on.", err=True)


def _all(recorded: tuple[Reading, ...]) -> list[Reading]:
    """What was recorded, and every declared metric that was not."""
    from traits_runtime import inventory
    from traits_runtime.rules.naming import event_name

    seen = {one.name for one in recorded}
    declared = {event_name(m.owner.rpartition(".")[2], m.name): m.kind for m in inventory().metrics}
    empty = [Reading(name, kind, "", "", "", 0, 0.0, 0.0, 0.0) for name, kind in declared.items() if name not in seen]  # type: ignore[arg-type]
    return sorted((*recorded, *empty), key=lambda one: (one.name, one.model))


def _shown(one: Reading) -> tuple[str, ...]:
    return one.name, one.kind, one.model, one.outcome, str(one.count), f"{one.total:g}"
