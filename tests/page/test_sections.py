"""The sections of models and traits as elements."""

from __future__ import annotations

import msgspec
from blogfacts import ARTICLE, CONTENT, PAGE, SLUG, TRACK, manifest

from sphinx_traits.manifest import ConfigKey, Listener, Location, Manifest, Scope, Setting, Trait, Value
from sphinx_traits.page.catalogue import Catalogue
from sphinx_traits.page.elements import Description, Paragraph, Table, plain_text
from sphinx_traits.page.page import Page, class_page, overview_page
from sphinx_traits.page.section import Context


def page_of(name: str, facts: Manifest | None = None) -> Page:
    """The page of a class."""
    return class_page(Context(Catalogue(facts or manifest())), name)


def rows(page: Page, section: str) -> list[list[str]]:
    """The cells of a section's first table; the lines of a cell are separated by a bar."""
    content = next(found.content for found in page.sections if found.name == section)
    table = next(block for block in content if isinstance(block, Table))
    return [[_text(cell) for cell in row] for row in table.rows]


def _text(cell: object) -> str:
    if cell and isinstance(cell[0], Paragraph):  # type: ignore[index]
        return " | ".join(plain_text([line]) for line in cell)  # type: ignore[attr-defined]
    return plain_text(cell)  # type: ignore[arg-type]


def with_slug(**facts: object) -> Manifest:
    """The blog with other facts of `HasSlug`."""
    blog = manifest()
    traits = [msgspec.structs.replace(trait, **facts) if trait.name == SLUG else trait for trait in blog.traits]
    return msgspec.structs.replace(blog, traits=tuple(traits))


def slug() -> Trait:
    """The trait `HasSlug` of the blog."""
    return next(trait for trait in manifest().traits if trait.name == SLUG)


def test_traits_stand_in_lookup_order_and_say_how_they_come() -> None:
    """Each trait of the model is there once, with its place and the class between."""
    assert [(place, name.split(" | ")[0], path) for place, name, path in rows(page_of(ARTICLE), "traits")] == [
        ("1", "HasContent", "direct"),
        ("2", "HasSlug", "through HasContent"),
        ("3", "HasTags", "through HasContent"),
        ("4", "HasUserTracking", "direct"),
    ]


def test_hooks_stand_in_the_order_in_which_they_run() -> None:
    """Moment by moment; within a moment in lookup order, with the trait that brings the hook and its place."""
    hooks = rows(page_of(ARTICLE), "hooks")

    assert [(moment, order, name.split(" | ")[0], origin) for moment, order, name, origin in hooks] == [
        ("boot", "", "prepare", "HasUserTracking"),
        ("creating", "1", "make_slug", "HasSlug | blog/slugs.py:30"),
        ("creating", "2", "count_tags", "HasTags"),
        ("creating", "3", "fill_creator async", "HasUserTracking"),
        ("updating", "", "remake_slug", "HasSlug | blog/slugs.py:35"),
        ("created", "", "announce", "Article"),
    ]


def test_config_shows_the_value_that_holds_and_who_sets_it() -> None:
    """The model's own value beats the file's, and the place of both is there."""
    assert rows(page_of(ARTICLE), "config")[0][1:] == [
        "int",
        "120",
        "model blog/models.py:12 | instead of 60",
        "HasSlug | blog/slugs.py:12",
    ]


def test_required_key_without_a_value_says_so() -> None:
    """An empty cell would be read as an empty value."""
    owner = ConfigKey(name="owner", owner=SLUG, type="str", default=Value("", "required"))

    assert rows(page_of(PAGE, with_slug(config=(owner,))), "config")[0][2] == "required"


def test_another_model_has_the_value_of_the_file() -> None:
    """Where the model says nothing, the file's value holds instead of the default."""
    assert rows(page_of(PAGE), "config")[0][2:4] == [
        "60",
        "file pyproject.toml:7 | instead of 80 | may be overridden by BLOG_SLUG_MAX_LENGTH",
    ]


def test_what_a_tenant_has_instead_is_shown() -> None:
    """Below the value that holds for all others, on the page of each model and in the table of all keys."""
    blog = manifest()
    setting = Setting(
        trait=SLUG,
        key="max_length",
        value=Value("40"),
        layer="tenant",
        tenant="acme",
        location=Location("pyproject.toml", 9, 9),
    )
    blog = msgspec.structs.replace(blog, settings=(*blog.settings, setting))
    article, page = (rows(page_of(name, blog), "config")[0] for name in (ARTICLE, PAGE))
    everywhere = rows(overview_page(Context(Catalogue(blog)), "config"), "config")[0]

    assert article[3] == "model blog/models.py:12 | instead of 60 | tenant acme: 40 pyproject.toml:9"
    assert page[3].startswith("file pyproject.toml:7 | instead of 80 | tenant acme: 40 pyproject.toml:9 | may be")
    assert everywhere[3] == "all models: 60 | Article: 120 | tenant acme: 40"


def test_events_show_who_emits_and_who_hears() -> None:
    """Listeners by wildcard count; a listener for one model names it."""
    generated, changing = rows(page_of(ARTICLE), "events")

    assert generated[1] == "HasSlug._generate() blog/slugs.py:50"
    assert generated[2] == "notify() for Article blog/listeners.py:9 | audit() by trait.** blog/listeners.py:5"
    assert changing[1] == "nobody"


def test_event_of_a_librarys_trait_is_not_said_to_be_emitted_by_nobody() -> None:
    """Of a library not every module is read; of the project's own packages every emitting call is known."""
    silent = with_slug(emits=())
    for packages, answer in ((("blog",), "nobody"), (("shop",), "its library")):
        page = page_of(ARTICLE, msgspec.structs.replace(silent, packages=packages))

        assert {row[1] for row in rows(page, "events")} == {answer}


def test_members_show_the_chain_of_definitions() -> None:
    """`super()` leads to the next two definitions; the one of the plain base never runs."""
    name, chain, origin = rows(page_of(ARTICLE), "members")[0]

    assert name == "slug_source() | Title and series. | () -> str"
    assert chain == "calls HasContent → HasSlug | hides Base"
    assert origin == "Article"


def test_columns_of_a_plain_base_say_where_they_come_from() -> None:
    """A class that is neither model nor trait is named."""
    columns = {row[0].split(" | ")[0]: row[-1] for row in rows(page_of(ARTICLE), "columns")}

    assert columns == {"title": "Article", "slug": "HasSlug", "id": "Base", "author": "Article"}


def test_a_scope_that_is_always_there_says_so() -> None:
    """Whoever writes queries must know that rows are left out, and how to get them."""
    scope = Scope(name="in_use", owner=SLUG, always=True, lifted_by=("with_trashed", "only_trashed"))
    scopes = rows(page_of(ARTICLE, with_slug(scopes=(*slug().scopes, scope))), "scopes")

    assert scopes[0][0] == "with_slug(slug) | The row with a slug."
    assert scopes[1][0] == "in_use | holds for every query, except with the option with_trashed, only_trashed"


def test_listeners_for_one_model_say_why_they_are_believed() -> None:
    """A listener for the model alone is on its page, with the reason where nobody declared it."""
    listener = Listener(
        name="count",
        owner="blog.listeners",
        pattern="sqlalchemy.after_insert",
        model=ARTICLE,
        via="inferred",
        why="register() registers it",
    )
    blog = manifest()
    blog = msgspec.structs.replace(blog, listeners=(*blog.listeners, listener))

    assert rows(page_of(ARTICLE, blog), "listeners") == [
        ["sqlalchemy.after_insert", "count()  | register() registers it"]
    ]
    assert "listeners" not in {section.name for section in page_of(PAGE, blog).sections}


def test_options_of_the_host_are_shown_as_written() -> None:
    """What a class tells its host is on its page; a class without options has no such section."""
    blog = manifest()
    models = [msgspec.structs.replace(model, meta={"ordering": "['-date']"}) for model in blog.models]
    page = page_of(ARTICLE, msgspec.structs.replace(blog, models=tuple(models)))

    assert rows(page, "meta") == [["ordering", "['-date']"]]
    assert "meta" not in {section.name for section in page_of(ARTICLE, blog).sections}


def test_trait_describes_its_own_facts_and_lists_those_it_brings() -> None:
    """The page of a trait made of traits has their facts in tables; a plain trait has descriptions alone."""
    own = {section.name: section for section in page_of(SLUG).sections}
    composed = page_of(CONTENT)

    assert [type(block) for block in own["config"].content] == [Description, Description]
    assert [row[0].split(" | ")[0] for row in rows(composed, "config")] == [
        "max_length",
        "token deprecated",
        "max_tags",
    ]
    assert [row[2].split(" | ")[0] for row in rows(composed, "hooks")] == ["make_slug", "count_tags", "remake_slug"]


def test_sections_have_one_order_on_all_pages() -> None:
    """A section of a trait stands where a model has it."""
    orders = [[section.name for section in page_of(name).sections] for name in (ARTICLE, SLUG, TRACK)]

    assert orders[0] == [
        "traits", "hooks", "config", "features", "events", "jobs", "columns", "scopes", "metrics", "cache", "members",
    ]  # fmt: skip
    assert orders[1] == [
        "hooks", "config", "features", "events", "columns", "scopes", "metrics", "cache", "members", "used-by",
    ]  # fmt: skip
    assert orders[2] == ["hooks", "events", "used-by"]


def test_names_that_two_classes_of_one_lookup_order_share_are_shown_in_full() -> None:
    """`Base` of another package beside `Base`: a reader must know which is which."""
    blog = manifest()
    article = next(model for model in blog.models if model.name == ARTICLE)
    mixed = msgspec.structs.replace(article, mro=(*article.mro[:-1], "other.Base", "builtins.object"))
    page = page_of(ARTICLE, msgspec.structs.replace(blog, models=(mixed,)))
    order = plain_text(page.sections[0].content[1].content)  # type: ignore[union-attr]

    assert order.endswith("Trait → blog.db.Base → other.Base")
