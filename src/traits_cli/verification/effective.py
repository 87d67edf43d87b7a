"""Compares effective config values and features with what the program resolves."""

from __future__ import annotations

import ast
from typing import Any

from sphinx_traits.manifest import MASK, Value
from sphinx_traits.resolve import EffectiveValue
from traits_cli.verification.mro import doubt_of
from traits_cli.verification.program import metadata_of
from traits_cli.verification.records import Comparison, Pair
from traits_runtime._core import runtime
from traits_runtime.rules.keys import ENABLED, REQUIRED
from traits_runtime.rules.layers import Resolved

_OUTSIDE = ("environment", "stored")
"""Layers that sources cannot know."""


def compare_effective(pair: Pair, comparison: Comparison) -> None:
    """Compare value and layer of each config key and feature of a model.

    Args:
        pair: The model.
        comparison: Takes the results.
    """
    composition = pair.composition
    for kind, key_kind, values in (
        ("config", "option", composition.config),
        ("feature", "feature", composition.features),
    ):
        resolved = _resolved(pair.cls, key_kind)
        known = {(value.key.owner, value.key.name): value for value in values if value.key.name != ENABLED}
        for address in sorted({*known, *resolved}):
            _compare_value(pair, (kind, *address), known.get(address), resolved.get(address), comparison)


def _resolved(model: type, kind: str) -> dict[tuple[str, str], Resolved[Any]]:
    """What the program resolves for a model without tenant, by declaring class and name."""
    metadata = metadata_of(model)
    if metadata is None:
        return {}
    subject = metadata.subject_of()
    keys = [key for owner in metadata.all for key in owner.keys.values() if key.kind == kind and key.name != ENABLED]
    return {(key.path, key.name): runtime.resolver.resolve(key, subject) for key in keys}


def _compare_value(
    pair: Pair,
    identity: tuple[str, str, str],
    known: EffectiveValue | None,
    resolved: Resolved[Any] | None,
    comparison: Comparison,
) -> None:
    kind, owner, key = identity
    name = f"{owner.rpartition('.')[2]}.{key}"
    if known is None or resolved is None:
        fact = pair.fact(kind, name, known.key.location if known else None, doubt_of(pair.model))
        comparison.compare(fact, known.value.text if known else "", repr(resolved.value) if resolved else "")
        return
    doubt = doubt_of(pair.model) or _doubt_of_value(known.value)
    fact = pair.fact(kind, name, known.setting.location if known.setting else known.key.location, doubt)
    if resolved.layer in _OUTSIDE:
        comparison.skip(fact, f"the value comes from the {resolved.layer} layer")
        return
    value = known.value.text if _is_same(known.value, resolved.value) else repr(resolved.value)
    comparison.compare(fact, f"{known.value.text} [{known.layer}]", f"{value} [{resolved.layer}]")


def _doubt_of_value(value: Value) -> str:
    if value.text == MASK:
        return "the value is secret"
    return "the sources give an expression" if value.kind in ("expression", "factory") else ""


def _is_same(value: Value, program: object) -> bool:
    """Whether a value as Python writes it is the program's value; a list is the tuple that it becomes."""
    if value.kind == "required":
        return program is REQUIRED
    try:
        literal = ast.literal_eval(value.text)
    except (ValueError, SyntaxError):
        return value.text == repr(program)
    if isinstance(literal, list | tuple) and isinstance(program, list | tuple):
        return list(literal) == list(program)
    return bool(literal == program) and isinstance(literal, bool) is isinstance(program, bool)
