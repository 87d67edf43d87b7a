"""Output folder of a builder: removal of stale pages, and indices that need no rewrite."""

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
"""Builders that write indices as pages only; other builders also list them in a table of contents."""


def wants_html(builder: Builder) -> bool:
    """Whether a builder makes pages for browsers, one file for each document."""
    return builder.format == "html" and builder.name not in ("singlehtml", "readthedocssinglehtml", "epub")


def remove_pages(builder: Builder, docnames: Iterable[str]) -> None:
    """Remove the output of generated pages that no longer exist.

    Args:
        builder: The builder of this run.
        docnames: The removed pages.
    """
    for docname in docnames:
        file = outfile(builder, docname)
        if file is not None:
            file.unlink(missing_ok=True)
            (Path(builder.outdir) / f"{docname}.md").unlink(missing_ok=True)  # its twin


def outfile(builder: Any, docname: str) -> Path | None:
    """The file that a builder writes for a page; None for builders without a file for each page."""
    path_of = getattr(builder, "get_output_path", None) or getattr(builder, "get_outfilename", None)
    suffix = getattr(builder, "out_suffix", "")
    if path_of is None and not suffix:
        return None
    return Path(path_of(docname)) if path_of is not None else Path(builder.outdir) / f"{docname}{suffix}"


def tidy_search_index(builder: Builder) -> None:
    """Remove words without a page, which Sphinx keeps when it merges an old index.

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
    """Leaves unchanged indices of the domain out of a build.

    Sphinx writes all indices in every build, and each costs as much as a page. An index is current while its entries
    equal the written ones and some page is older than it: other changes that concern an index, such as a new theme
    or another toctree, rewrite all pages.

    Args:
        file: The file with the digests of the written indices.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._written: dict[str, str] | None = None

    def skip(self, builder: Any) -> None:
        """Drop current indices from the builder's list, and remove the files of indices that no longer exist."""
        if builder.name not in _SITES:
            return
        digests_before = self._read()
        indices = _trait_indices(builder)
        digests = {file: _digest(index) for file, index in indices.items()}
        unchanged = [file for file, digest in digests.items() if digests_before.get(file) == digest]
        if _has_page_not_newer(builder, unchanged):
            current = [indices[file] for file in unchanged]
            builder.domain_indices = [index for index in builder.domain_indices if index not in current]
        stale = {file for file in digests_before if Path(file).is_relative_to(builder.outdir)} - digests.keys()
        for file in stale:
            Path(file).unlink(missing_ok=True)
        self._written = {file: digests_before[file] for file in digests_before.keys() - stale} | digests

    def save(self) -> None:
        """Save the digests of the written indices; called after a successful build."""
        if self._written is not None:
            write_if_changed(self.file, msgspec.json.encode(dict(sorted(self._written.items()))))

    def _read(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self.file.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError):
            return {}


def _trait_indices(builder: Any) -> dict[str, tuple[Any, ...]]:
    """The domain's indices that a builder is about to write, by output file."""
    indices = (index for index in builder.domain_indices if index[0].startswith("trait-"))
    return {str(outfile(builder, index[0])): index for index in indices}


def _has_page_not_newer(builder: Any, files: Iterable[str]) -> bool:
    """Whether some page of the output was written no later than the oldest of some files."""
    oldest = min((_time(Path(file)) for file in files), default=0)
    return any(0 < _time(outfile(builder, doc)) <= oldest for doc in builder.env.found_docs)


def _digest(index: tuple[Any, ...]) -> str:
    """Digest of an index's title and entries."""
    _name, cls, content, collapse = index
    return hashlib.blake2b(repr((cls.localname, content, collapse)).encode(), digest_size=12).hexdigest()


def _time(file: Path | None) -> int:
    """Modification time of a file in nanoseconds; 0 for a missing one."""
    try:
        return file.stat().st_mtime_ns if file else 0
    except OSError:
        return 0
