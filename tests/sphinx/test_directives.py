"""Directives on pages written by hand, in both markups."""

from __future__ import annotations

import re

import pytest
from blogfacts import manifest
from docutils import nodes

from sphinx_traits.manifest import dumps
from sphinx_traits.testing import Built, SphinxBuilder

ARGUMENTS = {
    "trait-model": "Article",
    "trait": "HasSlug",
    "trait-config": "",
    "trait-events": "HasSlug",
    "trait-hooks": "",
    "trait-jobs": "",
    "trait-metrics": "",
    "trait-matrix": "",
    "trait-diagram": "Article",
    "trait-list": "models",
}


def both(project: SphinxBuilder, name: str, argument: str) -> Built:
    """A build with the same directive in a page of each markup."""
    project.manifest(manifest())
    project.config.update(
        extensions=["myst_parser", "sphinx_traits"], traits_pages="", suppress_warnings=["traits.duplicate"]
    )
    project.write(
        {
            "index.rst": f"Same\n====\n\n.. {name}:: {argument}\n\n.. toctree::\n\n   other\n",
            "other.md": f"# Same\n\n```{{{name}}} {argument}\n```\n\n```{{toctree}}\n```\n",
        }
    )
    return project.build("dummy")


def shown(built: Built, docname: str) -> str:
    """A page's doctree without what names the page itself."""
    document = built.doctree(docname)
    for node in document.findall(nodes.Element):
        for key in ("source", "line", "ids", "refid", "refuri", "names"):
            node.attributes.pop(key, None)
    section = next(iter(document.findall(nodes.section)))
    return "".join(child.pformat() for child in section.children if "toctree" not in child.pformat())


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS.items())
def test_both_markups_give_the_same_doctree(project: SphinxBuilder, name: str, argument: str) -> None:
    """A page in MyST Markdown shows what one in reStructuredText shows."""
    built = both(project, name, argument)

    assert built.warnings == []
    assert shown(built, "index") == shown(built, "other")
    assert len(shown(built, "index")) > 200


@pytest.mark.parametrize(("name", "argument"), [*ARGUMENTS.items(), ("trait-changes", "old.json")])
def test_the_name_of_a_directive_is_a_label(blog: SphinxBuilder, name: str, argument: str) -> None:
    """`:ref:` finds the `:name:` of every directive, in both markups."""
    blog.config.update(
        extensions=["myst_parser", "sphinx_traits"], traits_pages="", suppress_warnings=["traits.duplicate"]
    )
    blog.write(
        {
            "old.json": dumps(manifest()).decode(),
            "index.rst": f"Blog\n====\n\n:ref:`x <rst-label>` :ref:`x <md-label>`\n\n"
            f".. {name}:: {argument}\n   :name: rst-label\n\n.. toctree::\n\n   other\n",
            "other.md": f"# Same\n\n```{{{name}}} {argument}\n:name: md-label\n```\n",
        }
    )

    built = blog.build()

    assert built.warnings == []
    assert 'id="rst-label"' in built.text("index.html")
    assert 'id="md-label"' in built.text("other.html")


def test_a_misspelt_model_is_one_warning_with_its_place(blog: SphinxBuilder) -> None:
    """The warning names the page's line and the model that was probably meant."""
    blog.write({"index.rst": "Blog\n====\n\n.. trait-model:: Artcle\n"})

    built = blog.build()

    assert len(built.warnings) == 1
    assert built.warnings[0].startswith(f"{blog.source}/index.rst:4: WARNING: There is no model 'Artcle' among 3.")
    assert built.warnings[0].endswith("Did you mean 'blog.models.Article'? [traits.unknown_object]")


def test_a_misspelt_model_in_markdown_has_its_place_too(blog: SphinxBuilder) -> None:
    """MyST pages name the line as well."""
    blog.config["extensions"] = ["myst_parser", "sphinx_traits"]
    blog.write(
        {
            "index.rst": "Blog\n====\n\n.. toctree::\n\n   more\n",
            "more.md": "# More\n\nText.\n\n```{trait} HasSlg\n```\n",
        }
    )

    built = blog.build()

    assert len(built.warnings) == 1
    assert built.warnings[0].startswith(f"{blog.source}/more.md:5: WARNING: There is no trait 'HasSlg'")


def test_a_page_heals_when_the_model_appears(blog: SphinxBuilder) -> None:
    """A name that was unknown is looked up again when the manifest has it."""
    from sphinx_traits.manifest import Manifest

    blog.manifest(Manifest()).write({"index.rst": "Blog\n====\n\n.. trait-model:: Article\n"})
    blog.build()
    blog.manifest(manifest())

    built = blog.build()

    assert built.warnings == []
    assert "A dated text." in built.text("index.html")


def test_sections_can_be_chosen(blog: SphinxBuilder) -> None:
    """Only the named sections are shown."""
    blog.write({"index.rst": "Blog\n====\n\n.. trait-model:: Article\n   :sections: hooks, config\n"})

    titles = [one.astext() for one in blog.build("dummy").doctree("index").findall(nodes.title)]

    assert titles == ["Blog", "Hooks", "Configuration"]


def test_a_directive_inside_a_list_makes_no_sections(blog: SphinxBuilder) -> None:
    """Where no section may stand there are rubrics, and the document stays valid."""
    blog.write({"index.rst": "Blog\n====\n\n* Item\n\n  .. trait-model:: Article\n"})

    built = blog.build()
    document = built.doctree("index")

    assert built.warnings == []
    assert len(list(document.findall(nodes.section))) == 1
    assert "Hooks" in [one.astext() for one in document.findall(nodes.rubric)]


def test_a_page_written_by_hand_goes_before_the_generated_one(blog: SphinxBuilder) -> None:
    """A source file of the same name is the model's page, and links lead to it."""
    name = "traits/models/blog.models.Article"
    blog.write({f"{name}.rst": "My article\n==========\n\n.. trait-model:: Article\n"})

    built = blog.build()

    assert built.warnings == []
    assert "<title>My article" in built.text(f"{name}.html")
    assert built.app.env.get_domain("trait").objects["model", "blog.models.Article"].docname == name


def test_a_second_description_is_no_target(blog: SphinxBuilder) -> None:
    """With generated pages a directive elsewhere repeats the facts, and nothing is described twice."""
    blog.write({"index.rst": "Blog\n====\n\n.. trait:: HasSlug\n"})

    built = blog.build()

    assert built.warnings == []
    assert built.app.env.get_domain("trait").objects["config", "blog.traits.HasSlug.max_length"].docname == (
        "traits/traits/blog.traits.HasSlug"
    )


def test_a_docstring_mistake_is_warned_about_at_its_own_line(project: SphinxBuilder) -> None:
    """The warning names the Python file and the line in it, not the page."""
    import msgspec

    from sphinx_traits.manifest import Location

    source = project.root / "blog" / "models.py"
    source.parent.mkdir(parents=True)
    source.write_text('"""Models."""\n\n\nclass User:\n    """Somebody.\n\n    Broken *emphasis.\n    """\n')
    facts = manifest()
    user = msgspec.structs.replace(
        facts.models[2], doc="Somebody.\n\nBroken *emphasis.", location=Location("blog/models.py", 4, 8)
    )
    project.manifest(msgspec.structs.replace(facts, models=(*facts.models[:2], user)))
    project.config["traits_search_paths"] = [".."]

    built = project.write({"index.rst": "Blog\n====\n"}).build()

    assert [one for one in built.warnings if one.startswith(f"{source}:7: WARNING: Inline emphasis")]


def test_a_bad_value_is_a_warning_and_the_default_holds(blog: SphinxBuilder) -> None:
    """A value that cannot be used is named with what it takes."""
    blog.config.update(traits_navigation="sideways", traits_source_link="https://x/{file}")

    built = blog.build("dummy")

    assert [one for one in built.warnings if "traits_navigation is 'sideways'" in one and "[traits.config]" in one]
    assert [one for one in built.warnings if "traits_source_link" in one]


def test_a_bad_value_is_shown_at_its_line_of_conf_py(blog: SphinxBuilder) -> None:
    """The warning leads to the assignment."""
    blog.write({"conf.py": "extensions = ['sphinx_traits']\ntraits_docstring_syntax = 'word'\n"})

    built = blog.build("dummy")

    assert built.warnings[0].startswith(f"{blog.source}/conf.py:2: WARNING: traits_docstring_syntax is 'word'")


def test_a_package_that_is_not_there_is_one_warning(project: SphinxBuilder) -> None:
    """The searched folders are named, and the rest of the documentation is built."""
    project.config.update(traits_packages=["nowhere_at_all"])

    built = project.write({"index.rst": "Blog\n====\n"}).build()

    assert "There is no package 'nowhere_at_all'" in built.warnings[0]
    assert "[traits.package_not_found]" in "\n".join(built.warnings)
    assert (built.out / "index.html").is_file()


def test_a_package_that_raises_on_import_is_documented(project: SphinxBuilder) -> None:
    """Sources are read, never run; a second build does not even read them."""
    package = project.root / "shop"
    package.mkdir()
    (package / "__init__.py").write_text(
        '"""Shop."""\nfrom traits_runtime import Trait\n\n\nclass HasPrice(Trait):\n    """Has a price."""\n\n\n'
        'class Item(HasPrice):\n    """An item."""\n\n\nraise RuntimeError("imported")\n'
    )
    project.config.update(
        traits_packages=["shop"],
        traits_search_paths=[".."],
        extensions=["sphinx.ext.viewcode", "sphinx_traits", "sphinx.ext.coverage"],
    )
    project.write({"index.rst": "Shop\n====\n"})

    first, second = project.build(), project.build()

    assert first.warnings == second.warnings == []
    assert "An item." in first.text("traits/models/shop.Item.html")
    assert second.read == []


def test_a_diagram_is_drawn_for_browsers_and_said_to_others(blog: SphinxBuilder) -> None:
    """The drawing has a name that says all lines, and links; plain text has a list."""
    blog.write({"index.rst": "Blog\n====\n\n.. trait-diagram:: Article\n"})

    page = blog.build().text("index.html")
    text = blog.build("text").text("index.txt")

    assert 'aria-label="Traits of Article: Article → HasContent; ' in page
    assert '<a href="traits/traits/blog.traits.HasSlug.html#trait.blog.traits.HasSlug"><rect' in page
    assert "HasContent brings HasSlug, HasTags" in text


def test_a_trait_is_drawn_too(blog: SphinxBuilder) -> None:
    """With what it is made of, in a container that has the class of the option."""
    blog.write({"index.rst": "Blog\n====\n\n.. trait-diagram:: HasContent\n   :class: wide\n"})

    page = blog.build().text("index.html")

    assert 'aria-label="Traits of HasContent: HasContent → HasSlug; HasContent → HasTags"' in page
    assert 'class="wide docutils container"' in page or 'class="docutils container wide"' in page


MESSY = '''\
from traits_runtime import Trait


class HasSlug(Trait):
    """Makes slugs.

    * one
    two :class:`nowhere.Class` and :ref:`no_label`, and class_ too.

    :strange:`role`
    """


class Article(HasSlug):
    """An article."""
'''


def test_what_is_wrong_in_docstrings_has_a_type_of_its_own(project: SphinxBuilder) -> None:
    """Each mistake and each reference that leads nowhere names its line, and all can be suppressed at once."""
    (project.root / "shop").mkdir()
    (project.root / "shop/__init__.py").write_text(MESSY)
    project.config.update(traits_packages=["shop"], traits_search_paths=[".."], nitpicky=True)
    project.write({"index.rst": "Shop\n====\n\n:py:class:`ours.Nowhere`\n\n.. toctree::\n\n   traits/index\n"})

    told = project.build(fresh=True).warnings
    project.config["suppress_warnings"] = ["traits.docstring"]
    quiet = project.build(fresh=True).warnings

    places = sorted(re.findall(r"__init__\.py:(\d+): (?:WARNING|ERROR): .*\[traits\.docstring\]", "\n".join(told)))
    assert places == ["10", "8", "8", "8", "8"]
    assert len(quiet) == 1
    assert quiet[0].endswith("target not found: ours.Nowhere [ref.class]")


def test_options_choose_members_and_names(blog: SphinxBuilder) -> None:
    """By names and patterns; a class and a name are there for style sheets and links."""
    text = (
        "Blog\n====\n\nSee :ref:`the table <mine>`.\n\n"
        ".. trait-model:: Article\n   :sections: members\n   :members: *slug* title\n   :exclude-members: title\n\n"
        ".. trait-list::\n   :exclude-traits: HasT* HasContent\n   :class: narrow\n   :name: mine\n"
    )

    document = blog.write({"index.rst": text}).build("dummy").doctree("index")
    tables = [one for one in document.findall(nodes.table) if {"traits-members", "traits-traits"} & {*one["classes"]}]
    firsts = [[row[0].astext() for row in table.findall(nodes.row)][1:] for table in tables]

    assert all("slug" in one for one in firsts[0])
    assert firsts[0]
    assert [one.partition("\n")[0] for one in firsts[1]] == ["HasSlug", "HasUserTracking"]
    (holder,) = [one for one in document.findall(nodes.container) if "narrow" in one["classes"]]
    assert holder["names"] == ["mine"]


MISSPELT = {
    ".. trait-config:: HasSlg": "There is no trait 'HasSlg' among 7. Did you mean 'blog.traits.HasSlug'?",
    ".. trait-events::\n   :exclude-traits: Nothing*": "There is no trait 'Nothing*' among 7.",
    ".. trait-matrix::\n   :models: Artcle Page": "There is no model 'Artcle' among 3. Did you mean",
    ".. trait-list:: models\n   :exclude-models: Artcle": "There is no model 'Artcle' among 3.",
    ".. trait-model:: Article\n   :sections: hoks": "there is no 'hoks'. Did you mean 'hooks'?",
    ".. trait-changes:: a.json\n   :what: evnt": "there is no 'evnt'. Did you mean 'event'?",
    ".. trait-toctree:: pags": "trait-toctree lists 'pages', 'models' or 'traits', not 'pags'.",
}


@pytest.mark.parametrize("written", MISSPELT)
def test_what_is_misspelt_is_told_at_its_line(blog: SphinxBuilder, written: str) -> None:
    """A name in an option, a section, a kind: nothing is left out of a page in silence."""
    built = blog.write({"index.rst": f"Blog\n====\n\n{written}\n"}).build()

    assert built.warnings[0].startswith(f"{blog.source}/index.rst:4: ")
    assert MISSPELT[written] in "\n".join(built.warnings)
