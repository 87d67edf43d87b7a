"""After every edit an incremental build gives what a clean build gives, and reads no page in vain."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec
import pytest
from blogfacts import ARTICLE, CONTENT, PAGE, SLUG, TAGS, TRACK, USER, base, manifest
from outputs import tree

from sphinx_traits._sphinx.catalogue import BuildCatalogue
from sphinx_traits.manifest import Hook, Listener, Manifest, Member, Model, Trait, Value
from sphinx_traits.testing import SphinxBuilder

replace = msgspec.structs.replace
Edit = Callable[[Manifest], Manifest]


def edit_class(name: str, **changes: object) -> Edit:
    """An edit that changes fields of one class."""

    def edit(facts: Manifest) -> Manifest:
        return replace(
            facts,
            models=tuple(replace(one, **changes) if one.name == name else one for one in facts.models),
            traits=tuple(replace(one, **changes) if one.name == name else one for one in facts.traits),
        )

    return edit


def trait(name: str) -> Trait:
    """A trait of the blog."""
    return next(one for one in manifest().traits if one.name == name)


def new_user(facts: Manifest) -> Manifest:
    """Another model with labels."""
    mro = ("blog.models.Note", TAGS, "traits_runtime.Trait", "builtins.object")
    note = Model(name="blog.models.Note", bases=(base(TAGS),), mro=mro, traits=(TAGS,), doc="A note.")
    return replace(facts, models=tuple(sorted((*facts.models, note), key=lambda one: one.name)))


def no_tracking(facts: Manifest) -> Manifest:
    """The file of a trait is deleted, and its models forget it."""
    models = [replace(one, mro=_without(one.mro), traits=_without(one.traits)) for one in facts.models]
    return replace(
        facts,
        models=tuple(replace(one, bases=tuple(b for b in one.bases if b.name != TRACK)) for one in models),
        traits=tuple(one for one in facts.traits if one.name != TRACK),
    )


def _without(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name != TRACK)


def another_default(facts: Manifest) -> Manifest:
    """A config key gets another default."""
    keys = tuple(replace(one, default=Value("25")) for one in trait(TAGS).config)
    return edit_class(TAGS, config=keys)(facts)


def swapped_bases(facts: Manifest) -> Manifest:
    """The bases of a model change places, and with them its lookup order."""
    article = next(one for one in facts.models if one.name == ARTICLE)
    first, second, third = article.bases
    mro = (ARTICLE, TRACK, CONTENT, SLUG, TAGS, "traits_runtime.Trait", "blog.db.Base", "builtins.object")
    return edit_class(ARTICLE, bases=(second, first, third), mro=mro, traits=(TRACK, CONTENT, SLUG, TAGS))(facts)


def new_listener(facts: Manifest) -> Manifest:
    """Somebody hears an event that nobody heard."""
    one = Listener(name="forget", owner="blog.listeners", pattern="trait.HasUserTracking.*")
    return replace(facts, listeners=(*facts.listeners, one))


AGGREGATES = {
    "index",
    "traits/config",
    "traits/events",
    "traits/index",
    "traits/matrix",
    "traits/models/index",
    "traits/traits/index",
}


def pages(*names: str) -> set[str]:
    """Documents of models and traits."""
    return {f"traits/{'models' if one in (ARTICLE, PAGE, USER) else 'traits'}/{one}" for one in names}


EDITS: dict[str, tuple[Edit, set[str]]] = {
    "docstring": (edit_class(USER, doc="Somebody who reads and writes."), pages(USER)),
    "hook": (
        edit_class(TAGS, hooks=(*trait(TAGS).hooks, Hook(name="trim", owner=TAGS, moment="saving"))),
        pages(TAGS, CONTENT, ARTICLE, PAGE),
    ),
    "override": (
        edit_class(TAGS, members=(Member(name="slug_source", owner=TAGS),)),
        pages(TAGS, CONTENT, ARTICLE, PAGE),
    ),
    "default": (another_default, pages(TAGS, CONTENT, ARTICLE, PAGE)),
    "bases": (swapped_bases, pages(ARTICLE)),
    "new user": (new_user, pages(TAGS) | {"traits/models/blog.models.Note"}),
    "trait deleted": (no_tracking, pages(ARTICLE, USER)),
    "listener": (new_listener, pages(ARTICLE, USER, TRACK)),
}


@pytest.fixture
def written(blog: SphinxBuilder) -> SphinxBuilder:
    """The blog with pages written by hand that refer to generated ones."""
    return blog.write(
        {
            "notes.rst": "Notes\n=====\n\nSee :trait:event:`changing` and :trait:trait:`HasTags`.\n",
            "plain.rst": "Plain\n=====\n\nNothing of ours.\n",
            "index.rst": "Blog\n====\n\n.. toctree::\n\n   notes\n   plain\n   traits/index\n\n.. trait-matrix::\n",
        }
    )


@pytest.mark.parametrize(
    "name", [one if one == "docstring" else pytest.param(one, marks=pytest.mark.slow) for one in EDITS]
)
def test_an_incremental_build_equals_a_clean_one(written: SphinxBuilder, name: str) -> None:
    """Byte for byte, the pages written by hand, the search index and the inventory included."""
    edit, expected = EDITS[name]
    written.build()
    written.manifest(edit(manifest()))

    built = written.build()
    clean = written.build(out="clean", fresh=True)

    assert tree(built.out) == tree(clean.out)
    assert set(built.read) - AGGREGATES <= expected
    assert not {"traits/config", "traits/events", "traits/matrix"} & set(built.read) or name not in (
        "docstring",
        "hook",
    )
    assert "plain" not in built.read


SPHINX_WRITES = ("genindex.html", "search.html", "searchindex.js", "objects.inv", ".buildinfo")
"""What Sphinx itself writes in every build, and its static files."""


def test_nothing_changed_means_nothing_read_and_nothing_written(written: SphinxBuilder) -> None:
    """The second of two builds leaves every page and index of ours as it was."""
    first = written.build()
    pages = [file for file in first.out.rglob("*.*") if file.name not in SPHINX_WRITES and "_static" not in file.parts]
    before = [(file, file.stat().st_mtime_ns) for file in pages]
    whole = tree(first.out)

    second = written.build()

    assert second.read == []
    assert "trait-config.html" in {file.name for file in pages}
    assert [(file, file.stat().st_mtime_ns) for file in pages] == before
    assert tree(second.out) == whole


def test_a_page_written_by_hand_comes_and_goes(written: SphinxBuilder) -> None:
    """Whatever its file's time is: in place of the generated page, and that one again when it is gone."""
    name = f"traits/models/{ARTICLE}"
    written.build()
    own = written.write({f"{name}.rst": "Mine\n====\n\n.. trait-model:: Article\n"}).source / f"{name}.rst"
    os.utime(own, (0, 0))

    assert written.build().read == [name]
    assert tree(written.build().out) == tree(written.build(out="clean", fresh=True).out)
    own.unlink()
    assert written.build().read == [name]
    assert tree(written.build().out) == tree(written.build(out="clean", fresh=True).out)


def test_a_release_of_ours_has_every_page_read_again(written: SphinxBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pages are made of may have changed with it."""
    first = written.build()
    monkeypatch.setattr("sphinx_traits._sphinx.wiring.__version__", "0.99.0")

    assert set(written.build().read) == first.app.env.found_docs
    assert written.build().read == []


def test_an_index_is_written_again_where_its_entries_or_all_pages_change(written: SphinxBuilder) -> None:
    """An edited docstring leaves it alone; another title of the project and a new key do not."""
    index = written.build().out / "trait-config.html"

    def rewritten() -> bool:
        before = index.stat().st_mtime_ns
        written.build()
        return index.stat().st_mtime_ns != before

    written.manifest(edit_class(USER, doc="Somebody who reads and writes.")(manifest()))
    assert not rewritten()
    written.config["html_title"] = "Another title"
    assert rewritten()
    assert "Another title" in index.read_text(encoding="utf-8")
    key, *_ = trait(TAGS).config
    written.manifest(edit_class(TAGS, config=(replace(key, name="added"),))(manifest()))
    assert rewritten()


def questions(facts: Manifest) -> set[str]:
    """What may be asked about each class."""
    traits = {f"trait:{one.name}" for one in facts.traits}
    return {f"composition:{one.name}" for one in facts.classes()} | traits


@pytest.mark.parametrize("name", EDITS)
def test_what_need_not_be_asked_again_has_the_same_answer(name: str) -> None:
    """Of what is taken to be unchanged everything is; an edit of one class leaves those that it cannot reach alone."""
    before, after = BuildCatalogue(manifest(), ""), BuildCatalogue(EDITS[name][0](manifest()), "")
    same = after.unchanged(before.inputs)

    assert all(before.digest(query) == after.digest(query) for query in same)
    assert before.unchanged(before.inputs) == questions(manifest())
    assert after.unchanged({}) == set()
    if name == "docstring":
        assert questions(manifest()) - same == {f"composition:{USER}", f"trait:{TRACK}"}


def test_an_index_without_entries_is_removed(written: SphinxBuilder) -> None:
    """The last job goes, and the index of jobs with it."""
    assert (written.build().out / "trait-jobs.html").is_file()
    written.manifest(edit_class(TAGS, jobs=())(manifest()))

    assert not (written.build().out / "trait-jobs.html").exists()


@pytest.mark.slow
def test_pages_are_the_same_from_two_processes(written: SphinxBuilder) -> None:
    """A parallel build gives the same files as a serial one."""
    serial = written.build()
    parallel = written.build(out="parallel", parallel=2)

    assert parallel.warnings == serial.warnings == []
    assert tree(parallel.out) == tree(serial.out)


def test_the_source_directory_is_left_alone(written: SphinxBuilder) -> None:
    """A build writes no file beside the sources, not even one it removes again."""
    before = tree(written.source)
    written.build()

    assert tree(written.source) == before
