"""One contract for every cache: in this process, in Redis, behind Django's cache and behind dogpile."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import clean_redis, is_open
from servers import make_cache as make
from traits_runtime import Cache, Trait, TraitCache, cache
from traits_runtime._core.cache import MISSING

SHARED = ("redis", "django", "dogpile")


BACKENDS = ("memory", "redis", "django", "django-local", "dogpile", "dogpile-memory")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, prefix: str) -> Iterator[Any]:
    """Every backend in turn."""
    if request.param in SHARED and not is_open(6379):
        pytest.skip("no Redis; .ci/servers starts one")
    new_backend = make(request.param, prefix)
    yield new_backend
    if request.param in SHARED:
        clean_redis(prefix)
    if request.param == "redis":
        new_backend.close()


class HasToc(Trait):
    """A trait that keeps values."""

    toc_cache = TraitCache(ttl=60)


class Page(HasToc):
    """A model with a key."""

    def __init__(self, key: int = 1) -> None:
        self.id = key


def test_value_comes_back_until_it_is_deleted(backend: Any) -> None:
    """What is set is found, what is deleted is not; None is a value."""
    backend.set("a", {"n": [1, "ü", None]}, 60, ())
    backend.set("none", None, 60, ())

    assert backend.get("a") == {"n": [1, "ü", None]}
    assert backend.get("none") is None
    backend.delete("a")
    assert backend.get("a") is MISSING
    assert backend.get("never") is MISSING


def test_value_expires(backend: Any) -> None:
    """A value is kept for its time to live and no longer."""
    began = time.monotonic()
    backend.set("short", 1, 1, ())
    while backend.get("short") == 1:
        assert time.monotonic() - began < 60
        time.sleep(0.02)

    assert backend.get("short") is MISSING
    assert time.monotonic() - began >= 0.9


def test_scope_forgets_its_values_and_no_others(backend: Any) -> None:
    """Bumping one of a value's scopes forgets it; values set afterwards are kept."""
    backend.set("a", 1, 60, ("t", "t#red one"))
    backend.set("b", 2, 60, ("t",))

    backend.bump("t#red one")

    assert backend.get("a") is MISSING
    assert backend.get("b") == 2
    backend.set("a", 3, 60, ("t", "t#red one"))
    assert backend.get("a") == 3
    backend.bump("t")
    assert (backend.get("a"), backend.get("b")) == (MISSING, MISSING)


def test_value_computed_before_its_scope_was_forgotten_is_not_kept(backend: Any) -> None:
    """What was read before a change must not outlive the change."""
    stamp = backend.stamp(("t",))
    backend.bump("t")
    backend.set("late", "old", 60, ("t",), stamp)

    assert backend.get("late") is MISSING


def test_long_and_odd_keys_stay_apart(backend: Any) -> None:
    """Keys of any length, with spaces, colons and other scripts."""
    keys = ["x" * 300 + end for end in "ab"] + ["a b", "a\tb", "ä:ö", "日本"]
    for number, key in enumerate(keys):
        backend.set(key, number, 60, (key,))

    assert [backend.get(key) for key in keys] == list(range(len(keys)))


def test_hundred_threads_compute_once(backend: Any) -> None:
    """However many threads ask for a cold key, it is computed once."""
    front = Cache(backend)
    computations: list[int] = []
    values: list[object] = []

    def compute() -> str:
        computations.append(1)
        time.sleep(0.05)
        return "value"

    threads = [threading.Thread(target=lambda: values.append(front.remember("k", compute, 60, ()))) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(computations), set(values), len(values)) == (1, {"value"}, 100)


def test_hundred_tasks_compute_once(backend: Any) -> None:
    """The same for tasks, of which none blocks the loop."""
    front = Cache(backend)
    computations: list[int] = []

    async def compute() -> str:
        computations.append(1)
        await asyncio.sleep(0.05)
        return "value"

    async def ask() -> list[str]:
        result = await asyncio.gather(*(front.aremember("k", compute, 60, ("t",)) for _ in range(100)))
        again = await front.aremember("k", compute, 60, ("t",))
        if hasattr(backend, "aclose"):
            await backend.aclose()
        return [*result, again]

    assert set(asyncio.run(ask())) == {"value"}
    assert len(computations) == 1


def test_failed_computation_lets_the_next_try(backend: Any) -> None:
    """An exception reaches the one who computed, keeps nothing and holds no lease."""
    front = Cache(backend)

    with pytest.raises(ZeroDivisionError):
        front.remember("k", lambda: 1 // 0, 60, ())

    assert front.remember("k", lambda: 5, 60, ()) == 5


def test_sync_and_async_read_the_same_values(backend: Any) -> None:
    """A value set by one is found by the other, by instance, tag and key."""
    cache.backend = backend
    page, other = Page(1), Page(2)

    async def play() -> list[object]:
        page.toc_cache.set("toc", 1, tags=("big",))
        await other.toc_cache.aset("toc", 2)
        seen: list[object] = [await page.toc_cache.aget("toc"), other.toc_cache.get("toc")]
        await page.toc_cache.aforget_tag("big")
        seen += [page.toc_cache.get("toc"), await other.toc_cache.aget("toc")]
        await other.toc_cache.aforget()
        seen.append(other.toc_cache.get("toc", "gone"))
        await page.toc_cache.aset("toc", 3)
        await page.toc_cache.aforget("toc")
        seen.append(page.toc_cache.get("toc", "gone"))
        if hasattr(backend, "aclose"):
            await backend.aclose()
        return seen

    assert asyncio.run(play()) == [1, 2, None, 2, "gone", "gone"]


def test_what_has_no_json_form_is_refused(prefix: str) -> None:
    """A shared cache takes JSON; anything else is an error at the place that set it, never a pickle."""
    if not is_open(6379):
        pytest.skip("no Redis; .ci/servers starts one")
    backend = make("redis", prefix)

    with pytest.raises(TypeError):
        backend.set("k", object(), 60, ())

    backend.close()


PROCESS = """
import sys, time, threading
sys.path[:0] = {path!r}
from servers import make_cache as make
from traits_runtime import Cache
front = Cache(make({name!r}, {prefix!r}))
def compute():
    print("computed", flush=True)
    time.sleep(0.4)
    return "value"
print("ready", flush=True)
sys.stdin.readline()
found = []
ask = lambda: found.append(front.remember("cold", compute, 60, ("t",)))
threads = [threading.Thread(target=ask) for _ in range({threads})]
[one.start() for one in threads]; [one.join() for one in threads]
assert found == ["value"] * {threads}, found
"""


def in_processes(name: str, prefix: str, processes: int, threads: int) -> int:
    """How often processes that ask at the same moment compute."""
    path = [str(Path(__file__).parent.parent)]
    code = PROCESS.format(path=path, name=name, prefix=prefix, threads=threads)
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    outputs = []
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        outputs.append(out)
    return "".join(outputs).count("computed")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
@pytest.mark.skipif(not is_open(6379), reason="no Redis; .ci/servers starts one")
def test_processes_compute_once(name: str, prefix: str) -> None:
    """Ten processes with ten threads each, one cold key, one computation."""
    assert in_processes(name, prefix, 10, 10) == 1
    clean_redis(prefix)


@pytest.mark.slow
@pytest.mark.skipif(not is_open(6379), reason="no Redis; .ci/servers starts one")
def test_lease_of_a_dead_process_ends(prefix: str) -> None:
    """Where the one who computes dies, another does it when the lease is over."""
    backend = make("redis", prefix)
    began = time.monotonic()
    assert backend.lease("k", 0.5)

    assert Cache(backend, lease=600).remember("k", lambda: 1, 60, ()) == 1
    assert 0.4 < time.monotonic() - began < 60
    backend.close()
    clean_redis(prefix)


def forget_key(front: Cache) -> None:
    """Forget the value."""
    front.forget("k")


def forget_scope(front: Cache) -> None:
    """Forget what the value belongs to."""
    front.forget_scope("s")


def put(front: Cache) -> None:
    """Give another value."""
    front.put("k", "new", 60, ("s",))


@pytest.mark.parametrize("same_process", [True, False], ids=["by this process", "by another"])
@pytest.mark.parametrize("change", [forget_key, forget_scope, put])
def test_value_changed_while_it_is_computed_is_not_kept(backend: Any, change: Any, same_process: bool) -> None:
    """The old value goes to who asked before, is not kept, and whoever asks after the change does not get it."""
    seconds = (
        1 if change is forget_scope else 30
    )  # whoever asks after a scope was forgotten waits for the lease to expire
    front = Cache(backend, lease=seconds)
    other = front if same_process else Cache(backend, lease=seconds)
    if not same_process and not hasattr(backend, "lease"):
        pytest.skip("only shared backends have other processes")
    started, go_on = threading.Event(), threading.Event()
    results: list[object] = []

    def compute() -> str:
        started.set()
        assert go_on.wait(60)
        return "old"

    thread = threading.Thread(target=lambda: results.append(front.remember("k", compute, 60, ("s",))))
    thread.start()
    assert started.wait(60)
    change(other)
    if change is not forget_scope or same_process:
        results.append(other.remember("k", lambda: "fresh", 60, ("s",)))
    go_on.set()
    thread.join(60)
    after = other.remember("k", lambda: "fresh", 60, ("s",))

    assert results[-1] == "old"
    assert after == ("new" if change is put else "fresh")
    assert results[:-1] in ([], [after])


def test_values_that_need_each_other_are_computed_all_the_same() -> None:
    """Two threads, each computing a value that the other waits for, do not wait for ever."""
    front = Cache(make("memory", ""))
    both = threading.Barrier(2, timeout=60)
    results: dict[str, object] = {}

    def compute(other: str) -> str:
        both.wait()
        return front.remember(other, lambda: f"own {other}", 60, ())

    def run(key: str, other: str) -> None:
        results[key] = front.remember(key, lambda: compute(other), 60, ())

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert set(results) == {"a", "b"}
    assert set(results.values()) <= {"own a", "own b"}


def test_tasks_started_by_a_computation_may_need_its_value() -> None:
    """A computation that gathers tasks, one of which asks for the same key, ends."""
    front = Cache(make("memory", ""))

    async def inner() -> str:
        return await front.aremember("k", own, 60, ())

    async def own() -> str:
        return "own"

    async def outer() -> str:
        return "+".join(await asyncio.gather(inner(), inner()))

    async def run() -> str:
        return await asyncio.wait_for(front.aremember("k", outer, 60, ()), 60)

    assert asyncio.run(run()) == "own+own"
