"""Docstrings are text of strangers: nothing in them runs, reads a file, sends a request or reaches a page as markup."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from docutils import nodes

from sphinx_traits._sphinx.docstring_safety import is_safe
from sphinx_traits.testing import Built, SphinxBuilder

SECRET = "the-content-of-a-file-outside"  # noqa: S105 - no password: the text that must not reach a page
SCRIPT = "alert(91827)"


class Handler(http.server.BaseHTTPRequestHandler):
    """Notes each request."""

    requests: list[str] = []  # noqa: RUF012 - emptied for each test

    def do_GET(self) -> None:
        self.requests.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"<script>{SCRIPT}</script>{SECRET}".encode())

    def log_message(self, *_words: object) -> None:
        """Print nothing."""


pytestmark = pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of the test's own."""
    Handler.requests.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


RST = {
    "csv-table file": ".. csv-table::\n   :file: {file}",
    "csv-table url": ".. csv-table::\n   :url: {url}",
    "include": ".. include:: {file}",
    "literalinclude": ".. literalinclude:: {file}",
    "raw content": ".. raw:: html\n\n   <script>{script}</script>",
    "raw file": ".. raw:: html\n   :file: {file}",
    "raw url": ".. raw:: html\n   :url: {url}",
    "raw latex": ".. raw:: latex\n\n   \\input{{{file}}}",
    "raw role": ".. role:: html(raw)\n   :format: html\n\n:html:`<script>{script}</script>`",
    "download": ":download:`text <{file}>`",
    "image of a file": ".. image:: {file}",
    "image of a server": ".. image:: {url}picture.png",
    "figure": ".. figure:: {file}\n\n   Caption.",
    "substituted image": "|picture|\n\n.. |picture| image:: {url}picture.png",
    "automodule": ".. automodule:: shop.imported",
    "autofunction": ".. autofunction:: shop.imported.run",
    "autosummary": ".. autosummary::\n\n   shop.imported",
    "ifconfig": ".. ifconfig:: __import__('pathlib').Path({mark!r}).write_text('x')\n\n   Text.",
    "only": ".. only:: html\n\n   Text.",
    "graphviz": ".. graphviz:: {file}",
    "toctree": ".. toctree::\n\n   /index",
    "meta refresh": ".. meta::\n   :http-equiv=Refresh: 0;url=javascript:{script}",
    "link": "`text <javascript:{script}>`_",
    "link with blanks": "`text <java\\ script:{script}>`__",
    "named link": "text_\n\n.. _text: javascript:{script}",
    "data link": "`text <data:text/html,%3Cscript%3E{script}%3C/script%3E>`__",
    "formula": ":math:`\\href{{javascript:{script}}}{{x}}`",
    "formula that reads": ".. math:: \\input{{{file}}}",
}
MARKDOWN = {
    "script": "<script>{script}</script>",
    "inline markup": "A <img src=x onerror={script}> b.",
    "link": "[text](javascript:{script})",
    "link to a file": "[text]({file})",
    "image of a server": "![alt]({url}picture.png)",
    "image of a file": "![alt]({file})",
    "include": "```{{include}} {file}\n```",
    "raw": "```{{raw}} html\n<script>{script}</script>\n```",
    "nested rst": "```{{eval-rst}}\n.. raw:: html\n\n   <script>{script}</script>\n```",
    "nested rst file": "```{{eval-rst}}\n.. csv-table::\n   :file: {file}\n```",
    "automodule": "```{{eval-rst}}\n.. automodule:: shop.imported\n```",
    "substitution": "{{{{ cycler.__init__.__globals__.os.popen('touch ' + {mark!r}).read() }}}}",
    "toctree": "```{{toctree}}\n/index\n```",
}


EXTENSIONS = ("autodoc", "autosummary", "ifconfig", "graphviz")


def build(project: SphinxBuilder, **docstrings: str) -> Built:
    """Build a project with one module and trait for each docstring."""
    package = project.root / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "imported.py").write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    for name, docstring in docstrings.items():
        trait = f"from traits_runtime import Trait\n\n\nclass Item(Trait):\n    {docstring!r}\n"
        (package / f"{name}.py").write_text(f"{trait}\n\nclass Cup(Item):\n    'A cup.'\n")
    defaults = {
        "extensions": [*(f"sphinx.ext.{name}" for name in EXTENSIONS), "myst_parser", "sphinx_traits"],
        "traits_packages": ["shop"],
        "traits_search_paths": [".."],
        "myst_enable_extensions": ["substitution"],
    }
    project.config = {**defaults, **project.config}
    return project.write({"index.rst": "Shop\n====\n\n.. toctree::\n\n   traits/index\n"}).build()


def item(built: Built, name: str = "item") -> str:
    """The page of a docstring's trait, without the sidebar."""
    page = built.text(f"traits/traits/shop.{name}.Item.html")
    return page.partition('role="main"')[2].partition('class="sphinxsidebar"')[0]


class Site(NamedTuple):
    """One build of all docstrings of a syntax."""

    built: Built
    root: Path
    requests: list[str]


@pytest.fixture(scope="module", params=["rst", "markdown"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: str) -> Site:
    """All docstrings of a syntax, built once."""
    root = tmp_path_factory.mktemp("site")
    secret = root / "secret.png"
    secret.write_text(f"{SECRET}\n")
    words = {"file": secret, "url": server, "script": SCRIPT, "mark": str(root / "mark")}
    docstrings = {module(name): f"An item.\n\n{text.format(**words)}\n" for name, text in TEXTS[request.param].items()}
    project = SphinxBuilder(root, {"traits_docstring_syntax": request.param})
    return Site(build(project, **docstrings), root, Handler.requests)


def module(name: str) -> str:
    """The module of a case."""
    return name.replace(" ", "_").replace("-", "_")


TEXTS = {"rst": RST, "markdown": MARKDOWN}
LIVE = ("<script", "<img", "<iframe", "<b>", 'href="javascript:', 'href="data:', "http-equiv")
"""Markup that no docstring may bring to a page; as text it would be escaped."""


def test_nothing_of_a_docstring_is_live(site: Site) -> None:
    """A docstring that would run, read or fetch something does none of it."""
    pages = {name: item(site.built, module(name)) for name in site_texts(site)}
    output = [path.read_text(errors="replace") for path in site.built.out.rglob("*") if path.is_file()]

    assert all("An item." in page for page in pages.values())
    assert {name: word for name, page in pages.items() for word in LIVE if word in page} == {}
    assert [text for text in output if SECRET in text] == []
    assert [*site.built.out.glob("_downloads/*"), *site.built.out.glob("_images/*")] == []
    assert site.requests == []
    assert not (site.root / "shop" / "imported.ran").exists()
    assert not (site.root / "mark").exists()


def test_what_is_left_out_is_told(site: Site) -> None:
    """Each docstring that loses something has a warning at its file."""
    warnings = "\n".join(site.built.warnings)
    silent = {name for name in site_texts(site) if f"shop/{module(name)}.py:" not in warnings}

    assert silent == (SHOWN_AS_TEXT if "substitution" in site_texts(site) else set())
    assert len(re.findall("WARNING: |ERROR: ", warnings)) == warnings.count("[traits.docstring]")


SHOWN_AS_TEXT = {"script", "inline markup", "link", "substitution"}


def site_texts(site: Site) -> dict[str, str]:
    """The cases of a site."""
    return TEXTS[site.built.app.config.traits_docstring_syntax]


def test_markup_in_markdown_is_shown_as_text(project: SphinxBuilder) -> None:
    """`List<T>` keeps its letters, and a script is shown, not run."""
    project.config["traits_docstring_syntax"] = "markdown"

    page = item(build(project, item="A List<T> of <b>all</b>.\n\n<script>alert(1)</script>\n"))

    assert "List" in page
    assert "&lt;T&gt;" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_what_myst_makes_itself_stays(project: SphinxBuilder) -> None:
    """Line breaks are markup of the parser, not of the docstring."""
    project.config["traits_docstring_syntax"] = "markdown"

    page = item(build(project, item="One  \ntwo.\n"))

    assert "One<br />" in page


def test_trusted_package_may_use_everything(project: SphinxBuilder) -> None:
    """A project opens the docstrings of its own packages."""
    project.config["traits_trusted_docstrings"] = ["shop"]

    built = build(project, item="An item.\n\n.. raw:: html\n\n   <b id='own'>own</b>\n")

    assert "<b id='own'>own</b>" in item(built)
    assert [line for line in built.warnings if "traits.docstring" in line] == []


def test_one_directive_can_be_allowed(project: SphinxBuilder) -> None:
    """A directive that a project has looked at may be used in all docstrings, and only that one."""
    project.config["traits_docstring_directives"] = ["only"]

    built = build(project, item="An item.\n\n.. only:: html\n\n   Shown.\n\n.. raw:: html\n\n   <b>hidden</b>\n")

    assert "Shown." in item(built)
    assert "<b>hidden</b>" not in item(built)


def test_refusal_names_the_place_and_the_way_out(project: SphinxBuilder) -> None:
    """The warning has the line of the directive and the two settings."""
    (warning,) = build(project, item="An item.\n\n.. include:: x\n").warnings

    assert "shop/item.py:" in warning
    assert "The directive 'include' is left out" in warning
    assert "traits_trusted_docstrings" in warning
    assert "traits_docstring_directives" in warning


def test_pages_of_the_project_keep_all_markup(project: SphinxBuilder) -> None:
    """The restriction ends with the docstring: a hand-written page may use raw markup."""
    project.write(
        {"own.rst": ":orphan:\n\nOwn\n===\n\n.. trait:: shop.item.Item\n\n.. raw:: html\n\n   <b id='own'></b>\n"}
    )

    page = build(project, item="An item.\n\n.. raw:: html\n\n   <b id='strange'></b>\n").text("own.html")

    assert "<b id='own'></b>" in page
    assert "<b id='strange'></b>" not in page


@pytest.mark.parametrize(
    "address",
    ["javascript:x", "JavaScript:x", " javascript:x", "java\nscript:x", "vbscript:x", "data:text/html,x", "file:///x"],
)
def test_schemes_that_run_or_read_are_not_safe(address: str) -> None:
    """Blanks and capitals hide no scheme."""
    assert not is_safe(address)


@pytest.mark.parametrize("address", ["https://a.org/x:y", "a.html", "#a", "../a/b.html#c", "mailto:a@b.org", "//a.org"])
def test_addresses_of_pages_are_safe(address: str) -> None:
    """Ordinary links stay."""
    assert is_safe(address)


def test_warning_of_another_extension_without_a_source_ends_no_build(project: SphinxBuilder, tmp_path: Path) -> None:
    """A node that has no source, in a warning of somebody else, is none of our business."""
    import logging

    from sphinx.util import logging as sphinx_logging

    from sphinx_traits._sphinx import warn

    warn.setup()
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, "text", (), None)
    record.location = nodes.inline()

    assert warn._type_docstring_warning(record)
    assert sphinx_logging.getLogger("x") is not None
