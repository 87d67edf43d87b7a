"""Compositions as text, for readers without Sphinx: Markdown pages and an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial

import jinja2

from sphinx_traits.manifest import MASK, Class, Manifest
from sphinx_traits.resolve import Composition, EventUse, Index, compose

PAGES = {"model": "models", "trait": "traits"}
"""Folder of the pages of each kind."""


def page_path(kind: str, name: str, suffix: str = ".md") -> str:
    """Path of a class's page below the output folder.

    >>> page_path("model", "blog.models.Article")
    'models/blog.models.Article.md'
    """
    return f"{PAGES[kind]}/{name}{suffix}"


OVERVIEWS = ("index", "models/index", "traits/index", "matrix", "config", "events")
"""Pages about the whole manifest."""


def markdown_pages(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Every page as path and text: the overviews, then one for each model and trait."""
    index = Index(manifest)
    for name in OVERVIEWS:
        yield f"{name}.md", markdown_overview(index, name)
    for model in manifest.models:
        yield page_path("model", model.name), markdown(index, compose(index, model.name))
    for trait in manifest.traits:
        yield page_path("trait", trait.name), markdown(index, compose(index, trait.name))


def markdown_overview(index: Index, name: str) -> str:
    """One of the overviews in Markdown."""
    manifest = index.manifest
    template = _environment().get_template(f"{name.replace('/', '-')}.md.jinja")
    text = template.render(
        index=index, manifest=manifest, classes=(*manifest.traits, *manifest.models), uses=partial(_uses, index)
    )
    return _tidy(text)


def _uses(index: Index, cls: Class) -> list[EventUse]:
    return [index.event_use(event) for event in cls.events]


def markdown(index: Index, composition: Composition) -> str:
    """One class's page in Markdown."""
    kind = "model" if composition.subject.name in index.models else "trait"
    template = _environment().get_template(f"{kind}.md.jinja")
    text = template.render(it=composition, subject=composition.subject, index=index)
    return _tidy(text)


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _cell(value: object) -> str:
    """Text that keeps inside its table cell."""
    return " ".join(str(value).split()).replace("|", "\\|")


def _code(value: object) -> str:
    """Text in code style, whatever back-ticks it holds."""
    text = _cell(value)
    if not text:
        return ""
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _summary(doc: str) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join(doc.strip().split("\n\n", 1)[0].split())


def _short(name: str) -> str:
    return name.rpartition(".")[2]


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sphinx_traits", "templates/markdown"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - the output is Markdown, not HTML
    )
    environment.filters.update(cell=_cell, code=_code, summary=_summary, short=_short)
    environment.globals["MASK"] = MASK
    environment.tests["private_name"] = lambda name: name.startswith("_")
    return environment
