"""The manifest as the pages ask it: every question has a digest, so that a later build knows what changed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from sphinx_traits._sphinx.parts import summary
from sphinx_traits._sphinx.sources import Sources
from sphinx_traits.resolve import Composition, Index, compose

if TYPE_CHECKING:
    from sphinx_traits.manifest import Class, Manifest, Setting


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
    """A manifest and everything that is computed from it, each once.

    It lives as long as one build and hangs on the domain, not on the environment: it is never pickled, and
    processes that read or write pages inherit it.

    Args:
        manifest: The facts.
        fingerprint: Digest of them all.
        sources: The files behind them.
    """

    def __init__(self, manifest: Manifest, fingerprint: str, sources: Sources | None = None) -> None:
        self.manifest = manifest
        self.fingerprint = fingerprint
        self.sources = sources or Sources(())
        self.index = Index(manifest)
        self._compositions: dict[str, Composition] = {}
        self._digests: dict[str, str] = {}

    def compose(self, name: str) -> Composition:
        """What a class is with all that its bases bring."""
        if name not in self._compositions:
            self._compositions[name] = compose(self.index, name)
        return self._compositions[name]

    def usages(self, trait: str) -> tuple[Usage, ...]:
        """How each of its models uses a trait."""
        return tuple(self._usage(model, trait) for model in self.index.users.get(trait, ()))

    def _usage(self, model: str, trait: str) -> Usage:
        composition = self.compose(model)
        use = next(one for one in composition.traits if one.name == trait)
        values = (*composition.config, *composition.features)
        settings = (one.setting for one in values if one.key.owner == trait and one.setting)
        return Usage(model=model, direct=use.direct, through=use.through, settings=tuple(settings))

    def digest(self, query: str) -> str:
        """Digest of the answer to a question; empty where there is no answer.

        Args:
            query: `composition:NAME`, `trait:NAME`, `find:KIND:NAME`, or another name in `_ANSWERS`; one that an
                earlier version asked has no answer, so that its page is read again.
        """
        if query not in self._digests:
            kind, _colon, rest = query.partition(":")
            answer = _ANSWERS.get(kind)
            self._digests[query] = answer(self, rest) if answer else ""
        return self._digests[query]

    def names(self, kind: str) -> dict[str, Class]:
        """The models, the traits, or all classes by name."""
        if kind == "model":
            return dict(self.index.models)
        return dict(self.index.traits) if kind == "trait" else self.index.by_name


def _composition_digest(catalogue: Catalogue, name: str) -> str:
    return _digest(catalogue.compose(name)) if name in catalogue.index.by_name else ""


def _trait_digest(catalogue: Catalogue, name: str) -> str:
    if name not in catalogue.index.by_name:
        return ""
    return _digest((catalogue.compose(name), catalogue.usages(name)))


def _find_digest(catalogue: Catalogue, rest: str) -> str:
    kind, _colon, name = rest.partition(":")
    return ",".join(catalogue.index.find(name, catalogue.names(kind)))


def _names_digest(catalogue: Catalogue, _rest: str) -> str:
    return _digest(([*catalogue.index.models], [*catalogue.index.traits]))


def _models_digest(catalogue: Catalogue, _rest: str) -> str:
    shown = [
        (one.name, summary(one.doc), one.traits, [base.name for base in one.bases]) for one in catalogue.manifest.models
    ]
    return _digest((shown, [*catalogue.index.traits]))


def _traits_digest(catalogue: Catalogue, _rest: str) -> str:
    users = catalogue.index.users
    counts = [
        [len(facts) for facts in (one.hooks, one.config, one.features, one.events, one.jobs, one.columns)]
        for one in catalogue.manifest.traits
    ]
    shown = [(one.name, summary(one.doc), len(users.get(one.name, ()))) for one in catalogue.manifest.traits]
    return _digest((shown, counts))


def _matrix_digest(catalogue: Catalogue, _rest: str) -> str:
    return _digest([(one.name, one.traits, [base.name for base in one.bases]) for one in catalogue.manifest.models])


def _config_digest(catalogue: Catalogue, _rest: str) -> str:
    classes = [*catalogue.manifest.classes()]
    given = [(one.name, one.config, one.features, one.settings) for one in classes]
    return _digest((given, catalogue.manifest.settings, catalogue.digest("matrix")))


def _events_digest(catalogue: Catalogue, _rest: str) -> str:
    index = catalogue.index
    return _digest((index.listeners, index.emits, [(one.name, one.events) for one in catalogue.manifest.classes()]))


def _work_digest(catalogue: Catalogue, _rest: str) -> str:
    return _digest([(one.name, one.hooks, one.jobs, one.metrics) for one in catalogue.manifest.classes()])


_ANSWERS = {
    "composition": _composition_digest,
    "trait": _trait_digest,
    "find": _find_digest,
    "names": _names_digest,
    "models": _models_digest,
    "traits": _traits_digest,
    "matrix": _matrix_digest,
    "config": _config_digest,
    "events": _events_digest,
    "work": _work_digest,
}


def _digest(answer: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(answer), digest_size=12).hexdigest()
