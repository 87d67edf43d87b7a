"""Prometheus, by pull: ``telemetry = ["prometheus"]``, served on the ``port`` in ``[engines.prometheus]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from traits_runtime._core import runtime
from traits_runtime._core.engines import needs
from traits_runtime._core.telemetry import Reading

with needs("prometheus"):
    from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
    from prometheus_client.registry import Collector

LABELS: Final = ("model", "outcome", "tenant")


class TraitCollector(Collector):
    """The aggregates of this process, read when Prometheus scrapes them.

    Names of counters end in ``_total``; timings are summaries in seconds.

    >>> registry = CollectorRegistry()
    >>> registry.register(TraitCollector())
    """

    def collect(self) -> Iterable[Any]:
        """All metrics, each with its labels."""
        families: dict[str, Any] = {}
        for reading in runtime.telemetry.read():
            family = families.get(reading.name)
            if family is None:
                family = families[reading.name] = _family(reading)
            labels = (reading.model, reading.outcome, reading.tenant)
            if reading.kind == "timing":
                family.add_metric(labels, count_value=reading.count, sum_value=reading.total)
            else:
                family.add_metric(labels, reading.total)
        return list(families.values())


def _family(reading: Reading) -> Any:
    name = re.sub(r"[^a-zA-Z0-9_]", "_", reading.name)
    text = f"{reading.kind} {reading.name}"
    if reading.kind == "timing":
        return SummaryMetricFamily(f"{name}_seconds", text, labels=LABELS)
    kind = CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily
    return kind(name, text, labels=LABELS)


def open_telemetry(settings: Mapping[str, Any], registry: CollectorRegistry = REGISTRY) -> TraitCollector:
    """Enable telemetry and register the collector.

    Args:
        settings: ``port`` to serve on, ``tenants``, ``bound``.
        registry: The registry of the collector.
    """
    runtime.telemetry.enable(**{key: settings[key] for key in ("tenants", "bound") if key in settings})
    collector = TraitCollector()
    registry.register(collector)
    if "port" in settings:
        start_http_server(int(settings["port"]), registry=registry)
    return collector
