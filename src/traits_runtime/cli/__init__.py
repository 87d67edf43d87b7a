"""The command `traits`: a table of its sub-commands, each imported when it is called."""

from __future__ import annotations

import difflib
import importlib
from typing import NamedTuple

import click

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Command(NamedTuple):
    target: str
    help: str


COMMANDS = {
    "docs": _Command("sphinx_traits.cli.docs:docs", "Write the documentation of models and traits."),
    "inventory": _Command("sphinx_traits.cli.inventory:inventory", "Print which model has which trait."),
    "manifest": _Command("sphinx_traits.cli.manifest:manifest", "Print all facts about models and traits as JSON."),
    "show": _Command("sphinx_traits.cli.show:show", "Say what one model or trait really is."),
    "verify": _Command("sphinx_traits.cli.verify:verify", "Import the program and compare it with what was read."),
}
"""Each sub-command by name: where it is, and the line that `traits --help` shows."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name].target} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; a misspelt one is answered with the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx=ctx) from error
            raise


@click.group(cls=LazyGroup, context_settings=_CONTEXT)
@click.version_option(package_name="sphinx-traits", message="traits %(version)s")
def main() -> None:
    """Say what a model really does: its traits, hooks, config keys, events and jobs.

    Commands read the sources and never import them.
    """
