"""The codemods: each takes the text of a file and what to do in it, and gives the new text and its hunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import libcst as cst

from traits_runtime.errors import MigrationError
from traits_runtime.migrate.adopt import Adopt
from traits_runtime.migrate.edit import Edit
from traits_runtime.migrate.plan import Hunk, Kind, Target, Transform, graft
from traits_runtime.migrate.rename import Rename


class Codemod(NamedTuple):
    """A codemod by its id.

    Args:
        id: Its name on the command line and in hunks.
        help: A line that says what it does.
        transform: What does it.
    """

    id: str
    help: str
    transform: Transform


def _transform(edit: type[Edit]) -> Transform:
    def run(text: str, shown: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> tuple[str, list[Hunk]]:
        try:
            wrapper = cst.MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        except cst.ParserSyntaxError as error:
            raise MigrationError(f"{shown}:{error.raw_line}: libcst cannot read this: {error.message}.") from None
        before = wrapper.module.code
        doing = edit(text, shown, targets, kinds)
        after = wrapper.visit(doing).code
        try:
            return (text if after == before else graft(text, before, after)), doing.hunks
        except ValueError:
            raise MigrationError(f"{shown}: its line ends are such that libcst loses lines of it.") from None

    return run


CODEMODS: Final[Mapping[str, Codemod]] = {
    one.id: one
    for one in (
        Codemod("adopt", "A mixin becomes a trait: Trait is added to its bases.", _transform(Adopt)),
        Codemod("rename", "A member of a trait gets a new name; the old one warns.", _transform(Rename)),
    )
}
"""Every codemod by its id."""
