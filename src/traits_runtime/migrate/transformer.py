"""Base of the codemods: hunks, targets and imports of one file."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Any, ClassVar

import libcst as cst
from libcst.metadata import PositionProvider, ProviderT

from traits_runtime.migrate.imports import with_import
from traits_runtime.migrate.records import Hunk, Kind, Target


class CodemodTransformer(cst.CSTTransformer):
    """Runs a codemod on one file.

    Args:
        text: The text of the file.
        display_path: Its path in hunks.
        targets: What to change.
        kinds: Which kinds of hunks to apply.
    """

    METADATA_DEPENDENCIES: ClassVar[Collection[ProviderT]] = (PositionProvider,)
    codemod = ""

    def __init__(self, text: str, display_path: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> None:
        super().__init__()
        self.tree: ast.Module = ast.parse(text)
        self.display_path = display_path
        self.targets: dict[str, Target] = {target.name: target for target in targets}
        self.kinds = kinds
        self.hunks: list[Hunk] = []
        self.imports: dict[str, set[str]] = {}

    def line(self, node: cst.CSTNode) -> int:
        """The line of a node of the original tree."""
        code_range: Any = self.get_metadata(PositionProvider, node)
        return int(code_range.start.line)

    def add_hunk(self, node: cst.CSTNode, kind: Kind, subject: str, message: str) -> bool:
        """Record a hunk; returns whether it is to be applied."""
        self.hunks.append(Hunk(self.display_path, self.line(node), self.codemod, kind, subject, message))
        return kind in self.kinds

    def require_import(self, module: str, name: str) -> None:
        """Import a name when the file is left; an empty name imports the module itself."""
        self.imports.setdefault(module, set()).add(name)

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        """Add the required imports."""
        for module, names in sorted(self.imports.items()):
            for name in sorted(names):
                updated_node = with_import(updated_node, module, name)
        return updated_node
