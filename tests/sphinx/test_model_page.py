"""The page of one model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from blogfacts import ARTICLE, PAGE, SLUG, UNRESOLVED, USER, manifest
from docutils import nodes

from sphinx_traits.manifest import Location, Manifest, Scope, Setting, Value

if TYPE_CHECKING:
    from sphinx_traits.testing import SphinxBuilder


def rows(document: nodes.document, kind: str) -> list[list[str]]:
    """The cells of the table of a kind, below its heads."""
    table = next(one for one in document.findall(nodes.table) if f"traits-{kind}" in one["classes"])
    body = next(iter(table.findall(nodes.tbody)))
    return [[entry.astext().replace("\n\n", " | ") for entry in row.children] for row in body.children]


def article(blog: SphinxBuilder) -> nodes.document:
    """The page of the article as writers see it."""
    return blog.build("dummy").doctree(f"traits/models/{ARTICLE}")


def test_the_blog_builds_without_a_warning(blog: SphinxBuilder) -> None:
    """Nothing that the extension makes is warned about, unresolved references included."""
    blog.config["nitpicky"] = True

    assert blog.build().warnings == []


def test_traits_stand_in_lookup_order_and_say_how_they_come(blog: SphinxBuilder) -> None:
    """Each trait of the model is there once, with its place and the class between."""
    assert [(row[0], row[1].split(" | ")[0], row[2]) for row in rows(article(blog), "mro")] == [
        ("1", "HasContent", "direct"),
        ("2", "HasSlug", "through HasContent"),
        ("3", "HasTags", "through HasContent"),
        ("4", "HasUserTracking", "direct"),
    ]


def test_every_trait_is_linked(blog: SphinxBuilder) -> None:
    """The page of a model leads to the page of each of its traits."""
    text = blog.build().text(f"traits/models/{ARTICLE}.html")

    for trait in ("HasContent", "HasSlug", "HasTags", "HasUserTracking"):
        assert re.search(rf'href="\.\./traits/blog\.traits\.{trait}\.html#trait\.blog\.traits\.{trait}"', text)


def test_hooks_stand_in_the_order_in_which_they_run(blog: SphinxBuilder) -> None:
    """Moment by moment; within a moment in lookup order, with the trait that brings the hook."""
    found = [row if len(row) == 4 else ["", *row] for row in rows(article(blog), "hooks")]

    assert [(one[0], one[2].split(" | ")[0], one[3]) for one in found] == [
        ("boot", "prepare", "HasUserTracking"),
        ("creating", "make_slug", "HasSlug"),
        ("", "count_tags", "HasTags"),
        ("", "fill_creator async", "HasUserTracking"),
        ("updating", "remake_slug", "HasSlug"),
        ("created", "announce", "Article"),
    ]


def test_config_shows_the_value_that_holds_and_who_sets_it(blog: SphinxBuilder) -> None:
    """The model's own value beats the file's, and the place of both is there."""
    first = rows(article(blog), "config")[0]

    assert first[1:] == ["120", "model blog/models.py:12 | instead of 60", "HasSlug"]


def test_another_model_has_the_value_of_the_file(blog: SphinxBuilder) -> None:
    """Where the model says nothing, the file's value holds instead of the default."""
    page = blog.build("dummy").doctree(f"traits/models/{PAGE}")

    assert rows(page, "config")[0][1:3] == ["60", "file pyproject.toml:7 | instead of 80"]


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


def test_what_a_tenant_has_instead_is_shown(project: SphinxBuilder) -> None:
    """Below the value that holds for all others, on the page of each model and in the table of all keys."""
    project.manifest(given(key="max_length", value="40", layer="tenant", tenant="acme"))
    built = project.write({"index.rst": "Blog\n====\n\n.. toctree::\n\n   traits/index\n"}).build("dummy")
    article, user = (rows(built.doctree(f"traits/models/{one}"), "config")[0] for one in (ARTICLE, PAGE))
    everywhere = rows(built.doctree("traits/config"), "config")[0]

    assert article[2] == "model blog/models.py:12 | instead of 60 | tenant acme: 40 pyproject.toml:9"
    assert user[2] == "file pyproject.toml:7 | instead of 80 | tenant acme: 40 pyproject.toml:9"
    assert everywhere[3] == "all models: 60 | Article: 120 | tenant acme: 40"


def test_events_show_who_emits_and_who_hears(blog: SphinxBuilder) -> None:
    """Listeners by wildcard count; one for another model only does not."""
    events = rows(article(blog), "events")

    assert events[0][1] == "HasSlug._generate() blog/slugs.py:50"
    assert "notify() for Article" in events[0][2]
    assert "audit() by trait.**" in events[0][2]
    assert events[1][1] == "nobody"


def test_event_of_a_librarys_trait_is_not_said_to_be_emitted_by_nobody(project: SphinxBuilder) -> None:
    """Of a library not every module is read; of the project's own packages every emitting call is known."""
    facts = manifest()
    bare = [msgspec.structs.replace(one, emits=()) for one in facts.traits]
    for packages, said in ((("blog",), "nobody"), (("shop",), "its library")):
        project.manifest(msgspec.structs.replace(facts, packages=packages, traits=tuple(bare)))
        project.write({"index.rst": "Blog\n====\n\n.. toctree::\n\n   traits/index\n"})

        assert {row[1] for row in rows(article(project), "events")} == {said}


def test_members_show_the_chain_of_definitions(blog: SphinxBuilder) -> None:
    """`super()` leads to the next two definitions; the one of the plain base never runs."""
    first = rows(article(blog), "members")[0]

    assert first[1] == "calls HasContent → HasSlug | hides Base"
    assert first[2] == "Article"


def test_columns_of_a_plain_base_say_where_they_come_from(blog: SphinxBuilder) -> None:
    """A class that is neither model nor trait is named, without a link."""
    found = {row[0].split(" | ")[0]: row[-1] for row in rows(article(blog), "columns")}

    assert found == {"title": "Article", "slug": "HasSlug", "id": "Base", "author": "Article"}


def test_a_scope_that_is_always_there_says_so(project: SphinxBuilder) -> None:
    """Whoever writes queries must know that rows are left out, and how to get them; in the twin too."""
    facts = manifest()
    scope = Scope(name="in_use", owner=SLUG, always=True, lifted_by=("with_trashed", "only_trashed"))
    traits = (
        msgspec.structs.replace(one, scopes=(*one.scopes, scope)) if one.name == SLUG else one for one in facts.traits
    )
    project.manifest(msgspec.structs.replace(facts, traits=tuple(traits))).config["traits_markdown"] = True
    built = project.write({"index.rst": "Blog\n====\n\n.. toctree::\n\n   traits/index\n"}).build()
    shown = rows(article(project), "scopes")

    assert shown[0][0] == "with_slug(slug) | The row with a slug."
    assert shown[1][0] == "in_use | holds for every query, except with the option with_trashed, only_trashed"
    twin = built.text(f"traits/models/{ARTICLE}.md")
    sentence = "holds for every query, except with the option `with_trashed`, `only_trashed`"
    assert f"| `in_use`<br>{sentence} | [HasSlug](" in twin


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
