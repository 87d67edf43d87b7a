"""`traits docs`: the documentation of models and traits."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sphinx_traits.manifest import Manifest, dumps
from sphinx_traits.project import Project
from sphinx_traits.resolve import Index
from traits_cli.base import fail
from traits_cli.sources import read_sources, report, source_options, the_one
from traits_runtime.rules.output import write_file, write_if_changed

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command()
@click.option("--all", "everything", is_flag=True, help="Document all models and traits; the default.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Document this model and its traits.")
@click.option("--trait", "traits", multiple=True, metavar="NAME", help="Document this trait.")
@click.option(
    "--output", "-o", type=click.Path(file_okay=False, path_type=Path), default=Path("build/traits"), show_default=True
)
@click.option("--format", "form", type=click.Choice(["html", "md", "json"]), default="html", show_default=True)
@source_options
def docs(
    project: Project, everything: bool, models: tuple[str, ...], traits: tuple[str, ...], output: Path, form: str
) -> None:
    """Write the documentation of models and traits.

    A project with its own docs/conf.py gets that built; another one gets a complete site. Nothing is imported.

    \b
    Examples:
      traits docs --all --project examples/blog --output build/site
      traits docs --package shop --model Article --format md
    """
    if everything and (models or traits):
        fail("--all documents everything; leave it out to name models or traits.")
    manifest = read_sources(project)
    index = Index(manifest, mask_secrets=True)
    selected = _selected(index, models, traits)
    if not (form == "html" and _owns_site(project, selected)):
        report(manifest)
    first = _WRITERS[form](project, index, selected, output.resolve())
    click.echo(first)
    click.echo(f"{len(manifest.models):>5} models")
    click.echo(f"{len(manifest.traits):>5} traits")
    click.echo(f"{len(manifest.findings):>5} findings{_worst(manifest)}")


def _selected(index: Index, models: tuple[str, ...], traits: tuple[str, ...]) -> list[tuple[str, str]]:
    """Kind and full name of each page that was asked for, a model's traits after it; empty for all."""
    pages = []
    for name in models:
        full = the_one("model", name, index.find(name, index.models), index.models)
        pages += [("model", full), *(("trait", trait) for trait in index.models[full].traits if trait in index.traits)]
    for name in traits:
        full = the_one("trait", name, index.find(name, index.traits), index.traits)
        pages.append(("trait", full))
    return list(dict.fromkeys(pages))


def _write_html(project: Project, index: Index, selected: list[tuple[str, str]], output: Path) -> Path:
    from sphinx_traits._sphinx.site import build_project_docs, build_site

    if project.docs is not None and _owns_site(project, selected):
        site = build_project_docs(project.docs, index.unmasked, output)
    else:
        importlib.import_module("furo")  # a theme that is missing is reported as a missing extra
        only = [("trait-model" if kind == "model" else "trait", name) for kind, name in selected]
        site = build_site(_title(project), index.unmasked, output, only=only)
    if site.warnings:
        click.echo(f"{site.warnings} warnings, see above.", err=True)
    return site.index


def _owns_site(project: Project, selected: list[tuple[str, str]]) -> bool:
    """Whether the project's own documentation is built; Sphinx reports the findings then."""
    return project.docs is not None and not selected


def _write_markdown(_: Project, index: Index, selected: list[tuple[str, str]], output: Path) -> Path:
    from sphinx_traits.page.catalogue import Catalogue
    from sphinx_traits.page.markdown_pages import markdown_page, page_path
    from sphinx_traits.page.page import page_names
    from sphinx_traits.page.section import Context

    context = Context(Catalogue(index.unmasked))
    names = selected or list(page_names(context))
    for objtype, name in names:
        text = markdown_page(context, objtype, name)
        write_if_changed(output / f"{page_path(objtype, name)}.md", text.encode())
    return output / f"{page_path(*names[0])}.md"


def _write_json(_: Project, index: Index, selected: list[tuple[str, str]], output: Path) -> Path:
    import msgspec

    from sphinx_traits.page.catalogue import Catalogue
    from sphinx_traits.page.page import make_page, page_names
    from sphinx_traits.page.section import Context
    from sphinx_traits.page.write_json import write_json
    from sphinx_traits.resolve import compose

    context = Context(Catalogue(index.unmasked))
    pages = (make_page(context, objtype, name) for objtype, name in selected or page_names(context))
    write_file(output / "pages.json", write_json(pages))
    if not selected:
        write_file(output / "manifest.json", dumps(index.manifest))
        return output / "manifest.json"
    compositions = [compose(index, name) for _kind, name in selected]
    write_file(output / "compositions.json", msgspec.json.format(msgspec.json.encode(compositions)) + b"\n")
    return output / "compositions.json"


_WRITERS: dict[str, Callable[[Project, Index, list[tuple[str, str]], Path], Path]] = {
    "html": _write_html,
    "md": _write_markdown,
    "json": _write_json,
}


def _title(project: Project) -> str:
    return f"Models and traits of {', '.join(project.packages)}"


def _worst(manifest: Manifest) -> str:
    counts = Counter(finding.level for finding in manifest.findings)
    summary = ", ".join(f"{counts[level]} {level}" for level in ("error", "warning", "info") if counts[level])
    return f" ({summary})" if summary else ""
