"""Compares the hooks of a model, moment by moment, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sphinx_traits.manifest import Hook
from traits_cli.verification.mro import doubt_of
from traits_cli.verification.program import metadata_of
from traits_cli.verification.records import Comparison, Pair
from traits_runtime._core.metadata import HookEntry, TraitMetadata
from traits_runtime.rules.identity import path_of


def compare_hooks(pair: Pair, comparison: Comparison) -> None:
    """Compare declared hooks with the runtime's metadata, and overridden methods of a host with the MRO.

    Args:
        pair: The model.
        comparison: Takes the results.
    """
    hooks = pair.composition.hooks
    _compare_declared(pair, declared_hooks(hooks), comparison)
    overridden: dict[str, list[Hook]] = {}
    for hook in hooks:
        if hook.via == "inferred":
            overridden.setdefault(hook.name, []).append(hook)
    for methods in overridden.values():
        _compare_overridden(pair, methods, comparison)
    for hook in hooks:
        if hook.via == "declared" and hook.why:
            _compare_host_hook(pair, hook, comparison)


def declared_hooks(hooks: Sequence[Hook]) -> list[Hook]:
    """The hooks that are declared with `traits_runtime.hook`, rather than with a decorator of a host."""
    return [hook for hook in hooks if hook.via == "declared" and not hook.why]


def label(hook: Hook) -> str:
    """``HasSlug.fill``: the declaring class's short name, and the method."""
    return f"{hook.owner.rpartition('.')[2]}.{hook.name}"


def _compare_declared(pair: Pair, hooks: Sequence[Hook], comparison: Comparison) -> None:
    metadata = metadata_of(pair.cls)
    entries = hook_entries(metadata) if metadata is not None else {}
    for moment in dict.fromkeys([*(hook.moment for hook in hooks), *entries]):
        due = [hook for hook in hooks if hook.moment == moment]
        fact = pair.fact("hook order", moment, due[0].location if due else None, doubt_of(pair.model))
        program = " > ".join(f"{entry.owner}.{entry.name}" for entry in entries.get(moment, ()))
        comparison.compare(fact, " > ".join(map(label, due)), program)


def hook_entries(metadata: TraitMetadata) -> dict[str, tuple[HookEntry, ...]]:
    """The runtime's hooks of a model by moment, in the order in which they run."""
    moments = dict.fromkeys(entry.mark.moment for owner in metadata.all for entry in owner.hooks)
    return {moment: metadata.hooks_at(moment) for moment in moments}


def _compare_overridden(pair: Pair, hooks: Sequence[Hook], comparison: Comparison) -> None:
    """Compare who overrides a host's own method: the manifest's owners are the first that define it."""
    name = hooks[0].name
    owners = [path_of(base) for base in pair.cls.__mro__ if name in vars(base)]
    fact = pair.fact("hook order", name, hooks[0].location, doubt_of(pair.model))
    comparison.compare(fact, " > ".join(hook.owner for hook in hooks), " > ".join(owners[: len(hooks)]))


def _compare_host_hook(pair: Pair, hook: Hook, comparison: Comparison) -> None:
    fact = pair.fact("hook order", f"{hook.moment} {hook.name}", hook.location, doubt_of(pair.model))
    if hook.moment == "validates":
        comparison.compare(fact, label(hook), label(hook) if hook.name in _validators(pair.cls) else "")
    elif hook.why.startswith("pydantic"):
        comparison.compare(fact, label(hook), label(hook) if hook.name in _decorators(pair.cls) else "")
    else:
        comparison.skip(fact, f"the program keeps no order of hooks that are declared with {hook.why}")


def _validators(cls: Any) -> set[str]:
    return {function.__name__ for function, _ in cls.__mapper__.validators.values()}


def _decorators(cls: Any) -> set[str]:
    """Names of the validators and serializers that pydantic has registered for a model."""
    registered = cls.__pydantic_decorators__
    kinds = [getattr(registered, kind) for kind in registered.__dataclass_fields__]
    return {name for decorators in kinds if isinstance(decorators, dict) for name in decorators}
