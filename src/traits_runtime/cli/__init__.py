"""The command `traits`: a table of its sub-commands, each imported when it is called."""

from __future__ import annotations

import click

from traits_runtime.cli.frame import CONTEXT, Command, Main, color_option

COMMANDS = {
    "about": Command("traits_runtime.cli.about:about", "Say which versions, project, store and adapters are here."),
    "check": Command("sphinx_traits.cli.diff:check", "Fail where the sources break what an earlier version promised."),
    "completion": Command("traits_runtime.cli.completion:completion", "Print the completion script of a shell."),
    "config": Command("traits_runtime.cli.config:config", "Read, explain and override config values."),
    "diagnose": Command("traits_runtime.cli.diagnose:diagnose", "Find what is wrong, and fix what is safe to fix."),
    "diff": Command("sphinx_traits.cli.diff:diff", "Say what changed between two versions, and what of it breaks."),
    "docs": Command("sphinx_traits.cli.docs:docs", "Write the documentation of models and traits."),
    "events": Command("sphinx_traits.cli.events:events", "List events, who emits them and who hears them."),
    "features": Command("traits_runtime.cli.features:features", "Switch features, and roll them out."),
    "health": Command("traits_runtime.cli.health:health", "Check config, events, cache, jobs and telemetry for real."),
    "inventory": Command("sphinx_traits.cli.inventory:inventory", "Print which model has which trait."),
    "jobs": Command("traits_runtime.cli.jobs:jobs", "List, retry and drop jobs that failed for good."),
    "list": Command("sphinx_traits.cli.list:list_", "List models and traits."),
    "make": Command("traits_runtime.cli.make:make", "Write a new trait, listener or job."),
    "manifest": Command("sphinx_traits.cli.manifest:manifest", "Print all facts about models and traits as JSON."),
    "migrate": Command(
        "traits_runtime.cli.migrate:migrate", "Turn mixins into traits, rename members, and take it back."
    ),
    "metrics": Command("traits_runtime.cli.metrics:metrics", "Print the numbers that traits recorded."),
    "show": Command("sphinx_traits.cli.show:show", "Say what one model or trait really is."),
    "verify": Command("sphinx_traits.cli.verify:verify", "Import the program and compare it with what was read."),
    "work": Command("traits_runtime.cli.work:work", "Run jobs with the worker of the engine that config names."),
}
"""Each sub-command by name: where it is, and the line that `traits --help` shows."""


@click.group(cls=Main, table=COMMANDS, context_settings=CONTEXT)
@click.version_option(package_name="sphinx-traits", message="traits %(version)s")
@color_option
def main() -> None:
    """Say what a model really does: its traits, hooks, config keys, events, jobs.

    Commands read the sources and never import them; those that need the running
    application take it as --app module:object.

    \b
    Examples:
      traits list --project examples/blog
      traits show Article --project examples/blog
      traits diagnose --app blog.app
    """
