"""Registration with Sphinx: config values, nodes, directives and event handlers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sphinx.locale import get_translation

from sphinx_traits import domain
from sphinx_traits._sphinx import build as builds
from sphinx_traits._sphinx import events, garbage, outdated, output, source, sourcepages, virtual, warn
from sphinx_traits._sphinx.builders import CoverageBuilder, JsonBuilder
from sphinx_traits._sphinx.catalogue import BuildCatalogue
from sphinx_traits._sphinx.config import Settings, project_of
from sphinx_traits._sphinx.directives import DIRECTIVES
from sphinx_traits._sphinx.markdown_export import export_markdown
from sphinx_traits._sphinx.pages import plan, write_stubs
from sphinx_traits._sphinx.placeholders import FillPlaceholders, placeholder
from sphinx_traits._sphinx.sources import Sources
from sphinx_traits.domain import domain_of
from sphinx_traits.version import __version__

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

_ = get_translation("sphinx_traits")

STATIC = Path(__file__).parent.parent / "static"
STYLESHEET = "sphinx-traits.css"
LATEX = r"""
\ifdefined\DeclareUnicodeCharacter  % pdfLaTeX knows few characters by itself
  \DeclareUnicodeCharacter{25CF}{\textbullet}
  \DeclareUnicodeCharacter{25CB}{\textopenbullet}
\fi
"""
"""The circles of the matrix."""


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything; called by Sphinx for `extensions = ["sphinx_traits"]`."""
    garbage.setup(app)
    domain.setup(app)
    Settings.register(app)
    app.add_node(placeholder)
    app.add_post_transform(FillPlaceholders)
    for suffix, markup in virtual.SUFFIXES.items():
        app.add_source_suffix(suffix, markup)
    for name, directive in DIRECTIVES.items():
        app.add_directive(name, directive)
    for builder in (JsonBuilder, CoverageBuilder):
        app.add_builder(builder)
    events.register(app)
    warn.setup()
    sourcepages.setup(app)
    app.add_css_file(STYLESHEET)
    app.connect("config-inited", _add_static_path)
    app.connect("config-inited", _add_characters)
    app.connect("config-inited", _prepare_markdown)
    app.connect("builder-inited", _read_manifest, priority=900)
    app.connect("env-get-outdated", _outdated)
    app.connect("doctree-read", _doctree_read)
    app.connect("env-updated", _updated)
    app.connect("missing-reference", _class_reference, priority=400)
    app.connect("html-collect-pages", _collect_pages)
    app.connect("build-finished", _finished)
    app.connect("html-page-context", _page_context)
    return {
        "version": __version__,
        "env_version": env_version(__version__),
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }


def env_version(version: str) -> int:
    """Version of the environment: after a release of ours Sphinx reads all pages again.

    >>> env_version("0.12.3")
    2000012003
    """
    major, minor, patch, *_rest = (*map(int, re.findall(r"\d+", version)), 0, 0)
    return ((domain.DATA_VERSION * 1000 + major) * 1000 + minor) * 1000 + patch


def _add_static_path(_app: Sphinx, config: Config) -> None:
    config.html_static_path.append(str(STATIC))


def _add_characters(_app: Sphinx, config: Config) -> None:
    elements = dict(config.latex_elements)
    elements["preamble"] = elements.get("preamble", "") + LATEX
    config.latex_elements = elements


def _prepare_markdown(app: Sphinx, config: Config) -> None:
    """Set up MyST for docstrings in Markdown, also without pages in Markdown."""
    if config.traits_docstring_syntax == "markdown" and "myst_enable_extensions" not in config:
        from myst_parser.sphinx_ext.main import setup_sphinx

        setup_sphinx(app)


def _read_manifest(app: Sphinx) -> None:
    """Read the manifest, plan the pages, and register them with Sphinx."""
    confdir = Path(app.confdir)
    settings = Settings.of(app.config, confdir)
    project = project_of(settings, confdir)
    sources = Sources((project.root, *project.search_paths))
    cache = Path(app.doctreedir) / "sphinx_traits"
    facts = events.without_skipped(app.events, *source.load_manifest(settings, project, confdir, cache))
    catalogue = BuildCatalogue(*facts, sources)
    pages = plan(settings, catalogue.index)
    folder = cache / "pages"
    templates = [confdir / path for path in app.config.templates_path]
    stubs = write_stubs(pages, folder, templates)
    virtual.enable(app.project, stubs, folder)
    domain_of(app.env).build = builds.Build(
        catalogue, settings, pages, app.builder, output.Indices(cache / "indices.json")
    )
    source.report(catalogue.manifest.findings, sources)


def _outdated(app: Sphinx, env: BuildEnvironment, _added: set[str], _changed: set[str], removed: set[str]) -> set[str]:
    state = domain_of(env).data["state"]
    output.remove_pages(app.builder, removed & state.get("pages", set()))
    state["pages"] = set(builds.build_of(env).pages.titles)
    own_pages = cast("virtual.VirtualDocs", app.project).own_pages()
    moved: set[str] = state.get("own", set()) ^ own_pages  # Sphinx looks at a file's time, not at which file it is
    state["own"] = own_pages
    return builds.outdated(env) | moved


def _collect_pages(app: Sphinx) -> list[Any]:
    output.tidy_search_index(app.builder)
    return []


def _doctree_read(app: Sphinx, doctree: nodes.document) -> None:
    outdated.note_foreign_references(app.env, doctree)
    outdated.keep_out_of_sidebars(app.env, app.env.docname)


def _updated(_app: Sphinx, env: BuildEnvironment) -> list[str]:
    return outdated.to_write_again(env)


def _finished(app: Sphinx, error: Exception | None) -> None:
    if error is not None:
        return
    if isinstance(app.builder, CoverageBuilder) and app.builder.failed:
        app.statuscode = 1
    build = builds.build_of(app.env)
    build.indices.save()
    if build.settings.markdown and output.wants_html(app.builder):
        export_markdown(build, app.builder)


def _class_reference(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element
) -> nodes.reference | None:
    """Resolve a reference to a Python class without another description to our page."""
    if node.get("refdomain") != "py" or node.get("reftype") not in ("class", "obj", "exc"):
        return None
    candidates = [key for key in domain_of(env).find("obj", node["reftarget"]) if key[0] in ("model", "trait")]
    if len(candidates) != 1:
        return None
    return domain_of(env).resolve_xref(
        env, node.get("refdoc", env.docname), app.builder, candidates[0][0], candidates[0][1], node, contnode
    )


def _page_context(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: nodes.document | None
) -> None:
    """Remove source and edit links of a generated page; collect the general index after all pages."""
    build = builds.build_of(app.env)
    if pagename in build.pages.titles:
        context.update(sourcename="", has_source=False, show_source=False, page_source_suffix="")
    elif pagename == "genindex":
        build.indices.skip(app.builder)
