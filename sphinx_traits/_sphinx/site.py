"""Builds a complete site from a manifest: a project's own documentation, or a generated one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
from sphinx.application import Sphinx
from sphinx.util.console import nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils

from sphinx_traits.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Site:
    """The result of a build.

    Args:
        index: The site's first page.
        warnings: How many warnings Sphinx counted.
    """

    index: Path
    warnings: int


def build_project_docs(docs: Path, manifest: Manifest, output: Path) -> Site:
    """Build a project's own Sphinx documentation, with a manifest that was extracted already.

    Args:
        docs: The folder with `conf.py`; nothing is written into it.
        manifest: What its trait directives show.
        output: The folder of the site.
    """
    with TemporaryDirectory(prefix="traits-") as folder:
        file = _write_manifest(Path(folder), manifest)
        return _build(docs, docs, output, {"traits_manifest": str(file)})


def build_site(title: str, manifest: Manifest, output: Path, *, only: Sequence[tuple[str, str]] = ()) -> Site:
    """Build a site from a manifest alone, on Furo; its findings are reported by the caller, not as warnings.

    Args:
        title: The site's title.
        manifest: All that the site is about.
        output: The folder of the site.
        only: Directive and name of what to show on one page, `[("trait-model", "shop.Article")]`; all pages by default.
    """
    with TemporaryDirectory(prefix="traits-") as folder:
        source = Path(folder)
        file = _write_manifest(source, manifest)
        (source / "index.rst").write_text(_front_page(title, only), encoding="utf-8")
        settings = {
            "project": title,
            "html_title": title,
            "html_theme": "furo",
            "extensions": ["sphinx_traits"],
            "html_copy_source": False,
            "html_show_sourcelink": False,
            "suppress_warnings": sorted({f"traits.{finding.code}" for finding in manifest.findings}),
            "traits_manifest": str(file),
            "traits_pages": "" if only else "traits",
        }
        return _build(source, None, output, settings)


def _front_page(title: str, only: Sequence[tuple[str, str]]) -> str:
    heading = f"{title}\n{'=' * len(title)}\n\n"
    if only:
        return heading + "".join(_section(directive, name) for directive, name in only)
    return f"{heading}.. toctree::\n   :maxdepth: 2\n\n   traits/index\n"


def _section(directive: str, name: str) -> str:
    short = name.rpartition(".")[2]
    return f"{short}\n{'-' * len(short)}\n\n.. {directive}:: {name}\n\n"


def _write_manifest(folder: Path, manifest: Manifest) -> Path:
    file = folder / "manifest.json"
    file.write_bytes(msgspec.json.encode(manifest))  # secrets too: pages check and mask them
    return file


def _build(source: Path, confdir: Path | None, output: Path, settings: dict[str, Any]) -> Site:
    """Run Sphinx; warnings go to standard error, the doctrees below the output."""
    if not sys.stderr.isatty():
        nocolor()
    with patch_docutils(confdir), docutils_namespace():
        app = Sphinx(
            source,
            confdir,
            output,
            output / ".doctrees",
            "html",
            confoverrides=settings,
            status=None,
            warning=sys.stderr,
        )
        app.build()
    return Site(output / f"{app.config.root_doc}.html", app._warncount)
