"""The ready-made traits as the documentation reads them, and as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("griffe")

from sphinx_traits.extract import extract
from sphinx_traits.manifest import Class
from traits_runtime import inventory, traits
from traits_runtime._core.registry import records
from traits_runtime._core.trait.columns import TraitColumn
from traits_runtime._core.trait.scopes import TraitScope

PACKAGE = "traits_runtime.traits"
SOURCES = Path(traits.__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def read() -> dict[str, Class]:
    """The traits as their sources say."""
    manifest = extract(["traits_runtime"], search_paths=[SOURCES])
    return {one.name: one for one in manifest.traits if one.name.startswith(PACKAGE)}


def held(kind: type) -> list[tuple[str, Any]]:
    """What the classes of the ready-made traits hold in their bodies."""
    mine = [one for path, one in records().items() if path.startswith(PACKAGE) and one.kind == "trait"]
    return [(one.path, value) for one in mine for value in vars(one.cls).values() if isinstance(value, kind)]


def test_sources_and_program_know_the_same_traits(read: dict[str, Class]) -> None:
    """None is forgotten."""
    assert set(read) == {one.name for one in inventory(PACKAGE).traits}


def test_hooks_keys_features_and_events_are_the_same(read: dict[str, Class]) -> None:
    """What the pages say is what happens."""
    found = inventory(PACKAGE)

    assert {(one.owner, one.name, one.moment) for c in read.values() for one in c.hooks} == {
        (one.owner, one.name, one.moment) for one in found.hooks
    }
    assert {(one.owner, one.name) for c in read.values() for one in c.config} == {
        (one.owner, one.name) for one in found.keys
    }
    assert {(one.owner, one.name) for c in read.values() for one in c.features} == {
        (one.owner, one.name) for one in found.features
    }
    assert {(one.owner, one.wire, one.payload) for c in read.values() for one in c.events} == {
        (one.owner, one.wire, one.payload) for one in found.events
    }


def test_columns_are_the_same(read: dict[str, Class]) -> None:
    """Name, whether it may be empty, and what it holds."""
    assert {(one.owner, one.name, one.nullable, one.doc) for c in read.values() for one in c.columns} == {
        (owner, one.name, "yes" if one.nullable else "no", one.doc) for owner, one in held(TraitColumn)
    }


def test_scopes_are_the_same(read: dict[str, Class]) -> None:
    """Those that queries ask for by name."""
    assert {(one.owner, one.name) for c in read.values() for one in c.scopes} == {
        (owner, one.name) for owner, one in held(TraitScope)
    }


def test_everything_is_described(read: dict[str, Class]) -> None:
    """Each hook, key, feature, event, column and scope has its sentence."""
    silent = [
        f"{c.name}.{one.name}"
        for c in read.values()
        for one in (*c.hooks, *c.config, *c.features, *c.events, *c.columns, *c.scopes)
        if not one.doc
    ]

    assert silent == []
    assert all(one.doc for one in read.values())
