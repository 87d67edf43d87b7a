"""The table of the sub-commands of `traits`; each is imported when it is called."""

from __future__ import annotations

import click

from traits_cli.base import CONTEXT, Command, Main, color_option

COMMANDS = {
    "about": Command("traits_cli.about:about", "Print versions, project and installed libraries."),
    "check": Command("traits_cli.diff:check", "Fail on breaking changes since a version."),
    "completion": Command("traits_cli.completion:completion", "Print the completion script of a shell."),
    "config": Command("traits_cli.config:config", "Read, explain and override config values."),
    "diagnose": Command(
        "traits_cli.diagnose.command:diagnose", "Check sources, config, program and database; apply fixes."
    ),
    "diff": Command("traits_cli.diff:diff", "Print the changes between two versions."),
    "docs": Command("traits_cli.docs:docs", "Write the documentation of models and traits."),
    "events": Command("traits_cli.events:events", "List events with emitters and listeners."),
    "features": Command("traits_cli.features:features", "List, switch and roll out features."),
    "health": Command("traits_cli.health:health", "Use config, events, cache, jobs and telemetry once."),
    "inventory": Command("traits_cli.inventory:inventory", "Print which model has which trait."),
    "jobs": Command("traits_cli.jobs:jobs", "List, retry and drop dead jobs."),
    "list": Command("traits_cli.listing:list_", "List models and traits."),
    "make": Command("traits_cli.make:make", "Write a new trait, listener or job."),
    "manifest": Command("traits_cli.manifest:manifest", "Print all facts about models and traits as JSON."),
    "migrate": Command("traits_cli.migrate.group:migrate", "Turn mixins into traits, rename members, roll back."),
    "metrics": Command("traits_cli.metrics:metrics", "Print the metrics that traits recorded."),
    "show": Command("traits_cli.show:show", "Say what one model or trait really is."),
    "verify": Command("traits_cli.verify:verify", "Import the program and compare it with what was read."),
    "work": Command("traits_cli.work:work", "Run jobs with the worker of the configured engine."),
}
"""Each sub-command by name: its module, and its line of `traits --help`."""


@click.group(cls=Main, table=COMMANDS, context_settings=CONTEXT)
@click.version_option(package_name="sphinx-traits", message="traits %(version)s")
@color_option
def main() -> None:
    """Show what a model really does: its traits, hooks, config keys, events, jobs.

    Commands read the sources and never import them; those that need the running
    application take it as --app module:object.

    \b
    Examples:
      traits list --project examples/blog
      traits show Article --project examples/blog
      traits diagnose --app blog.app
    """
