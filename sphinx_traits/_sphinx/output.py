"""What a builder makes, and what stands in its folder already: pages that are gone, indices that are right."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from traits_runtime.rules.output import write_if_changed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.builders import Builder

_SITES = ("html", "dirhtml", "readthedocs", "readthedocsdirhtml")
"""Builders whose indices are pages and nothing else: others also list them in a table of contents."""


def wants_html(builder: Builder) -> bool:
    """Whether a builder makes pages for browsers, one file for each document."""
    return builder.format == "html" and builder.name not in ("singlehtml", "readthedocssinglehtml", "epub")


def remove_pages(builder: Builder, docnames: Iterable[str]) -> None:
    """Remove what a builder wrote for pages that were generated once and are no more.

    Args:
        builder: The builder of this run.
        docnames: Pages that are gone.
    """
    for docname in docnames:
        file = outfile(builder, docname)
        if file is not None:
            file.unlink(missing_ok=True)
            (Path(builder.outdir) / f"{docname}.md").unlink(missing_ok=True)  # its twin


def outfile(builder: Any, docname: str) -> Path | None:
    """The file that a builder writes for a page; None where it does not write a file for each."""
    of = getattr(builder, "get_output_path", None) or getattr(builder, "get_outfilename", None)
    suffix = getattr(builder, "out_suffix", "")
    if of is None and not suffix:
        return None
    return Path(of(docname)) if of is not None else Path(builder.outdir) / f"{docname}{suffix}"


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


class Indices:
    """Leaves the domain's indices out of a build that would write them as they are.

    Sphinx writes all indices in every build, and each costs as much as a page. An index is right as long as its
    entries are those that were written and some page is older than it: what concerns an index besides, as a new
    theme or another toctree, makes all pages be written again.

    Args:
        file: Where the digests of what was written are kept.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._written: dict[str, str] | None = None

    def skip(self, builder: Any) -> None:
        """Take the indices that are right out of what the builder is about to write, and remove those that are gone."""
        if builder.name not in _SITES:
            return
        digests_before = self._read()
        ours = {str(outfile(builder, one[0])): one for one in builder.domain_indices if one[0].startswith("trait-")}
        digests = {file: _digest(index) for file, index in ours.items()}
        same = [file for file, digest in digests.items() if digests_before.get(file) == digest]
        last = min((_time(Path(file)) for file in same), default=0)
        pages = (_time(outfile(builder, doc)) for doc in builder.env.found_docs)
        right = [ours[file] for file in same] if any(0 < time <= last for time in pages) else []
        builder.domain_indices = [index for index in builder.domain_indices if index not in right]
        in_outdir = {file for file in digests_before if Path(file).is_relative_to(builder.outdir)}
        for file in in_outdir - ours.keys():
            Path(file).unlink(missing_ok=True)
        self._written = {file: digests_before[file] for file in digests_before.keys() - in_outdir} | digests

    def save(self) -> None:
        """Note what was written; called when the build has succeeded."""
        if self._written is not None:
            write_if_changed(self.file, msgspec.json.encode(dict(sorted(self._written.items()))))

    def _read(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self.file.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError):
            return {}


def _digest(index: tuple[Any, ...]) -> str:
    """Digest of an index's title and entries."""
    _name, cls, content, collapse = index
    return hashlib.blake2b(repr((cls.localname, content, collapse)).encode(), digest_size=12).hexdigest()


def _time(file: Path | None) -> int:
    """When a file was written; 0 for one that is not there."""
    try:
        return file.stat().st_mtime_ns if file else 0
    except OSError:
        return 0
