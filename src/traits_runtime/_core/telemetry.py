"""Metrics of traits: counters, timings and gauges, aggregated in this process and read by exporters.

Off by default. The set of labels is fixed and the number of their values is bounded, because an exporter keeps every
label value for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

MetricKind: TypeAlias = Literal["counter", "timing", "gauge"]

OTHER: Final = "other"
"""Label value beyond the bound."""

Labels = tuple[str, str, str, str]
"""Name, model, outcome, tenant."""


class Reading(msgspec.Struct, frozen=True):
    """The aggregate of one metric and one set of labels.

    Args:
        name: ``trait.HasSlug.slugs_made``.
        kind: ``counter``, ``timing`` (seconds) or ``gauge``.
        model: Short name of the model, ``other`` beyond the bound, empty for none.
        outcome: ``ok``, ``error``, or the caller's own.
        tenant: The tenant; empty unless tenants are recorded.
        count: The number of recorded values.
        total: Their sum; for a gauge the last value.
        low: The smallest value.
        high: The largest value.
    """

    name: str
    kind: MetricKind
    model: str
    outcome: str
    tenant: str
    count: int
    total: float
    low: float
    high: float


class Sink(Protocol):
    """Receives every value as it is recorded, for exporters that do not read aggregates."""

    def record(self, name: str, kind: MetricKind, value: float, labels: tuple[str, str, str]) -> None:
        """Receive one value with its model, outcome and tenant."""
        ...


SPANS: Final = {"1h": 3_600.0, "6h": 21_600.0, "24h": 86_400.0, "7d": 604_800.0}
"""Spans of `Telemetry.window`, in seconds."""

STEPS: Final = 24
"""Snapshots per span: the resolution of 1 h is two and a half minutes, of 7 d seven hours."""

Snapshot: TypeAlias = "dict[Labels, tuple[int, float]]"


class _Aggregate:
    __slots__ = ("count", "high", "kind", "low", "total")

    def __init__(self, kind: MetricKind) -> None:
        self.kind: MetricKind = kind
        self.count = 0
        self.total = 0.0
        self.low = float("inf")
        self.high = float("-inf")

    def add(self, value: float) -> None:
        """Add one value; the total of a gauge is the last one."""
        self.count += 1
        self.total = value if self.kind == "gauge" else self.total + value
        self.low = min(self.low, value)
        self.high = max(self.high, value)

    def since(self, count: int, total: float) -> tuple[int, float]:
        """Count and total since a snapshot; of a gauge the last value."""
        return self.count - count, self.total if self.kind == "gauge" else self.total - total


class Telemetry:
    """The aggregates of this process.

    Args:
        tenant: Returns the current tenant; called only where tenants are recorded.
    """

    def __init__(self, tenant: Callable[[], str | None]) -> None:
        self.on: bool = False
        self.sink: Sink | None = None
        self._tenant = tenant
        self._record_tenants = False
        self._bound = 50
        self._label_values: tuple[set[str], set[str], set[str]] = (set(), set(), set())
        self._aggregates: dict[Labels, _Aggregate] = {}
        self._lock = Lock()
        self._clock: Callable[[], float] = monotonic
        self._due = 0.0
        self._snapshots: dict[str, deque[tuple[float, Snapshot]]] = {name: deque(maxlen=STEPS + 1) for name in SPANS}
        self.on_new: list[Callable[[str, MetricKind], None]] = []

    def enable(self, *, tenants: bool = False, bound: int = 50, sink: Sink | None = None) -> None:
        """Start recording.

        Args:
            tenants: Record the tenant too.
            bound: The number of distinct models, tenants and outcomes; the rest is labelled ``other``.
            sink: Receives every value in addition.
        """
        self._record_tenants = tenants
        self._bound = bound
        self.sink = sink
        self.on = True

    def after_fork(self) -> None:
        """Replace the lock in a child process: the thread that held it does not exist there."""
        self._lock = Lock()

    def disable(self) -> None:
        """Stop recording; the aggregates stay."""
        self.on = False

    def record(self, name: str, kind: MetricKind, value: float, model: str = "", outcome: str = "ok") -> None:
        """Record a value; does nothing while telemetry is off."""
        if not self.on:
            return
        tenant = self._bounded(1, self._tenant() or "") if self._record_tenants else ""
        if model not in self._label_values[0]:
            model = self._bounded(0, model)
        if outcome not in self._label_values[2]:
            outcome = self._bounded(2, outcome)
        labels = (name, model, outcome, tenant)
        with self._lock:
            if self._clock() >= self._due:
                self._take_snapshots()
            aggregate = self._aggregates.get(labels)
            if aggregate is None:
                aggregate = self._new(labels, kind)
            aggregate.add(value)
        if self.sink is not None:
            self.sink.record(name, kind, value, labels[1:])

    def read(self, *, reset: bool = False) -> tuple[Reading, ...]:
        """All aggregates, sorted by name and labels.

        Args:
            reset: Clear the aggregates afterwards.
        """
        with self._lock:
            aggregates = sorted(self._aggregates.items())
            if reset:
                self._aggregates = {}
                for snapshots in self._snapshots.values():
                    snapshots.clear()
                self._due = 0.0
        return tuple(_reading(labels, aggregate) for labels, aggregate in aggregates)

    def reset(self) -> None:
        """Clear all aggregates."""
        self.read(reset=True)

    def window(self, span: Literal["1h", "6h", "24h", "7d"]) -> tuple[Reading, ...]:
        """The aggregates of a recent span; the total of a gauge is its last value, low and high cover all time.

        Memory is bounded by 25 snapshots for each span.

        Args:
            span: The span, with a resolution of a twenty-fourth of it.
        """
        with self._lock:
            now = self._clock()
            if now >= self._due:
                self._take_snapshots()
            aggregates = sorted(self._aggregates.items())
            start = now - SPANS[span] * (1 + 1 / STEPS)
            baseline = next((snapshot for moment, snapshot in self._snapshots[span] if moment >= start), {})
        readings = []
        for labels, aggregate in aggregates:
            count, total = aggregate.since(*baseline.get(labels, (0, 0.0)))
            if count > 0:
                readings.append(msgspec.structs.replace(_reading(labels, aggregate), count=count, total=total))
        return tuple(readings)

    def _take_snapshots(self) -> None:
        """Store a snapshot of the sums for the spans whose next snapshot is due."""
        now = self._clock()
        sums = ((labels, (aggregate.count, aggregate.total)) for labels, aggregate in self._aggregates.items())
        current: Snapshot = dict(sums)
        for span, snapshots in self._snapshots.items():
            if not snapshots or now >= snapshots[-1][0] + SPANS[span] / STEPS:
                snapshots.append((now, current))
        self._due = min(snapshots[-1][0] + SPANS[span] / STEPS for span, snapshots in self._snapshots.items())

    def _new(self, labels: Labels, kind: MetricKind) -> _Aggregate:
        aggregate = self._aggregates[labels] = _Aggregate(kind)
        for callback in self.on_new:
            callback(labels[0], kind)
        return aggregate

    @contextmanager
    def fresh(self, *, on: bool = True) -> Iterator[None]:
        """For tests: start without aggregates; the end of the block restores the previous ones."""
        before = self.on, self._aggregates, self._label_values, self._snapshots, self._due, self.sink, self.on_new
        self.on, self._aggregates, self._label_values = on, {}, (set(), set(), set())
        self._snapshots, self._due = {name: deque(maxlen=STEPS + 1) for name in SPANS}, 0.0
        self.sink, self.on_new = None, []
        try:
            yield
        finally:
            self.on, self._aggregates, self._label_values, self._snapshots, self._due, self.sink, self.on_new = before

    def _bounded(self, which: int, value: str) -> str:
        """The value of a label, or `OTHER` beyond the bound."""
        values = self._label_values[which]
        if not value or value in values:
            return value
        if len(values) >= self._bound:
            return OTHER
        values.add(value)
        return value


def _reading(labels: Labels, aggregate: _Aggregate) -> Reading:
    name, model, outcome, tenant = labels
    return Reading(
        name, aggregate.kind, model, outcome, tenant, aggregate.count, aggregate.total, aggregate.low, aggregate.high
    )
