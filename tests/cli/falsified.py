"""Falsified manifests of the blog, each in one fact; the script verifies all of them in one process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sphinx_traits.extract import extract
from sphinx_traits.manifest import Class, ConfigKey, Fact, Listener, Manifest, Member, Model, Setting, Value
from sphinx_traits.project import read_project
from traits_cli.app import make_importable

ARTICLE = "blog.models.content.Article"
PAGE = "blog.models.content.Page"
ANNOUNCED = "blog.traits.announcing.Announced"
USER_TRACKING = "traits_runtime.traits.tracking.HasUserTracking"

Falsification = Callable[[Manifest], Manifest]


def with_class(manifest: Manifest, name: str, **changes: Any) -> Manifest:
    """The manifest with other values in one of its classes."""

    def changed(classes: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(replace(known, **changes) if known.name == name else known for known in classes)

    return replace(
        manifest, models=changed(manifest.models), traits=changed(manifest.traits), bases=changed(manifest.bases)
    )


def class_of(manifest: Manifest, name: str) -> Class:
    """A class of the manifest."""
    return next(known for known in manifest.classes() if known.name == name)


def with_fact(name: str, kind: str, fact: str, /, **changes: Any) -> Falsification:
    """Gives a fact of a class other values."""

    def falsify(manifest: Manifest) -> Manifest:
        facts: tuple[Fact, ...] = getattr(class_of(manifest, name), kind)
        changed = tuple(replace(known, **changes) if known.name == fact else known for known in facts)
        if changed == facts:
            raise LookupError(f"{name} has no {fact} among its {kind}, or it has these values")
        return with_class(manifest, name, **{kind: changed})

    return falsify


def without_fact(name: str, kind: str, fact: str) -> Falsification:
    """Removes a fact from a class."""

    def falsify(manifest: Manifest) -> Manifest:
        facts: tuple[Fact, ...] = getattr(class_of(manifest, name), kind)
        kept = tuple(known for known in facts if known.name != fact)
        if len(kept) == len(facts):
            raise LookupError(f"{name} has no {fact} among its {kind}")
        return with_class(manifest, name, **{kind: kept})

    return falsify


def without_model(manifest: Manifest) -> Manifest:
    """Page is not among the models."""
    return replace(manifest, models=tuple(model for model in manifest.models if model.name != PAGE))


def with_invented_model(manifest: Manifest) -> Manifest:
    """A model that no module defines."""
    page = next(model for model in manifest.models if model.name == PAGE)
    return replace(manifest, models=(*manifest.models, replace(page, name="blog.models.content.Letter")))


def model_as_base(manifest: Manifest) -> Manifest:
    """Page is a base class, no model."""
    page = class_of(manifest, PAGE)
    fields = {field: getattr(page, field) for field in Class.__struct_fields__}
    return replace(without_model(manifest), bases=(*manifest.bases, Class(**fields)))


def with_swapped_mro(manifest: Manifest) -> Manifest:
    """Two bases of Article change places."""
    own, first, second, *others = class_of(manifest, ARTICLE).mro
    return with_class(manifest, ARTICLE, mro=(own, second, first, *others))


def with_invented_member(manifest: Manifest) -> Manifest:
    """Page overrides a method of its trait, which the program does not do."""
    page = class_of(manifest, PAGE)
    member = Member(name="publish", owner=PAGE, location=page.location)
    return with_class(manifest, PAGE, members=(*page.members, member))


def with_invented_key(manifest: Manifest) -> Manifest:
    """A trait has a config key that its class does not declare."""
    trait = class_of(manifest, ANNOUNCED)
    key = ConfigKey(name="volume", owner=ANNOUNCED, group="announcing_config", default=Value("3"))
    return with_class(manifest, ANNOUNCED, config=(*trait.config, key))


def with_setting(manifest: Manifest) -> Manifest:
    """Article gives a config key another value."""
    settings = class_of(manifest, ARTICLE).settings
    changed = tuple(replace(known, value=Value("6")) if known.key == "max_tags" else known for known in settings)
    return with_class(manifest, ARTICLE, settings=changed)


def with_file_value(manifest: Manifest) -> Manifest:
    """The config file gives another value to all models."""
    changed = tuple(
        replace(known, value=Value("61")) if known.key == "max_length" else known for known in manifest.settings
    )
    return replace(manifest, settings=changed)


def with_trait_off(manifest: Manifest) -> Manifest:
    """The config file switches a trait off."""
    setting = Setting(trait=ANNOUNCED, key="enabled", value=Value("False"), layer="file")
    return replace(manifest, settings=(*manifest.settings, setting))


def with_listener(name: str, /, **changes: Any) -> Falsification:
    """Gives a listener other values; without any it is removed."""

    def falsify(manifest: Manifest) -> Manifest:
        others = tuple(known for known in manifest.listeners if known.name != name)
        changed: tuple[Listener, ...] = tuple(
            replace(known, **changes) for known in manifest.listeners if known.name == name and changes
        )
        return replace(manifest, listeners=(*others, *changed))

    return falsify


def without_trait(manifest: Manifest) -> Manifest:
    """A trait of the package is not among the traits."""
    return replace(manifest, traits=tuple(trait for trait in manifest.traits if trait.name != ANNOUNCED))


def with_model_traits(manifest: Manifest) -> Manifest:
    """A trait is taken for a base class: models do not have it."""
    announced = class_of(manifest, ANNOUNCED)
    fields = {field: getattr(announced, field) for field in Class.__struct_fields__}
    return replace(without_trait(manifest), bases=(*manifest.bases, Class(**fields)))


FALSIFICATIONS: dict[str, tuple[str, Falsification]] = {
    "a missing model": ("model", without_model),
    "an invented model": ("model", with_invented_model),
    "a model that is read as a base": ("model", model_as_base),
    "another MRO": ("mro", with_swapped_mro),
    "another line": ("member", with_fact(ARTICLE, "members", "slug_source", location=Model(name="").location)),
    "a missing method": ("member", without_fact(ARTICLE, "members", "slug_source")),
    "a missing override": ("winner", without_fact(ARTICLE, "members", "slug_source")),
    "an invented override": ("winner", with_invented_member),
    "another moment": ("hook order", with_fact(ANNOUNCED, "hooks", "announce_new", moment="created")),
    "a missing hook": ("hook order", without_fact(ANNOUNCED, "hooks", "announce_new")),
    "a hook that ran": ("recorded hooks", without_fact(ANNOUNCED, "hooks", "announce_new")),
    "a hook that ran at another moment": (
        "recorded hooks",
        with_fact("traits_runtime.traits.slug.HasSlug", "hooks", "make_slug", moment="created"),
    ),
    "another default": ("config", with_fact(ANNOUNCED, "config", "channel", default=Value("'post'"))),
    "another value in code": ("config", with_setting),
    "another value in the file": ("config", with_file_value),
    "an invented key": ("config", with_invented_key),
    "another toggle": ("feature", with_fact(ANNOUNCED, "features", "announce", default=Value("False"))),
    "a trait that is switched off": ("feature", with_trait_off),
    "a missing feature": ("feature", without_fact(ANNOUNCED, "features", "announce")),
    "a missing column": ("column", without_fact(PAGE, "columns", "in_menu")),
    "an invented column": ("column", with_fact(PAGE, "columns", "in_menu", name="in_footer")),
    "a column that config leaves out": ("column", with_fact(USER_TRACKING, "columns", "created_by_type", named_by="")),
    "another type": ("column type", with_fact(PAGE, "columns", "in_menu", type="int")),
    "another nullability": ("nullability", with_fact(ARTICLE, "columns", "series_id", nullable="no")),
    "another key": ("target", with_fact(ARTICLE, "columns", "series_id", target="pages.id")),
    "another relation": ("target", with_fact(ARTICLE, "columns", "series", target="blog.models.content.Page")),
    "a missing listener": ("listener", with_listener("refresh_front_page")),
    "another priority": ("listener", with_listener("refresh_front_page", priority=9)),
    "a listener for another model": ("listener", with_listener("refresh_front_page", model=PAGE)),
    "a missing trait": ("traits", without_trait),
    "a model with fewer traits": ("models", with_model_traits),
    "an async hook": ("hooks", with_fact(ANNOUNCED, "hooks", "announce_new", is_async=True)),
    "another variable": ("keys", with_fact(ANNOUNCED, "config", "max_followers", env=("BLOG_FOLLOWERS",))),
    "another default of a feature": ("features", with_fact(ANNOUNCED, "features", "announce", default=Value("False"))),
    "another payload": ("events", with_fact(ANNOUNCED, "events", "followers_told", payload="")),
    "another queue": ("jobs", with_fact(ANNOUNCED, "jobs", "tell_followers", queue="post")),
    "a missing metric": ("metrics", without_fact("traits_runtime.traits.slug.HasSlug", "metrics", "slug_collisions")),
    "another value of a model": ("settings", with_setting),
    "another pattern": ("listeners", with_listener("audit", pattern="trait.*.published")),
}
"""The kind of fact in which each falsified manifest must differ."""


def main(folder: str) -> None:
    """Print, as JSON, the kinds of differences of each falsified manifest, and of the true one under an empty name."""
    project = read_project(Path(folder))
    manifest = extract(project.packages, search_paths=project.search_paths, project=project.root)
    make_importable(project.root)
    from blog.app import start

    start()
    kinds = {name: _kinds(falsify(manifest), kind) for name, (kind, falsify) in FALSIFICATIONS.items()}
    print(json.dumps({"": _kinds(manifest, "recorded hooks"), **kinds}))


def _kinds(manifest: Manifest, kind: str) -> list[str]:
    """The kinds of differences; writing rows takes most of the time, and is left out for other kinds."""
    from traits_cli.verification import import_program, verify_manifest

    verification = verify_manifest(import_program(manifest), write_rows=kind == "recorded hooks")
    return sorted({difference.kind for difference in verification.differences})


if __name__ == "__main__":
    main(sys.argv[1])
