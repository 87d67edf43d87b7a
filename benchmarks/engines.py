"""Queues, caches, exporters and rollouts on real servers, beside the bare libraries in the same run.

Needs Redis on 127.0.0.1:6379: keys of database 0 that begin with ``bench-``, and database 4, which is emptied.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.engines_worker import HasIndex, bare, ours
from benchmarks.harness import Figure, interleaved, ratio
from traits_runtime import Trait, TraitCache, cache, telemetry
from traits_runtime._core import rollouts as buckets
from traits_runtime._core import runtime
from traits_runtime._core.queue import JobMessage, OutboxBackend
from traits_runtime._core.rollouts import Plan, Rollout
from traits_runtime.testing import isolated

ENGINES = ("celery", "rq", "dramatiq")
JOBS = 1500


def run() -> list[Figure]:
    """All comparisons."""
    found: list[Figure] = []
    for group in (caches, cold_key, enqueues, outboxes, processes, labels, vectors):
        with isolated():
            found += group()
    return found


class HasToc(Trait):
    """A trait that keeps values."""

    toc_cache = TraitCache(ttl=600)


class Page(HasToc):
    """A model."""

    id = 7


def clean() -> None:
    """Delete our keys."""
    import redis

    with redis.Redis.from_url("redis://127.0.0.1:6379/0") as client:
        for key in client.scan_iter(match="bench-*", count=5000):
            client.delete(key)
    with redis.Redis.from_url("redis://127.0.0.1:6379/4") as client:
        client.flushdb()


def caches() -> Iterator[Figure]:
    """A hit in Redis: our key, its generations and JSON, beside GET and json.loads."""
    import redis

    from traits_runtime.adapters.redis import RedisCache

    value = {"title": "x" * 40, "items": [1, 2, 3], "none": None}
    with redis.Redis.from_url("redis://127.0.0.1:6379/0") as client:
        client.set("bench-bare", json.dumps(value))
        backend = RedisCache("redis://127.0.0.1:6379/0", prefix="bench-")
        cache.backend = backend
        page = Page()
        page.toc_cache.set("toc", value)
        times = interleaved(
            {
                "bare": lambda: json.loads(client.get("bench-bare")),
                "get": lambda: page.toc_cache.get("toc"),
                "remember": lambda: page.toc_cache.remember("toc", dict),
            },
            rounds=201,
            slice_s=0.002,
        )
        backend.close()
    clean()
    yield ratio("Redis cache hit / redis-py with JSON", times["get"], times["bare"], 1.2)
    yield ratio("Redis remember() hit / redis-py with JSON", times["remember"], times["bare"], 1.2)


COLD = """
import sys, threading, time
from traits_runtime import Cache
from traits_runtime.adapters.redis import RedisCache
front = Cache(RedisCache("redis://127.0.0.1:6379/0", prefix={prefix!r}))
def compute():
    print("computed", flush=True)
    time.sleep(0.5)
    return "value"
sys.stdin.readline()
found = []
ask = lambda: found.append(front.remember("cold", compute, 60, ("t",)))
threads = [threading.Thread(target=ask) for _ in range({threads})]
[one.start() for one in threads]; [one.join() for one in threads]
assert found == ["value"] * {threads}
"""


def cold_key() -> Iterator[Figure]:
    """A hundred processes, then ten with ten threads each, ask for one cold key at the same moment."""
    for processes, threads in ((100, 1), (10, 10)):
        prefix = f"bench-{uuid.uuid4().hex[:8]}-"
        code = COLD.format(prefix=prefix, threads=threads)
        started = [
            subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        time.sleep(3 + processes * 0.5)
        for one in started:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        outputs = [one.communicate(timeout=120)[0] for one in started]
        failed = sum(one.returncode != 0 for one in started)
        computed = float("".join(outputs).count("computed"))
        name = f"computations of one cold key, {processes} processes x {threads} threads"
        yield Figure(name, computed, None, computed + failed, 1, note=f"{failed} processes failed")
    clean()


def twenty(call: Callable[[], object]) -> Callable[[], None]:
    """Twenty calls in one: on a busy machine a slice of one call measures how long it takes to wake a server."""

    def calls() -> None:
        for _ in range(20):
            call()

    return calls


def enqueues() -> Iterator[Figure]:
    """Queueing through us and with the engine alone, into the same Redis."""
    for engine in ENGINES:
        prefix = f"bench-{uuid.uuid4().hex[:8]}-"
        both = {"bare": twenty(bare(engine, prefix)[0]), "ours": twenty(ours(engine, prefix)[0])}
        times = interleaved(both, rounds=101, slice_s=0.001)
        name = f"enqueue by {engine}: ours / bare, jobs per second"
        yield Figure(name, 20 / times["ours"], 20 / times["bare"], times["bare"] / times["ours"], 0.85, ">=")
        clean()
    runtime.use_job_backend(None)


def outboxes() -> Iterator[Figure]:
    """A row in the caller's transaction, beside queueing into Redis directly.

    Ours is what a hundred jobs add to a transaction that changes a row, by a hundred: it would be committed anyway.
    """
    from traits_runtime.adapters.sqlite import SQLiteOutbox

    prefix = f"bench-{uuid.uuid4().hex[:8]}-"
    peers = {engine: bare(engine, prefix)[0] for engine in ENGINES}
    with tempfile.TemporaryDirectory() as folder:
        outbox = SQLiteOutbox(Path(folder) / "jobs.db")
        own = {"own": lambda: outbox.put(JobMessage(id=os.urandom(16).hex(), name="trait.HasIndex.reindex"))}
        change, close = _session_rows(f"sqlite:///{folder}/app.db")
        both = {"without": lambda: change(0), "with": lambda: change(100)}
        times = interleaved({**peers, **own, **both}, rounds=61, slice_s=0.005)
        row = (times["with"] - times["without"]) / 100
        outbox.close()
        close()
    clean()
    for engine in ENGINES:
        yield ratio(f"outbox row in a transaction / {engine} into Redis", row, times[engine], 0.2)
    note = "a transaction of its own in an SQLite file"
    yield ratio("SQLite outbox, own transaction / rq into Redis", times["own"], times["rq"], None, note)
    runtime.use_job_backend(None)


def _session_rows(url: str) -> tuple[Callable[[int], None], Callable[[], None]]:
    """A transaction that changes a row and queues a number of its jobs."""
    import sqlalchemy as sa
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

    from traits_runtime.adapters.sqlalchemy import DatabaseOutbox, TraitSession

    class Base(DeclarativeBase):
        pass

    class Article(HasIndex, Base):
        __tablename__ = "article"
        id: Mapped[int] = mapped_column(primary_key=True)
        read: Mapped[int] = mapped_column(default=0)

    engine = sa.create_engine(url)
    outbox = OutboxBackend(DatabaseOutbox(Base.metadata, engine))
    with engine.connect() as base:
        base.exec_driver_sql("PRAGMA journal_mode = WAL")
    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine, class_=TraitSession)
    with sessions.begin() as session:
        session.add(Article(id=1))

    def change(jobs: int) -> None:
        runtime.use_job_backend(outbox)
        with sessions.begin() as session:
            article = session.get_one(Article, 1)
            article.read += 1
            for _ in range(jobs):
                article.reindex.enqueue(full=True)

    return change, engine.dispose


def processes() -> Iterator[Figure]:
    """From the first job to the last, one worker, jobs that do nothing; best of four, taken in turns."""
    for engine in ENGINES:
        spent: dict[str, list[float]] = {"bare": [], "ours": []}
        for _ in range(4):
            for kind, make in (("bare", bare), ("ours", ours)):
                prefix = f"bench-{uuid.uuid4().hex[:8]}-"
                enqueue, _work = make(engine, prefix)
                for _ in range(JOBS):
                    enqueue()
                spent[kind].append(_processed(engine, kind, prefix))
                clean()
        mine, theirs = JOBS / min(spent["ours"]), JOBS / min(spent["bare"])
        yield Figure(f"process by {engine}: ours / bare, jobs per second", mine, theirs, mine / theirs, 0.85, ">=")
    runtime.use_job_backend(None)


def _processed(engine: str, kind: str, prefix: str) -> float:
    command = [sys.executable, "-m", "benchmarks.engines_worker", engine, kind, str(JOBS), prefix]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert started.stdout is not None
    alarm = threading.Timer(120, os.killpg, (started.pid, signal.SIGKILL))
    alarm.start()
    try:
        for line in started.stdout:
            if line.strip().replace(".", "").isdigit():
                return float(line)
        raise RuntimeError(f"the worker of {engine}, {kind}, did not finish")
    finally:
        alarm.cancel()
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)  # RQ's scheduler outlives the worker
        started.wait()
        started.stdout.close()


def labels() -> Iterator[Figure]:
    """Label values that Prometheus' parser sees after ten thousand models."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.parser import text_string_to_metric_families

    from traits_runtime.adapters.prometheus import open_telemetry

    registry = CollectorRegistry()
    open_telemetry({}, registry)
    for number in range(10_000):
        telemetry.record("trait.HasToc.made", "counter", 1, f"Model{number}")
    families = text_string_to_metric_families(generate_latest(registry).decode())
    seen = {one.labels["model"] for family in families for one in family.samples if one.name.endswith("_total")}
    yield Figure("model labels under 10,000 models", len(seen), None, len(seen), 51)


def vectors() -> Iterator[Figure]:
    """Subjects of 100,000 that flagd's formula deals otherwise than we do, in pure Python and by mmh3."""
    import mmh3

    subjects = [f"user-{number}@example.com" for number in range(100_000)]
    share = 37.5
    plan = Plan("HasEditor.new_editor", False, False, Rollout(share), {})
    expected = [(mmh3.hash(f"HasEditor.new_editor{one}", 0, signed=False) * 100_000) >> 32 < 37_500 for one in subjects]
    native, pure = buckets.native(), buckets.murmur3_python
    for name, one in (("mmh3", native), ("pure Python", pure)):
        if one is None:
            continue
        before, buckets.murmur3 = buckets.murmur3, one
        wrong = sum(plan.includes(subject) != on for subject, on in zip(subjects, expected, strict=True))
        buckets.murmur3 = before
        yield Figure(f"subjects of 100,000 dealt otherwise than by flagd's formula, {name}", wrong, None, wrong, 0)
