"""Blocks: one node while pages are read and stored, ordinary nodes when they are written.

Reading, pickling and every read transform see a single leaf; the writer, the search index and every builder
see what the leaf stands for. That is most of the speed of generated pages.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from sphinx_traits._sphinx.build import build_of
from sphinx_traits._sphinx.links import Linker
from sphinx_traits._sphinx.output import wants_html
from sphinx_traits.domain import domain_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sphinx.environment import BuildEnvironment

    from sphinx_traits._sphinx.blocks.base import Page
    from sphinx_traits._sphinx.parts import Content


class late(nodes.General, nodes.Element):  # noqa: N801 - docutils names its nodes so
    """A block of a page, still to be filled in: attributes `block`, `subject` and `options`."""


def later(block: str, subject: str = "", **options: Any) -> late:
    """A node that becomes a block when its page is written."""
    return late("", block=block, subject=subject, options=options)


class Expand(SphinxPostTransform):
    """Fills in the blocks, before references are resolved."""

    default_priority = 4

    def run(self, **_kwargs: Any) -> None:
        """Replace each leaf by what it stands for."""
        from sphinx_traits._sphinx.ashtml import raw
        from sphinx_traits._sphinx.asnodes import node_of
        from sphinx_traits._sphinx.parts import Drawing, Table

        waiting = list(self.document.findall(late))
        if not waiting:
            return
        page = page_of(self.env)
        html = wants_html(page.linker.builder)
        for node in waiting:
            content = _render(page, node["block"], node["subject"], node["options"])
            made = [raw(one) if html and isinstance(one, Table | Drawing) else node_of(one) for one in content]
            _set_levels(made, _depth(node) + 1)
            node.replace_self(made)


def _depth(node: nodes.Node) -> int:
    """In how many sections a node stands."""
    depth = 0
    while node.parent is not None:
        node = node.parent
        depth += isinstance(node, nodes.section)
    return depth


def _set_levels(made: list[nodes.Node], level: int) -> None:
    """Let headings continue the levels of the page: a screen reader's user walks through them."""
    for node in made:
        if isinstance(node, nodes.rubric):
            node["heading-level"] = level


def page_of(env: BuildEnvironment) -> Page:
    """What the blocks of the page that is being written may use."""
    from sphinx_traits._sphinx.blocks.base import Page

    build = build_of(env)
    index = build.catalogue.index
    linker = Linker(domain_of(env), build.builder, index, env.docname, build.settings.source_link)
    return Page(build.catalogue, linker, build.settings)


def _render(page: Page, block: str, subject: str, options: Mapping[str, Any]) -> Content:
    from sphinx_traits._sphinx.blocks import AGGREGATES, BLOCKS

    if block in AGGREGATES:
        return AGGREGATES[block](page, options)
    if subject not in page.catalogue.index.by_name:
        return []  # the page will be read again: what it shows is gone
    page = replace(page, options=options) if options else page
    return BLOCKS[block].render(page, page.catalogue.compose(subject))
