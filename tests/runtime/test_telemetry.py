"""Numbers, lines of the log, and tenants."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from traits_runtime import Trait, TraitLog, counter, current_tenant, events, gauge, telemetry, tenant, timing, unscoped
from traits_runtime._core import runtime
from traits_runtime._core.scoped_values import required
from traits_runtime.errors import NoTenantError
from traits_runtime.testing import capture_logs, capture_metrics


class HasIndex(Trait):
    """A trait that records and logs."""

    indexed = counter(doc="Rows indexed.")
    index_time = timing(doc="How long it takes.")
    waiting = gauge(doc="Rows that wait.")
    index_log = TraitLog()


class Page(HasIndex):
    """A model."""

    id = 7


def test_off_by_default() -> None:
    """Nothing is recorded, and nothing fails."""
    page = Page()
    page.indexed.add()
    page.waiting.set(3)
    page.index_time.record(1)
    with page.index_time:
        pass

    assert telemetry.read() == ()
    assert page.indexed is page.waiting


def test_counters_timings_and_gauges() -> None:
    """With how often, how much, least and most."""
    page = Page()
    with capture_metrics() as metrics:
        page.indexed.add()
        page.indexed.add(4)
        page.indexed.add(outcome="skipped")
        page.waiting.set(9)
        page.waiting.set(2)
        page.index_time.record(0.5)
        with pytest.raises(ValueError, match="x"), page.index_time:
            raise ValueError("x")

    assert metrics.total("trait.HasIndex.indexed") == 6
    assert metrics.total("trait.HasIndex.indexed", outcome="skipped") == 1
    assert metrics.total("trait.HasIndex.waiting") == 2
    assert [reading.outcome for reading in metrics.readings("trait.HasIndex.index_time")] == ["error", "ok"]
    assert telemetry.read() == ()


def test_readings() -> None:
    """Sorted, and reset when asked."""
    page = Page()
    with capture_metrics() as metrics:
        page.indexed.add(1)
        page.indexed.add(4)
        page.waiting.set(9)
        page.waiting.set(2)
        with pytest.raises(ValueError, match="x"), page.index_time:
            raise ValueError("x")
        timed, counted, waiting = telemetry.read(reset=True)
        empty = metrics.readings()

    assert (counted.name, counted.kind, counted.model, counted.outcome) == (
        "trait.HasIndex.indexed", "counter", "Page", "ok",
    )  # fmt: skip
    assert (counted.count, counted.total, counted.low, counted.high) == (2, 5, 1, 4)
    assert (waiting.kind, waiting.total, waiting.low) == ("gauge", 2, 2)
    assert (timed.kind, timed.outcome, timed.count) == ("timing", "error", 1)
    assert empty == ()


def test_labels_are_bounded() -> None:
    """Beyond the bound it is ``other``; tenants only where asked for."""
    with capture_metrics() as metrics:
        telemetry.enable(bound=2, tenants=True)
        for number in range(5):
            with tenant(f"t{number}"):
                telemetry.record("x", "counter", 1, model=f"M{number}")
        bounded = {(reading.model, reading.tenant, reading.total) for reading in metrics.readings("x")}
        telemetry.enable()
        with tenant("acme"):
            telemetry.record("y", "counter", 1)
        (plain,) = metrics.readings("y")
        telemetry.disable()
        telemetry.record("y", "counter", 1)
        after = metrics.total("y")

    assert bounded == {("M0", "t0", 1), ("M1", "t1", 1), ("other", "other", 3)}
    assert plain.tenant == ""
    assert after == 1


def test_sink_gets_every_number() -> None:
    """For engines that cannot read aggregates."""
    received: list[Any] = []

    class Sink:
        def record(self, *settings: Any) -> None:
            received.append(settings)

    with capture_metrics():
        telemetry.enable(sink=Sink())
        Page().indexed.add(2)
        telemetry.enable()

    assert received == [("trait.HasIndex.indexed", "counter", 2, ("Page", "ok", ""))]


def test_log_lines_say_what_they_are_about() -> None:
    """Trait, model, key and tenant as extras, beside the caller's own."""
    with capture_logs() as lines, tenant("acme"):
        Page().index_log.info("indexed %d rows", 3, seconds=0.5)
        Page().index_log.debug("quiet")
        try:
            raise ValueError("broken")
        except ValueError:
            Page().index_log.error("failed")

    first, second, third = lines
    assert (first.name, first.getMessage(), first.levelname) == ("traits_runtime.HasIndex", "indexed 3 rows", "INFO")
    assert (first.trait, first.model, first.key, first.tenant) == ("HasIndex", "Page", 7, "acme")  # type: ignore[attr-defined]
    assert first.seconds == 0.5  # type: ignore[attr-defined]
    assert first.filename == "test_telemetry.py"
    assert second.levelname == "DEBUG"
    assert third.exc_info is not None


def test_log_of_a_level_that_is_off_costs_nothing() -> None:
    """Not even the instance's key is asked for."""

    class Careful(HasIndex):
        @property
        def id(self) -> int:
            raise AssertionError("asked")

    with capture_logs(level=logging.WARNING) as lines:
        Careful().index_log.info("quiet")
        Page().index_log.warning("loud")

    assert [line.getMessage() for line in lines] == ["loud"]


def test_tenant_is_restored() -> None:
    """Nested, on error, and in its block alone."""
    with tenant("acme"):
        with tenant("other"):
            inner = current_tenant()
        with pytest.raises(ValueError, match="x"), tenant("third"):
            raise ValueError("x")
        outer = current_tenant()

    assert (inner, outer, current_tenant()) == ("other", "acme", None)


def test_tenant_of_tasks() -> None:
    """Each task has its own; one that outlives the block keeps the tenant it was started for."""

    async def ask(go: asyncio.Event) -> str | None:
        await go.wait()
        return current_tenant()

    async def main() -> list[str | None]:
        go = asyncio.Event()
        async with tenant("acme"):
            first = asyncio.create_task(ask(go))
        async with tenant("other"):
            second = asyncio.create_task(ask(go))
            await asyncio.sleep(0)
        go.set()
        return [await first, await second, current_tenant()]

    assert asyncio.run(main()) == ["acme", "other", None]


def test_generator_that_is_dropped_leaves_no_tenant() -> None:
    """Work that goes on must not be done for somebody else."""
    import contextvars
    from collections.abc import Iterator

    def stream() -> Iterator[int]:
        with tenant("acme"):
            yield 1

    numbers = stream()
    next(numbers)
    inside = current_tenant()
    contextvars.copy_context().run(numbers.close)  # type: ignore[attr-defined]

    assert (inside, current_tenant()) == ("acme", None)


def test_no_tenant_is_an_error() -> None:
    """With the two ways out."""
    with pytest.raises(NoTenantError, match=r"Invoice needs a tenant .*with tenant\(.*unscoped\(reason="):
        required(runtime.TENANT.get(), "Invoice")
    with tenant("acme"):
        assert required(runtime.TENANT.get(), "Invoice") == "acme"
    with pytest.raises(ValueError, match="needs a name"):
        tenant("")
    with pytest.raises(ValueError, match="needs a reason"):
        unscoped(reason="")


def test_unscoped_is_announced() -> None:
    """By an event and a line of the log, with the reason and whose tenant was left."""
    heard: list[Any] = []
    events.listen("trait.runtime.unscoped", lambda envelope: heard.append(envelope.payload))

    with capture_logs() as lines, tenant("acme"), unscoped(reason="billing export"):
        inside = current_tenant()

    assert inside is None
    assert (heard[0].reason, heard[0].tenant) == ("billing export", "acme")
    assert [line.getMessage() for line in lines] == ["unscoped: billing export"]
