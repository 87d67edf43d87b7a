"""Two versions of a source become changes, each breaking or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sphinx_traits.diff import Change, as_json, as_text, diff
from sphinx_traits.extract import extract

if TYPE_CHECKING:
    from sphinx_traits.manifest import Manifest

OLD = '''
import msgspec
from traits_runtime import Trait, TraitConfig, TraitEvent, counter, feature, hook, job, option

class Made(msgspec.Struct):
    slug: str
    old: str = ""

class SlugConfig(TraitConfig):
    length: int = option(80, ge=8, env="SLUG_LENGTH", doc="Longest slug.")
    token: str = option("abc", secret=True)

class HasSlug(Trait):
    """Makes slugs."""

    slug_config = SlugConfig()
    generated = TraitEvent(Made, doc="After.")
    follow = feature(True, doc="Follow the title.")
    made = counter(doc="How many.")

    @hook("creating", priority=10)
    def fill(self) -> None: ...

    @hook("creating")
    def tidy(self) -> None: ...

    @job(queue="search")
    def reindex(self, full: bool = False) -> None: ...

class HasTags(Trait):
    """Holds tags."""

    @hook("creating")
    def tag(self) -> None: ...

class Article(HasSlug, HasTags):
    __traits__ = {HasSlug: {"length": 120}}
'''

FILL, TIDY, TAG = "HasSlug.fill", "HasSlug.tidy", "HasTags.tag"

CASES: dict[str, tuple[str, str, list[str]]] = {
    "nothing": ("", "", []),
    "a docstring": ("Makes slugs.", "Makes good slugs.", []),
    "a comment that moves every line": ("import msgspec", "# moved\n\nimport msgspec", []),
    "key removed": (
        '    token: str = option("abc", secret=True)\n',
        "",
        ["! config HasSlug.token removed"],
    ),
    "key renamed": ("length: int", "size: int", ["! config HasSlug.length renamed to size"]),
    "key added": (
        '    token: str = option("abc", secret=True)\n',
        '    token: str = option("abc", secret=True)\n    more: int = option(1)\n',
        ["  config HasSlug.more added"],
    ),
    "key added that must be given": (
        '    token: str = option("abc", secret=True)\n',
        '    token: str = option("abc", secret=True)\n    more: int = option(doc="x")\n',
        ["! config HasSlug.more added"],
    ),
    "default": ("option(80", "option(60", ["! config HasSlug.length default: 80 → 60"]),
    "secret default": ('"abc"', '"xyz"', ["! config HasSlug.token default: •••••• → ••••••"]),
    "type": ("length: int", "length: int | None", ["! config HasSlug.length type: int → int | None"]),
    "environment renamed": (
        "SLUG_LENGTH",
        "APP_LENGTH",
        ["! config HasSlug.length env: SLUG_LENGTH → none", "  config HasSlug.length env: none → APP_LENGTH"],
    ),
    "environment added": (
        'env="SLUG_LENGTH"',
        'env=("SLUG_LENGTH", "APP_LENGTH")',
        ["  config HasSlug.length env: none → APP_LENGTH"],
    ),
    "constraint changed": ("ge=8", "ge=16", ["! config HasSlug.length constraints: ge=8 → ge=16"]),
    "constraint dropped": ("ge=8, ", "", ["  config HasSlug.length constraints: ge=8 → none"]),
    "event removed": (
        '    generated = TraitEvent(Made, doc="After.")\n',
        "",
        ["! event HasSlug.generated removed"],
    ),
    "event renamed": ("    generated =", "    produced =", ["! event HasSlug.generated renamed to produced"]),
    "veto": (
        'TraitEvent(Made, doc="After.")',
        'TraitEvent(Made, doc="After.", veto=True)',
        ["! event HasSlug.generated before: no → yes"],
    ),
    "payload field removed": (
        '    old: str = ""\n',
        "",
        ["! event HasSlug.generated fields: old: str = '' → none"],
    ),
    "payload field renamed": (
        "    slug: str\n",
        "    text: str\n",
        ["! event HasSlug.generated fields: slug: str → text: str"],
    ),
    "payload field of another type": (
        "    slug: str\n",
        "    slug: bytes\n",
        ["! event HasSlug.generated fields: slug: str → slug: bytes"],
    ),
    "payload field added": (
        "    slug: str\n",
        "    slug: str\n    at: int\n",
        ["  event HasSlug.generated fields: none → at: int"],
    ),
    "hook priority turns the order": (
        '@hook("creating")\n    def tidy',
        '@hook("creating", priority=20)\n    def tidy',
        [
            f"! model Article hooks at creating: {FILL}, {TIDY}, {TAG} → {TIDY}, {FILL}, {TAG}",
            f"! trait HasSlug hooks at creating: {FILL}, {TIDY} → {TIDY}, {FILL}",
            "! hook HasSlug.tidy priority: 0 → 20",
        ],
    ),
    "hook at another moment": (
        '@hook("creating", priority=10)',
        '@hook("saving", priority=10)',
        ["! hook HasSlug.fill moment: creating → saving"],
    ),
    "feature off": ("feature(True", "feature(False", ["! feature HasSlug.follow default: True → False"]),
    "metric removed": ('    made = counter(doc="How many.")\n', "", ["! metric HasSlug.made removed"]),
    "job queue": ('queue="search"', 'queue="slow"', ["! job HasSlug.reindex queue: search → slow"]),
    "job parameter with a default": (
        "full: bool = False",
        "full: bool = False, hard: bool = True",
        ["  job HasSlug.reindex parameters: none → hard: bool = True"],
    ),
    "job parameter that must be given": (
        "(self, full: bool = False)",
        "(self, at: int, full: bool = False)",
        ["! job HasSlug.reindex parameters: none → at: int"],
    ),
    "trait dropped by a model": (
        "class Article(HasSlug, HasTags)",
        "class Article(HasSlug)",
        ["! model Article traits: shop.HasTags → none"],
    ),
    "trait taken by a model": (
        "class Article(HasSlug, HasTags)",
        "class HasMore(Trait): ...\n\nclass Article(HasSlug, HasTags, HasMore)",
        ["  model Article traits: none → shop.HasMore", "  trait HasMore added"],
    ),
    "bases turned round": (
        "class Article(HasSlug, HasTags)",
        "class Article(HasTags, HasSlug)",
        [
            f"! model Article hooks at creating: {FILL}, {TIDY}, {TAG} → {TAG}, {FILL}, {TIDY}",
            "! model Article order: Article, HasSlug, HasTags, Trait → Article, HasTags, HasSlug, Trait",
        ],
    ),
    "value of one model": (
        '"length": 120',
        '"length": 100',
        ["! model Article HasSlug.length: 120 (model) → 100 (model)"],
    ),
    "value of one model dropped": (
        '    __traits__ = {HasSlug: {"length": 120}}\n',
        "    pass\n",
        ["! model Article HasSlug.length: 120 (model) → 80 (default)"],
    ),
    "model renamed": ("class Article(", "class Post(", ["! model Article removed", "  model Post added"]),
}


def manifest(folder: Path, text: str) -> Manifest:
    """The manifest of a package with one module."""
    package = folder / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(text)
    return extract(["shop"], search_paths=[folder], project=folder)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The version that others rely on."""
    return manifest(tmp_path_factory.mktemp("old"), OLD)


@pytest.mark.parametrize("case", CASES)
def test_a_change_of_the_source_is_found(case: str, old: Manifest, tmp_path: Path) -> None:
    """One edit gives the changes that it makes, and no other."""
    before, after, expected = CASES[case]
    assert before in OLD

    changes = diff(old, manifest(tmp_path, OLD.replace(before, after, 1) if before else OLD))

    assert sorted(str(change).replace(" shop.", " ", 1) for change in changes) == sorted(expected)


def test_undoing_a_change_turns_it_round(old: Manifest, tmp_path: Path) -> None:
    """What was added is what would be removed."""
    new = manifest(tmp_path, OLD.replace("class HasTags", "class HasLabels").replace("HasSlug, HasTags", "HasSlug"))

    there = {(one.name, one.kind) for one in diff(old, new) if one.kind in ("added", "removed")}
    back = {(one.name, one.kind) for one in diff(new, old) if one.kind in ("added", "removed")}

    swapped = {"added": "removed", "removed": "added"}
    assert there == {(name, swapped[kind]) for name, kind in back}
    assert len(there) == 2


BASES = """
from django.db import models

class Named(models.Model):
    title = models.CharField(max_length=80)
    class Meta:
        abstract = True

class Plain: ...
class Other: ...

class Page(Named, Plain, Other):
    slug = models.SlugField()
    def save(self, **options): ...

class HomePage(Page): ...
"""


def test_what_moves_to_a_base_is_not_gone(tmp_path: Path) -> None:
    """The model has the column as before; only who declares it is another."""
    new = BASES.replace("    slug = models.SlugField()\n", "").replace(
        "max_length=80)\n", "max_length=80)\n    slug = models.SlugField()\n"
    )
    changes = diff(manifest(tmp_path / "old", BASES), manifest(tmp_path / "new", new))

    assert [str(change) for change in changes if "Named" not in change.name] == [
        "  column shop.Page.slug declared by: shop.Page → shop.Named"
    ]
    assert not any(change.breaking for change in changes)


def test_what_a_base_gains_or_reorders_is_told_once(tmp_path: Path) -> None:
    """Not again for every class below it."""
    new = BASES.replace("(Named, Plain, Other)", "(Named, Other, Plain)")
    changes = diff(manifest(tmp_path / "old", BASES), manifest(tmp_path / "new", new))

    assert [(change.name, change.part) for change in changes] == [("shop.Page", "order")]


def test_breaking_changes_come_first_and_know_their_place(old: Manifest, tmp_path: Path) -> None:
    """The text names the line, counts, and marks what breaks."""
    text = OLD.replace("option(80", "option(60")
    changes = diff(old, manifest(tmp_path, text.replace("class HasTags", "class HasMore(Trait): ...\n\nclass HasTags")))

    shown = as_text(changes).splitlines()

    assert [row[0] for row in shown] == ["!", " ", "2"]
    assert shown[0].endswith("shop.HasSlug.length default: 80 → 60  (shop/__init__.py:10)")
    assert shown[-1] == "2 changes, 1 of them breaking."


def test_json_says_the_same() -> None:
    """Programs read the fields."""
    change = Change(what="config", name="shop.HasSlug.a", kind="changed", part="default", before="1", after="2")

    assert json.loads(as_json([change])) == [
        {
            "what": "config",
            "name": "shop.HasSlug.a",
            "kind": "changed",
            "part": "default",
            "before": "1",
            "after": "2",
            "breaking": False,
            "location": {"path": "", "line": 0, "end_line": 0},
        }
    ]
