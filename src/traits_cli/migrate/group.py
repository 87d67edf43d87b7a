"""The group `traits migrate`: the table of its sub-commands."""

from __future__ import annotations

import click

from traits_cli.base import CONTEXT, Command, LazyGroup

MODULE = "traits_cli.migrate.commands"

TABLE = {
    "apply": Command(f"{MODULE}:apply", "Change files as `plan` prints it."),
    "plan": Command(f"{MODULE}:plan", "Print the changes as a diff; change nothing."),
    "rollback": Command(f"{MODULE}:rollback", "Restore the original content of files."),
    "status": Command(f"{MODULE}:status", "List migrations, and files changed since."),
}


@click.group(cls=LazyGroup, table=TABLE, context_settings=CONTEXT)
def migrate() -> None:
    """Turn mixins into traits and rename their members in your sources. Every migration can be rolled back.

    \b
    Examples:
      traits migrate plan
      traits migrate apply --mixin shop.mixins.Timestamps
      traits migrate rollback
    """
