"""Docstrings as nodes: parsed in their own markup, whatever the markup of the page that shows them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.languages import get_language
from docutils.parsers.rst import states
from docutils.statemachine import StringList
from sphinx.locale import get_translation

from sphinx_traits._sphinx.docsections import LISTS, Item, Section, split
from sphinx_traits._sphinx.docstring_safety import DocstringPolicy, restricted, sanitized
from sphinx_traits._sphinx.sources import Origin
from sphinx_traits._sphinx.warn import reading
from sphinx_traits.page.layout import DASH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sphinx.environment import BuildEnvironment

_ = get_translation("sphinx_traits")


class DocstringParser:
    """Parses docstrings into one document.

    Args:
        env: The environment, for the settings of Markdown.
        document: The document that shows the docstrings; footnotes and targets are noted there.
        syntax: `rst`, `markdown` or `plain`.
        style: How sections are written, see `docsections.split`.
        policy: What a docstring may do.
    """

    def __init__(
        self,
        env: BuildEnvironment,
        document: nodes.document,
        syntax: str,
        style: str,
        policy: DocstringPolicy | None = None,
    ) -> None:
        self.policy = policy or DocstringPolicy()
        self.env = env
        self.document = document
        self.style = style
        parsers = {"rst": self._rst, "markdown": self._markdown, "plain": self._plain}
        self._parse = parsers[syntax]
        self._machine: states.NestedStateMachine | None = None
        self._inliner: states.Inliner | None = None

    def parse(self, doc: str, origin: Origin, owner: str = "") -> list[nodes.Node]:
        """A docstring as nodes; headings in it become rubrics.

        Args:
            doc: The docstring.
            origin: Where it is written.
            owner: Dotted path of the class it belongs to: says whether it may use all markup.
        """
        if not doc.strip():
            return []
        if self.policy.trusts(owner):
            return self._sections(doc, origin)
        with restricted(self.policy, self.document, origin):
            children = self._sections(doc, origin)
        return sanitized(children, origin)

    def _sections(self, doc: str, origin: Origin) -> list[nodes.Node]:
        content: list[nodes.Node] = []
        for section in split(doc, self.style):
            content += self._section(section, origin)
        return content

    def _section(self, section: Section, origin: Origin) -> list[nodes.Node]:
        if section.kind in LISTS:
            return [self._items(section, origin)]
        body = self._lines(section.lines, origin, section.line)
        if section.kind == "text":
            return body
        if section.kind == "note":
            return [nodes.note("", *body)]
        if section.kind == "warning":
            return [nodes.warning("", *body)]
        return [nodes.rubric("", titles()[section.kind]), *body]

    def _items(self, section: Section, origin: Origin) -> nodes.field_list:
        bodies = [self._item(item, origin) for item in section.items]
        if len(bodies) == 1 and not section.items[0].name:
            content: list[nodes.Node] = bodies[0]
        else:
            content = [nodes.bullet_list("", *(nodes.list_item("", *body) for body in bodies))]
        name = nodes.field_name("", titles()[section.kind])
        return nodes.field_list("", nodes.field("", name, nodes.field_body("", *content)), classes=["traits-facts"])

    def _item(self, item: Item, origin: Origin) -> list[nodes.Node]:
        body = self._lines(item.lines, origin, item.line)
        head: list[nodes.Node] = [nodes.strong(item.name, item.name)] if item.name else []
        if item.type:
            kind = nodes.literal(item.type, item.type)
            head += [nodes.Text(" ("), kind, nodes.Text(")")] if item.name else [kind]
        if not head:
            return body
        if body and isinstance(body[0], nodes.paragraph):
            body[0].insert(0, [*head, nodes.Text(DASH)])
            return body
        return [nodes.paragraph("", "", *head), *body]

    def _lines(self, lines: Sequence[str], origin: Origin, offset: int) -> list[nodes.Node]:
        return self._parse(lines, Origin(origin.path, origin.line + offset))

    def _plain(self, lines: Sequence[str], _origin: Origin) -> list[nodes.Node]:
        blocks = "\n".join(lines).split("\n\n")
        return [nodes.paragraph(block, " ".join(block.split())) for block in blocks if block.strip()]

    def _rst(self, lines: Sequence[str], origin: Origin) -> list[nodes.Node]:
        machine, memo = self._prepared()
        items = [(origin.path, origin.line - 1 + at) for at in range(len(lines))]
        holder = nodes.section()
        with _reports_from(self.document, machine):
            machine.run(StringList(list(lines), items=items), 0, memo=memo, node=holder, match_titles=True)
        return _without_sections(holder.children)

    def _prepared(self) -> tuple[states.NestedStateMachine, Any]:
        """One state machine for all docstrings of the page: making one costs more than parsing a line."""
        if self._machine is None:
            self._machine = states.NestedStateMachine(state_classes=states.state_classes, initial_state="Body")
            self._inliner = states.Inliner()
            self._inliner.init_customizations(self.document.settings)
        memo = states.Struct(
            document=self.document,
            reporter=self.document.reporter,
            language=get_language(self.document.settings.language_code, self.document.reporter),
            title_styles=[],
            section_level=0,
            section_bubble_up_kludge=False,
            inliner=self._inliner,
        )
        return self._machine, memo

    def _markdown(self, lines: Sequence[str], origin: Origin) -> list[nodes.Node]:
        from myst_parser.mdit_to_docutils.sphinx_ import SphinxRenderer
        from myst_parser.parsers.mdit import create_md_parser

        config: Any = self.env.myst_config  # type: ignore[attr-defined]
        extensions = config.enable_extensions - {"substitution"}  # it runs Jinja on the text
        parser = create_md_parser(config.copy(enable_extensions=extensions), SphinxRenderer)
        parser.options["document"] = self.document
        renderer: Any = parser.renderer
        renderer.setup_render(parser.options, {})
        holder = nodes.section()
        with _in_source(self.document, origin.path), renderer.current_node_context(holder):
            renderer.nested_render_text("\n".join(lines), origin.line - 1, temp_root_node=holder)
        return _without_sections(holder.children)


def titles() -> dict[str, str]:
    """The titles of docstring sections."""
    return {
        "parameters": _("Parameters"),
        "attributes": _("Attributes"),
        "returns": _("Returns"),
        "yields": _("Yields"),
        "raises": _("Raises"),
        "warns": _("Warns"),
        "examples": _("Examples"),
        "see also": _("See also"),
        "references": _("References"),
        "todo": _("To do"),
    }


@contextmanager
def _reports_from(document: nodes.document, machine: states.NestedStateMachine) -> Iterator[None]:
    """Let messages say the docstring's file and line instead of the page's."""
    reporter: Any = document.reporter
    missing = object()
    before = getattr(reporter, "get_source_and_line", missing)
    current = document.current_source, document.current_line
    reporter.get_source_and_line = machine.get_source_and_line
    try:
        yield
    finally:
        document.current_source, document.current_line = current
        if before is missing:
            del reporter.get_source_and_line
        else:
            reporter.get_source_and_line = before


@contextmanager
def _in_source(document: nodes.document, path: str) -> Iterator[None]:
    before = document["source"]
    document["source"] = path
    try:
        with reading(path):
            yield
    finally:
        document["source"] = before


def _without_sections(children: Sequence[nodes.Node]) -> list[nodes.Node]:
    """Nodes with each section replaced by a rubric and its content."""
    content: list[nodes.Node] = []
    for child in children:
        if isinstance(child, nodes.section):
            title = child.next_node(nodes.title)
            if title is not None:
                content.append(
                    nodes.rubric(title.rawsource, "", *title.children, ids=child["ids"], names=child["names"])
                )
            content += _without_sections([node for node in child.children if not isinstance(node, nodes.title)])
        else:
            content.append(child)
    return content
