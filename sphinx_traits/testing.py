"""Builds of small Sphinx projects, for tests of pages that use the extension."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from sphinx_traits.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from docutils import nodes
    from sphinx.application import Sphinx

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Built:
    """What one build did.

    Args:
        app: The application after the build.
        warnings: One entry for each warning, without colours.
        read: The documents that were read, in order.
        out: The output folder.
    """

    app: Sphinx
    warnings: list[str]
    read: list[str]
    out: Path

    def doctree(self, docname: str) -> nodes.document:
        """A document as writers see it."""
        from sphinx import version_info

        tags: dict[str, Any] = {"tags": self.app.tags} if version_info >= (9, 0) else {}
        return self.app.env.get_and_resolve_doctree(docname, self.app.builder, **tags)

    def text(self, path: str) -> str:
        """A file of the output."""
        return (self.out / path).read_text(encoding="utf-8")


@dataclass
class SphinxBuilder:
    """A Sphinx project in a folder, which tests write and build.

    Args:
        root: An empty folder; sources go to `docs`, output to `build`.
        config: Values of `conf.py` in addition to the extension itself.
    """

    root: Path
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The source directory."""
        return self.root / "docs"

    def write(self, files: Mapping[str, str]) -> SphinxBuilder:
        """Write source files, by path below the source directory."""
        for path, text in files.items():
            file = self.source / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return self

    def manifest(self, manifest: Manifest) -> SphinxBuilder:
        """Document this manifest instead of sources."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "manifest.json").write_bytes(msgspec.json.encode(manifest))
        self.config["traits_manifest"] = "../manifest.json"
        return self

    def build(self, builder: str = "html", *, fresh: bool = False, parallel: int = 1, out: str = "") -> Built:
        """Build the project.

        Args:
            builder: Name of the builder.
            fresh: Whether to read everything again.
            parallel: Number of processes.
            out: Folder of the output below `build`, the builder's name by default.
        """
        from sphinx import locale
        from sphinx.application import Sphinx
        from sphinx.util.docutils import docutils_namespace, patch_docutils

        locale.translators.clear()  # or a build in English speaks the language of the one before
        out = out or builder
        status, warning = io.StringIO(), io.StringIO()
        read: list[str] = []
        self.source.mkdir(parents=True, exist_ok=True)
        conf = self.source / "conf.py"
        with patch_docutils(str(self.source)), docutils_namespace():
            app = Sphinx(
                self.source,
                self.source if conf.exists() else None,
                self.root / "build" / out,
                self.root / "build" / f"{out}-doctrees",
                builder,
                confoverrides=self._overrides(conf),
                status=status,
                warning=warning,
                freshenv=fresh,
                parallel=parallel,
            )
            app.connect("env-before-read-docs", lambda _app, _env, docnames: read.extend(docnames))
            app.build()
        lines = _COLOURS.sub("", warning.getvalue()).splitlines()
        return Built(app, [line for line in lines if line.strip()], read, self.root / "build" / out)

    def _overrides(self, conf: Path) -> dict[str, Any]:
        if conf.exists():
            return dict(self.config)
        return {"extensions": ["sphinx_traits"], "html_theme": "alabaster", **self.config}
