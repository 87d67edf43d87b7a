"""Compares effective config values and features with what the program resolves."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from sphinx_traits.effective import EffectiveValue
from sphinx_traits.manifest import MASK, Value
from traits_cli.verification.mro import doubt_of
from traits_cli.verification.program import metadata_of
from traits_cli.verification.records import Comparison, Fact, Pair
from traits_runtime._core import runtime
from traits_runtime.rules.coercion import thaw
from traits_runtime.rules.identity import short_name
from traits_runtime.rules.keys import ENABLED, REQUIRED
from traits_runtime.rules.layers import Resolved

_OUTSIDE = ("environment", "stored")
"""Layers that sources cannot know."""


def compare_config(pair: Pair, comparison: Comparison) -> None:
    """Compare value and layer of each config key of a model.

    Args:
        pair: The model.
        comparison: Takes the results.
    """
    _compare_values(pair, "config", pair.composition.config, _resolved(pair.cls, "option"), comparison)


def compare_features(pair: Pair, comparison: Comparison) -> None:
    """Compare value and layer of each feature of a model, and whether it is on: nothing above it is off.

    Args:
        pair: The model.
        comparison: Takes the results.
    """
    features = [feature for feature in pair.composition.features if feature.key.name != ENABLED]
    resolved = _resolved(pair.cls, "feature")
    _compare_values(pair, "feature", features, resolved, comparison)
    metadata = metadata_of(pair.cls)
    for feature in features:
        key = feature.key
        if metadata is not None and (key.owner, key.name) in resolved:
            is_on = feature.value.text == "True" and not feature.switched_off_by
            fact = _fact_of(pair, "feature", feature)._replace(name=f"{_address(key.owner, key.name)} is on")
            comparison.compare(fact, str(is_on), str(metadata.state(f"{key.owner}.{key.name}", None)))


def _resolved(model: type, kind: str) -> dict[tuple[str, str], Resolved[Any]]:
    """What the program resolves for a model without tenant, by declaring class and name."""
    metadata = metadata_of(model)
    if metadata is None:
        return {}
    subject = metadata.subject_of()
    keys = [key for owner in metadata.all for key in owner.keys.values() if key.kind == kind and key.name != ENABLED]
    return {(key.path, key.name): runtime.resolver.resolve(key, subject) for key in keys}


def _compare_values(
    pair: Pair,
    kind: str,
    values: Iterable[EffectiveValue],
    resolved: Mapping[tuple[str, str], Resolved[Any]],
    comparison: Comparison,
) -> None:
    effective = {(value.key.owner, value.key.name): value for value in values}
    for address, value in effective.items():
        if address in resolved:
            _compare_value(_fact_of(pair, kind, value), value, resolved[address], comparison)
        else:
            comparison.compare(_fact_of(pair, kind, value), value.value.text, "")
    for address in resolved.keys() - effective.keys():
        fact = pair.fact(kind, _address(*address), doubt=doubt_of(pair.model))
        comparison.compare(fact, "", repr(resolved[address].value))


def _fact_of(pair: Pair, kind: str, value: EffectiveValue) -> Fact:
    place = value.setting.location if value.setting else value.key.location
    doubt = doubt_of(pair.model) or _doubt_of_value(value.value)
    return pair.fact(kind, _address(value.key.owner, value.key.name), place, doubt)


def _address(owner: str, key: str) -> str:
    return f"{short_name(owner)}.{key}"


def _compare_value(fact: Fact, effective: EffectiveValue, resolved: Resolved[Any], comparison: Comparison) -> None:
    if resolved.layer in _OUTSIDE:
        comparison.skip(fact, f"the value comes from the {resolved.layer} layer")
        return
    is_same = _is_same(effective.value, resolved.value)
    text = MASK if resolved.secret else effective.value.text
    other = f"{MASK} (another value)" if resolved.secret else repr(resolved.value)
    value = text if is_same else other
    comparison.compare(fact, f"{text} [{effective.layer}]", f"{value} [{resolved.layer}]")


def _doubt_of_value(value: Value) -> str:
    if value.text == MASK:
        return "the value is secret"
    return "the sources give an expression" if value.kind in ("expression", "factory") else ""


def _is_same(value: Value, program: object) -> bool:
    """Whether a value as Python writes it is the program's value; a list is the tuple that it becomes."""
    if value.kind == "required":
        return program is REQUIRED
    program = thaw(program)
    try:
        literal = ast.literal_eval(value.text)
    except (ValueError, SyntaxError):
        return value.text == repr(program)
    if isinstance(literal, list | tuple) and isinstance(program, list | tuple):
        return list(literal) == list(program)
    return bool(literal == program) and isinstance(literal, bool) is isinstance(program, bool)
