"""What commands know about keys and models: read from sources without importing, or from the running application.

Both give the same record, and the same resolver answers from it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from traits_cli.app import Application, using_store
from traits_cli.base import Sources, did_you_mean, fail
from traits_cli.extras import import_problem
from traits_runtime.rules.files import find_config, read_file
from traits_runtime.rules.keys import EVERYTHING, Key
from traits_runtime.rules.layers import Resolved, Resolver, Subject, Table

if TYPE_CHECKING:
    from sphinx_traits.manifest import Class, Manifest, Setting
    from sphinx_traits.project import Project
    from traits_runtime._core.metadata import TraitMetadata


class KnownClass(NamedTuple):
    """A trait or model.

    Args:
        path: Dotted path.
        subject: What config resolution needs of it.
        keys: Its own keys, by name.
        traits: Dotted paths of its traits in MRO order, of a trait the trait itself first.
        is_model: Whether it is a model.
    """

    path: str
    subject: Subject
    keys: Mapping[str, Key]
    traits: tuple[str, ...]
    is_model: bool

    @property
    def short(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


NOBODY = Subject(None, (), {})
"""For whom a value holds that is everybody's."""


class Known:
    """All traits and models with their keys, and the layers that give values.

    Args:
        classes: By dotted path.
        resolver: Files, environment and store.
        how: ``read`` from sources, or ``imported``.
    """

    def __init__(self, classes: Mapping[str, KnownClass], resolver: Resolver, how: str) -> None:
        self.classes = classes
        self.resolver = resolver
        self.how = how

    @cached_property
    def traits(self) -> dict[str, KnownClass]:
        """The traits by path."""
        return {path: cls for path, cls in self.classes.items() if not cls.is_model}

    @cached_property
    def models(self) -> dict[str, KnownClass]:
        """The models by path."""
        return {path: cls for path, cls in self.classes.items() if cls.is_model}

    def key_names(self) -> list[str]:
        """``HasSlug.max_length`` for every key."""
        return sorted(f"{trait.short}.{name}" for trait in self.traits.values() for name in trait.keys)

    def model_names(self) -> list[str]:
        """Dotted paths of the models."""
        return sorted(self.models)

    def class_names(self) -> list[str]:
        """Dotted paths of models and traits."""
        return sorted(self.classes)

    def feature_names(self) -> list[str]:
        """``Searchable.search_indexing`` for every feature, and the traits."""
        features = (
            f"{t.short}.{n}" for t in self.traits.values() for n, key in t.keys.items() if key.kind == "feature"
        )
        return sorted([*features, *(trait.short for trait in self.traits.values())])

    def find(self, kind: str, name: str, among: Mapping[str, KnownClass]) -> KnownClass:
        """The only class of that name; of several traits the one that models use.

        Ends the process with an error message where there is none.
        """
        candidates = _classes_named(name, among)
        if len(candidates) > 1:
            candidates = self._used_by_models(candidates) or candidates
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            fail(f"{name!r} may be any of {', '.join(cls.path for cls in candidates)}. Give more of the name.")
        shorts = [cls.short for cls in among.values()]
        return fail(f"There is no {kind} {name!r} among {len(among)}.{did_you_mean(name, [*shorts, *among])}")

    def _used_by_models(self, traits: list[KnownClass]) -> list[KnownClass]:
        used = {trait for model in self.models.values() for trait in model.traits}
        return [trait for trait in traits if trait.path in used]

    def key(self, name: str) -> tuple[KnownClass, Key]:
        """The trait and key that ``HasSlug.max_length`` names; a trait's name alone is its toggle, ``*`` everything."""
        if name in ("*", "*.enabled"):
            return KnownClass("*", NOBODY, {"enabled": EVERYTHING}, (), is_model=False), EVERYTHING
        trait, _, key = name.rpartition(".")
        if not trait:
            self._needs_a_trait(key)
            trait, key = key, "enabled"
        owner = self.find("trait", trait, self.traits)
        if key not in owner.keys:
            suggestion = did_you_mean(key, owner.keys)
            declared = "" if suggestion else f" It declares {', '.join(sorted(owner.keys))}."
            fail(f"Trait {owner.short!r} declares no config key {key!r}.{suggestion}{declared}")
        return owner, owner.keys[key]

    def _needs_a_trait(self, name: str) -> None:
        if any(trait.short == name for trait in self.traits.values()):
            return
        having = [key for key in self.key_names() if key.endswith("." + name)]
        if having:
            fail(f"{name!r} needs its trait in front: {' or '.join(having)}.")

    def model(self, name: str, trait: KnownClass | None = None) -> KnownClass:
        """The model that a name stands for; it must have the trait."""
        model = self.find("model", name, self.models)
        if trait is not None and trait.path not in (*model.traits, "*"):
            using = ", ".join(sorted(cls.short for cls in self.models.values() if trait.path in cls.traits)) or "none"
            fail(f"Model {model.short!r} does not use trait {trait.short!r}. Models that do: {using}.")
        return model

    def resolve(self, key: Key, model: KnownClass | None, tenant: str) -> Resolved[Any]:
        """The effective value of a key."""
        owner = model or self.traits.get(key.path)
        return self.resolver.resolve(key, NOBODY if owner is None else owner.subject, tenant)


def known(app: Application) -> Known:
    """From the application where `--app` names one, else from the sources."""
    if app.name:
        app.load()
        return live()
    return static(app.sources, app)


def live() -> Known:
    """What this process has imported."""
    from traits_runtime._core import registry, runtime

    runtime.ensure_files()
    if not registry.records():
        fail("The application has imported no trait. Name what starts it, `--app module:start()` calls a function.")
    classes = {path: _imported_class(path, metadata) for path, metadata in registry.records().items()}
    return Known(classes, runtime.resolver, "imported")


def _imported_class(path: str, metadata: TraitMetadata) -> KnownClass:
    traits = tuple(trait.path for trait in metadata.traits)
    return KnownClass(path, metadata.subject_of(), metadata.keys, traits, metadata.kind == "model")


def static(sources: Sources, app: Application | None = None) -> Known:
    """What the sources declare, with files, environment and store; nothing is imported."""
    return from_manifest(*_read(sources), app or Application(sources))


def from_manifest(project: Project, manifest: Manifest, app: Application) -> Known:
    """What a manifest declares, with files, environment and store."""
    resolver = Resolver(os.environ, lambda _error, _place: None)
    file = find_config(project.config_start or project.root, os.environ)
    if file is not None:
        resolver.files = read_file(file).table
    store = app.open_store()
    if store is not None and store.is_file():
        resolver.stored = _stored(store)
    by_name = {cls.name: cls for cls in manifest.classes()}
    classes = {cls.name: _known_class(cls, by_name) for cls in (*manifest.traits, *manifest.models)}
    return Known(classes, resolver, "read")


def _read(sources: Sources) -> tuple[Project, Manifest]:
    """The project and what its sources say."""
    try:
        from traits_cli.sources import project_of, read_sources
    except ModuleNotFoundError as error:
        sentence = import_problem(error)
        if not sentence:
            raise
        fail(f"{sentence}\nWith --app module:object the running application is asked instead.")
    project = project_of(sources)
    return project, read_sources(project)


def _stored(path: Path) -> Table:
    from traits_runtime._core.config.sqlite import SQLiteStore
    from traits_runtime._core.trait.configuration import as_table

    store = SQLiteStore(path)
    try:
        with using_store(path):
            return as_table(store.load())
    finally:
        store.close()


def _known_class(cls: Class, by_name: Mapping[str, Class]) -> KnownClass:
    from sphinx_traits.config_keys import keys_of, subject_of
    from sphinx_traits.manifest import Model

    lineage = [by_name[name] for name in cls.mro if name in by_name] or [cls]
    is_model = isinstance(cls, Model)
    keys = {} if is_model else {key.name: key for key in keys_of(cls)}
    traits = cls.traits if isinstance(cls, Model) else (cls.name,)
    return KnownClass(cls.name, subject_of(lineage, _placed), keys, traits, is_model)


def _placed(setting: Setting) -> tuple[object, str]:
    from sphinx_traits.config_keys import value_of

    return value_of(setting.value), str(setting.location)


def _classes_named(name: str, among: Mapping[str, KnownClass]) -> list[KnownClass]:
    """The classes whose path is a name or ends with it."""
    return [cls for path, cls in among.items() if path == name or path.endswith("." + name)]
