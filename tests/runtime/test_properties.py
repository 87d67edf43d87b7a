"""What holds for whatever is thrown at it: resolution, wildcards, order, shares."""

from __future__ import annotations

import re
from typing import Any

import pytest

hypothesis = pytest.importorskip("hypothesis")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from traits_runtime import events  # noqa: E402
from traits_runtime._core.config.override import OverrideFrame  # noqa: E402
from traits_runtime._core.rollouts import WHOLE, Plan, Rollout, bucket_of, murmur3_python, native  # noqa: E402
from traits_runtime.rules.keys import Key, Option  # noqa: E402
from traits_runtime.rules.layers import Resolver, Subject, Table  # noqa: E402
from traits_runtime.rules.naming import matches  # noqa: E402

MODELS = ("News", "Article")
TENANTS = ("", "acme", "other")
GOOD = st.integers(0, 9)
BAD = st.sampled_from(["x", -1, 100, None])
VALUE = st.one_of(GOOD, BAD)


def is_good(value: object) -> bool:
    """What the key below takes."""
    return isinstance(value, int) and 0 <= value <= 9


def naive(layers: dict[str, Any], tenant: str) -> int:
    """The same answer, worked out from the sentence that the documentation says."""
    expected: list[Any] = []
    if layers["locked"] and layers["environment"] is not None:
        expected.append(layers["environment"])
    expected += [value for value in reversed(layers["blocks"]) if value is not None]
    if tenant:
        expected += [layers["stored"].get((model, tenant)) for model in MODELS]
        expected += [layers["file"].get((model, tenant)) for model in MODELS]
        expected += [layers["stored"].get(("", tenant)), layers["file"].get(("", tenant))]
    expected += [layers["stored"].get((model, "")) for model in MODELS]
    expected += [layers["file"].get((model, "")) for model in MODELS]
    expected += layers["code"]
    expected += [layers["stored"].get(("", "")), layers["environment"], layers["file"].get(("", ""))]
    return next((value for value in expected if value is not None and is_good(value)), 5)


TABLE = st.dictionaries(st.tuples(st.sampled_from(["", *MODELS]), st.sampled_from(TENANTS)), VALUE, max_size=9)


@given(
    layers=st.fixed_dictionaries(
        {
            "stored": TABLE,
            "file": TABLE,
            "environment": st.one_of(st.none(), GOOD, st.just(100)),
            "code": st.lists(GOOD, max_size=2),
            "blocks": st.lists(GOOD, max_size=3),
            "locked": st.booleans(),
        }
    ),
    tenant=st.sampled_from(TENANTS),
)
def test_resolution_agrees_with_the_naive_model(layers: dict[str, Any], tenant: str) -> None:
    """Over random layers with good and bad values, `value` and `resolve` give what the sentence says."""
    option = Option(5, None, "", ("SIZE",), {"ge": 0, "le": 9}, (False, layers["locked"]), ("", ""))
    key = Key("HasSize", "app.HasSize", "size", int, option, "option", "config")
    variables = {} if layers["environment"] is None else {"SIZE": str(layers["environment"])}
    resolver = Resolver(variables, lambda _error, _place: None)
    resolver.stored = table("app.HasSize", layers["stored"])
    resolver.files = table("HasSize", layers["file"])
    code = {("app.HasSize", "size"): tuple((value, "class") for value in layers["code"])}
    subject = Subject(int, MODELS, code)
    frames = tuple(OverrideFrame(None, {("app.HasSize", "size"): value}, None, "") for value in layers["blocks"])

    expected = naive(layers, tenant)
    resolved = resolver.resolve(key, subject, tenant, frames)

    assert resolver.value(key, subject, tenant, frames) == expected
    assert resolved.value == expected


def table(trait: str, values: dict[tuple[str, str], Any]) -> Table:
    """The layer of a file or a store."""
    return Table({(trait, "size", model, tenant): (value, "place") for (model, tenant), value in values.items()})


SEGMENT = st.sampled_from(["trait", "HasSlug", "a", "b_1", "X"])
NAME = st.lists(SEGMENT, min_size=1, max_size=5).map(".".join)
PATTERN = st.lists(st.one_of(SEGMENT, st.sampled_from(["*", "**"])), min_size=1, max_size=5).map(".".join)


@given(pattern=PATTERN, name=NAME)
@settings(max_examples=400)
def test_wildcards_agree_with_a_regular_expression(pattern: str, name: str) -> None:
    """``*`` is one segment, ``**`` one or more."""
    parts = {"*": r"[^.]+", "**": r"[^.]+(\.[^.]+)*"}
    expression = r"\.".join(parts.get(segment, re.escape(segment)) for segment in pattern.split("."))

    assert matches(pattern, name) is (re.fullmatch(expression, name) is not None)


@given(priorities=st.lists(st.integers(-3, 3), max_size=12), cancelled=st.sets(st.integers(0, 11)))
def test_listeners_are_called_by_priority_and_registration(priorities: list[int], cancelled: set[int]) -> None:
    """Whoever has gone in between."""
    heard: list[int] = []
    with events.isolated():
        subscriptions = [
            events.listen("x.y", lambda _envelope, number=number: heard.append(number), priority=priority)
            for number, priority in enumerate(priorities)
        ]
        for number in cancelled:
            if number < len(subscriptions):
                subscriptions[number].cancel()
        events.emit("x.y")

    remaining = [number for number in range(len(priorities)) if number not in cancelled]
    assert heard == sorted(remaining, key=lambda number: (-priorities[number], number))


SUBJECTS = [f"user-{number}" for number in range(100_000)]


@pytest.mark.parametrize("flag", ["HasEditor.new_editor", "checkout"])
def test_shares_are_exact(flag: str) -> None:
    """Of 100,000 subjects the share is right to half a point."""
    buckets = [bucket_of(flag, subject) for subject in SUBJECTS]

    for share in (0, 0.1, 1, 10, 25, 33.333, 50, 75, 99.9, 100):
        result = sum(bucket < round(share * WHOLE / 100) for bucket in buckets) / 1000

        assert abs(result - share) < 0.5, share
    assert sum(bucket < 0 for bucket in buckets) == 0
    assert max(buckets) < WHOLE


@given(subject=st.text(min_size=1, max_size=30), shares=st.tuples(st.floats(0, 100), st.floats(0, 100)))
def test_growing_a_share_drops_nobody(subject: str, shares: tuple[float, float]) -> None:
    """Who is in at the smaller share is in at the larger."""
    small, large = (Plan("x.y", False, False, Rollout(share), {}) for share in sorted(shares))

    assert large.includes(subject) or not small.includes(subject)


@given(data=st.binary(max_size=64))
@settings(max_examples=500)
def test_both_hashes_are_the_same(data: bytes) -> None:
    """Pure Python and C are bit for bit identical."""
    fast = native()
    if fast is None:
        pytest.skip("mmh3 is not installed")

    assert murmur3_python(data) == fast(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"a", 0x3C2569B2),
        (b"hello", 0x248BFA47),
        (b"hello, world", 0x149BBB7F),
        (b"Hello, world!", 0xC0363E43),
    ],
)
def test_hash_has_the_published_values(data: bytes, expected: int) -> None:
    """Those of the reference implementation, so that a flag server deals the same buckets."""
    assert murmur3_python(data) == expected


def test_bucketing_is_flagds() -> None:
    """``fractional`` of flagd: murmur3 of key and subject, times the sum of weights, shifted by 32."""
    for subject in SUBJECTS[:2000]:
        hashed = murmur3_python(f"new-welcome-banner{subject}".encode())
        by_flagd = (hashed * 100) >> 32 < 25

        assert Plan("x.y", False, False, Rollout(25, "new-welcome-banner"), {}).includes(subject) is by_flagd
