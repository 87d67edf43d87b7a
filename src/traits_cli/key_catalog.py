"""What commands know about keys and models: read from sources without importing, or from the running application.

Both give the same record, and the same resolver answers from it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from traits_cli.app import Application, using_store
from traits_cli.base import Sources, did_you_mean, fail
from traits_cli.extras import import_problem
from traits_runtime.rules.files import find_file, read_file
from traits_runtime.rules.keys import EVERYTHING, REQUIRED, Key, Option, toggle
from traits_runtime.rules.layers import Resolved, Resolver, Subject, Table

if TYPE_CHECKING:
    from sphinx_traits.manifest import Manifest
    from sphinx_traits.project import Project


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
        return {path: one for path, one in self.classes.items() if not one.is_model}

    @cached_property
    def models(self) -> dict[str, KnownClass]:
        """The models by path."""
        return {path: one for path, one in self.classes.items() if one.is_model}

    def key_names(self) -> list[str]:
        """``HasSlug.max_length`` for every key."""
        return sorted(f"{one.short}.{name}" for one in self.traits.values() for name in one.keys)

    def model_names(self) -> list[str]:
        """Dotted paths of the models."""
        return sorted(self.models)

    def class_names(self) -> list[str]:
        """Dotted paths of models and traits."""
        return sorted(self.classes)

    def feature_names(self) -> list[str]:
        """``Searchable.search_indexing`` for every feature, and the traits."""
        own = (f"{t.short}.{n}" for t in self.traits.values() for n, key in t.keys.items() if key.kind == "feature")
        return sorted([*own, *(one.short for one in self.traits.values())])

    def find(self, kind: str, name: str, among: Mapping[str, KnownClass]) -> KnownClass:
        """The only class a name stands for; of several traits the one that models use.

        Ends the process with an answer that helps where there is none.
        """
        found = [one for path, one in among.items() if path == name or path.endswith("." + name)]
        if len(found) > 1:
            used = {trait for model in self.models.values() for trait in model.traits}
            found = [one for one in found if one.path in used] or found
        if len(found) == 1:
            return found[0]
        if found:
            fail(f"{name!r} may be any of {', '.join(one.path for one in found)}. Give more of the name.")
        shorts = [one.short for one in among.values()]
        return fail(f"There is no {kind} {name!r} among {len(among)}.{did_you_mean(name, [*shorts, *among])}")

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
            shown = did_you_mean(key, owner.keys)
            known = "" if shown else f" It declares {', '.join(sorted(owner.keys))}."
            fail(f"Trait {owner.short!r} declares no config key {key!r}.{shown}{known}")
        return owner, owner.keys[key]

    def _needs_a_trait(self, name: str) -> None:
        if any(one.short == name for one in self.traits.values()):
            return
        having = [one for one in self.key_names() if one.endswith("." + name)]
        if having:
            fail(f"{name!r} needs its trait in front: {' or '.join(having)}.")

    def model(self, name: str, trait: KnownClass | None = None) -> KnownClass:
        """The model that a name stands for; it must have the trait."""
        found = self.find("model", name, self.models)
        if trait is not None and trait.path not in (*found.traits, "*"):
            using = ", ".join(sorted(one.short for one in self.models.values() if trait.path in one.traits)) or "none"
            fail(f"Model {found.short!r} does not use trait {trait.short!r}. Models that do: {using}.")
        return found

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
    classes = {
        path: KnownClass(
            path, one.subject_of(), one.keys, tuple(trait.path for trait in one.traits), one.kind == "model"
        )
        for path, one in registry.records().items()
    }
    return Known(classes, runtime.resolver, "imported")


def static(sources: Sources, app: Application | None = None) -> Known:
    """What the sources declare, with files, environment and store; nothing is imported."""
    return from_manifest(*_read(sources), app or Application(sources))


def from_manifest(project: Project, manifest: Manifest, app: Application) -> Known:
    """What a manifest declares, with files, environment and store."""
    resolver = Resolver(os.environ, lambda _error, _place: None)
    file = os.environ.get("TRAITS_CONFIG") or find_file(project.root)
    if file is not None:
        resolver.files = read_file(Path(file))
    store = app.open_store()
    if store is not None and store.is_file():
        resolver.stored = _stored(store)
    places = {one.name: one for one in manifest.classes()}
    classes = {one.name: _known_class(one, places) for one in (*manifest.traits, *manifest.models)}
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


def _known_class(one: Any, places: Mapping[str, Any]) -> KnownClass:
    is_model = hasattr(one, "traits")
    lineage = [places[name] for name in one.mro if name in places] or [one]
    keys = {} if is_model else dict(_keys(one))
    code: dict[tuple[str, str], list[tuple[object, str]]] = {}
    for owner in lineage:
        for setting in owner.settings:
            trait = next((c.name for c in lineage if setting.trait in (c.name, c.short)), setting.trait)
            value = _value(setting.value)
            code.setdefault((trait, setting.key), []).append((value, str(setting.location)))
    subject = Subject(None, tuple(c.name for c in lineage), {key: tuple(values) for key, values in code.items()})
    traits = tuple(one.traits) if is_model else (one.name,)
    return KnownClass(one.name, subject, keys, traits, is_model)


def _keys(one: Any) -> Iterator[tuple[str, Key]]:
    yield "enabled", toggle(one.short, one.name)
    for fact in one.config:
        option = Option(
            _value(fact.default), None, fact.doc, fact.env, _constraints(fact.constraints),
            (fact.secret, fact.locked), (fact.since, fact.deprecated),
        )  # fmt: skip
        yield fact.name, _ReadKey(one.short, one.name, fact.name, _type(fact.type), option, "option", fact.group)
    for fact in one.features:
        option = Option(_value(fact.default), None, fact.doc, (), {}, (False, False), ("", ""))
        yield fact.name, _ReadKey(one.short, one.name, fact.name, bool, option, "feature")


class Expression:
    """A value that only running the program would know; shown as it is written."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class _ReadKey(Key):
    """A key of the sources: a value that is an expression cannot be checked without running it."""

    __slots__ = ()

    def check(self, value: object, layer: str, *, text: bool = False) -> object:
        """The checked value; an expression as it is."""
        return value if isinstance(value, Expression) else super().check(value, layer, text=text)


def _value(value: Any) -> object:
    if value.kind == "required":
        return REQUIRED
    try:
        return ast.literal_eval(value.text)
    except (ValueError, SyntaxError):
        return Expression(value.text)


def _constraints(written: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for name, _, text in (one.partition("=") for one in written):
        with suppress(ValueError, SyntaxError):
            found[name] = ast.literal_eval(text)
    return found


_NAMES = {one.__name__: one for one in (str, int, float, bool, tuple, frozenset)}


def _type(text: str) -> Any:
    """The type that a text of builtins names; anything else takes any value, for only importing would know it."""
    try:
        return _type_of(ast.parse(text, mode="eval").body)
    except (SyntaxError, _Unknown):
        return Any


class _Unknown(Exception):  # noqa: N818 - control flow within this file
    pass


def _type_of(node: ast.expr) -> Any:
    match node:
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.Constant(value=None):
            return type(None)
        case ast.Constant(value=value) if value is Ellipsis:
            return value
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type_of(left) | _type_of(right)
        case ast.Subscript(value=ast.Name(id="tuple" | "frozenset" as name), slice=inner):
            members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _NAMES[name][tuple(_type_of(one) for one in members)]  # type: ignore[index]
    raise _Unknown
