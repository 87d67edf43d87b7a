"""Cached values: whose they are, when they go, and how often they are computed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import tracemalloc
from typing import Any

import pytest

from traits_runtime import MemoryCache, NullCache, Trait, TraitCache, cache, register_host, telemetry, tenant
from traits_runtime._core.cache import MISSING, Cache
from traits_runtime.host import PlainHost


class HasToc(Trait):
    """A trait that caches."""

    toc_cache = TraitCache(ttl=600, doc="Tables of contents.")


class HasTimeline(Trait):
    """Another one."""

    feed_cache = TraitCache()


class Page(HasToc, HasTimeline):
    """A model with a key of its own."""

    def __init__(self, key: Any) -> None:
        self.id = key


class Post(HasToc):
    """Another model with the same keys."""

    id = 1


COMPUTED: list[int] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    COMPUTED.clear()


def compute() -> int:
    """Count how often it is asked."""
    COMPUTED.append(1)
    return len(COMPUTED)


def test_value_is_computed_once() -> None:
    """And is the same for every instance of that key."""
    assert (Page(1).toc_cache.remember("toc", compute), Page(1).toc_cache.remember("toc", compute)) == (1, 1)
    assert Page(2).toc_cache.remember("toc", compute) == 2


def test_none_is_a_value() -> None:
    """It is kept like any other."""

    def nothing() -> None:
        COMPUTED.append(1)

    Page(1).toc_cache.remember("toc", nothing)
    Page(1).toc_cache.remember("toc", nothing)

    assert len(COMPUTED) == 1
    assert Page(1).toc_cache.get("toc", "default") is None
    assert Page(1).toc_cache.get("other", "default") == "default"


def test_unsaved_instances_share_nothing() -> None:
    """Without a key of their own they compute every time and keep nothing."""
    Page(None).toc_cache.set("toc", 1)
    Page(None).toc_cache.forget()

    assert Page(None).toc_cache.key("toc") == ""
    assert Page(None).toc_cache.get("toc") is None
    assert [Page(None).toc_cache.remember("toc", compute) for _ in range(2)] == [1, 2]
    assert asyncio.run(Page(None).toc_cache.aremember("toc", acompute)) == 3


async def acompute() -> int:
    """Count, after a turn of the loop."""
    await asyncio.sleep(0.01)
    return compute()


@pytest.mark.parametrize(
    ("identity", "key", "whole"),
    [
        (7, "toc", "trait:HasToc:Page:7:toc"),
        ("a:b", "toc", "trait:HasToc:Page:a%3Ab:toc"),
        ("a", "b:toc", "trait:HasToc:Page:a:b%3Atoc"),
        ("50%", "x", "trait:HasToc:Page:50%25:x"),
    ],
)
def test_keys(identity: object, key: str, whole: str) -> None:
    """Trait, model, key of the instance, key of the value; separators are escaped."""
    assert Page(identity).toc_cache.key(key) == whole


def test_tenants_share_nothing() -> None:
    """The tenant stands in front."""
    Page(1).toc_cache.set("toc", "central")
    with tenant("acme"):
        key, result = Page(1).toc_cache.key("toc"), Page(1).toc_cache.get("toc")
        Page(1).toc_cache.set("toc", "acme")

    assert (key, result) == ("t:acme:trait:HasToc:Page:1:toc", None)
    assert Page(1).toc_cache.get("toc") == "central"


def fill() -> None:
    """Values of two traits, two models and two instances."""
    Page(1).toc_cache.set("toc", 1)
    Page(1).toc_cache.set("other", 1, tags=("all",))
    Page(2).toc_cache.set("toc", 1, tags=("all",))
    Post().toc_cache.set("toc", 1)
    Page(1).feed_cache.set("toc", 1)


def left() -> list[bool]:
    """Which of them are still there."""
    return [
        Page(1).toc_cache.get("toc") is not None,
        Page(1).toc_cache.get("other") is not None,
        Page(2).toc_cache.get("toc") is not None,
        Post().toc_cache.get("toc") is not None,
        Page(1).feed_cache.get("toc") is not None,
    ]


@pytest.mark.parametrize(
    ("forget", "expected"),
    [
        (lambda: None, [True, True, True, True, True]),
        (lambda: Page(1).toc_cache.forget("toc"), [False, True, True, True, True]),
        (lambda: Page(1).toc_cache.forget(), [False, False, True, True, True]),
        (lambda: Page.toc_cache.forget(), [False, False, False, True, True]),
        (lambda: HasToc.toc_cache.forget(), [False, False, False, False, True]),
        (lambda: HasToc.toc_cache.forget_tag("all"), [True, False, False, True, True]),
    ],
    ids=["nothing", "key", "instance", "model", "trait", "tag"],
)
def test_forgetting(forget: Any, expected: list[bool]) -> None:
    """By key, instance, model, trait and tag."""
    fill()

    forget()

    assert left() == expected


def test_hundred_threads_compute_a_cold_key_once() -> None:
    """The first computes, the others wait for it."""
    go = threading.Barrier(100)
    results: list[int] = []

    def slow() -> int:
        threading.Event().wait(0.05)
        return compute()

    def work() -> None:
        go.wait(timeout=60)
        results.append(Page(1).toc_cache.remember("toc", slow))

    threads = [threading.Thread(target=work) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [1] * 100
    assert len(COMPUTED) == 1


def test_hundred_tasks_compute_a_cold_key_once() -> None:
    """The same among the tasks of an event loop."""

    async def main() -> list[int]:
        return await asyncio.gather(*(Page(1).toc_cache.aremember("toc", acompute) for _ in range(100)))

    assert asyncio.run(main()) == [1] * 100
    assert len(COMPUTED) == 1


def test_failed_computation_lets_the_next_try() -> None:
    """The exception reaches who computed, and nobody is stuck."""
    turns: list[int] = []
    lock = threading.Lock()

    def fails_once() -> str:
        with lock:
            turns.append(1)
            first = len(turns) == 1
        threading.Event().wait(0.02)
        if first:
            raise ValueError("first")
        return "good"

    results: list[str] = []

    def work() -> None:
        try:
            results.append(Page(1).toc_cache.remember("toc", fails_once))
        except ValueError:
            results.append("failed")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["failed"] + ["good"] * 7
    assert len(turns) == 2


def test_failed_task_lets_the_next_try() -> None:
    """The same among tasks."""
    turns: list[int] = []

    async def fails_once() -> str:
        turns.append(1)
        first = len(turns) == 1
        await asyncio.sleep(0)
        if first:
            raise ValueError("first")
        return "good"

    async def main() -> list[Any]:
        requests = (Page(1).toc_cache.aremember("toc", fails_once) for _ in range(4))
        return await asyncio.gather(*requests, return_exceptions=True)

    results = asyncio.run(main())

    assert isinstance(results[0], ValueError)
    assert results[1:] == ["good"] * 3


def test_computation_that_asks_for_its_own_key() -> None:
    """It computes and does not wait for itself."""
    page = Page(1)

    def outer() -> int:
        return page.toc_cache.remember("toc", compute) + 10

    async def aouter() -> int:
        return await page.toc_cache.aremember("atoc", acompute) + 10

    assert page.toc_cache.remember("toc", outer) == 11
    assert asyncio.run(page.toc_cache.aremember("atoc", aouter)) == 12


def test_time_to_live() -> None:
    """A value goes when its time is over, more or less a tenth."""
    now = [0.0]
    backend = MemoryCache(clock=lambda: now[0])
    stored = Cache(backend)
    times = []
    for number in range(200):
        stored.put(str(number), number, 100, ())
        times.append(backend._entries[str(number)].expires)
    now[0] = 89
    young = [backend.get(str(number)) for number in range(200)]
    now[0] = 111

    assert 90 <= min(times) < 95
    assert 105 < max(times) <= 110
    assert young == list(range(200))
    assert all(backend.get(str(number)) is MISSING for number in range(200))


def test_size_is_bounded_and_used_values_stay() -> None:
    """What was not used lately goes first."""
    backend = MemoryCache(size=10)
    for number in range(10):
        backend.set(str(number), number, 100)
    backend.get("0")
    for number in range(10, 15):
        backend.set(str(number), number, 100)

    assert len(backend) == 10
    assert backend.get("0") == 0
    assert backend.get("1") is MISSING


def test_bump_of_another_scope_forgets_nothing() -> None:
    """Only values of the scope go."""
    backend = MemoryCache()
    backend.set("a", 1, 100, ("x",))
    backend.bump("y")
    stored = backend.get("a")
    backend.bump("x")

    assert (stored, backend.get("a")) == (1, MISSING)
    backend.clear()
    backend.delete("a")
    assert len(backend) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_does_not_wait_for_threads_of_its_parent() -> None:
    """A value that is being computed there is computed here too; what was just being recorded keeps nobody out."""
    started, go_on = threading.Event(), threading.Event()

    def slowly() -> str:
        started.set()
        go_on.wait(30)
        return "parent"

    telemetry.enable()
    thread = threading.Thread(target=Page(1).toc_cache.remember, args=("toc", slowly))
    thread.start()
    started.wait(30)
    telemetry._lock.acquire()  # as if another thread was just recording
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        result = Page(1).toc_cache.remember("toc", lambda: "child")
        telemetry.record("trait.HasToc.seen", "counter", 1)
        os._exit(0 if result == "child" else 1)
    telemetry._lock.release()
    _, status = os.waitpid(child, 0)
    go_on.set()
    thread.join()

    assert os.waitstatus_to_exitcode(status) == 0
    assert Page(1).toc_cache.get("toc") == "parent"


def test_memory_does_not_grow_with_the_rows_that_were_forgotten() -> None:
    """Hundred thousand rows are forgotten: a value of another row stays, one that was computed before does not come."""
    backend = MemoryCache(size=100)
    backend.set("kept", 1, 100, ("trait", "row-0"))
    before = backend.stamp(("trait", "row-1"))
    tracemalloc.start()
    for number in range(1, 100_000):
        backend.bump(f"row-{number}")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    backend.set("late", 2, 100, ("trait", "row-1"), before)

    assert used < 200_000
    assert (backend.get("kept"), backend.get("late")) == (1, MISSING)
    backend.bump("row-0")
    assert backend.get("kept") is MISSING


class NumberHost(PlainHost):
    """Rows have their number as key."""

    def identity(self, row: object) -> object:
        """The attribute `number`."""
        return getattr(row, "number", None)


def test_host_that_knows_the_key_is_asked() -> None:
    """Its answer makes the key of the value, whatever the attribute `id` is."""
    stop = register_host(NumberHost())
    try:
        page, other = Page(1), Page(1)
        page.number, other.number = 8, 9
        page.toc_cache.set("toc", "of 8")
        result = page.toc_cache.get("toc"), other.toc_cache.get("toc")
        whole = page.toc_cache.key("toc")
    finally:
        stop()

    assert whole.endswith(":Page:8:toc")
    assert result == ("of 8", None)


def test_null_cache_keeps_nothing() -> None:
    """Every backend keeps the contract, also the one that does nothing."""
    cache.backend = NullCache()
    page = Page(1)
    page.toc_cache.set("toc", 1)
    page.toc_cache.forget("toc")
    page.toc_cache.forget()

    assert [page.toc_cache.remember("toc", compute) for _ in range(2)] == [1, 2]
