"""`traits work`: runs the worker of the configured queue engine, or listens to events of other applications."""

from __future__ import annotations

import os
from pathlib import Path

import click

from traits_cli.app import import_application, make_importable
from traits_runtime import engines
from traits_runtime._core import runtime
from traits_runtime.rules.files import find_config, setting


@click.command()
@click.option(
    "--app",
    "names",
    multiple=True,
    metavar="MODULE[:OBJECT]",
    help="The application to import; OBJECT() is called. May be given again. Default: [tool.traits] app.",
)
@click.option("--queue", "queues", multiple=True, help="Queue to work on; 'default' has jobs without a queue.")
@click.option(
    "--concurrency", default=1, show_default=True, type=click.IntRange(min=1), help="How many jobs or events at a time."
)
@click.option("--events", is_flag=True, help="Deliver events of other applications to listeners; run no jobs.")
@click.option("--relay/--no-relay", default=True, help="Hand on the jobs and events of the outbox.")
@click.option("--config", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The config file.")
def work(
    names: tuple[str, ...], queues: tuple[str, ...], concurrency: int, events: bool, relay: bool, path: Path | None
) -> None:  # fmt: skip
    """Run jobs with the worker of the configured queue engine, or listen to events of other applications.

    The worker is the engine's own. Meanwhile the jobs of the outbox are handed to the engine and its events to the
    broker; any number of workers may do so. This command imports your application.

    \b
    Examples:
      traits work --app shop.jobs --queue search --queue default
      traits work --app shop.app:start() --events
    """
    file = path or find_config(Path.cwd(), os.environ)
    if file is not None:
        make_importable(file.resolve().parent)
    make_importable(Path.cwd())
    if path is not None and not runtime.files_are_read():
        runtime.read_files(path)
    for name in names or _named(file):
        import_application(name)
    started = engines.started() or engines.start(engines.read_settings(file))
    if events:
        engines.listen(started, concurrency, relay=relay)
    else:
        engines.work(started, queues or ("default",), concurrency, relay=relay)


def _named(file: Path | None) -> tuple[str, ...]:
    """The application that the project names."""
    app = setting(file, "app") if file is not None and file.is_file() else None
    return (app,) if isinstance(app, str) and app else ()
