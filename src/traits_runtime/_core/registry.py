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
    by_path: dict[str, TraitMetadata] = {}
    for cls in sorted(runtime.known_classes(), key=_age):
        metadata: TraitMetadata | None = cls.__dict__.get(METADATA)
        if metadata is not None and not _is_copy(cls):
            by_path[metadata.path] = metadata
    return dict(sorted(by_path.items()))


def _age(cls: type) -> int:
    metadata: TraitMetadata = cls.__dict__[METADATA]
    return metadata.number


def _is_copy(cls: type) -> bool:
    generic: dict[str, object] = cls.__dict__.get("__pydantic_generic_metadata__") or {}
    return generic.get("origin") is not None


def traits() -> tuple[type, ...]:
    """All traits, sorted by dotted path."""
    return tuple(metadata.cls for metadata in records().values() if metadata.kind == "trait")


def models() -> tuple[type, ...]:
    """All models, sorted by dotted path."""
    return tuple(metadata.cls for metadata in records().values() if metadata.kind == "model")


def find_trait(name: str) -> TraitMetadata:
    """A trait by short name or dotted path.

    Raises:
        UnknownTraitError: There is none.
        AmbiguousNameError: There are several of that short name.
    """
    candidates = {path: metadata for path, metadata in records().items() if metadata.kind == "trait"}
    match = _named(name, candidates)
    if match is None:
        raise UnknownTraitError(name, [metadata.name for metadata in candidates.values()])
    return match


def find_model(name: str) -> TraitMetadata:
    """A model by dotted path or its last parts.

    Raises:
        UnknownModelError: There is none.
        AmbiguousNameError: There are several.
    """
    candidates = {path: metadata for path, metadata in records().items() if metadata.kind == "model"}
    match = _named(name, candidates)
    if match is None:
        raise UnknownModelError(name, [metadata.name for metadata in candidates.values()])
    return match


def _named(name: str, by_path: dict[str, TraitMetadata]) -> TraitMetadata | None:
    if name in by_path:
        return by_path[name]
    matches = [metadata for path, metadata in by_path.items() if path.endswith("." + name)]
    if len(matches) > 1:
        raise AmbiguousNameError(name, [metadata.path for metadata in matches])
    return matches[0] if matches else None
