"""The snippets of the documentation: each is there in both markups, and both give the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docutils import nodes

from sphinx_traits.extract import extract
from sphinx_traits.project import read_project
from sphinx_traits.testing import SphinxBuilder

if TYPE_CHECKING:
    from sphinx_traits.testing import Built

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "docs" / "snippets"
NAMES = sorted(file.stem for file in (SNIPPETS / "rst").glob("*.txt"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """One project with all snippets, about the example application."""
    blog = read_project(ROOT / "examples" / "blog")
    project = SphinxBuilder(tmp_path_factory.mktemp("snippets"), {"extensions": ["myst_parser", "sphinx_traits"]})
    project.manifest(extract(blog.packages, search_paths=blog.search_paths, project=blog.root))
    project.config.update(nitpicky=True, suppress_warnings=["traits.duplicate"])
    project.write({"index.rst": "Snippets\n========\n\n.. toctree::\n   :glob:\n\n   rst/*\n   md/*\n"})
    project.write({f"manifests/{file.name}": file.read_text() for file in (SNIPPETS / "manifests").iterdir()})
    for name in NAMES:
        project.write(
            {
                f"rst/{name}.rst": f"{name}\n{'=' * len(name)}\n\n{(SNIPPETS / 'rst' / f'{name}.txt').read_text()}",
                f"md/{name}.md": f"# {name}\n\n{(SNIPPETS / 'md' / f'{name}.txt').read_text()}",
            }
        )
    return project.build("dummy")


def shown(built: Built, docname: str) -> str:
    """A page's doctree without what names the page itself."""
    document = built.doctree(docname)
    for node in document.findall(nodes.Element):
        for key in ("source", "line"):
            node.attributes.pop(key, None)
    return "".join(child.pformat() for child in next(iter(document.findall(nodes.section))).children)


def test_the_snippets_build_without_a_warning(built: Built) -> None:
    """Also with `nitpicky`: every reference leads somewhere."""
    assert built.warnings == []


@pytest.mark.parametrize("name", NAMES)
def test_a_snippet_is_the_same_in_both_markups(built: Built, name: str) -> None:
    """The doctree from Markdown equals the one from reStructuredText."""
    assert shown(built, f"rst/{name}") == shown(built, f"md/{name}")


def test_every_directive_has_a_snippet() -> None:
    """What is not shown is not documented."""
    from sphinx_traits._sphinx.directives import DIRECTIVES

    text = "".join(file.read_text() for file in (SNIPPETS / "rst").glob("*.txt"))

    assert [one for one in DIRECTIVES if f".. {one}::" not in text] == ["trait-toctree"]


def options_shown(directive: str) -> set[str]:
    """The options that snippets give a directive."""
    text = "\n".join(file.read_text() for file in (SNIPPETS / "rst").glob("*.txt"))
    heads = rf"^( *)\.\. {re.escape(directive)}::.*\n((?:\1   :[\w-]+:.*\n)*)"
    return {one for match in re.finditer(heads, text, re.M) for one in re.findall(r"^ *:([\w-]+):", match[2], re.M)}


def test_every_option_has_a_snippet() -> None:
    """Those of the directives for pages, and those of the domain's own beyond Sphinx's."""
    from sphinx.directives import ObjectDescription

    from sphinx_traits._sphinx.directives import DIRECTIVES
    from sphinx_traits.domain import TraitDomain

    missing = {
        (name, option)
        for name, directive in DIRECTIVES.items()
        for option in (directive.option_spec or {}).keys() - options_shown(name)
    }
    by_hand = {option for name in TraitDomain.directives for option in options_shown(f"trait:{name}")}
    own = set(TraitDomain.directives["config"].option_spec) - set(ObjectDescription.option_spec)

    assert missing == {("trait-toctree", "maxdepth")}
    assert own <= by_hand
