"""What is left when a broker is killed, a worker is killed, the network is cut or the clock is moved: everything.

Every server that is killed here is the test's own, on loopback. Each test prints its figures; `pytest -s` shows them.
"""

from __future__ import annotations

import shutil
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import engine_app
from engine_app import Article
from engine_sites import SITES, Site, end
from faults import Proxy, RabbitMQ, Redis, Server
from traits_runtime import Cache, CacheBackend
from traits_runtime._core import runtime
from traits_runtime._core.queue import JobMessage
from traits_runtime._core.trait.relay import Relay
from traits_runtime.adapters.sqlite import SQLiteOutbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="no redis-server to kill: apt-get install redis-server"
    ),
]

MANY = 10_000


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A broker that may be killed."""
    kind = {"redis": Redis, "rabbitmq": RabbitMQ}[request.param]
    if kind is RabbitMQ and not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        pytest.skip("no RabbitMQ to kill: apt-get install rabbitmq-server")
    folder = tmp_path / "broker"
    folder.mkdir()
    new_broker = kind(folder)
    new_broker.start()
    hosts = runtime.hosts.registered
    yield new_broker
    runtime.hosts.replace(hosts)
    new_broker.kill()


def connect(name: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """An engine at an address, behind an outbox."""
    _, adapter, settings = SITES[name]
    key = "broker" if adapter == "celery" else "url"
    monkeypatch.setitem(SITES, "here", (0, adapter, {**settings, key: url}))
    new_site = Site("here", folder, outbox=True)
    monkeypatch.setenv("TRAITS_TEST_RECORD", str(new_site.file))
    engine_app.ready()
    new_site.start()
    return new_site


def tell(text: str, **figures: object) -> None:
    """Print what was measured."""
    print(f"\n{text}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))


@pytest.mark.parametrize(
    ("name", "broker"), [("dramatiq-redis", "redis"), ("celery-rabbitmq", "rabbitmq")], indirect=["broker"]
)
def test_broker_killed_while_ten_thousand_jobs_are_queued(
    name: str, broker: Redis | RabbitMQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle and near the end; worker and relay go on by themselves, nothing is lost, nobody waits."""
    here = connect(name, broker.url, tmp_path, monkeypatch)
    here.work(4)
    article = Article(1)
    slowest = 0.0
    try:
        for number in range(MANY):
            if number in (MANY // 2, MANY - 500):
                broker.kill()
            if number == MANY // 2 + 1500:
                broker.start()
            began = time.perf_counter()
            article.elsewhere.enqueue(number)
            slowest = max(slowest, time.perf_counter() - began)
        broker.start()
        began = time.monotonic()
        here.wait(lambda: here.started and here.started.outbox and not here.started.outbox.counts(), 600)
        recovered = time.monotonic() - began
    finally:
        for worker in here.workers:
            end(worker)
        if here.started and here.started.queue:
            here.started.queue.close()

    ran = Counter(record["number"] for record in here.written("elsewhere"))
    twice = sum(ran.values()) - len(ran)
    slow, late = f"{slowest * 1e3:.0f} ms", f"{recovered:.0f} s"
    tell(
        f"{name} killed twice", jobs=MANY, lost=MANY - len(ran), twice=twice, slowest_enqueue=slow, all_done_after=late
    )
    assert set(ran) == set(range(MANY))
    assert twice <= 8


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_worker_killed_during_jobs(broker: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed five times with jobs in its hands: every job ends, and only those in its hands begin again."""
    here = connect("dramatiq-redis", broker.url, tmp_path, monkeypatch)
    article = Article(1)
    count, hands, kills = 120, 4, 5
    for number in range(count):
        article.slow.enqueue(number, seconds=0.2)
    worker = here.work(hands)
    try:
        for _ in range(kills):
            before = len(here.written("slow done"))
            here.wait(lambda before=before: len(here.written("slow done")) >= before + 8)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            worker = here.work(hands)
        here.wait(lambda: here.started and here.started.outbox and not here.started.outbox.counts(), 300)
    finally:
        for one in here.workers:
            end(one)
        if here.started and here.started.queue:
            here.started.queue.close()

    started = Counter(record["number"] for record in here.written("slow"))
    result = {record["number"] for record in here.written("slow done")}
    again = sum(started.values()) - len(started)
    tell("worker killed", kills=kills, jobs=count, lost=count - len(result), begun_again=again)
    assert result == set(range(count))
    assert again <= kills * hands


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_redis_restarted_during_cache_traffic(broker: Redis) -> None:
    """Nobody sees an error, nobody waits until it is back, and Redis is used again without a restart."""
    from traits_runtime.adapters.redis import RedisCache

    backend = RedisCache(broker.url, timeout=0.3, retry_after=0.3)

    def fault(go_on: Callable[[], None]) -> None:
        broker.kill()
        go_on()
        broker.start()

    spent, errors = traffic(backend, fault)

    tell("Redis restarted", calls=len(spent), errors=len(errors), slowest=f"{max(spent) * 1e3:.0f} ms",
         median=f"{statistics.median(spent) * 1e3:.2f} ms")  # fmt: skip
    assert errors == []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and backend.get("after") != 1:
        backend.set("after", 1, 60)
        time.sleep(0.05)
    assert backend.get("after") == 1
    backend.close()


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_network_cut_during_cache_traffic(broker: Redis) -> None:
    """A network that swallows everything keeps nobody until it is back; what was to be forgotten meanwhile, is."""
    from traits_runtime.adapters.redis import RedisCache

    proxy = Proxy(broker.port)
    backend = RedisCache(f"redis://127.0.0.1:{proxy.port}/0", timeout=0.2, retry_after=0.3)
    straight = RedisCache(broker.url, timeout=30)
    straight.set("stale", "old", 60, ("t",))
    straight.set("single", "old", 60)

    def fault(go_on: Callable[[], None]) -> None:
        proxy.cut()
        go_on()
        backend.bump("t")
        backend.delete("single")
        go_on()
        proxy.mend()

    spent, errors = traffic(backend, fault)

    tell("network cut", calls=len(spent), errors=len(errors), slowest=f"{max(spent) * 1e3:.0f} ms")
    assert errors == []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "old" in (straight.get("stale"), straight.get("single")):
        backend.get("stale")
        time.sleep(0.05)
    assert straight.get("stale") != "old"
    assert straight.get("single") != "old"
    backend.close()
    straight.close()
    proxy.close()


def traffic(
    backend: CacheBackend, fault: Callable[[Callable[[], None]], None]
) -> tuple[list[float], list[BaseException]]:
    """Four threads read through a cache before, during and after a fault, which is told how to let them go on."""
    front = Cache(backend)
    spent: list[float] = []
    errors: list[BaseException] = []
    over = threading.Event()
    turns = [0, 1, 2, 3]

    def read(seed: int) -> None:
        while not over.is_set():
            turn = turns[seed] = turns[seed] + 1
            began = time.perf_counter()
            try:
                assert front.remember(f"key {turn % 50}", lambda turn=turn: turn % 50, 60, ("t",)) == turn % 50
            except BaseException as error:
                errors.append(error)
            spent.append(time.perf_counter() - began)
            time.sleep(0.001)

    threads = [threading.Thread(target=read, args=(seed,), daemon=True) for seed in range(4)]

    def go_on() -> None:
        """Return when each thread has ended thirty more calls."""
        before, end = list(turns), time.monotonic() + 60
        while any(now < then + 30 for now, then in zip(turns, before, strict=True)):
            assert time.monotonic() < end, "a thread waits"
            time.sleep(0.01)

    for thread in threads:
        thread.start()
    try:
        go_on()
        fault(go_on)
        go_on()
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    return spent, errors


class Sent:
    """An engine that only remembers."""

    def __init__(self) -> None:
        self.messages: list[JobMessage] = []

    def enqueue(self, message: JobMessage) -> str:
        """Keep it."""
        self.messages.append(message)
        return message.id


def test_clock_moved(tmp_path: Path) -> None:
    """Put back by an hour, jobs without a delay still go; put forward, what was sent is sent again and runs once."""
    now = [1_000_000.0]
    outbox = SQLiteOutbox(tmp_path / "jobs.db", clock=lambda: now[0])
    engine = Sent()
    relay = Relay(outbox, engine)
    outbox.put(JobMessage(id="before", name="n"))
    now[0] -= 3600
    outbox.put(JobMessage(id="after", name="n"))
    relay.step()
    assert [message.id for message in engine.messages] == ["before", "after"]

    now[0] += 2 * 3600
    relay.step()

    assert [message.id for message in engine.messages] == ["before", "after"] * 2
    started = [outbox.start(message.id) for message in engine.messages[:2]]
    for message in engine.messages[:2]:
        outbox.done(message.id)
    assert (started, [outbox.start(message.id) for message in engine.messages[2:]]) == ([True, True], [False, False])
    assert outbox.counts() == {}
    outbox.close()


def test_each_job_is_handed_on_by_one_of_many_relays(tmp_path: Path) -> None:
    """Eight relays on one file: a thousand jobs, each taken once."""
    outbox = SQLiteOutbox(tmp_path / "jobs.db")
    for number in range(1000):
        outbox.put(JobMessage(id=str(number), name="n"))
    engine = Sent()

    def work() -> None:
        relay = Relay(outbox, engine, batch=7)
        while relay.step():
            pass
        outbox.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(int(message.id) for message in engine.messages) == list(range(1000))
    outbox.close()


def test_engine_that_refuses_gets_the_job_later(tmp_path: Path) -> None:
    """What an engine does not take waits, in its order."""
    outbox = SQLiteOutbox(tmp_path / "jobs.db")
    engine = Sent()
    refusing = [True]

    class Moody:
        def enqueue(self, message: JobMessage) -> str:
            if refusing[0] and len(engine.messages) == 2:
                raise ConnectionError("away")
            return engine.enqueue(message)

    relay = Relay(outbox, Moody())
    for number in range(5):
        outbox.put(JobMessage(id=str(number), name="n"))

    assert (relay.step(), relay.step()) == (2, 0)
    refusing[0] = False
    assert relay.step() == 3
    assert [one.id for one in engine.messages] == ["0", "1", "2", "3", "4"]
    outbox.close()
