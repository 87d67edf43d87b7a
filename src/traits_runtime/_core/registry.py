"""The traits and models that are alive, by name."""

from __future__ import annotations

from traits_runtime._core import runtime
from traits_runtime._core.metadata import METADATA, TraitMetadata
from traits_runtime.errors import AmbiguousNameError, UnknownModelError, UnknownTraitError


def records() -> dict[str, TraitMetadata]:
    """All records by dotted path.

    A class that a decorator has made anew (a dataclass or an attrs class with slots) counts once, as its last
    version; parametrised copies of a generic pydantic model do not count.
    """
    found: dict[str, TraitMetadata] = {}
    for cls in sorted(runtime.known_classes(), key=_age):
        metadata: TraitMetadata | None = cls.__dict__.get(METADATA)
        if metadata is not None and not _is_copy(cls):
            found[metadata.path] = metadata
    return dict(sorted(found.items()))


def _age(cls: type) -> int:
    metadata: TraitMetadata = cls.__dict__[METADATA]
    return metadata.number


def _is_copy(cls: type) -> bool:
    made: dict[str, object] = cls.__dict__.get("__pydantic_generic_metadata__") or {}
    return made.get("origin") is not None


def traits() -> tuple[type, ...]:
    """All traits, sorted by dotted path."""
    return tuple(one.cls for one in records().values() if one.kind == "trait")


def models() -> tuple[type, ...]:
    """All models, sorted by dotted path."""
    return tuple(one.cls for one in records().values() if one.kind == "model")


def find_trait(name: str) -> TraitMetadata:
    """A trait by short name or dotted path.

    Raises:
        UnknownTraitError: There is none.
        AmbiguousNameError: There are several of that short name.
    """
    known = {path: one for path, one in records().items() if one.kind == "trait"}
    found = _named(name, known)
    if found is None:
        raise UnknownTraitError(name, [one.name for one in known.values()])
    return found


def find_model(name: str) -> TraitMetadata:
    """A model by dotted path or its last parts.

    Raises:
        UnknownModelError: There is none.
        AmbiguousNameError: There are several.
    """
    known = {path: one for path, one in records().items() if one.kind == "model"}
    found = _named(name, known)
    if found is None:
        raise UnknownModelError(name, [one.name for one in known.values()])
    return found


def _named(name: str, known: dict[str, TraitMetadata]) -> TraitMetadata | None:
    if name in known:
        return known[name]
    found = [one for path, one in known.items() if path.endswith("." + name)]
    if len(found) > 1:
        raise AmbiguousNameError(name, [one.path for one in found])
    return found[0] if found else None
