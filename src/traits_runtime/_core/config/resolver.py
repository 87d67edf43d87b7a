"""Which layer wins: walks the layers from the strongest down and keeps what it passed for `explain()`.

A value that does not pass its key's check never takes effect: the next weaker layer's value holds instead, and
the problem is reported once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from traits_runtime._core.config.keys import MASK, Key
from traits_runtime._core.declare import REQUIRED, Frame
from traits_runtime.errors import InvalidConfigValueError

T = TypeVar("T")

LAYERS: Final = ("default", "file", "environment", "stored", "model", "tenant", "tenant+model", "block")
"""The layers, weakest first."""


class Source(NamedTuple):
    """A value as a layer gives it.

    Args:
        layer: One of `LAYERS`.
        place: Where it was given: a file's table, a variable, a class, a row of the store, a line of code.
        value: The value.
        text: Whether it comes from a place that only knows text.
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
        value: What holds; masked in every text form of a secret.
        layer: The layer that gave it.
        place: Where that layer gave it.
        hides: What weaker layers say, strongest first: layer, place and value as text.
        constraint: What a value must satisfy.
        rejected: Stronger values that did not pass the check, as text.
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
        shown = MASK if self.secret else repr(self.value)
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
    """Values by address, from a file or a store; replaced whole, never changed."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[Address, tuple[object, str]] | None = None) -> None:
        self.values: Mapping[Address, tuple[object, str]] = values or {}

    def find(self, key: Key, model: str = "", tenant: str = "") -> tuple[object, str] | None:
        """The value for one address and its place."""
        values = self.values
        return values.get((key.trait, key.name, model, tenant)) or values.get((key.path, key.name, model, tenant))


class OverrideFrame(Frame):
    """An open ``with config.override(...)`` block.

    Args:
        block: The block it belongs to.
        values: Checked values by trait's path and key.
        owner: The model or instance it holds for, None for all.
        place: The line that opened it.
    """

    __slots__ = ("owner", "place", "values")

    def __init__(self, block: object, values: Mapping[tuple[str, str], object], owner: object, place: str) -> None:
        super().__init__(block)
        self.values = values
        self.owner = owner
        self.place = place

    def covers(self, subject: Subject) -> bool:
        """Whether the block holds for a subject."""
        if self.owner is None:
            return True
        if isinstance(self.owner, type):
            return subject.owner is not None and issubclass(subject.owner, self.owner)
        return subject.instance is self.owner


class Resolver:
    """The layers below ``with`` blocks, and the walk through all of them.

    Args:
        environ: The environment's variables.
        report: Called once per value that does not pass its check.
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
        self, key: Key, subject: Subject, tenant: str | None = None, frames: tuple[OverrideFrame, ...] = ()
    ) -> Resolved[Any]:
        """The value of a key for a subject, with its origin and what it hides."""
        winner: tuple[object, Source] | None = None
        hides: list[tuple[str, str, str]] = []
        rejected: list[str] = []
        for source in self.sources(key, subject, tenant or "", frames):
            if winner is not None:
                hides.append((source.layer, source.place, key.show(source.value)))
                continue
            try:
                winner = (self._checked(key, source), source)
            except InvalidConfigValueError as error:
                rejected.append(str(error))
                self._once(error, source)
        value, source = winner or (REQUIRED, Source("default", key.path, REQUIRED))
        return Resolved(
            key.trait, key.name, value, source.layer, source.place, tuple(hides), key.constraint, tuple(rejected),
            key.option.secret,
        )  # fmt: skip

    def value(
        self, key: Key, subject: Subject, tenant: str | None = None, frames: tuple[OverrideFrame, ...] = ()
    ) -> object:
        """The value alone."""
        for source in self.sources(key, subject, tenant or "", frames):
            try:
                return self._checked(key, source)
            except InvalidConfigValueError as error:
                self._once(error, source)
        return REQUIRED

    def sources(self, key: Key, subject: Subject, tenant: str, frames: tuple[OverrideFrame, ...]) -> Iterator[Source]:
        """What the layers say about a key, strongest first."""
        fixed = self._environment(key)
        if fixed is not None and key.option.locked:
            yield fixed
        yield from _blocks(key, subject, frames)
        yield from self._tenant(key, subject, tenant)
        yield from self._model(key, subject)
        found = self.stored.find(key)
        if found is not None:
            yield Source("stored", found[1], found[0])
        if fixed is not None and not key.option.locked:
            yield fixed
        found = self.files.find(key)
        if found is not None:
            yield Source("file", found[1], found[0])
        start = key.default()
        if start is not REQUIRED:
            yield Source("default", key.path, start)

    def _tenant(self, key: Key, subject: Subject, tenant: str) -> Iterator[Source]:
        if not tenant:
            return
        for table in (self.stored, self.files):
            for model in subject.lineage:
                found = table.find(key, model, tenant)
                if found is not None:
                    yield Source("tenant+model", found[1], found[0])
        for table in (self.stored, self.files):
            found = table.find(key, "", tenant)
            if found is not None:
                yield Source("tenant", found[1], found[0])

    def _model(self, key: Key, subject: Subject) -> Iterator[Source]:
        for table in (self.stored, self.files):
            for model in subject.lineage:
                found = table.find(key, model)
                if found is not None:
                    yield Source("model", found[1], found[0])
        for value, place in subject.code.get((key.path, key.name), ()):
            yield Source("model", place, value)

    def _environment(self, key: Key) -> Source | None:
        for variable in key.option.env:
            if variable in self.environ:
                return Source("environment", f"${variable}", self.environ[variable], text=True)
        return None

    def _checked(self, key: Key, source: Source) -> object:
        if source.layer in ("default", "block"):
            return source.value
        return key.check(source.value, source.layer, text=source.text)

    def _once(self, error: InvalidConfigValueError, source: Source) -> None:
        mark = (error.trait, error.key, source.layer, source.place)
        if mark not in self._reported:
            self._reported.add(mark)
            self._report(error, source.place)


def _blocks(key: Key, subject: Subject, frames: tuple[OverrideFrame, ...]) -> Iterator[Source]:
    for frame in reversed(frames):
        address = (key.path, key.name)
        if frame.active and address in frame.values and frame.covers(subject):
            yield Source("block", frame.place, frame.values[address])
