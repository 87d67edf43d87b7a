"""`traits metrics`: declared metrics and their recorded values."""

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
    """Print the metrics whose name matches PATTERN, unrecorded ones as 0.

    Metrics live in the process that records them: this prints those recorded while the
    application started. Use an exporter for a running application.

    \b
    Examples:
      traits metrics --app shop.app
      traits metrics 'trait.HasSlug.*' --json
    """
    from traits_runtime import telemetry
    from traits_runtime.rules.naming import matches

    app.load()
    readings = _with_declared(telemetry.read())
    rows = [reading for reading in readings if matches(pattern, reading.name)]
    if readings and not rows:
        names = [reading.name for reading in readings]
        fail(f"None of {counted(len(readings), 'metric')} matches {pattern!r}.{did_you_mean(pattern, names)}")
    if as_json:
        print_json(rows, warnings=() if telemetry.on else ("Telemetry is off: nothing is recorded.",))
        return
    print_table([_table_row(reading) for reading in rows], ("metric", "kind", "model", "outcome", "count", "total"))
    if not telemetry.on:
        click.echo("Telemetry is off: nothing is recorded. telemetry.enable() switches it on.", err=True)


def _with_declared(recorded: tuple[Reading, ...]) -> list[Reading]:
    """The recorded metrics, and the declared ones that were not recorded, with zeros."""
    from traits_runtime import inventory
    from traits_runtime.rules.naming import event_name

    seen = {reading.name for reading in recorded}
    declared = {event_name(m.owner.rpartition(".")[2], m.name): m.kind for m in inventory().metrics}
    empty = [Reading(name, kind, "", "", "", 0, 0.0, 0.0, 0.0) for name, kind in declared.items() if name not in seen]  # type: ignore[arg-type]
    return sorted((*recorded, *empty), key=lambda reading: (reading.name, reading.model))


def _table_row(reading: Reading) -> tuple[str, ...]:
    return reading.name, reading.kind, reading.model, reading.outcome, str(reading.count), f"{reading.total:g}"
