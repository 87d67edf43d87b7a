"""``#:`` comments, which Sphinx projects document attributes with."""

from __future__ import annotations

import ast


class Comments:
    """The ``#:`` comments of one module.

    Args:
        text: The module's source.
    """

    def __init__(self, text: str) -> None:
        self.lines: list[str] = text.split("\n") if "#:" in text else []

    def of(self, node: ast.stmt) -> str:
        """The comment at the end of a statement's last line, else the block of comments directly above it."""
        if not self.lines:
            return ""
        last = self.lines[(node.end_lineno or node.lineno) - 1]
        _, marker, comment = _after(last, node.end_col_offset or 0).partition("#:")
        if marker:
            return comment.strip()
        block: list[str] = []
        for at in range(node.lineno - 2, -1, -1):
            stripped = self.lines[at].strip()
            if not stripped.startswith("#:"):
                break
            block.append(stripped[2:].removeprefix(" ").rstrip())
        return "\n".join(reversed(block)).strip()


def _after(line: str, column: int) -> str:
    return line[column:] if line.isascii() else line.encode("utf-8")[column:].decode("utf-8", "replace")
