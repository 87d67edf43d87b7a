"""Docstrings in every style and markup, each with its warnings at the true line."""

from __future__ import annotations

import re
import textwrap

import pytest
from docutils import nodes

from sphinx_traits.testing import Built, SphinxBuilder

pytestmark = pytest.mark.slow

STYLES = {
    "google": """
        Args:
            slug (str): The *address*.
                In one word.
            strict: Whether to complain.

        Returns:
            The row.

        Raises:
            LookupError: There is none.
        """,
    "numpy": """
        Parameters
        ----------
        slug : str
            The *address*.
            In one word.
        strict
            Whether to complain.

        Returns
        -------
        The row.

        Raises
        ------
        LookupError
            There is none.
        """,
    "sphinx": """
        :param slug: The *address*.
            In one word.
        :type slug: :class:`str`
        :param strict: Whether to complain.
        :returns: The row.
        :raises LookupError: There is none.
        """,
}
SHOWN = {
    "Parameters": ["slug (str) \N{EN DASH} The address. In one word.", "strict \N{EN DASH} Whether to complain."],
    "Returns": ["The row."],
    "Raises": ["LookupError \N{EN DASH} There is none."],
}


def shop(project: SphinxBuilder, docstring: str) -> SphinxBuilder:
    """A project about a model with a docstring, indented as in a class."""
    (project.root / "shop").mkdir(exist_ok=True)
    text = textwrap.indent(textwrap.dedent(docstring).strip(), "    ")
    source = f'from traits_runtime import Trait\n\n\nclass Item(Trait):\n    """An item.\n\n{text}\n    """\n'
    (project.root / "shop/__init__.py").write_text(f"{source}\n\nclass Cup(Item):\n    'A cup.'\n")
    project.config.update(traits_packages=["shop"], traits_search_paths=[".."])
    return project.write({"index.rst": "Shop\n====\n\n.. toctree::\n\n   traits/index\n"})


def fields(built: Built) -> dict[str, list[str]]:
    """The fields below the description, each with its items."""
    document = built.doctree("traits/traits/shop.Item")
    return {
        field[0].astext(): [" ".join(one.astext().split()) for one in field[1].findall(nodes.paragraph)]
        for field in document.findall(nodes.field)
    }


@pytest.mark.parametrize("chosen", ["auto", "the style"])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_gives_the_same_fields(project: SphinxBuilder, style: str, chosen: str) -> None:
    """Parameters, results and exceptions are lists with names, types and marked-up text."""
    project.config["traits_docstring_style"] = style if chosen == "the style" else chosen

    built = shop(project, STYLES[style]).build("dummy")

    assert built.warnings == []
    assert fields(built).items() >= SHOWN.items()


def test_a_style_that_is_not_chosen_stays_text(project: SphinxBuilder) -> None:
    """With `none` a docstring is markup and nothing else."""
    project.config["traits_docstring_style"] = "none"

    built = shop(project, STYLES["google"]).build("dummy")

    assert "Parameters" not in fields(built)


def test_fields_end_where_text_begins(project: SphinxBuilder) -> None:
    """Text behind Sphinx's fields is text again; what it does not know stays a field of its own."""
    built = shop(project, ":param a: First.\n:type b: int\n\nMore text.\n\n:meaning: all\n").build("dummy")
    document = built.doctree("traits/traits/shop.Item")

    assert built.warnings == []
    assert fields(built)["Parameters"] == ["a \N{EN DASH} First.", "b (int)"]
    assert fields(built)["meaning"] == ["all"]
    assert "More text." in [one.astext() for one in document.findall(nodes.paragraph)]


MARKDOWN = """
# How it *works*

See [the docs](https://example.org), `code`, and {py:class}`nowhere.Class`.

Args:
    slug: The **address**.
"""


@pytest.mark.parametrize("extensions", [["sphinx_traits"], ["myst_parser", "sphinx_traits"]])
def test_markdown_needs_no_page_in_markdown(project: SphinxBuilder, extensions: list[str]) -> None:
    """Docstrings are read as MyST whether or not the project's own pages are."""
    project.config.update(extensions=extensions, traits_docstring_syntax="markdown")

    built = shop(project, MARKDOWN).build()
    page = built.text("traits/traits/shop.Item.html")

    assert built.warnings == []
    for part in ('href="https://example.org"', "<em>works</em>", "<strong>address</strong>", "Parameters"):
        assert part in page


WRONG = """
Text.

{strange}`role`

More text.

```{unheard}
```

{ref}`no_label`

```{note}
{odd}`role`
```
"""


def test_a_mistake_in_markdown_is_told_at_its_line(project: SphinxBuilder) -> None:
    """The Python file and the line in it, also in Markdown."""
    project.config["traits_docstring_syntax"] = "markdown"
    built = shop(project, WRONG).build()

    places = [re.match(r"(\S+):(\d+): WARNING: .* \[traits\.docstring\]$", one) for one in built.warnings]
    assert all(places), built.warnings
    assert {one[1] for one in places if one} == {f"{project.root}/shop/__init__.py"}
    assert sorted(int(one[2]) for one in places if one) == [9, 13, 16, 19]
