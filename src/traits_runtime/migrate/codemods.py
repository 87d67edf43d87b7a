"""The table of codemods: each takes the text of a file and its targets, and returns the new text and the hunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import libcst as cst

from traits_runtime.errors import MigrationError
from traits_runtime.migrate.adopt import AdoptTransformer
from traits_runtime.migrate.records import Hunk, Kind, Target, Transform
from traits_runtime.migrate.rename import RenameTransformer
from traits_runtime.migrate.source_text import graft
from traits_runtime.migrate.transformer import CodemodTransformer


class Codemod(NamedTuple):
    """A codemod by its id.

    Args:
        id: Its name on the command line and in hunks.
        help: One line of help.
        transform: Runs it on the text of a file.
    """

    id: str
    help: str
    transform: Transform


def _transform_with(transformer_class: type[CodemodTransformer]) -> Transform:
    """Run a transformer on a text and keep every line that it does not change."""

    def transform(
        text: str, display_path: str, targets: tuple[Target, ...], kinds: frozenset[Kind]
    ) -> tuple[str, list[Hunk]]:
        try:
            wrapper = cst.MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        except cst.ParserSyntaxError as error:
            raise MigrationError(
                f"{display_path}:{error.raw_line}: libcst cannot read this: {error.message}."
            ) from None
        before = wrapper.module.code
        transformer = transformer_class(text, display_path, targets, kinds)
        after = wrapper.visit(transformer).code
        if after == before:
            return text, transformer.hunks
        try:
            return graft(text, before, after), transformer.hunks
        except ValueError:
            raise MigrationError(f"{display_path}: libcst loses lines because of its line ends.") from None

    return transform


_ADOPT = Codemod("adopt", "A mixin becomes a trait: Trait is added to its bases.", _transform_with(AdoptTransformer))
_RENAME = Codemod(
    "rename", "A member of a trait gets a new name; the old one warns.", _transform_with(RenameTransformer)
)

CODEMODS: Final[Mapping[str, Codemod]] = {codemod.id: codemod for codemod in (_ADOPT, _RENAME)}
"""Every codemod by its id."""
