"""Every writer says the same: the cells of each output are read back and compared."""

from __future__ import annotations

import html
import importlib.util
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blogfacts import manifest
from docutils import nodes
from markdown_it import MarkdownIt

from sphinx_traits._sphinx.to_docutils import DocutilsWriter
from sphinx_traits.extract import extract
from sphinx_traits.manifest import Manifest
from sphinx_traits.page import elements, write_html
from sphinx_traits.page.catalogue import Catalogue
from sphinx_traits.page.links import NoLinks
from sphinx_traits.page.page import Page, PageSection, make_page, page_names
from sphinx_traits.page.section import Context
from sphinx_traits.page.sections import SECTIONS
from sphinx_traits.page.write_html import HtmlWriter
from sphinx_traits.page.write_json import write_json
from sphinx_traits.page.write_markdown import MarkdownWriter
from sphinx_traits.page.write_terminal import TerminalWriter

BLOG = Path(__file__).resolve().parents[2] / "examples" / "blog"

Cells = list[list[str]]
"""The rows of all tables of a section, heads included; in each cell the words without markup and spaces."""


def words(text: str) -> str:
    """A cell without anything that only lays it out."""
    return re.sub(r"\s+", "", text)


class TableReader(HTMLParser):
    """Reads the rows of HTML tables; a cell over several rows counts in each."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Cells = []
        self._spans: dict[int, tuple[int, str]] = {}
        self._cell: list[str] | None = None
        self._span = 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
            self._spanned()
        elif tag in ("td", "th"):
            self._cell = []
            self._span = int(dict(attrs).get("rowspan") or 1)

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            text = words("".join(self._cell))
            if self._span > 1:
                self._spans[0] = self._span - 1, text
            self.rows[-1].append(text)
            self._cell = None

    def _spanned(self) -> None:
        count, text = self._spans.get(0, (0, ""))
        if count:
            self.rows[-1].append(text)
            self._spans[0] = count - 1, text


def html_cells(section: PageSection) -> Cells:
    """The cells of a section in HTML."""
    reader = TableReader()
    reader.feed(HtmlWriter(NoLinks()).blocks(section.content))
    return reader.rows


def node_cells(section: PageSection) -> Cells:
    """The cells of a section as docutils nodes; covered cells are empty there."""
    rows: Cells = []
    holder = nodes.container("", *DocutilsWriter(NoLinks()).blocks(section.content))
    for table in holder.findall(nodes.table):
        above = ""
        for row in table.findall(nodes.row):
            cells = [words(entry.astext()) for entry in row.children]
            above = cells[0] = cells[0] or above
            rows.append(cells)
    return rows


def markdown_cells(section: PageSection) -> Cells:
    """The cells of a section in Markdown, as a Markdown parser reads them."""
    text = "\n".join(MarkdownWriter(NoLinks()).blocks(section.content))
    rows: Cells = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("td_open", "th_open"):
            rows[-1].append("")
        elif token.type == "inline" and rows and token.level > 2:
            texts = [child.content for child in token.children or () if child.type != "html_inline"]
            rows[-1][-1] = words("".join(texts))
    return rows


def terminal_cells(section: PageSection) -> Cells:
    """The cells of a section on a terminal: columns begin where the words of the dim head line begin."""
    rows: Cells = []
    starts: list[int] = []
    for block in section.content:
        if isinstance(block, elements.Table):
            lines = list(TerminalWriter().block(block))
            starts = [found.start() for found in re.finditer(r"(?:(?<=  )|^)\S", lines[0].text)]
            rows += _terminal_rows([line.text for line in lines], starts, block)
    return rows


def _terminal_rows(lines: list[str], starts: list[int], table: elements.Table) -> Cells:
    """Lines cut into columns; the lines of a row are put together by the number that its longest cell has."""
    cut = [[line[start:stop] for start, stop in zip(starts, [*starts[1:], None], strict=True)] for line in lines]
    rows: Cells = []
    for row in [table.heads, *table.rows]:
        height = max(_height(cell) for cell in row)
        taken, cut = cut[:height], cut[height:]
        rows.append([words("".join(column)) for column in zip(*taken, strict=True)])
    assert cut == [], "the writer wrote more lines than the rows have"
    return rows


def _height(cell: elements.Cell) -> int:
    return len(cell) if cell and isinstance(cell[0], elements.Paragraph) else 1


def json_cells(section: PageSection) -> Cells:
    """The cells of a section in JSON."""
    document = msgspec.json.decode(write_json([Page("page", "", "", sections=[section])]))
    tables = [block for block in document[0]["sections"][0]["content"] if block["element"] == "table"]
    rows: Cells = []
    for table in tables:
        rows += [[words(_json_text(cell)) for cell in row] for row in (table["heads"], *table["rows"])]
    return rows


def _json_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_json_text, value))
    if value["element"] == "place":
        return f"{value['path']}:{value['line']}" if value["line"] else str(value["path"])
    return _json_text(value.get("content") or value.get("text") or value.get("label") or "")


READERS: dict[str, Callable[[PageSection], Cells]] = {
    "HTML": html_cells,
    "nodes": node_cells,
    "Markdown": markdown_cells,
    "terminal": terminal_cells,
    "JSON": json_cells,
}


def element_cells(section: PageSection) -> Cells:
    """The cells of a section as its elements have them."""
    tables = [block for block in section.content if isinstance(block, elements.Table)]
    rows = (row for table in tables for row in (table.heads, *table.rows))
    return [[words(elements.plain_text(cell)) for cell in row] for row in rows]


def facts_of(block: elements.Description) -> list[list[str]]:
    """Names and values of a description."""
    blocks = [*block.content, *block.usage]
    pairs = [pair for facts in blocks if isinstance(facts, elements.Facts) for pair in facts.pairs]
    return [[words(name), words(elements.plain_text(value))] for name, value in pairs]


def html_facts(block: elements.Description) -> list[list[str]]:
    """Names and values of a description in HTML."""
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", HtmlWriter(NoLinks()).block(block), re.DOTALL)
    return [[words(html.unescape(re.sub(r"<[^>]+>", "", text))) for text in pair] for pair in pairs]


def node_facts(block: elements.Description) -> list[list[str]]:
    """Names and values of a description as docutils nodes."""
    holder = nodes.container("", *DocutilsWriter(NoLinks()).blocks([block]))
    return [[words(child.astext()) for child in field.children] for field in holder.findall(nodes.field)]


def markdown_facts(block: elements.Description) -> list[list[str]]:
    """Names and values of a description in Markdown."""
    text = "\n".join(MarkdownWriter(NoLinks()).block(block))
    pairs = re.findall(r"^- \*\*(.*?):\*\* (.*)$", text, re.MULTILINE)
    rendered = [[MarkdownIt("commonmark").renderInline(part) for part in pair] for pair in pairs]
    return [[words(html.unescape(re.sub(r"<[^>]+>", "", part))) for part in pair] for pair in rendered]


def terminal_facts(block: elements.Description) -> list[list[str]]:
    """Names and values of a description on a terminal: those that its lines have, one after the other."""
    text = words("".join(line.text for line in TerminalWriter().block(block)))
    pairs = []
    for name, value in facts_of(block):
        _before, found, text = text.partition(f"{name}:{value}")
        pairs += [[name, value]] if found else []
    return pairs


def json_facts(block: elements.Description) -> list[list[str]]:
    """Names and values of a description in JSON."""
    document = msgspec.json.decode(msgspec.json.encode(block))
    blocks = [facts for facts in (*document["content"], *document["usage"]) if facts["element"] == "facts"]
    return [[words(name), words(_json_text(value))] for facts in blocks for name, value in facts["pairs"]]


FACT_READERS: dict[str, Callable[[elements.Description], list[list[str]]]] = {
    "HTML": html_facts,
    "nodes": node_facts,
    "Markdown": markdown_facts,
    "terminal": terminal_facts,
    "JSON": json_facts,
}


def pages_of(facts: Manifest) -> Iterator[Page]:
    """All pages with private members, so that no section leaves anything out."""
    context = Context(Catalogue(facts), private_members=True)
    return (make_page(context, *key) for key in page_names(context))


def disagreements(facts: Manifest) -> list[str]:
    """The sections whose cells one of the writers does not have."""
    found: list[str] = []
    for page in pages_of(facts):
        for section in page.sections:
            cells = element_cells(section)
            found += [f"{page.name} {section.name}: {name}" for name, read in READERS.items() if read(section) != cells]
            for block in section.content:
                if isinstance(block, elements.Description):
                    pairs = facts_of(block)
                    wrong = [name for name, read in FACT_READERS.items() if read(block) != pairs]
                    found += [f"{block.name}: {name}" for name in wrong]
    return found


def titles(facts: Manifest) -> Iterator[tuple[list[str], list[list[str]]]]:
    """For each page the titles of its sections, and those that each page writer writes, in order."""
    for page in pages_of(facts):
        expected = [section.title for section in page.sections if section.title]
        written = html.unescape(HtmlWriter(NoLinks()).page(page))
        markdown = MarkdownWriter(NoLinks()).page(page)
        terminal = [line.text for line in TerminalWriter().page(page) if line.style == "bold"][1:]
        document = msgspec.json.decode(write_json([page]))[0]
        yield (
            expected,
            [
                re.findall(r"<h2>(.*?)</h2>", written),
                re.findall(r"^## (.*)$", markdown, re.MULTILINE) if expected else [],
                [line for line in terminal if not line.startswith(" ")],
                [section["title"] for section in document["sections"] if section["title"]],
            ],
        )


SHOP = '''\
"""A shop on Django."""

from django.db import models
from django.db.models.signals import post_save
from django.dispatch import Signal, receiver
from traits_runtime import Trait, TraitConfig, TraitEvent, feature, hook, job, option

sold = Signal()


class StockConfig(TraitConfig):
    low: int = option(3, doc="Below this | the shop orders `again`.")


class HasStock(Trait):
    """Counts pieces."""

    stock_config = StockConfig()
    ordering = feature(True, doc="Order by itself.")
    ran_out = TraitEvent(doc="The last piece was sold.")

    @hook("saving", priority=5)
    def count(self) -> None:
        """Count *all* pieces."""

    @job(queue="slow")
    def order(self, pieces: int = 10) -> None:
        """Order more."""


class Named(models.Model):
    name = models.CharField(max_length=80, help_text="What people call it.")

    class Meta:
        abstract = True

    def label(self):
        return self.name


class Product(HasStock, Named):
    """Something to sell."""

    __traits__ = {HasStock: {"low": 7}}
    maker = models.ForeignKey("Maker", on_delete=models.CASCADE, null=True)

    def label(self, width: int = 20) -> str:
        """Short name."""
        sold.send(sender=type(self))
        return super().label()[:width]


class Maker(Named):
    """Who makes it."""


@receiver(post_save, sender=Product)
def log(sender, **kwargs): ...
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """A Django application with every kind of fact that Django has."""
    folder = tmp_path_factory.mktemp("django")
    (folder / "shop").mkdir()
    (folder / "shop/__init__.py").write_text("")
    (folder / "shop/models.py").write_text(SHOP)
    return extract(["shop"], search_paths=[folder], project=folder)


@pytest.fixture(scope="module")
def blog() -> Manifest:
    """The example application."""
    return extract(["blog"], search_paths=[BLOG], project=BLOG)


def test_writers_agree_about_the_example(blog: Manifest) -> None:
    """Every section of every page of the blog has the same cells in all five outputs."""
    assert disagreements(blog) == []


def test_writers_agree_about_a_django_application(shop: Manifest) -> None:
    """Every section of a Django application has the same cells in all five outputs."""
    assert disagreements(shop) == []


@pytest.mark.corpora
def test_writers_agree_about_wagtail() -> None:
    """A large Django project, read from its installed sources."""
    spec = importlib.util.find_spec("wagtail")
    if spec is None or spec.origin is None:
        pytest.skip("wagtail is not installed: uv sync --group corpora")
    folder = Path(spec.origin).parents[1]

    facts = extract(["wagtail"], search_paths=[folder], project=folder)

    assert len(facts.models) > 50
    assert disagreements(facts) == []


def test_writers_agree_about_titles_and_their_order(blog: Manifest, shop: Manifest) -> None:
    """Every output has the same sections in the same order."""
    for facts in (blog, shop, manifest()):
        for expected, written in titles(facts):
            assert written == [expected] * 4


def test_every_section_takes_part(blog: Manifest, shop: Manifest) -> None:
    """The pages together have every section there is: none agrees because it is empty."""
    pages = [page for facts in (blog, shop, manifest()) for page in pages_of(facts)]
    filled = {section.name for page in pages for section in page.sections if element_cells(section)}

    assert {section.name for section in SECTIONS} - filled == set()


def drop_cell(row: list[elements.Cell]) -> list[elements.Cell]:
    """A row without the content of its last cell."""
    return [*row[:-1], []]


def drop_column(row: list[elements.Cell]) -> list[elements.Cell]:
    """A row without its last cell, where that is not its only one."""
    return list(row[:-1] or row)


@pytest.mark.parametrize("drop", [drop_cell, drop_column])
def test_a_writer_that_loses_a_cell_is_found(
    drop: Callable[[Any], list[elements.Cell]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell or a column that one writer leaves out is a disagreement about its output alone."""
    write_table = write_html.HtmlWriter.table

    def losing(self: HtmlWriter, table: elements.Table) -> str:
        rows = [drop(row) for row in table.rows]
        heads = table.heads if drop is drop_cell else drop(table.heads)
        return write_table(self, msgspec.structs.replace(table, rows=rows, heads=heads))

    monkeypatch.setattr(write_html.HtmlWriter, "table", losing)

    lost = disagreements(manifest())

    assert lost
    assert {disagreement.rpartition(": ")[2] for disagreement in lost} == {"HTML"}


def test_a_writer_that_loses_a_section_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section that one writer leaves out is missing among the titles."""
    write_page = TerminalWriter.page

    def losing(self: TerminalWriter, page: Page) -> Any:
        return write_page(self, msgspec.structs.replace(page, sections=page.sections[:-1]))

    monkeypatch.setattr(TerminalWriter, "page", losing)

    assert any(written != [expected] * 4 for expected, written in titles(manifest()))
