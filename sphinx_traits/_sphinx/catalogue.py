"""The manifest as the pages ask it: every question has a digest, so that a later build knows what changed."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from sphinx_traits._sphinx.parts import summary
from sphinx_traits._sphinx.sources import Sources, module_of
from sphinx_traits.resolve import Composition, Index, compose

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class StandardName(msgspec.Struct, frozen=True):
    """What a config key is called in Sphinx's own domain.

    Args:
        key: The key.
        objtype: `confval`, or `envvar` for a variable that sets it.
        name: Its name there.
    """

    key: str
    objtype: str
    name: str


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
        self._related: dict[str, str] = {}

    def compose(self, name: str) -> Composition:
        """What a class is with all that its bases bring."""
        if name not in self._compositions:
            self._compositions[name] = compose(self.index, name)
        return self._compositions[name]

    @cached_property
    def module_files(self) -> dict[str, str]:
        """The file of each module that holds a class of the manifest."""
        return {module_of(one): one.location.path for one in self.manifest.classes()}

    @cached_property
    def standard_names(self) -> dict[str, tuple[StandardName, ...]]:
        """What the config keys of each trait are called among Sphinx's own objects, by the trait's name.

        A key goes by its trait's short name where only one trait has it; a variable of the environment belongs to the
        first key that reads it.
        """
        shorts = Counter(one.short for one in self.manifest.traits)
        taken: set[str] = set()
        found: dict[str, tuple[StandardName, ...]] = {}
        for trait in self.manifest.traits:
            owner = trait.short if shorts[trait.short] == 1 else trait.name
            names = [StandardName(key.name, "confval", f"{owner}.{key.name}") for key in trait.config]
            for key in trait.config:
                names += [StandardName(key.name, "envvar", one) for one in key.env if one not in taken]
                taken.update(key.env)
            found[trait.name] = tuple(names)
        return found

    def related(self, target: str) -> str:
        """The model that a relation's target names; empty where there is none, or several."""
        if target not in self._related:
            find, models = self.index.find, self.index.models
            found = find(target, models) or find(target.rpartition(".")[2], models)  # Django names the application
            self._related[target] = found[0] if len(found) == 1 else ""
        return self._related[target]

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

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Digest of each class as the manifest has it, by name; under the empty name that of what concerns them all."""
        index, manifest = self.index, self.manifest
        kinds = [*index.models], [*index.traits], [*index.events]
        around = index.listeners, index.emits, manifest.settings, manifest.findings, kinds
        return {"": _digest(around), **{one.name: _digest(one) for one in manifest.classes()}}

    def unchanged(self, before: Mapping[str, str]) -> set[str]:
        """The questions about one class whose answers must still be those of an earlier manifest.

        To compose a class only to learn that nothing has changed costs more than all other questions together.

        Args:
            before: The `inputs` of that manifest.
        """
        if before.keys() != self.inputs.keys() or before[""] != self.inputs[""]:
            return set()
        changed = {name for name, digest in self.inputs.items() if before[name] != digest}
        same = {one.name for one in self.manifest.classes() if changed.isdisjoint((one.name, *one.mro))}
        users = self.index.users
        traits = (one.name for one in self.manifest.traits if same.issuperset((one.name, *users.get(one.name, ()))))
        return {*(f"composition:{name}" for name in same), *(f"trait:{name}" for name in traits)}

    def names(self, kind: str) -> Mapping[str, Class]:
        """The models, the traits, or all classes by name."""
        if kind == "model":
            return self.index.models
        return self.index.traits if kind == "trait" else self.index.by_name


def _composition_digest(catalogue: Catalogue, name: str) -> str:
    return _digest(_shown(catalogue, name)) if name in catalogue.index.by_name else ""


def _trait_digest(catalogue: Catalogue, name: str) -> str:
    if name not in catalogue.index.by_name:
        return ""
    return _digest((_shown(catalogue, name), catalogue.usages(name)))


def _shown(catalogue: Catalogue, name: str) -> tuple[object, ...]:
    """What the page of a class shows: its composition, what it says of other classes, and where relations lead."""
    index = catalogue.index
    it = catalogue.compose(name)
    others = [index.by_name[one] for one in it.subject.mro if one in index.by_name]
    said = [(one.name, _kind(index, one.name), summary(one.doc), [base.name for base in one.bases]) for one in others]
    return it, said, [catalogue.related(one.target) for one in it.columns if one.target]


def _kind(index: Index, name: str) -> str:
    if name in index.models:
        return "model"
    return "trait" if name in index.traits else ""


def _standard_digest(catalogue: Catalogue, name: str) -> str:
    return _digest(catalogue.standard_names.get(name, ()))


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


def _manifest_digest(catalogue: Catalogue, _rest: str) -> str:
    return catalogue.fingerprint


def _work_digest(catalogue: Catalogue, _rest: str) -> str:
    return _digest([(one.name, one.hooks, one.jobs, one.metrics) for one in catalogue.manifest.classes()])


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
