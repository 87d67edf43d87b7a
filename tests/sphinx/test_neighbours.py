"""Other extensions of Sphinx beside ours: viewcode, linkcode, and the standard domain's own objects."""

from __future__ import annotations

import pytest
from blogfacts import SLUG
from sphinx.util.inventory import InventoryFile

from sphinx_traits.testing import SphinxBuilder

SHOP = '''\
"""Shop."""

from traits_runtime import Trait, hook


class HasPrice(Trait):
    """Has a price."""

    @hook("saving")
    def round_it(self) -> None:
        """Round the price."""


class Item(HasPrice):
    """An item."""


raise RuntimeError("imported")
'''


@pytest.fixture
def shop(project: SphinxBuilder) -> SphinxBuilder:
    """A package that fails when it is imported."""
    (project.root / "shop").mkdir()
    (project.root / "shop/things.py").write_text(SHOP)
    (project.root / "shop/__init__.py").write_text("")
    project.config.update(traits_packages=["shop"], traits_search_paths=[".."], nitpicky=True)
    return project.write({"index.rst": "Shop\n====\n\n.. toctree::\n\n   traits/index\n"})


@pytest.mark.parametrize(
    "extensions", [["sphinx.ext.viewcode", "sphinx_traits"], ["sphinx_traits", "sphinx.ext.viewcode"]]
)
def test_viewcode_shows_sources_without_an_import(shop: SphinxBuilder, extensions: list[str]) -> None:
    """From a model, a trait and a hook to the line, and back."""
    shop.config["extensions"] = extensions

    built = shop.build()
    code = built.text("_modules/shop/things.html")

    assert built.warnings == []
    assert 'href="../../_modules/shop/things.html#Item"' in built.text("traits/models/shop.things.Item.html")
    trait = built.text("traits/traits/shop.things.HasPrice.html")
    for name in ("HasPrice", "HasPrice.round_it"):
        assert f'href="../../_modules/shop/things.html#{name}"' in trait
        assert f'href="../../traits/traits/shop.things.HasPrice.html#shop.things.{name}"' in code
        assert f'id="shop.things.{name}"' in trait
    assert "imported" in code


def test_viewcodes_page_follows_every_edit(shop: SphinxBuilder) -> None:
    """Also of a line that is no fact."""
    shop.config["extensions"] = ["sphinx.ext.viewcode", "sphinx_traits"]
    shop.build()
    (shop.root / "shop/things.py").write_text(SHOP + "# the end\n")

    edited = shop.build().text("_modules/shop/things.html")
    clean = shop.build(fresh=True).text("_modules/shop/things.html")

    assert "the end" in edited
    assert edited == clean


def test_linkcode_is_asked_for_each_definition(shop: SphinxBuilder) -> None:
    """It gets the module and the name inside of it."""
    shop.write(
        {
            "conf.py": "extensions = ['sphinx.ext.linkcode', 'sphinx_traits']\n"
            "def linkcode_resolve(domain, info):\n"
            "    return f\"https://code/{info['module']}/{info['fullname']}\"\n"
        }
    )

    built = shop.build()

    assert built.warnings == []
    assert 'href="https://code/shop.things/Item"' in built.text("traits/models/shop.things.Item.html")
    assert 'href="https://code/shop.things/HasPrice.round_it"' in built.text("traits/traits/shop.things.HasPrice.html")


def test_config_keys_are_mirrored_where_a_project_asks(blog: SphinxBuilder) -> None:
    """Sphinx's own roles lead to a key and to its variable; so does the inventory, without our domain."""
    blog.config.update(traits_std_objects=True, nitpicky=True)
    roles = ":confval:`HasSlug.max_length` and :envvar:`BLOG_SLUG_MAX_LENGTH`"

    built = blog.write({"index.rst": f"Blog\n====\n\n{roles}\n\n.. toctree::\n\n   traits/index\n"}).build(parallel=2)
    with (built.out / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "", lambda base, path: f"{base}{path}")

    assert built.warnings == []
    target = f"traits/traits/{SLUG}.html#config.{SLUG}.max_length"
    assert built.text("index.html").count(f'href="{target}"') == 2
    assert "HasSlug.max_length" in found["std:confval"]


def test_nothing_is_mirrored_by_default(blog: SphinxBuilder) -> None:
    """The inventory of a project is its own business."""
    built = blog.build()
    with (built.out / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "", lambda base, path: f"{base}{path}")

    assert "std:confval" not in found
