"""A manifest with everything that pages compute from it, each computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sphinx_traits.manifest import Setting
from sphinx_traits.resolve import Composition, Index, compose

if TYPE_CHECKING:
    from sphinx_traits.manifest import Manifest


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """How one model uses a trait.

    Args:
        model: Dotted path of the model.
        direct: Whether its class statement names the trait.
        through: The classes between, where it does not.
        settings: Values that hold for this model instead of the trait's own.
    """

    model: str
    direct: bool
    through: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()


class Catalogue:
    """The compositions of a manifest, secrets masked.

    Args:
        manifest: The facts, with the values of secret keys: a value that its key refuses is known by itself alone.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.index: Index = Index(manifest, mask_secrets=True)
        self.manifest: Manifest = self.index.manifest
        self._compositions: dict[str, Composition] = {}
        self._related: dict[str, str] = {}

    def compose(self, name: str) -> Composition:
        """A class with all that its bases bring."""
        if name not in self._compositions:
            self._compositions[name] = compose(self.index, name)
        return self._compositions[name]

    def kind(self, name: str) -> str:
        """`model`, `trait`, or empty for other classes."""
        if name in self.index.models:
            return "model"
        return "trait" if name in self.index.traits else ""

    def related(self, target: str) -> str:
        """The model that a relation's target names; empty where there is none, or several."""
        if target not in self._related:
            find, models = self.index.find, self.index.models
            names = find(target, models) or find(target.rpartition(".")[2], models)  # Django names the application
            self._related[target] = names[0] if len(names) == 1 else ""
        return self._related[target]

    def usages(self, trait: str) -> tuple[Usage, ...]:
        """How each of its models uses a trait."""
        return tuple(self._usage(model, trait) for model in self.index.users.get(trait, ()))

    def _usage(self, model: str, trait: str) -> Usage:
        composition = self.compose(model)
        use = next(use for use in composition.traits if use.name == trait)
        values = (*composition.config, *composition.features)
        settings = (value.setting for value in values if value.key.owner == trait and value.setting)
        return Usage(model=model, direct=use.direct, through=use.through, settings=tuple(settings))
