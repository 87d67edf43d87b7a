"""OpenTelemetry by its API: ``telemetry = ["opentelemetry"]``; the application configures the SDK and exporters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any

from traits_runtime._core import runtime
from traits_runtime._core.engines import needs
from traits_runtime._core.telemetry import MetricKind, Reading

with needs("opentelemetry", extra="otel"):
    from opentelemetry import context, metrics, propagate, trace
    from opentelemetry.metrics import Observation

SCOPE = "traits_runtime"


class OpenTelemetryExporter:
    """An observable instrument for each metric, created when it is first recorded, and a span around every job.

    A timing is two counters, ``.count`` and ``.sum`` in seconds. A job continues the trace of the code that queued it.
    """

    def __init__(self) -> None:
        self._meter = metrics.get_meter(SCOPE)
        self._tracer = trace.get_tracer(SCOPE)
        self._names: set[str] = set()
        self._lock = RLock()
        for reading in runtime.telemetry.read():
            self.add(reading.name, reading.kind)
        runtime.telemetry.on_new.append(self.add)
        runtime.propagate("trace", self._inject, self._continue_trace)

    def add(self, name: str, kind: MetricKind) -> None:
        """Create the instruments of a metric."""
        with self._lock:
            if name in self._names:
                return
            self._names.add(name)
        if kind == "gauge":
            self._meter.create_observable_gauge(name, [lambda _: _observe(name, "total")])
        elif kind == "counter":
            self._meter.create_observable_counter(name, [lambda _: _observe(name, "total")])
        else:
            self._meter.create_observable_counter(f"{name}.count", [lambda _: _observe(name, "count")])
            self._meter.create_observable_counter(f"{name}.sum", [lambda _: _observe(name, "total")], unit="s")

    def _inject(self) -> dict[str, str] | None:
        carried: dict[str, str] = {}
        propagate.inject(carried)
        return carried or None

    @contextmanager
    def _continue_trace(self, carried: dict[str, str]) -> Iterator[None]:
        from traits_runtime._core.trait.deliver import CURRENT

        job = CURRENT.get()
        name = job.name if job is not None else "trait job"
        token = context.attach(propagate.extract(carried))
        try:
            with self._tracer.start_as_current_span(name, kind=trace.SpanKind.CONSUMER) as span:
                if job is not None:
                    span.set_attribute("messaging.message.id", job.id)
                    span.set_attribute("traits.attempt", job.attempt)
                yield
        finally:
            context.detach(token)


def _observe(name: str, field: str) -> Iterable[Observation]:
    readings = (reading for reading in runtime.telemetry.read() if reading.name == name)
    return [Observation(getattr(reading, field), _attributes(reading)) for reading in readings]


def _attributes(reading: Reading) -> dict[str, str]:
    labels = {"model": reading.model, "outcome": reading.outcome, "tenant": reading.tenant}
    return {key: value for key, value in labels.items() if value}


def open_telemetry(settings: Mapping[str, Any]) -> OpenTelemetryExporter:
    """Enable telemetry and create the instruments.

    Args:
        settings: ``tenants``, ``bound``.
    """
    runtime.telemetry.enable(**{key: settings[key] for key in ("tenants", "bound") if key in settings})
    return OpenTelemetryExporter()
