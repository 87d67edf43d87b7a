"""Numbers that traits record: counters, timings and gauges, kept in this process and read by exporters.

Off by default. Labels are a fixed set, and the number of their values is bounded: an exporter that never forgets
must not be fed with users' keys.
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
"""The label value of everything beyond the bound."""

Labels = tuple[str, str, str, str]
"""Name, model, outcome, tenant."""


class Reading(msgspec.Struct, frozen=True):
    """One aggregate.

    Args:
        name: ``trait.HasSlug.slugs_made``.
        kind: ``counter``, ``timing`` (seconds) or ``gauge``.
        model: Short name of the model, ``other`` beyond the bound, empty for none.
        outcome: ``ok``, ``error``, or what the caller said.
        tenant: The tenant, empty unless asked for.
        count: How often it was recorded.
        total: Sum of what was recorded; of a gauge the last value.
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
    """Where numbers go as they are recorded, for engines that cannot read aggregates."""

    def record(self, name: str, kind: MetricKind, value: float, labels: tuple[str, str, str]) -> None:
        """Take one number, with model, outcome and tenant."""
        ...


SPANS: Final = {"1h": 3_600.0, "6h": 21_600.0, "24h": 86_400.0, "7d": 604_800.0}
"""What `Telemetry.window` looks back at, in seconds."""

STEPS: Final = 24
"""How finely a span is kept: 1 h to two and a half minutes, 7 d to seven hours."""

Snapshot: TypeAlias = "dict[Labels, tuple[int, float]]"


class _Aggregate:
    __slots__ = ("count", "high", "kind", "low", "total")

    def __init__(self, kind: MetricKind) -> None:
        self.kind: MetricKind = kind
        self.count = 0
        self.total = 0.0
        self.low = float("inf")
        self.high = float("-inf")


class Telemetry:
    """The aggregates of this process.

    Args:
        tenant: Says the current tenant; asked only where tenants are recorded.
    """

    def __init__(self, tenant: Callable[[], str | None]) -> None:
        self.on: bool = False
        self.sink: Sink | None = None
        self._tenant = tenant
        self._with_tenants = False
        self._bound = 50
        self._seen: tuple[set[str], set[str], set[str]] = (set(), set(), set())
        self._kept: dict[Labels, _Aggregate] = {}
        self._lock = Lock()
        self._clock: Callable[[], float] = monotonic
        self._due = 0.0
        self._past: dict[str, deque[tuple[float, Snapshot]]] = {name: deque(maxlen=STEPS + 1) for name in SPANS}
        self.on_new: list[Callable[[str, MetricKind], None]] = []

    def enable(self, *, tenants: bool = False, bound: int = 50, sink: Sink | None = None) -> None:
        """Begin to record.

        Args:
            tenants: Record the tenant too.
            bound: How many models (and tenants, and outcomes) have readings of their own; the rest is ``other``.
            sink: Gets every number besides.
        """
        self._with_tenants = tenants
        self._bound = bound
        self.sink = sink
        self.on = True

    def after_fork(self) -> None:
        """In a child: a thread that was recording is not here to let go."""
        self._lock = Lock()

    def disable(self) -> None:
        """Stop; what was recorded stays."""
        self.on = False

    def record(self, name: str, kind: MetricKind, value: float, model: str = "", outcome: str = "ok") -> None:
        """Record a number; does nothing while telemetry is off."""
        if not self.on:
            return
        tenant = self._bounded(1, self._tenant() or "") if self._with_tenants else ""
        if model not in self._seen[0]:
            model = self._bounded(0, model)
        if outcome not in self._seen[2]:
            outcome = self._bounded(2, outcome)
        labels = (name, model, outcome, tenant)
        with self._lock:
            if self._clock() >= self._due:
                self._look()
            aggregate = self._kept.get(labels)
            if aggregate is None:
                aggregate = self._new(labels, kind)
            aggregate.count += 1
            aggregate.total = value if kind == "gauge" else aggregate.total + value
            aggregate.low = min(aggregate.low, value)
            aggregate.high = max(aggregate.high, value)
        if self.sink is not None:
            self.sink.record(name, kind, value, labels[1:])

    def read(self, *, reset: bool = False) -> tuple[Reading, ...]:
        """All aggregates, sorted by name and labels.

        Args:
            reset: Begin anew afterwards.
        """
        with self._lock:
            aggregates = sorted(self._kept.items())
            if reset:
                self._kept = {}
                for past in self._past.values():
                    past.clear()
                self._due = 0.0
        return tuple(_reading(labels, aggregate) for labels, aggregate in aggregates)

    def reset(self) -> None:
        """Forget all aggregates."""
        self.read(reset=True)

    def window(self, span: Literal["1h", "6h", "24h", "7d"]) -> tuple[Reading, ...]:
        """What was recorded lately; a gauge's total is its last value, low and high are those since the beginning.

        The memory is bounded: 25 looks back for each span, whatever was recorded in between.

        Args:
            span: How far to look back, exact to a twenty-fourth of it.
        """
        with self._lock:
            now = self._clock()
            if now >= self._due:
                self._look()
            aggregates = sorted(self._kept.items())
            before = next(
                (snapshot for at, snapshot in self._past[span] if at >= now - SPANS[span] * (1 + 1 / STEPS)), {}
            )
        readings = []
        for labels, aggregate in aggregates:
            count, total = before.get(labels, (0, 0.0))
            if aggregate.count > count:
                reading = _reading(labels, aggregate)
                spent = aggregate.total if aggregate.kind == "gauge" else aggregate.total - total
                readings.append(msgspec.structs.replace(reading, count=aggregate.count - count, total=spent))
        return tuple(readings)

    def _look(self) -> None:
        """Keep what the sums are now, for the spans whose next look is due."""
        now = self._clock()
        seen: Snapshot | None = None
        for name, past in self._past.items():
            if not past or now >= past[-1][0] + SPANS[name] / STEPS:
                if seen is None:
                    seen = {labels: (aggregate.count, aggregate.total) for labels, aggregate in self._kept.items()}
                past.append((now, seen))
        self._due = min(past[-1][0] + SPANS[name] / STEPS for name, past in self._past.items())

    def _new(self, labels: Labels, kind: MetricKind) -> _Aggregate:
        aggregate = self._kept[labels] = _Aggregate(kind)
        for callback in self.on_new:
            callback(labels[0], kind)
        return aggregate

    @contextmanager
    def fresh(self, *, on: bool = True) -> Iterator[None]:
        """For tests: begin at nothing; at the end of the block what was before is there again."""
        before = self.on, self._kept, self._seen, self._past, self._due, self.sink, self.on_new
        self.on, self._kept, self._seen = on, {}, (set(), set(), set())
        self._past, self._due = {name: deque(maxlen=STEPS + 1) for name in SPANS}, 0.0
        self.sink, self.on_new = None, []
        try:
            yield
        finally:
            self.on, self._kept, self._seen, self._past, self._due, self.sink, self.on_new = before

    def _bounded(self, which: int, value: str) -> str:
        seen = self._seen[which]
        if value not in seen:
            if not value:
                return value
            if len(seen) >= self._bound:
                return OTHER
            seen.add(value)
        return value


def _reading(labels: Labels, aggregate: _Aggregate) -> Reading:
    name, model, outcome, tenant = labels
    return Reading(
        name, aggregate.kind, model, outcome, tenant, aggregate.count, aggregate.total, aggregate.low, aggregate.high
    )
