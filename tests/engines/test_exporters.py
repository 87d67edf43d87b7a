"""What monitoring systems read: by Prometheus' own parser, by OTLP's own messages, and from a datagram socket."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from loading import loading

from faults import free_port
from traits_runtime import Trait, counter, gauge, job, telemetry, timing
from traits_runtime._core.queue import encode
from traits_runtime._core.telemetry import Telemetry
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.testing import capture_jobs


class HasNumbers(Trait):
    """Records all kinds."""

    made = counter()
    took = timing()
    waiting = gauge()

    @job()
    def work(self) -> None:
        """Count."""
        self.made.add()


class Shop(HasNumbers):
    """A model."""

    id = 5


def record() -> None:
    """One of each kind."""
    shop = Shop()
    shop.made.add(2)
    shop.made.add(3, outcome="error")
    shop.took.record(0.25)
    shop.took.record(0.75)
    shop.waiting.set(9)


def many_models() -> None:
    """Ten thousand models, as an application might make by mistake."""
    for number in range(10_000):
        telemetry.record("trait.HasNumbers.made", "counter", 1, f"Model{number}", f"outcome {number}")


def scraped() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What Prometheus' parser reads from our output."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.parser import text_string_to_metric_families

    from traits_runtime.adapters.prometheus import open_telemetry

    registry = CollectorRegistry()
    open_telemetry({}, registry)
    yield_text = generate_latest(registry).decode()
    families = text_string_to_metric_families(yield_text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_all_kinds() -> None:
    """Counters, timings as summaries, gauges, with the fixed labels."""
    telemetry.enable()
    record()

    samples = scraped()
    ok = (("model", "Shop"), ("outcome", "ok"), ("tenant", ""))
    error = (("model", "Shop"), ("outcome", "error"), ("tenant", ""))
    assert samples["trait_HasNumbers_made_total", ok] == 2
    assert samples["trait_HasNumbers_made_total", error] == 3
    assert samples["trait_HasNumbers_took_seconds_count", ok] == 2
    assert samples["trait_HasNumbers_took_seconds_sum", ok] == 1
    assert samples["trait_HasNumbers_waiting", ok] == 9


def test_prometheus_is_served() -> None:
    """A port in the settings is enough."""
    import urllib.request

    from prometheus_client import CollectorRegistry

    from traits_runtime.adapters.prometheus import open_telemetry

    port = free_port()
    telemetry.enable()
    record()
    open_telemetry({"port": port}, CollectorRegistry())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()

    assert 'trait_HasNumbers_made_total{model="Shop",outcome="ok",tenant=""} 2.0' in text


def test_labels_stay_bounded() -> None:
    """Ten thousand models are fifty and the rest; so are outcomes."""
    telemetry.enable()
    many_models()

    samples = scraped()
    models = {dict(labels)["model"] for name, labels in samples if name == "trait_HasNumbers_made_total"}
    outcomes = {dict(labels)["outcome"] for name, labels in samples if name == "trait_HasNumbers_made_total"}
    assert (len(models), len(outcomes)) == (51, 51)
    assert sum(value for (name, _), value in samples.items() if name == "trait_HasNumbers_made_total") == 10_000


@pytest.fixture
def otlp(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """A reader and an exporter of the SDK, in place of the process's own providers."""
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
    meters, tracers = MeterProvider(metric_readers=[reader]), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(metrics, "get_meter", meters.get_meter)
    monkeypatch.setattr(trace, "get_tracer", tracers.get_tracer)
    yield reader, spans
    meters.shutdown()
    tracers.shutdown()


def sent(reader: Any) -> dict[str, list[Any]]:
    """The data points by metric, after a way through OTLP's bytes."""
    from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    data = encode_metrics(reader.get_metrics_data()).SerializeToString()
    request = ExportMetricsServiceRequest.FromString(data)
    metrics = [metric for rest in request.resource_metrics for scope in rest.scope_metrics for metric in scope.metrics]
    return {
        metric.name.lower(): list((metric.sum if metric.HasField("sum") else metric.gauge).data_points)
        for metric in metrics
    }


def test_otlp_reads_all_kinds(otlp: tuple[Any, Any]) -> None:
    """Also metrics that were recorded before, and labels that stay bounded."""
    from traits_runtime.adapters.opentelemetry import open_telemetry

    reader, _ = otlp
    telemetry.enable()
    Shop().made.add(1)
    open_telemetry({})
    record()
    many_models()

    metrics = sent(reader)
    assert {"trait.hasnumbers.made", "trait.hasnumbers.took.count", "trait.hasnumbers.took.sum"} < set(metrics)
    assert metrics["trait.hasnumbers.took.sum"][0].as_double == 1
    assert metrics["trait.hasnumbers.waiting"][0].as_int == 9
    labels = [
        {attribute.key: attribute.value.string_value for attribute in point.attributes}
        for point in metrics["trait.hasnumbers.made"]
    ]
    assert len({label["model"] for label in labels}) == 51
    assert {"model": "Shop", "outcome": "error"} in labels


def test_trace_goes_on_in_the_job(otlp: tuple[Any, Any]) -> None:
    """The job's span has the trace of the one who queued it."""
    from opentelemetry import trace

    from traits_runtime.adapters.opentelemetry import open_telemetry

    _, spans = otlp
    open_telemetry({})
    with capture_jobs() as jobs, trace.get_tracer("test").start_as_current_span("request"):
        Shop().work.enqueue()
    with loading(lambda model, identity: Shop()):
        deliver(encode(jobs.messages[0]))

    request, ran = spans.get_finished_spans()
    assert ran.name == "trait.HasNumbers.work"
    assert ran.context.trace_id == request.context.trace_id
    assert ran.parent.span_id == request.context.span_id


@pytest.mark.parametrize("tags", [True, False])
def test_statsd_gets_every_number(tags: bool) -> None:
    """Lines in datagrams, with tags where the server knows them."""
    from traits_runtime.adapters.statsd import open_telemetry

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        sink = open_telemetry({"host": "127.0.0.1", "port": server.getsockname()[1], "tags": tags, "interval": 3600})
        record()
        sink.close()
        lines = server.recv(65_000).decode().split("\n")

    assert len(lines) == 5
    if tags:
        assert lines[0] == "trait.HasNumbers.made:2|c|#model:Shop,outcome:ok"
        assert lines[2] == "trait.HasNumbers.took:250|ms|#model:Shop,outcome:ok"
    else:
        assert lines[1] == "trait.HasNumbers.made.Shop.error:3|c"
        assert lines[4] == "trait.HasNumbers.waiting.Shop.ok:9|g"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_statsd_hears_of_forked_workers() -> None:
    """A child sends while it works, and not what its parent has taken."""
    from traits_runtime.adapters.statsd import open_telemetry

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        sink = open_telemetry({"host": "127.0.0.1", "port": server.getsockname()[1], "interval": 0.2})
        sink._lock.acquire()  # as if its thread was just sending
        child = os.fork()
        if child == 0:
            Shop().made.add(7)
            threading.Event().wait()
        sink._lock.release()
        try:
            line = server.recv(65_000).decode()
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            sink.close()

    assert line == "trait.HasNumbers.made.Shop.ok:7|c"


def test_windows_look_back_and_stay_bounded() -> None:
    """A window holds what was recorded in it; a week of numbers needs no more memory than an hour's."""
    now = 1000.0
    here = Telemetry(lambda: None)
    here._clock = lambda: now
    here.enable()
    for minute in range(10_080):
        now = 1000 + minute * 60.0
        here.record("n", "counter", 1)

    counts = {span: here.window(span)[0].count for span in ("1h", "6h", "24h", "7d")}  # type: ignore[arg-type]
    for span, minutes in (("1h", 60), ("6h", 360), ("24h", 1440), ("7d", 10_080)):
        assert minutes * 23 / 24 - 2 <= counts[span] <= minutes * 26 / 24 + 2, span
    assert sum(len(value) for value in here._snapshots.values()) <= 100
    now += 7200
    assert here.window("1h") == ()


def test_recording_from_many_threads_loses_nothing() -> None:
    """The sums are exact."""
    telemetry.enable()

    def count() -> None:
        for _ in range(2000):
            Shop().made.add()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [reading.total for reading in telemetry.read()] == [16_000]
