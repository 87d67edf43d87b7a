"""Compares what classes declare with the runtime's own inventory of the same packages."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sphinx_traits.manifest import MASK, Class, Listener, Manifest, Trait
from traits_cli.verification import records
from traits_cli.verification.program import Program
from traits_runtime import inventory
from traits_runtime._core import registry

_OTHER_BUSES = ("sqlalchemy.", "django.")

Row = tuple[str, ...]

_KINDS = (
    "traits", "models", "hooks", "keys", "features", "events", "jobs", "metrics", "settings", "listeners",
)  # fmt: skip
_ATTRIBUTES = {"keys": "config"}
_FIELDS = {
    "hooks": ("name", "moment", "priority", "is_async"),
    "keys": ("group", "name", "env", "constraints", "secret", "locked"),
    "events": ("name", "wire", "payload", "before"),
    "jobs": ("name", "queue"),
    "metrics": ("name", "kind"),
}
"""The fields of a fact that the inventory has too, in its order."""


def compare_declarations(program: Program, comparison: records.Comparison) -> None:
    """Compare each declared trait, hook, key, feature, event, job, metric, setting and listener.

    A module that fails while it is imported has declared a part of its classes; they are not comparable.

    Args:
        program: The program.
        comparison: Takes the results.
    """
    manifest = program.manifest
    secrets = {(cls.name, key.name) for cls in manifest.classes() for key in cls.config if key.secret}
    if not registry.records():
        return
    declared = inventory(*manifest.packages)
    for kind, rows in declared_rows(manifest).items():
        imported = {_row(fact) for fact in getattr(declared, kind)}
        for row in sorted(rows | imported):
            text = _row_text(kind, row, secrets)
            texts = [text if row in side else "" for side in (rows, imported)]
            failure = program.failure_of(row[1] if kind == "listeners" else row[0])
            if failure:
                comparison.skip(records.Fact(kind, row[0]), failure)
            else:
                comparison.compare(records.Fact(kind, row[0]), *texts)


def _row_text(kind: str, row: Row, secrets: Collection[tuple[str, str]]) -> str:
    """A row in a difference; the value of a secret key is masked."""
    if kind == "settings" and (row[1], row[2]) in secrets:
        row = (*row[:-1], MASK)
    return " ".join(row[1:]) or "declared"


def _row(fact: Any) -> Row:
    return tuple(_text(getattr(fact, name)) for name in fact.__struct_fields__)


def _text(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def declared_rows(manifest: Manifest) -> dict[str, set[Row]]:
    """The manifest's declared facts by kind, as rows of the runtime's inventory."""
    declared = [record for record in (*manifest.traits, *manifest.models) if record.via == "declared"]
    traits = {record.name for record in declared if isinstance(record, Trait)}
    rows: dict[str, set[Row]] = {kind: set() for kind in _KINDS}
    for record in declared:
        rows["traits" if record.name in traits else "models"].add(_class_row(record, traits))
        for kind, row in _rows_of(record):
            rows[kind].add(row)
    rows["listeners"] = _listener_rows(manifest)
    return rows


def _listener_rows(manifest: Manifest) -> set[Row]:
    """The rows of the listeners that hear events of traits."""
    return {_listener_row(listener) for listener in manifest.listeners if not listener.pattern.startswith(_OTHER_BUSES)}


def _class_row(record: Class, traits: set[str]) -> Row:
    return record.name, _text(record.mro), _text(tuple(name for name in record.mro[1:] if name in traits))


def _rows_of(record: Class) -> Iterator[tuple[str, Row]]:
    """The facts of a class, each with its kind."""
    for kind, names in _FIELDS.items():
        for fact in getattr(record, _ATTRIBUTES.get(kind, kind)):
            if kind != "hooks" or not fact.why:  # a reason: the hook is declared with a decorator of a host
                yield kind, (record.name, *(_text(getattr(fact, name)) for name in names))
    for feature in record.features:
        yield "features", (record.name, feature.name, feature.default.text)
    for setting in record.settings:
        yield "settings", (record.name, setting.trait, setting.key, setting.value.text)


def _listener_row(listener: Listener) -> Row:
    return listener.pattern, listener.target, str(listener.priority), listener.model
