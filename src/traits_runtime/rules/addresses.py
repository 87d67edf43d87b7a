"""Checks that the trait, key and model of an override exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from traits_runtime.errors import UnknownConfigKeyError, UnknownModelError, UnknownNameError, UnknownTraitError
from traits_runtime.rules.identity import short_name
from traits_runtime.rules.layers import Address

ROLLOUT_SUFFIXES = (".rollout", ".subjects")
"""Ends of the undeclared keys that store a feature's rollout."""


def unknown_name(
    address: Address, keys: Mapping[str, Collection[str]], models: Collection[str]
) -> UnknownNameError | None:
    """The error for an undeclared trait, model or key of an address; None where all of it is declared.

    Args:
        address: Trait by short name or path, key, model's path, tenant.
        keys: The declared keys by trait's path.
        models: Paths of the models.

    >>> print(unknown_name(("HasSlug", "max_lenght", "", ""), {"shop.HasSlug": ["max_length"]}, []))
    Trait 'HasSlug' declares no config key 'max_lenght'. Did you mean 'max_length'?
    """
    trait, key, model, _tenant = address
    if trait == "*":
        return None
    owners = [path for path in keys if trait in (path, short_name(path))]
    if not owners:
        return UnknownTraitError(trait, map(short_name, keys))
    if model and model not in models:
        return UnknownModelError(model, models)
    declared = {name for path in owners for name in keys[path]}
    return None if _is_declared(key, declared) else UnknownConfigKeyError(trait, key, declared)


def _is_declared(key: str, declared: Collection[str]) -> bool:
    """Whether a key is declared, or stores the rollout of a declared feature."""
    feature, _, _ = key.rpartition(".")
    return key in declared or (key.endswith(ROLLOUT_SUFFIXES) and feature in declared)
