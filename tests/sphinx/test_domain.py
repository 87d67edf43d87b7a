"""Roles, the inventory, and projects that only link to us."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sphinx.search.en import SearchEnglish
from sphinx.util.inventory import InventoryFile

from sphinx_traits import __version__
from sphinx_traits.testing import SphinxBuilder

LINKS = """\
Links
=====

* :trait:model:`Article`
* :trait:trait:`a title <HasSlug>`
* :trait:config:`~blog.traits.HasSlug.max_length`
* :trait:config:`blog.traits.HasSlug.slug_config.max_length`
* :trait:event:`trait.HasSlug.slug_generated`
* :trait:hook:`HasSlug.make_slug`
* :trait:job:`recount`
* :trait:feature:`follow_title`
* :trait:metric:`slugs_made`
* :trait:obj:`HasTags`
* :any:`blog.models.User`
* :py:class:`Page`
* :py:class:`blog.Article`
* :trait:config:`blog.HasSlug.max_length`
"""


def test_every_role_leads_somewhere(blog: SphinxBuilder) -> None:
    """By full name, by last parts, by alias, by the package that exports it; a reference to the Python class too."""
    blog.config["nitpicky"] = True

    built = blog.write({"index.rst": LINKS}).build()
    text = built.text("index.html")

    assert built.warnings == []
    assert text.count('class="reference internal"') >= 14
    assert 'href="traits/traits/blog.traits.HasSlug.html#config.blog.traits.HasSlug.max_length"' in text
    assert '<span class="pre">max_length</span>' in text


def test_an_unknown_target_is_a_warning_with_its_place(blog: SphinxBuilder) -> None:
    """Also without `nitpicky`."""
    built = blog.write({"index.rst": "Blog\n====\n\n:trait:model:`Artcle`\n"}).build()

    assert len(built.warnings) == 1
    assert built.warnings[0].startswith(f"{blog.source}/index.rst:4: WARNING:")


def test_objects_are_described_by_hand(project: SphinxBuilder) -> None:
    """The domain's own directives need no manifest."""
    page = (
        "Hand\n====\n\n.. trait:trait:: shop.HasPrice\n\n   Has a price.\n\n"
        "   .. trait:config:: shop.HasPrice.currency\n      :type: str\n      :default: 'EUR'\n"
        "      :env: SHOP_CURRENCY\n\n"
        "      The currency.\n\nSee :trait:config:`currency`.\n"
    )

    built = project.write({"index.rst": page}).build()

    assert built.warnings == []
    assert 'href="#config-shop.HasPrice.currency"' in built.text("index.html")
    assert "SHOP_CURRENCY" in built.text("index.html")


def test_descriptions_by_hand_speak_the_projects_language(project: SphinxBuilder) -> None:
    """The kind of what is described, and the names of its fields."""
    page = "Hand\n====\n\n.. trait:config:: shop.HasPrice.currency\n   :env: SHOP_CURRENCY\n"
    project.config["language"] = "de"

    text = project.write({"index.rst": page}).build("text").text("index.txt")

    assert "Schlüssel shop.HasPrice.currency" in text
    assert "Umgebung:" in text


def test_the_search_says_what_it_has_found(blog: SphinxBuilder) -> None:
    """In words of the glossary: a config key, not a `Trait config`."""
    found = json.loads(blog.build().text("searchindex.js").removeprefix("Search.setIndex(").removesuffix(")"))

    assert ["trait", "config", "config key"] in found["objnames"].values()
    assert ["trait", "trait", "trait"] in found["objnames"].values()


def test_the_inventory_has_each_object_once(blog: SphinxBuilder) -> None:
    """However many models use a trait, its keys and events stand there once."""
    built = blog.build()
    with (built.out / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "https://blog", lambda base, path: f"{base}/{path}")

    assert sorted(found["trait:config"]) == [
        "blog.traits.HasSlug.max_length",
        "blog.traits.HasSlug.slug_config.max_length",
        "blog.traits.HasSlug.slug_config.token",
        "blog.traits.HasSlug.token",
        "blog.traits.HasTags.max_tags",
        "blog.traits.HasTags.tag_config.max_tags",
    ]
    assert "trait.HasSlug.slug_generated" in found["trait:event"]


def test_the_search_leads_to_the_anchor(blog: SphinxBuilder) -> None:
    """A key and an event are found by name, and the page opens at their description."""
    built = blog.build()
    found = built.text("searchindex.js")

    for anchor in ("config.blog.traits.HasSlug.max_length", "event.blog.traits.HasSlug.slug_generated"):
        assert f'"{anchor}"' in found
        assert f'id="{anchor}"' in built.text("traits/traits/blog.traits.HasSlug.html")


class _Words(HTMLParser):
    """The words of a page's main part, apart where a reader sees them apart."""

    TOGETHER = ("a", "code", "em", "strong", "wbr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(text[text.index('<div class="body"') : text.index('<div class="sphinxsidebar"')])

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.text += "" if tag in self.TOGETHER else " "

    def handle_endtag(self, tag: str) -> None:
        self.handle_starttag(tag, ())

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_search_knows_the_words_of_tables_as_a_reader_sees_them(blog: SphinxBuilder) -> None:
    """Words of neighbouring cells and paragraphs are two words to it, though it reads a table with its tags cut out."""
    built = blog.build()
    language = SearchEnglish({})
    index = json.loads(built.text("searchindex.js").removeprefix("Search.setIndex(").removesuffix(")"))

    for number, docname in enumerate(index["docnames"]):
        words = set(language.split(_Words(built.text(f"{docname}.html")).text.lower()))
        found = {
            word.lower() for word, at in index["terms"].items() if number in (at if isinstance(at, list) else [at])
        }
        assert found - words - {language.stem(one) for one in words} == set()


def test_the_domain_alone_has_the_version_of_the_package(project: SphinxBuilder) -> None:
    """It imports nothing of ours, so it says it itself."""
    project.config["extensions"] = ["sphinx_traits.domain"]
    app = project.write({"index.rst": "Uses\n====\n"}).build().app

    assert app.extensions["sphinx_traits.domain"].version == __version__


CONSUMER = """\
import sys
from sphinx.cmd.build import main
code = main(["-q", "-n", "-W", "-b", "html", "docs", "out"])
loaded = {"griffe", "msgspec", "traits_runtime", "sphinx_traits.manifest"} & set(sys.modules)
sys.exit(code or (f"loaded {loaded}" if loaded else 0))
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["rst", "md"])
def test_a_consumer_links_with_nothing_but_sphinx(blog: SphinxBuilder, tmp_path: Path, suffix: str) -> None:
    """With the domain alone from reStructuredText, and without it from MyST; neither loads our machinery."""
    out = blog.build().out
    consumer = tmp_path / "consumer"
    docs = consumer / "docs"
    docs.mkdir(parents=True)
    extensions = ["sphinx.ext.intersphinx", "sphinx_traits.domain" if suffix == "rst" else "myst_parser"]
    (docs / "conf.py").write_text(
        f"extensions = {extensions!r}\n"
        f"intersphinx_mapping = {{'blog': ('https://blog.example', {str(out / 'objects.inv')!r})}}\n"
    )
    (docs / f"index.{suffix}").write_text(
        "Uses\n====\n\n:external+blog:trait:config:`blog.traits.HasSlug.max_length` and "
        ":trait:event:`trait.HasSlug.slug_generated`\n"
        if suffix == "rst"
        else "# Uses\n\n<inv:blog:trait:config#blog.traits.HasSlug.max_length> and "
        "<inv:blog:trait:event#trait.HasSlug.slug_generated>\n"
    )

    done = subprocess.run([sys.executable, "-c", CONSUMER], cwd=consumer, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (consumer / "out/index.html").read_text().count('href="https://blog.example/') == 2
