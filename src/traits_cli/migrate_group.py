"""`traits migrate`: the table of its sub-commands."""

from __future__ import annotations

import click

from traits_cli.base import CONTEXT, Command, LazyGroup

THERE = "traits_cli.migrate"

TABLE = {
    "apply": Command(f"{THERE}:apply", "Make the changes that are safe."),
    "plan": Command(f"{THERE}:plan", "Print what would be changed, and change nothing."),
    "rollback": Command(f"{THERE}:rollback", "Give files their original content back."),
    "status": Command(f"{THERE}:status", "List what was done, and what of it still stands."),
}


@click.group(cls=LazyGroup, table=TABLE, context_settings=CONTEXT)
def migrate() -> None:
    """Turn mixins into traits and rename their members, in your sources; every step can be taken back.

    \b
    Examples:
      traits migrate plan
      traits migrate apply --mixin shop.mixins.Timestamps
      traits migrate rollback
    """
