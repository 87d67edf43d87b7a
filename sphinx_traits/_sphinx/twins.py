"""Markdown twins of generated pages and `llms.txt`, for readers that are no browsers."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx_traits._sphinx.parts import summary
from sphinx_traits.render import OVERVIEWS, markdown, markdown_overview
from traits_runtime.rules.output import write_if_changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.builders import Builder
    from sphinx.config import Config

    from sphinx_traits._sphinx.build import Build


def write_twins(build: Build, builder: Builder) -> None:
    """Write a `.md` beside each generated page, and a list of them all at the site's root."""
    catalogue, pages = build.catalogue, build.pages
    for name in OVERVIEWS if pages.of else ():
        text = markdown_overview(catalogue.index, name)
        write_if_changed(Path(builder.outdir) / f"{pages.folder}/{name}.md", text.encode())
    for (_objtype, name), docname in build.pages.of.items():
        text = markdown(catalogue.index, catalogue.compose(name))
        write_if_changed(Path(builder.outdir) / f"{docname}.md", text.encode())
    if build.pages.of:
        lines = "\n".join(_llms(build, builder)) + "\n"
        write_if_changed(Path(builder.outdir) / "llms.txt", lines.encode())


def _llms(build: Build, builder: Builder) -> Iterator[str]:
    config = builder.config
    yield f"# {config.html_title or config.project}"
    yield ""
    for docname, words in build.pages.overviews:
        yield f"- [{build.pages.titles[docname]}]({_address(config, docname)}): {words}"
    for objtype, title in (("trait", "Traits"), ("model", "Models")):
        yield from ("", f"## {title}", "")
        for (kind, name), docname in build.pages.of.items():
            if kind == objtype:
                said = summary(build.catalogue.index.by_name[name].doc)
                yield f"- [{name}]({_address(config, docname)}){': ' + said if said else ''}"


def _address(config: Config, docname: str) -> str:
    """The address of a twin: whole where the project says where its site stands."""
    return posixpath.join(config.html_baseurl, f"{docname}.md")
