"""The page of one model in a real build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from blogfacts import ARTICLE, PAGE, SLUG, UNRESOLVED, USER, manifest

from sphinx_traits.manifest import Location, Manifest, Setting, Value

if TYPE_CHECKING:
    from sphinx_traits.testing import SphinxBuilder


def test_the_blog_builds_without_a_warning(blog: SphinxBuilder) -> None:
    """Nothing that the extension makes is warned about, unresolved references included."""
    blog.config["nitpicky"] = True

    assert blog.build().warnings == []


def test_every_trait_is_linked(blog: SphinxBuilder) -> None:
    """The page of a model leads to the page of each of its traits."""
    text = blog.build().text(f"traits/models/{ARTICLE}.html")

    for trait in ("HasContent", "HasSlug", "HasTags", "HasUserTracking"):
        assert re.search(rf'href="\.\./traits/blog\.traits\.{trait}\.html#trait\.blog\.traits\.{trait}"', text)


def given(**setting: str) -> Manifest:
    """The blog, and another value from its `pyproject.toml`."""
    facts, place = manifest(), Location("pyproject.toml", 9, 9)
    value = Value(setting.pop("value"))
    one = Setting(trait=SLUG, value=value, location=place, **setting)
    return msgspec.structs.replace(facts, settings=(*facts.settings, one))


@pytest.mark.parametrize("layer", [{"layer": "model", "model": PAGE}, {"layer": "tenant", "tenant": "acme"}])
def test_a_secret_is_masked_everywhere(project: SphinxBuilder, layer: dict[str, str]) -> None:
    """The default, the value of a model, that of a tenant: none of them is in a file of the output."""
    project.manifest(given(key="token", value="'s3cret of one'", **layer))
    project.config["traits_markdown"] = True
    out = project.write({"index.rst": "Blog\n====\n\n.. toctree::\n\n   traits/index\n"}).build().out
    files = [file for file in out.rglob("*.*") if file.suffix in (".html", ".md", ".js", ".txt", ".inv")]

    assert len(files) > 20
    assert [file for file in files if b"s3cret" in file.read_bytes()] == []


def test_an_incomplete_model_says_so(project: SphinxBuilder) -> None:
    """A base that cannot be read is a box on the page and a warning with the source's place."""
    project.manifest(manifest(findings=(UNRESOLVED,))).write({"index.rst": "Blog\n====\n"})

    built = project.build()

    assert "This page may be incomplete" in built.text(f"traits/models/{USER}.html")
    assert [one for one in built.warnings if "[traits.unresolved_base]" in one and "blog/models.py:60" in one]


SIGNALS = '''\
from django.db import models
from django.db.models.signals import post_save
from django.dispatch import Signal, receiver

archived = Signal()


class Tracked(models.Model):
    class Meta:
        abstract = True


class Article(Tracked):
    """An article."""

    def archive(self):
        archived.send(sender=type(self), article=self)


class Author(Tracked):
    """An author."""

    article = models.ForeignKey("shop.Article", on_delete=models.CASCADE)


@receiver(post_save, sender=Article)
def count(sender, **kwargs): ...


@receiver(archived)
def log(sender, **kwargs): ...


@receiver(archived, sender=Author)
def thank(sender, **kwargs): ...
'''


SHOWN = ("models/shop.models.Article", "models/shop.models.Author", "events")


def test_listeners_of_host_signals_are_shown(project: SphinxBuilder) -> None:
    """On the page of the model they are for, and with all the others in the catalogue."""
    (project.root / "shop").mkdir()
    (project.root / "shop/__init__.py").write_text("")
    (project.root / "shop/models.py").write_text(SIGNALS)
    project.config.update(traits_packages=["shop"], traits_search_paths=[".."], nitpicky=True)

    built = project.write({"index.rst": "Shop\n====\n\n.. toctree::\n\n   traits/index\n"}).build()
    pages = [built.text(f"traits/{one}.html").replace("<wbr>", "") for one in SHOWN]
    article, author, catalogue = pages

    assert built.warnings == []
    assert "django.db.models.signals.post_save" in article
    assert "count()" in article
    assert "log()" in article, "its method sends what this hears"
    assert "Article.archive()" in article
    assert "thank()" not in article
    assert "archive()" not in author
    assert "count()" not in author
    assert '→ <a class="reference internal" href="shop.models.Article.html#' in author
    assert "Meta" not in author
    assert "nobody" not in catalogue, "Django sends what nobody in these sources does"
    for word in ("post_save", "shop.models.archived", "count()", "log()"):
        assert word in catalogue
