"""Placeholders: one node while pages are read and stored, ordinary nodes when they are written.

Reading, pickling and every read transform see a single leaf; the writer, the search index and every builder
see the content that replaces it. That is most of the speed of generated pages.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from sphinx_traits._sphinx.build import build_of
from sphinx_traits._sphinx.links import SphinxLinks
from sphinx_traits._sphinx.output import wants_html
from sphinx_traits.domain import domain_of

if TYPE_CHECKING:
    from sphinx.environment import BuildEnvironment

    from sphinx_traits._sphinx.to_docutils import DocutilsWriter
    from sphinx_traits.page.elements import Content
    from sphinx_traits.page.section import Context


class placeholder(nodes.General, nodes.Element):  # noqa: N801 - docutils names its nodes so
    """A section or an overview that is still to be filled in: attributes `section`, `subject`, `objtype`, `options`."""


def placeholder_for(section: str, subject: str = "", objtype: str = "", **options: Any) -> placeholder:
    """A node that becomes a section or an overview when its page is written.

    Args:
        section: Name of the section or overview.
        subject: Full dotted name of the class that a section is about.
        objtype: Kind of that class's page.
        options: Options of the section.
    """
    return placeholder("", section=section, subject=subject, objtype=objtype, options=options)


class FillPlaceholders(SphinxPostTransform):
    """Fills the placeholders of a page, before references are resolved."""

    default_priority = 4

    def run(self, **_kwargs: Any) -> None:
        """Replace each placeholder by its content."""
        from sphinx_traits._sphinx.context import context_of

        waiting = list(self.document.findall(placeholder))
        if not waiting:
            return
        context = context_of(self.env)
        writer = _writer(self.env)
        for node in waiting:
            content = writer.blocks(_content(context, node))
            _set_heading_levels(content, _depth(node) + 1)
            node.replace_self(content)


def _writer(env: BuildEnvironment) -> DocutilsWriter:
    from sphinx_traits._sphinx.to_docutils import DocutilsWriter
    from sphinx_traits.page.write_html import HtmlWriter

    build = build_of(env)
    links = SphinxLinks(domain_of(env), build.builder, env.docname, build.settings.source_link)
    return DocutilsWriter(links, HtmlWriter(links) if wants_html(build.builder) else None)


def _content(context: Context, node: placeholder) -> Content:
    from sphinx_traits.page.page import section_content
    from sphinx_traits.page.sections import BY_NAME, OVERVIEWS

    section, subject, options = node["section"], node["subject"], node["options"]
    if options:
        context = replace(context, options=options)
    if section in OVERVIEWS:
        return OVERVIEWS[section].build(context)
    if subject not in context.catalogue.index.by_name:
        return []  # the page will be read again: its subject is gone
    return section_content(context, BY_NAME[section], context.catalogue.compose(subject), node["objtype"])


def _depth(node: nodes.Node) -> int:
    """The number of sections around a node."""
    depth = 0
    while node.parent is not None:
        node = node.parent
        depth += isinstance(node, nodes.section)
    return depth


def _set_heading_levels(content: list[nodes.Node], level: int) -> None:
    """Let headings continue the levels of the page: screen readers navigate by them."""
    for node in content:
        if isinstance(node, nodes.rubric):
            node["heading-level"] = level
