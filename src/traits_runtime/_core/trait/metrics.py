"""`counter`, `timing` and `gauge`: the numbers that a trait records; nearly free while telemetry is off."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Final, Self, TypeVar, overload

from traits_runtime._core.runtime import telemetry
from traits_runtime._core.telemetry import MetricKind
from traits_runtime.rules.naming import event_name

B = TypeVar("B", bound="_Bound")


class Metric:
    """What the three kinds share: a name, ``trait.{Trait}.{attribute}``."""

    __slots__ = ("doc", "name", "owner", "wire")

    kind: MetricKind = "counter"

    name: str
    owner: str
    wire: str

    def __init__(self, *, doc: str = "") -> None:
        self.doc: str = doc
        self.name = ""
        self.owner = ""
        self.wire = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__
        self.wire = event_name(owner.__name__, name)


class _Bound:
    __slots__ = ("_model", "_wire")

    def __init__(self, wire: str, model: str) -> None:
        self._wire = wire
        self._model = model


class BoundCounter(_Bound):
    """A counter of one instance."""

    __slots__ = ()

    def add(self, amount: float = 1, *, outcome: str = "ok") -> None:
        """Count."""
        telemetry.record(self._wire, "counter", amount, self._model, outcome)


class BoundGauge(_Bound):
    """A gauge of one instance."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Say what it is now."""
        telemetry.record(self._wire, "gauge", value, self._model)


class BoundTiming(_Bound):
    """A timing of one instance: ``with self.render_time:``, or the seconds by hand."""

    __slots__ = ("_began",)

    def record(self, seconds: float, *, outcome: str = "ok") -> None:
        """Say how long it took."""
        telemetry.record(self._wire, "timing", seconds, self._model, outcome)

    def __enter__(self) -> Self:
        self._began = perf_counter()
        return self

    def __exit__(self, error: object, *_rest: object) -> None:
        self.record(perf_counter() - self._began, outcome="ok" if error is None else "error")


class _Off:
    """Stands for all three while telemetry is off."""

    __slots__ = ()

    def add(self, amount: float = 1, *, outcome: str = "ok") -> None:
        """Do nothing."""

    def set(self, value: float) -> None:
        """Do nothing."""

    def record(self, seconds: float, *, outcome: str = "ok") -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Do nothing."""


_OFF: Final[Any] = _Off()


class Counter(Metric):
    """A declared counter; made by `counter`."""

    __slots__ = ()

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Counter: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> BoundCounter: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Counter | BoundCounter:
        if instance is None:
            return self
        return BoundCounter(self.wire, type(instance).__name__) if telemetry.on else _OFF


class Gauge(Metric):
    """A declared gauge; made by `gauge`."""

    __slots__ = ()

    kind: MetricKind = "gauge"

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Gauge: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> BoundGauge: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Gauge | BoundGauge:
        if instance is None:
            return self
        return BoundGauge(self.wire, type(instance).__name__) if telemetry.on else _OFF


class Timing(Metric):
    """A declared timing; made by `timing`."""

    __slots__ = ()

    kind: MetricKind = "timing"

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Timing: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> BoundTiming: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Timing | BoundTiming:
        if instance is None:
            return self
        return BoundTiming(self.wire, type(instance).__name__) if telemetry.on else _OFF


def counter(*, doc: str = "") -> Counter:
    """Declare a number that only grows; ``self.slugs_made.add()`` counts one more."""
    return Counter(doc=doc)


def gauge(*, doc: str = "") -> Gauge:
    """Declare a gauge: a number that goes up and down."""
    return Gauge(doc=doc)


def timing(*, doc: str = "") -> Timing:
    """Declare how long something takes, in seconds; ``with self.render_time:`` measures it."""
    return Timing(doc=doc)
