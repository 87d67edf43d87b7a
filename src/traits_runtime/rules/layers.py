"""The layers of config: which value is effective, and which values it hides.

A value that its key refuses never takes effect: the value of the next weaker layer is effective instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from traits_runtime.errors import InvalidConfigValueError
from traits_runtime.rules.coercion import thaw
from traits_runtime.rules.keys import MASK, REQUIRED, Key

T = TypeVar("T")

LAYERS: Final = ("default", "file", "environment", "stored", "model", "tenant", "tenant+model", "block")
"""The layers, weakest first."""


class Source(NamedTuple):
    """A value of one layer.

    Args:
        layer: One of `LAYERS`.
        place: Where it is given: a file's table, a variable, a class, a row of the store, a line of code.
        value: The value.
        text: Whether it comes from a place that only has text.
    """

    layer: str
    place: str
    value: object
    text: bool = False


class Resolved(msgspec.Struct, Generic[T], frozen=True):
    """A value with its origin.

    Args:
        trait: The declaring trait.
        key: The config key or feature.
        value: The effective value; masked in every text form of a secret.
        layer: The layer that gives it.
        place: Where that layer gives it.
        hides: Values of weaker layers, strongest first: layer, place and value as text.
        constraint: What a value must satisfy.
        rejected: Stronger values that the key refuses, as text.
        secret: Whether the value is masked in text.
    """

    trait: str
    key: str
    value: T
    layer: str
    place: str = ""
    hides: tuple[tuple[str, str, str], ...] = ()
    constraint: str = ""
    rejected: tuple[str, ...] = ()
    secret: bool = False

    def __str__(self) -> str:
        shown = MASK if self.secret else repr(thaw(self.value))
        text = f"{self.trait}.{self.key} = {shown}  [{self.layer}{f': {self.place}' if self.place else ''}]"
        return text + "".join(f"\n  hides {value}  [{layer}: {place}]" for layer, place, value in self.hides)

    __repr__ = __str__


class Subject(NamedTuple):
    """For whom a key is resolved.

    Args:
        owner: The class, None for nobody in particular.
        lineage: Dotted paths of the class and its bases, nearest first.
        code: Values given in class bodies: by trait and key, nearest class first, each with its place.
        instance: The instance, None for the class.
    """

    owner: type | None
    lineage: tuple[str, ...]
    code: Mapping[tuple[str, str], tuple[tuple[object, str], ...]]
    instance: object = None


Address = tuple[str, str, str, str]
"""Trait (short name or path), key, model's path or "", tenant or ""."""


class Table:
    """Values by address, from a file or a store; replaced whole, never changed.

    Args:
        values: The values, each with its place.
        unknown: Names in the file that mean nothing there, each with its place.
    """

    __slots__ = ("unknown", "values")

    def __init__(
        self,
        values: Mapping[Address, tuple[object, str]] | None = None,
        unknown: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.values: Mapping[Address, tuple[object, str]] = values or {}
        self.unknown: tuple[tuple[str, str], ...] = unknown

    def find(self, key: Key, model: str = "", tenant: str = "") -> tuple[object, str] | None:
        """The value for one address and its place."""
        values = self.values
        return values.get((key.trait, key.name, model, tenant)) or values.get((key.path, key.name, model, tenant))

    def tenants(self, key: Key) -> list[str]:
        """The tenants for which the table has values of a key, sorted."""
        names = (key.trait, key.path)
        addresses = [address for address in self.values if address[0] in names and address[1] == key.name]
        return sorted({tenant for _trait, _name, _model, tenant in addresses if tenant})


class ValueFrame(Protocol):
    """An open ``with`` block that gives values.

    Args:
        active: Whether the block is still open.
        place: The line that opened it.
        values: Checked values by trait's path and key.
    """

    active: bool
    place: str
    values: Mapping[tuple[str, str], object]

    def covers(self, subject: Subject) -> bool:
        """Whether the block holds for a subject."""
        ...


class Ranking(NamedTuple):
    """The values of a key in all layers, ranked.

    Args:
        value: The effective value; `REQUIRED` where no layer has one.
        source: The layer that gives it.
        weaker: The values that it hides, strongest first.
        refused: Stronger values that the key refuses, each with the reason.
    """

    value: object
    source: Source
    weaker: tuple[Source, ...]
    refused: tuple[tuple[Source, InvalidConfigValueError], ...]


class Resolver:
    """The layers below ``with`` blocks, and the walk through all of them.

    Args:
        environ: The environment's variables.
        report: Called once for each value that its key refuses.
    """

    def __init__(self, environ: Mapping[str, str], report: Callable[[InvalidConfigValueError, str], None]) -> None:
        self.environ = environ
        self.files: Table = Table()
        self.stored: Table = Table()
        self._report = report
        self._reported: set[tuple[str, str, str, str]] = set()

    def forget(self) -> None:
        """Report problems again that were reported."""
        self._reported.clear()

    def resolve(
        self, key: Key, subject: Subject, tenant: str | None = None, frames: Iterable[ValueFrame] = ()
    ) -> Resolved[Any]:
        """The effective value of a key for a subject, with its origin and what it hides."""
        ranking = self.rank(key, subject, tenant, frames)
        hides = tuple((source.layer, source.place, key.show(source.value)) for source in ranking.weaker)
        rejected = tuple(str(error) for _source, error in ranking.refused)
        source = ranking.source
        return Resolved(
            key.trait, key.name, ranking.value, source.layer, source.place, hides, key.constraint, rejected,
            key.option.secret,
        )  # fmt: skip

    def rank(self, key: Key, subject: Subject, tenant: str | None = None, frames: Iterable[ValueFrame] = ()) -> Ranking:
        """The values of a key for a subject, in the order of the layers."""
        refused: list[tuple[Source, InvalidConfigValueError]] = []
        sources = self.sources(key, subject, tenant or "", frames)
        for source in sources:
            try:
                value = self._checked(key, source)
            except InvalidConfigValueError as error:
                refused.append((source, error))
                self._report_once(error, source)
            else:
                return Ranking(value, source, tuple(sources), tuple(refused))
        return Ranking(REQUIRED, Source("default", key.path, REQUIRED), (), tuple(refused))

    def value(self, key: Key, subject: Subject, tenant: str | None = None, frames: Iterable[ValueFrame] = ()) -> object:
        """The effective value alone."""
        for source in self.sources(key, subject, tenant or "", frames):
            try:
                return self._checked(key, source)
            except InvalidConfigValueError as error:
                self._report_once(error, source)
        return REQUIRED

    def sources(self, key: Key, subject: Subject, tenant: str, frames: Iterable[ValueFrame]) -> Iterator[Source]:
        """The values of a key in all layers, strongest first."""
        variable = self._environment(key)
        if variable is not None and key.option.locked:
            yield variable
        yield from _blocks(key, subject, frames)
        yield from self._tenant(key, subject, tenant)
        yield from self._model(key, subject)
        stored = self.stored.find(key)
        if stored is not None:
            yield Source("stored", stored[1], stored[0])
        if variable is not None and not key.option.locked:
            yield variable
        in_file = self.files.find(key)
        if in_file is not None:
            yield Source("file", in_file[1], in_file[0])
        default = key.default()
        if default is not REQUIRED:
            yield Source("default", key.path, default)

    def _tenant(self, key: Key, subject: Subject, tenant: str) -> Iterator[Source]:
        if not tenant:
            return
        for value, place in self._of_models(key, subject, tenant):
            yield Source("tenant+model", place, value)
        for table in (self.stored, self.files):
            entry = table.find(key, "", tenant)
            if entry is not None:
                yield Source("tenant", entry[1], entry[0])

    def _model(self, key: Key, subject: Subject) -> Iterator[Source]:
        for value, place in self._of_models(key, subject, ""):
            yield Source("model", place, value)
        for value, place in subject.code.get((key.path, key.name), ()):
            yield Source("model", place, value)

    def _of_models(self, key: Key, subject: Subject, tenant: str) -> Iterator[tuple[object, str]]:
        """Values for the subject's class and its bases: stored ones first, nearest class first."""
        for table in (self.stored, self.files):
            for model in subject.lineage:
                entry = table.find(key, model, tenant)
                if entry is not None:
                    yield entry

    def _environment(self, key: Key) -> Source | None:
        for variable in key.option.env:
            if variable in self.environ:
                return Source("environment", f"${variable}", self.environ[variable], text=True)
        return None

    def _checked(self, key: Key, source: Source) -> object:
        if source.layer in ("default", "block"):
            return source.value
        return key.check(source.value, source.layer, text=source.text)

    def _report_once(self, error: InvalidConfigValueError, source: Source) -> None:
        mark = (error.trait, error.key, source.layer, source.place)
        if mark not in self._reported:
            self._reported.add(mark)
            self._report(error, source.place)


def overriding_variables(key: Key, layer: str) -> tuple[str, ...]:
    """The environment variables that would override a value of a layer.

    Args:
        key: The key.
        layer: The layer that gives the effective value.
    """
    is_weaker = LAYERS.index(layer) < LAYERS.index("environment")
    return key.option.env if is_weaker or key.option.locked else ()


def _blocks(key: Key, subject: Subject, frames: Iterable[ValueFrame]) -> Iterator[Source]:
    address = (key.path, key.name)
    for frame in reversed(tuple(frames)):
        if frame.active and address in frame.values and frame.covers(subject):
            yield Source("block", frame.place, frame.values[address])
