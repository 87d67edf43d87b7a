"""Which codemods a user asks for: the options of `traits migrate plan` and `apply`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import click

from traits_cli.base import did_you_mean
from traits_runtime.migrate.records import Kind

C = TypeVar("C", bound=Callable[..., Any])

CODEMOD_IDS: Final = ("adopt", "rename")


class MigrationRequest(NamedTuple):
    """The codemods to run.

    Args:
        codemods: Their ids.
        mixins: Names of the mixins to adopt; all where there is none.
        renames: ``Trait.old=new`` for each member to rename.
        kinds: The kinds of changes to apply.
    """

    codemods: tuple[str, ...]
    mixins: tuple[str, ...]
    renames: tuple[str, ...]
    kinds: frozenset[Kind]


def request_options(command: C) -> C:
    """The options that name codemods; they reach the command as one `MigrationRequest` named ``request``."""

    @functools.wraps(command)
    def call(
        *args: Any, codemods: tuple[str, ...], mixins: tuple[str, ...], renames: tuple[str, ...], unsafe: bool,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        implied = tuple(id_ for id_, values in zip(CODEMOD_IDS, (mixins, renames), strict=True) if values)
        kinds: frozenset[Kind] = frozenset({"safe", "unsafe"} if unsafe else {"safe"})
        request = MigrationRequest(codemods or implied or ("adopt",), mixins, renames, kinds)
        return command(*args, request=request, **kwargs)

    for option in (
        click.option("--unsafe", is_flag=True, help="Also make unsafe changes: probably right; review them."),
        click.option(
            "--rename", "renames", multiple=True, metavar="TRAIT.OLD=NEW", help="Member to rename; may be given again."
        ),
        click.option(
            "--mixin", "mixins", multiple=True, metavar="NAME", help="Mixin to adopt with its subclasses."
        ),
        click.argument("codemods", nargs=-1, metavar="[CODEMOD]...", callback=_check_codemods),
    ):  # fmt: skip
        option(call)
    return call  # type: ignore[return-value]  # the same command, with its options made into one


def _check_codemods(ctx: click.Context, _: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for id_ in value:
        if id_ not in CODEMOD_IDS:
            ctx.fail(
                f"There is no codemod {id_!r}.{did_you_mean(id_, CODEMOD_IDS)} Codemods: {', '.join(CODEMOD_IDS)}."
            )
    return value
