"""Rollouts by flagd's formulas, OpenFeature both ways, and guards that take a feature back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from loading import loading
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import ErrorCode, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from openfeature.transaction_context import ContextVarsTransactionContextPropagator

from traits_runtime import Trait, config, counter, events, feature, job, rollouts, telemetry, tenant, timing
from traits_runtime._core import rollouts as buckets
from traits_runtime._core import runtime
from traits_runtime._core.queue import encode
from traits_runtime._core.rollouts import bucket_of, murmur3_python
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.testing import capture_events, capture_jobs

FLAG = "HasDraft.live_preview"
WHERE: list[Any] = []


class HasDraft(Trait):
    """A trait with a feature that is rolled out."""

    live_preview = feature(False)
    previews = counter()
    preview_time = timing()

    @job()
    def publish(self) -> None:
        """Write down the transaction's context."""
        WHERE.append(api.get_transaction_context())


class Sheet(HasDraft):
    """A model."""

    id = 1


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    api.clear_providers()
    rollouts._guards.clear()
    WHERE.clear()


@pytest.fixture(params=["mmh3", "pure"])
def hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both implementations of murmur3."""
    native = buckets.native()
    assert native is not None
    monkeypatch.setattr(buckets, "murmur3", native if request.param == "mmh3" else murmur3_python)


# Vectors of flagd's own test bed, `evaluator/gherkin/fractional.feature`, examples v2.
CARDS = ("clubs", "diamonds", "hearts", "spades")
DEALT = (("jack", "hearts"), ("queen", "spades"), ("ten", "clubs"), ("nine", "diamonds"), ("3", "clubs"))
SEEDED = (("seven", "hearts"), ("eight", "diamonds"), ("nine", "clubs"), ("two", "spades"))
EDGES = (("ejOoVL", "lower"), ("bY9fO-", "lower"), ("SI7p-", "lower"), ("6LvT0", "upper"), ("ceQdGm", "upper"))


@pytest.mark.usefixtures("hashing")
def test_flagd_test_bed() -> None:
    """Every documented vector: four equal shares by flag key and by a shared seed, two by targeting key, and edges."""
    cards = [CARDS[bucket_of("fractional-flag", name) * 4 // 100_000] for name, _ in DEALT]
    seeded = [CARDS[bucket_of("shared-seed", name) * 4 // 100_000] for name, _ in SEEDED]
    coins = [
        bucket_of("fractional-flag-shorthand", subject) < 50_000 for subject in ("jon@company.com", "jane@company.com")
    ]
    edges = ["lower" if bucket_of("", key) < 50_000 else "upper" for key, _ in EDGES]

    assert cards == [card for _, card in DEALT]
    assert seeded == [card for _, card in SEEDED]
    assert coins == [True, False]
    assert edges == [half for _, half in EDGES]


CBOR = (
    (FLAG, "user-1", 87400),
    (FLAG, "ü@example.com", 94840),
    ("f", "1", 39760),
    ("x" * 23, "y" * 24, 76862),
    ("x" * 255, "y" * 256, 97189),
    ("flag", "z" * 70_000, 29567),
)


@pytest.mark.usefixtures("hashing")
def test_cbor_as_flagd_hashes_since_core_2() -> None:
    """Buckets that `openfeature-flagd-core` 2.0.0 gave for a total weight of 100,000; long keys have longer heads."""
    buckets = [bucket_of(salt, subject, "cbor") for salt, subject, _ in CBOR]

    assert buckets == [bucket for _, _, bucket in CBOR]


def test_rollout_keeps_how_it_is_hashed() -> None:
    """The share grows in the same order, and `explain` shows the bucket."""
    rollouts.set_share(FLAG, 30, hashing="cbor")
    few = {subject for subject in map(str, range(2000)) if rollouts.enabled(Sheet, "live_preview", subject)}
    rollouts.set_share(FLAG, 60, hashing="cbor")
    many = {subject for subject in map(str, range(2000)) if rollouts.enabled(Sheet, "live_preview", subject)}

    assert few < many
    assert 500 < len(few) < 700
    assert rollouts.explain(Sheet, "live_preview", "7").bucket == bucket_of(FLAG, "7", "cbor")


def test_our_features_by_openfeature() -> None:
    """An application that asks OpenFeature gets our answers, our reasons and our errors."""
    from traits_runtime.adapters.openfeature import features_provider

    api.set_provider(features_provider())
    client = api.get_client()
    rollouts.set_share(FLAG, 50)
    rollouts.set_share(FLAG, 0, tenant="acme")

    for subject in map(str, range(50)):
        details = client.get_boolean_details(FLAG, False, EvaluationContext(subject))
        assert (details.value, details.reason) == (rollouts.enabled(Sheet, "live_preview", subject), Reason.SPLIT)
        assert not client.get_boolean_value(FLAG, True, EvaluationContext(subject, {"tenant": "acme"}))
    assert client.get_boolean_details(FLAG, True).reason == Reason.DEFAULT
    assert client.get_boolean_details("HasDraft.nothing", True).error_code == ErrorCode.FLAG_NOT_FOUND
    assert client.get_string_details(FLAG, "x").error_code == ErrorCode.TYPE_MISMATCH


def test_flag_server_decides_for_us() -> None:
    """Any provider; an own override and switching off stay ours, an unknown flag is the toggle."""
    from traits_runtime.adapters.openfeature import open_flags

    def evaluate(flag: Any, context: Any) -> Any:
        from openfeature.flag_evaluation import FlagResolutionDetails

        return FlagResolutionDetails(context.targeting_key == "ada" or context.attributes.get("tenant") == "acme")

    flags = {FLAG: InMemoryFlag("off", {"on": True, "off": False}, context_evaluator=evaluate)}
    api.set_provider(InMemoryProvider(flags))
    open_flags({})

    def on(subject: str) -> bool:
        return rollouts.enabled(Sheet, "live_preview", subject)

    assert (on("ada"), on("bob")) == (True, False)
    assert rollouts.explain(Sheet, "live_preview", "ada").reason == "PROVIDER"
    with tenant("acme"):
        assert on("bob")
    rollouts.set_subject(FLAG, "bob", on=True)
    assert on("bob")
    config.set(HasDraft, "enabled", False)
    assert (on("ada"), on("bob")) == (False, False)
    config.set(HasDraft, "enabled", True)
    runtime.use_flag_provider(None)
    assert not on("ada")


def test_context_of_flags_crosses_over_to_jobs() -> None:
    """OpenFeature's transaction context is there where the job runs, and is gone afterwards."""
    from traits_runtime.adapters.openfeature import open_flags

    api.set_transaction_context_propagator(ContextVarsTransactionContextPropagator())
    api.set_provider(InMemoryProvider({}))
    open_flags({})
    api.set_transaction_context(EvaluationContext("ada", {"plan": "pro"}))
    with capture_jobs() as jobs:
        Sheet().publish.enqueue()
    api.set_transaction_context(EvaluationContext())
    with loading(lambda model, identity: Sheet()):
        deliver(encode(jobs.messages[0]))

    assert [(entry.targeting_key, entry.attributes) for entry in WHERE] == [("ada", {"plan": "pro"})]
    assert api.get_transaction_context().targeting_key is None


def test_too_many_errors_take_a_feature_back() -> None:
    """Not before there is enough to judge by, not for a few; then the share is 0 and the history says why."""
    telemetry.enable()
    sheet = Sheet()
    rollouts.set_share(FLAG, 40)
    rollouts.guard(FLAG, error_rate=0.1, at_least=50)

    def work(good: int, bad: int) -> int:
        for outcome, count in (("ok", good), ("error", bad)):
            for _ in range(count):
                sheet.previews.add(outcome=outcome)
        return len(rollouts.check())

    with capture_events("trait.runtime.rolled_back") as captured:
        received = [work(0, 20), work(400, 1), work(95, 5), work(80, 20), work(0, 100)]

    assert received == [0, 0, 0, 1, 0]
    assert captured.payloads[0].feature == FLAG
    assert "outcomes were errors, 10.0% may be" in captured.payloads[0].why
    assert [(change.by, change.key.startswith("live_preview")) for change in config.history()][:1] == [("guard", True)]
    assert not any(rollouts.enabled(Sheet, "live_preview", subject) for subject in map(str, range(200)))


def test_slowness_takes_a_feature_back_by_itself() -> None:
    """The mean of the trait's timings, looked at regularly."""
    telemetry.enable()
    rollouts.set_share(FLAG, 100)
    rollouts.guard(FLAG, latency=0.5, at_least=10)
    stop = rollouts.watch(0.05)
    heard: list[Any] = []
    events.listen("trait.runtime.rolled_back", heard.append)
    for _ in range(20):
        Sheet().preview_time.record(0.8)

    deadline = time.monotonic() + 60
    while not heard and time.monotonic() < deadline:
        time.sleep(0.02)
    stop()
    assert "0.800 s, 0.5 s may be" in heard[0].payload.why
    assert not rollouts.enabled(Sheet, "live_preview", "1")
