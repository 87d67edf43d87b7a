"""Compares what classes declare with the runtime's own inventory of the same packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sphinx_traits.manifest import Class, Fact, Listener, Manifest, Trait
from traits_cli.verification import records
from traits_runtime import inventory
from traits_runtime._core import registry

_OTHER_BUSES = ("sqlalchemy.", "django.")

Row = tuple[str, ...]


def compare_declarations(manifest: Manifest, comparison: records.Comparison) -> None:
    """Compare each declared trait, hook, key, feature, event, job, metric, setting and listener.

    Args:
        manifest: The manifest.
        comparison: Takes the results.
    """
    if not registry.records():
        return
    declared = inventory(*manifest.packages)
    for kind, rows in declared_rows(manifest).items():
        program = {_row(fact) for fact in getattr(declared, kind)}
        for row in sorted(rows | program):
            texts = [" ".join(row[1:]) or "declared" if row in side else "" for side in (rows, program)]
            comparison.compare(records.Fact(kind, row[0]), *texts)


def _row(fact: Any) -> Row:
    return tuple(_text(getattr(fact, name)) for name in fact.__struct_fields__)


def _text(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def declared_rows(manifest: Manifest) -> dict[str, set[Row]]:
    """The manifest's declared facts by kind, as rows of the runtime's inventory."""
    declared = [known for known in (*manifest.traits, *manifest.models) if known.via == "declared"]
    traits = {known.name for known in declared if isinstance(known, Trait)}
    rows: dict[str, set[Row]] = {
        "traits": set(), "models": set(), "hooks": set(), "keys": set(), "features": set(), "events": set(),
        "jobs": set(), "metrics": set(), "settings": set(),
    }  # fmt: skip
    for known in declared:
        lineage = (_text(known.mro), _text(tuple(name for name in known.mro[1:] if name in traits)))
        rows["traits" if known.name in traits else "models"].add((known.name, *lineage))
        for kind, row in _rows_of(known):
            rows[kind].add(row)
    own = [listener for listener in manifest.listeners if not listener.pattern.startswith(_OTHER_BUSES)]
    return {**rows, "listeners": {_listener_row(listener) for listener in own}}


def _rows_of(known: Class) -> Iterator[tuple[str, Row]]:
    def row(fact: Fact, *names: str) -> Row:
        return (known.name, *(_text(getattr(fact, name)) for name in names))

    for hook in known.hooks:
        if not hook.why:
            yield "hooks", row(hook, "name", "moment", "priority", "is_async")
    for key in known.config:
        yield "keys", row(key, "group", "name", "env", "constraints", "secret", "locked")
    for feature in known.features:
        yield "features", (known.name, feature.name, feature.default.text)
    for event in known.events:
        yield "events", row(event, "name", "wire", "payload", "before")
    for job in known.jobs:
        yield "jobs", row(job, "name", "queue")
    for metric in known.metrics:
        yield "metrics", row(metric, "name", "kind")
    for setting in known.settings:
        yield "settings", (known.name, setting.trait, setting.key, setting.value.text)


def _listener_row(listener: Listener) -> Row:
    return listener.pattern, listener.target, str(listener.priority), listener.model
