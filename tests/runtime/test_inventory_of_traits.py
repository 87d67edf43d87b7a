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
    return {trait.name: trait for trait in manifest.traits if trait.name.startswith(PACKAGE)}


def held(kind: type) -> list[tuple[str, Any]]:
    """What the classes of the ready-made traits hold in their bodies."""
    own_records = [record for path, record in records().items() if path.startswith(PACKAGE) and record.kind == "trait"]
    return [
        (entry.path, value) for entry in own_records for value in vars(entry.cls).values() if isinstance(value, kind)
    ]


def test_sources_and_program_know_the_same_traits(read: dict[str, Class]) -> None:
    """None is forgotten."""
    assert set(read) == {trait.name for trait in inventory(PACKAGE).traits}


def test_hooks_keys_features_and_events_are_the_same(read: dict[str, Class]) -> None:
    """What the pages say is what happens."""
    result = inventory(PACKAGE)

    assert {(hook.owner, hook.name, hook.moment) for c in read.values() for hook in c.hooks} == {
        (hook.owner, hook.name, hook.moment) for hook in result.hooks
    }
    assert {(fact.owner, fact.name) for c in read.values() for fact in c.config} == {
        (key.owner, key.name) for key in result.keys
    }
    assert {(feature.owner, feature.name) for c in read.values() for feature in c.features} == {
        (feature.owner, feature.name) for feature in result.features
    }
    assert {(event.owner, event.wire, event.payload) for c in read.values() for event in c.events} == {
        (event.owner, event.wire, event.payload) for event in result.events
    }


def test_columns_are_the_same(read: dict[str, Class]) -> None:
    """Name, whether it may be empty, and what it holds."""
    assert {
        (column.owner, column.name, column.nullable, column.doc) for c in read.values() for column in c.columns
    } == {
        (owner, declaration.name, "yes" if declaration.nullable else "no", declaration.doc)
        for owner, declaration in held(TraitColumn)
    }


def test_scopes_are_the_same(read: dict[str, Class]) -> None:
    """Those that queries ask for by name."""
    assert {(scope.owner, scope.name) for c in read.values() for scope in c.scopes} == {
        (owner, declaration.name) for owner, declaration in held(TraitScope)
    }


def test_everything_is_described(read: dict[str, Class]) -> None:
    """Each hook, key, feature, event, column and scope has its sentence."""
    silent = [
        f"{c.name}.{fact.name}"
        for c in read.values()
        for fact in (*c.hooks, *c.config, *c.features, *c.events, *c.columns, *c.scopes)
        if not fact.doc
    ]

    assert silent == []
    assert all(value.doc for value in read.values())
