"""Pages as JSON: the elements as they are, references with their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx_traits.page.page import Page


def write_json(pages: Iterable[Page]) -> bytes:
    """A JSON array of pages, ending with a newline."""
    return msgspec.json.encode(list(pages)) + b"\n"
