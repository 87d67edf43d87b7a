"""The catalogue of a build: the answer to each query has a digest, so that a later build finds what changed."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from sphinx_traits._sphinx.sources import Sources, module_of
from sphinx_traits.page.catalogue import Catalogue
from sphinx_traits.page.prose import summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sphinx_traits.manifest import Class, Manifest


class StandardName(msgspec.Struct, frozen=True):
    """The name of a config key in Sphinx's own domain.

    Args:
        key: The key.
        objtype: `confval`, or `envvar` for a variable that sets it.
        name: Its name there.
    """

    key: str
    objtype: str
    name: str


class BuildCatalogue(Catalogue):
    """The catalogue of one build.

    It hangs on the domain, not on the environment: it is never pickled, and processes that read or write pages
    inherit it.

    Args:
        manifest: The facts.
        fingerprint: Digest of them all.
        sources: The files behind them.
    """

    def __init__(self, manifest: Manifest, fingerprint: str, sources: Sources | None = None) -> None:
        super().__init__(manifest)
        self.fingerprint = fingerprint
        self.sources = sources or Sources(())
        self._digests: dict[str, str] = {}

    @cached_property
    def module_files(self) -> dict[str, str]:
        """The file of each module that holds a class of the manifest."""
        return {module_of(cls): cls.location.path for cls in self.manifest.classes()}

    @cached_property
    def standard_names(self) -> dict[str, tuple[StandardName, ...]]:
        """Names of the config keys in Sphinx's own domain, by the name of their trait.

        The name of a key has its trait's short name in front, where only one trait has that; a variable of the
        environment belongs to the first key that reads it.
        """
        shorts = Counter(trait.short for trait in self.manifest.traits)
        assigned: set[str] = set()
        names_of: dict[str, tuple[StandardName, ...]] = {}
        for trait in self.manifest.traits:
            owner = trait.short if shorts[trait.short] == 1 else trait.name
            names = [StandardName(key.name, "confval", f"{owner}.{key.name}") for key in trait.config]
            for key in trait.config:
                names += [
                    StandardName(key.name, "envvar", variable) for variable in key.env if variable not in assigned
                ]
                assigned.update(key.env)
            names_of[trait.name] = tuple(names)
        return names_of

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

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Digest of each class in the manifest by name; the empty name has that of the facts that concern all."""
        index, manifest = self.index, self.index.unmasked
        kinds = [*index.models], [*index.traits], [*index.events]
        shared = index.listeners, index.emits, manifest.settings, manifest.findings, kinds
        return {"": _digest(shared), **{cls.name: _digest(cls) for cls in manifest.classes()}}

    def unchanged(self, before: Mapping[str, str]) -> set[str]:
        """The queries about one class with the same answers as for an earlier manifest.

        To compose a class only to learn that nothing has changed costs more than all other questions together.

        Args:
            before: The `inputs` of that manifest.
        """
        if before.keys() != self.inputs.keys() or before[""] != self.inputs[""]:
            return set()
        changed = {name for name, digest in self.inputs.items() if before[name] != digest}
        same = {cls.name for cls in self.manifest.classes() if changed.isdisjoint((cls.name, *cls.mro))}
        users = self.index.users
        traits = (
            trait.name for trait in self.manifest.traits if same.issuperset((trait.name, *users.get(trait.name, ())))
        )
        return {*(f"composition:{name}" for name in same), *(f"trait:{name}" for name in traits)}

    def names(self, kind: str) -> Mapping[str, Class]:
        """The models, the traits, or all classes by name."""
        if kind == "model":
            return self.index.models
        return self.index.traits if kind == "trait" else self.index.by_name


def _composition_digest(catalogue: BuildCatalogue, name: str) -> str:
    return _digest(_shown(catalogue, name)) if name in catalogue.index.by_name else ""


def _trait_digest(catalogue: BuildCatalogue, name: str) -> str:
    if name not in catalogue.index.by_name:
        return ""
    return _digest((_shown(catalogue, name), catalogue.usages(name)))


def _shown(catalogue: BuildCatalogue, name: str) -> tuple[object, ...]:
    """Everything that the page of a class shows: its composition, sentences about other classes, related models."""
    by_name = catalogue.index.by_name
    composition = catalogue.compose(name)
    lineage = [by_name[ancestor] for ancestor in composition.subject.mro if ancestor in by_name]
    sentences = [
        (cls.name, catalogue.kind(cls.name), summary(cls.doc), [base.name for base in cls.bases]) for cls in lineage
    ]
    return composition, sentences, [catalogue.related(column.target) for column in composition.columns if column.target]


def _standard_digest(catalogue: BuildCatalogue, name: str) -> str:
    return _digest(catalogue.standard_names.get(name, ()))


def _find_digest(catalogue: BuildCatalogue, rest: str) -> str:
    kind, _colon, name = rest.partition(":")
    return ",".join(catalogue.index.find(name, catalogue.names(kind)))


def _names_digest(catalogue: BuildCatalogue, _rest: str) -> str:
    return _digest(([*catalogue.index.models], [*catalogue.index.traits]))


def _models_digest(catalogue: BuildCatalogue, _rest: str) -> str:
    models = [
        (model.name, summary(model.doc), model.traits, [base.name for base in model.bases])
        for model in catalogue.manifest.models
    ]
    return _digest((models, [*catalogue.index.traits]))


def _traits_digest(catalogue: BuildCatalogue, _rest: str) -> str:
    users = catalogue.index.users
    rows: list[object] = []
    for trait in catalogue.manifest.traits:
        counted = trait.hooks, trait.config, trait.features, trait.events, trait.jobs, trait.columns
        rows.append((trait.name, summary(trait.doc), len(users.get(trait.name, ())), list(map(len, counted))))
    return _digest(rows)


def _matrix_digest(catalogue: BuildCatalogue, _rest: str) -> str:
    return _digest(
        [(model.name, model.traits, [base.name for base in model.bases]) for model in catalogue.manifest.models]
    )


def _config_digest(catalogue: BuildCatalogue, _rest: str) -> str:
    values = [(cls.name, cls.config, cls.features, cls.settings) for cls in catalogue.manifest.classes()]
    return _digest((values, catalogue.manifest.settings, catalogue.digest("matrix")))


def _events_digest(catalogue: BuildCatalogue, _rest: str) -> str:
    index = catalogue.index
    return _digest((index.listeners, index.emits, [(cls.name, cls.events) for cls in catalogue.manifest.classes()]))


def _manifest_digest(catalogue: BuildCatalogue, _rest: str) -> str:
    return catalogue.fingerprint


def _work_digest(catalogue: BuildCatalogue, _rest: str) -> str:
    return _digest([(cls.name, cls.hooks, cls.jobs, cls.metrics) for cls in catalogue.manifest.classes()])


_ANSWERS = {
    "composition": _composition_digest,
    "trait": _trait_digest,
    "find": _find_digest,
    "standard": _standard_digest,
    "names": _names_digest,
    "models": _models_digest,
    "traits": _traits_digest,
    "matrix": _matrix_digest,
    "config": _config_digest,
    "events": _events_digest,
    "work": _work_digest,
    "manifest": _manifest_digest,
}


def _digest(answer: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(answer), digest_size=12).hexdigest()
