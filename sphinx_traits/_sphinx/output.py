"""What Sphinx leaves in the output folder when pages go: files of pages that are gone, words that nobody has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.builders import Builder


def remove_pages(builder: Builder, docnames: Iterable[str]) -> None:
    """Remove what a builder wrote for pages that were generated once and are no more.

    Args:
        builder: The builder of this run.
        docnames: Pages that are gone.
    """
    suffix = getattr(builder, "out_suffix", "")
    outfile = getattr(builder, "get_outfilename", None) or getattr(builder, "get_output_path", None)
    for docname in docnames:
        if outfile is not None:
            Path(outfile(docname)).unlink(missing_ok=True)
        elif suffix:
            (Path(builder.outdir) / f"{docname}{suffix}").unlink(missing_ok=True)


def tidy_search_index(builder: Builder) -> None:
    """Forget words without a page, which Sphinx keeps when it merges an old index.

    Object types are numbered in the order in which they are met, so the old numbers go too: all objects are
    numbered again when the index is written.
    """
    indexer = getattr(builder, "indexer", None)
    for name in ("_mapping", "_title_mapping"):
        words = getattr(indexer, name, {})
        for word in [word for word, pages in words.items() if not pages]:
            del words[word]
    for name in ("_objtypes", "_objnames"):
        getattr(indexer, name, {}).clear()
