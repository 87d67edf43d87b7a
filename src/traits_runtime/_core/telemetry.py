"""Numbers that traits record: counters, timings and gauges, kept in this process and read by exporters.

Off by default. Labels are a fixed set, and the number of their values is bounded: an exporter that never forgets
must not be fed with users' keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
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
        self._seen: tuple[set[str], set[str]] = (set(), set())
        self._kept: dict[Labels, _Aggregate] = {}
        self._lock = Lock()

    def enable(self, *, tenants: bool = False, bound: int = 50, sink: Sink | None = None) -> None:
        """Begin to record.

        Args:
            tenants: Record the tenant too.
            bound: How many models (and tenants) have readings of their own; the rest is ``other``.
            sink: Gets every number besides.
        """
        self._with_tenants = tenants
        self._bound = bound
        self.sink = sink
        self.on = True

    def disable(self) -> None:
        """Stop; what was recorded stays."""
        self.on = False

    def record(self, name: str, kind: MetricKind, value: float, model: str = "", outcome: str = "ok") -> None:
        """Record a number; does nothing while telemetry is off."""
        if not self.on:
            return
        tenant = self._bounded(1, self._tenant() or "") if self._with_tenants else ""
        labels = (name, self._bounded(0, model), outcome, tenant)
        with self._lock:
            kept = self._kept.get(labels)
            if kept is None:
                kept = self._kept[labels] = _Aggregate(kind)
            kept.count += 1
            kept.total = value if kind == "gauge" else kept.total + value
            kept.low = min(kept.low, value)
            kept.high = max(kept.high, value)
        if self.sink is not None:
            self.sink.record(name, kind, value, labels[1:])

    def read(self, *, reset: bool = False) -> tuple[Reading, ...]:
        """All aggregates, sorted by name and labels.

        Args:
            reset: Begin anew afterwards.
        """
        with self._lock:
            kept = sorted(self._kept.items())
            if reset:
                self._kept = {}
        return tuple(_reading(labels, one) for labels, one in kept)

    def reset(self) -> None:
        """Forget all aggregates."""
        self.read(reset=True)

    @contextmanager
    def fresh(self, *, on: bool = True) -> Iterator[None]:
        """For tests: begin at nothing; at the end of the block what was before is there again."""
        before = self.on, self._kept, self._seen
        self.on, self._kept, self._seen = on, {}, (set(), set())
        try:
            yield
        finally:
            self.on, self._kept, self._seen = before

    def _bounded(self, which: int, value: str) -> str:
        seen = self._seen[which]
        if value and value not in seen:
            if len(seen) >= self._bound:
                return OTHER
            seen.add(value)
        return value


def _reading(labels: Labels, one: _Aggregate) -> Reading:
    name, model, outcome, tenant = labels
    return Reading(name, one.kind, model, outcome, tenant, one.count, one.total, one.low, one.high)
