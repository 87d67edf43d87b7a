"""Markdown beside generated pages, and `llms.txt`, for language models and other programs."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx_traits._sphinx.context import context_of
from sphinx_traits.page.elements import PAGE
from sphinx_traits.page.markdown_pages import markdown_pages
from sphinx_traits.page.overviews import OVERVIEW_PAGES
from sphinx_traits.page.prose import summary
from traits_runtime.rules.output import write_if_changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.builders import Builder
    from sphinx.config import Config

    from sphinx_traits._sphinx.build import Build


def export_markdown(build: Build, builder: Builder) -> None:
    """Write a `.md` beside each generated page, and a list of them all at the site's root."""
    if not build.pages.of:
        return
    titles = _titles(build, builder)
    out = Path(builder.outdir)
    context = context_of(builder.env)
    for path, text in markdown_pages(context, titles, build.settings.source_link):
        write_if_changed(out / build.pages.folder / path, text.encode())
    lines = "\n".join(_llms(build, builder, titles)) + "\n"
    write_if_changed(out / "llms.txt", lines.encode())


def _titles(build: Build, builder: Builder) -> dict[tuple[str, str], str]:
    """The titles of the generated pages as a template of the project may have changed them."""
    documents = {**build.pages.of, **{(PAGE, name): f"{build.pages.folder}/{name}" for name in OVERVIEW_PAGES}}
    titles = builder.env.titles
    return {key: titles[docname].astext() for key, docname in documents.items() if docname in titles}


def _llms(build: Build, builder: Builder, titles: dict[tuple[str, str], str]) -> Iterator[str]:
    config, pages = builder.config, build.pages
    context = context_of(builder.env)
    yield f"# {config.html_title or config.project}"
    yield ""
    for docname, sentence in pages.overviews:
        title = titles.get((PAGE, docname.removeprefix(f"{pages.folder}/")), pages.titles[docname])
        yield f"- [{title}]({_address(config, docname)}): {sentence}"
    for objtype, heading in (("trait", "Traits"), ("model", "Models")):
        yield from ("", f"## {context.gettext(heading)}", "")
        for (kind, name), docname in pages.of.items():
            if kind == objtype:
                sentence = summary(context.doc(build.catalogue.index.by_name[name]))
                label = _title(titles.get((kind, name), ""), name)
                yield f"- [{label}]({_address(config, docname)}){': ' + sentence if sentence else ''}"


def _title(title: str, name: str) -> str:
    """The full name of a class; a title of the project's own in front of it."""
    short = name.rpartition(".")[2]
    return name if title in ("", short) or title.startswith(f"{short} (") else f"{title} ({name})"


def _address(config: Config, docname: str) -> str:
    """The address of a Markdown page: absolute where the project says where its site is."""
    return posixpath.join(config.html_baseurl, f"{docname}.md")
