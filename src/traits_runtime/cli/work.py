"""`traits work`: the worker of the engine that config names, or the listener to events of other applications."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from traits_runtime import engines
from traits_runtime.errors import TraitsError


@click.command()
@click.option("--app", "modules", multiple=True, metavar="MODULE", help="Module to import first; it declares the jobs.")
@click.option("--queue", "queues", multiple=True, help="Queue to work on, 'default' for jobs that name none.")
@click.option("--concurrency", default=1, show_default=True, help="How many jobs or events at a time.")
@click.option("--events", is_flag=True, help="Run no jobs: tell listeners the events of other applications.")
@click.option("--relay/--no-relay", default=True, help="Hand on what is in the outbox, too.")
@click.option("--config", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The config file.")
def work(
    modules: tuple[str, ...], queues: tuple[str, ...], concurrency: int, events: bool, relay: bool, path: Path | None
) -> None:  # fmt: skip
    """Run jobs with the worker of the engine that config names, or hear events of other applications.

    The worker is the engine's own. Where there is an outbox, its jobs are handed to the engine meanwhile, and its
    events to their broker; any number of workers may do so. This command imports your application.

    \b
    Examples:
      traits work --app shop.jobs --queue search --queue default
      traits work --app shop.listeners --events
    """
    sys.path.insert(0, str(Path.cwd()))
    try:
        for one in modules:
            importlib.import_module(one)
        started = engines.start(engines.read_settings(path))
        if events:
            engines.listen(started, concurrency, relay=relay)
        else:
            engines.work(started, queues or ("default",), concurrency, relay=relay)
    except TraitsError as error:
        raise click.ClickException(str(error)) from error
