"""A package on disk is edited in the eight ways that other extensions get wrong; each rebuild equals a clean build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from outputs import tree

if TYPE_CHECKING:
    from sphinx_traits.testing import SphinxBuilder

FILES = {
    "__init__.py": '"""A shop."""\n',
    "slugs.py": """
from traits_runtime import Trait, TraitConfig, TraitEvent, hook, option


class SlugConfig(TraitConfig):
    max_length: int = option(80, doc="Longest slug.")


class HasSlug(Trait):
    \"""Gives a row a readable address.\"""

    slug_config = SlugConfig()
    slug_generated = TraitEvent(doc="After a slug was made.")

    @hook("creating")
    def make_slug(self) -> None:
        \"""Make the slug.\"""
        self.slug_generated()

    def slug_source(self) -> str:
        \"""The text of the slug.\"""
        return ""
""",
    "tags.py": """
from traits_runtime import Trait, hook


class HasTags(Trait):
    \"""Lets a row carry labels.\"""

    @hook("creating")
    def count_tags(self) -> None:
        \"""Count the labels.\"""
""",
    "tracking.py": """
from traits_runtime import Trait, TraitEvent


class HasTracking(Trait):
    \"""Records who changed a row.\"""

    changed = TraitEvent(doc="After a change.")

    def touch(self) -> None:
        self.changed()
""",
    "content.py": """
from shop.slugs import HasSlug
from shop.tags import HasTags
from traits_runtime import Trait


class HasContent(HasSlug, HasTags, Trait):
    \"""A text with an address and labels.\"""
""",
    "article.py": """
from shop.content import HasContent
from shop.tracking import HasTracking


class Article(HasContent, HasTracking):
    \"""A dated text.\"""
""",
    "page.py": """
from shop.slugs import HasSlug
from shop.tags import HasTags


class Page(HasSlug, HasTags):
    \"""A text without a date.\"""
""",
    "user.py": """
from shop.tracking import HasTracking


class User(HasTracking):
    \"""Somebody who writes.\"""
""",
    "listeners.py": """
from traits_runtime import events


@events.listen("trait.HasSlug.*")
def notify(event: object) -> None:
    \"""Tell the followers.\"""
""",
}

DOCS = {
    "notes.rst": "Notes\n=====\n\nSee :trait:event:`slug_generated` and :trait:trait:`HasTags`.\n",
    "plain.rst": "Plain\n=====\n\nNothing of ours.\n",
    "index.rst": "Shop\n====\n\n.. toctree::\n\n   notes\n   plain\n   traits/index\n",
}

ARTICLE, PAGE, USER, NOTE = (
    f"traits/models/shop.{one}" for one in ("article.Article", "page.Page", "user.User", "note.Note")
)
CONTENT, SLUG, TAGS, TRACKING = (
    f"traits/traits/shop.{one}"
    for one in ("content.HasContent", "slugs.HasSlug", "tags.HasTags", "tracking.HasTracking")
)
INDEX, MODELS, TRAITS, CONFIG, EVENTS, MATRIX = (
    f"traits/{one}" for one in ("index", "models/index", "traits/index", "config", "events", "matrix")
)

Edit = Callable[[Path], None]


def change(file: str, before: str, after: str) -> Edit:
    """An edit of one file."""

    def edit(package: Path) -> None:
        text = (package / file).read_text()
        assert before in text
        (package / file).write_text(text.replace(before, after))

    return edit


def new_user(package: Path) -> None:
    """A file with another model."""
    text = 'from shop.tags import HasTags\n\n\nclass Note(HasTags):\n    """A note."""\n'
    (package / "note.py").write_text(text)


EDITS: dict[str, tuple[Edit, set[str]]] = {
    "docstring": (
        change("tags.py", "Lets a row carry labels", "Puts labels on a row"),
        {TAGS, CONTENT, ARTICLE, PAGE, INDEX, TRAITS},
    ),
    "hook": (
        change("tags.py", "    @hook(", '    @hook("saving")\n    def trim(self) -> None: ...\n\n    @hook('),
        {TAGS, CONTENT, ARTICLE, PAGE, INDEX, TRAITS},
    ),
    "override": (
        change(
            "content.py",
            'labels."""\n',
            'labels."""\n\n    def slug_source(self) -> str:\n        return super().slug_source()\n',
        ),
        {CONTENT, ARTICLE},
    ),
    "default": (change("slugs.py", "option(80", "option(60"), {SLUG, CONTENT, ARTICLE, PAGE, CONFIG}),
    "bases": (change("page.py", "(HasSlug, HasTags)", "(HasTags, HasSlug)"), {PAGE, INDEX, MODELS, MATRIX, CONFIG}),
    "new user": (new_user, {NOTE, TAGS, INDEX, MODELS, TRAITS, CONFIG, EVENTS, MATRIX}),
    "trait deleted": (
        lambda package: (package / "tracking.py").unlink(),
        {ARTICLE, INDEX, MODELS, TRAITS, CONFIG, EVENTS, MATRIX},
    ),
    "listener": (
        change(
            "listeners.py",
            "from traits_runtime import events\n",
            "from traits_runtime import events\n\n\n"
            '@events.listen("trait.HasTracking.*")\ndef audit(event: object) -> None: ...\n',
        ),
        {SLUG, CONTENT, TRACKING, ARTICLE, PAGE, USER, EVENTS},
    ),
}
"""Each edit, and the pages that show what it changes: these are read again, and no others."""


@pytest.fixture
def shop(project: SphinxBuilder) -> SphinxBuilder:
    """A project about a package on disk."""
    package = project.root / "shop"
    package.mkdir()
    for name, text in FILES.items():
        (package / name).write_text(text.lstrip())
    project.config.update(traits_packages=["shop"], traits_search_paths=[".."], traits_markdown=True)
    return project.write(DOCS)


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_after_an_edit_the_rebuild_equals_a_clean_build(shop: SphinxBuilder, name: str) -> None:
    """Byte for byte: pages, search index and inventory; and only the pages that show the change are read."""
    edit, expected = EDITS[name]
    assert shop.build().warnings == []
    edit(shop.root / "shop")

    built = shop.build()
    clean = shop.build(out="clean", fresh=True)

    assert tree(built.out) == tree(clean.out)
    assert set(built.read) == expected
    assert built.warnings == clean.warnings


@pytest.mark.slow
def test_one_edit_after_the_other_equals_a_clean_build(shop: SphinxBuilder) -> None:
    """Seven edits in turn, each on top of the last build: nothing of an earlier one is left."""
    shop.build()
    for name in [one for one in EDITS if one != "trait deleted"]:
        EDITS[name][0](shop.root / "shop")
        built = shop.build()

    assert tree(built.out) == tree(shop.build(out="clean", fresh=True).out)


def test_touched_files_are_nothing_new(shop: SphinxBuilder) -> None:
    """New times and a comment at the end of a file: no page is read, and no page of ours is written."""
    first = shop.build()
    before = {file: file.stat().st_mtime_ns for file in first.out.glob("traits/**/*.html")}
    for file in (shop.root / "shop").glob("*.py"):
        file.write_text(file.read_text() + "# the end\n")

    built = shop.build()

    assert built.read == []
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert tree(built.out) == tree(shop.build(out="clean", fresh=True).out)


@pytest.mark.slow
def test_one_two_and_four_processes_give_the_same(shop: SphinxBuilder) -> None:
    """Pages, inventory and search index, with more pages than processes; the manifest too."""
    serial = shop.build()

    assert len(serial.app.env.found_docs) >= 10
    for processes in (2, 4):
        parallel = shop.build(out=f"parallel{processes}", parallel=processes)
        assert parallel.warnings == serial.warnings == []
        assert tree(parallel.out) == tree(serial.out)
    manifests = {shop.build("traits-json", parallel=one, fresh=True).text("traits.json") for one in (1, 2, 4)}
    assert len(manifests) == 1


@pytest.mark.slow
def test_a_read_only_source_folder_is_enough(shop: SphinxBuilder) -> None:
    """Nothing is written beside the sources or the pages, not even a file that is removed again."""
    folders = (shop.root / "shop", shop.source)
    shop.write({"conf.py": "extensions = ['sphinx_traits']\n"})
    before = [tree(folder) for folder in folders]
    for folder in folders:
        for one in (folder, *folder.rglob("*")):
            one.chmod(0o555 if one.is_dir() else 0o444)
    try:
        built = shop.build()
    finally:
        for folder in folders:
            folder.chmod(0o755)

    assert built.warnings == []
    assert [tree(folder) for folder in folders] == before
