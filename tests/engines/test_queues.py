"""One contract for every queue engine, on the real broker with the engine's own worker: alone, and behind an outbox."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import engine_app
from engine_app import Article, for_request
from engine_sites import SITES, Site, is_there, site
from traits_runtime import engines, locale, tenant, without_features
from traits_runtime._core import runtime
from traits_runtime._core.queue import JobBackend
from traits_runtime.errors import EngineCannotError

pytestmark = pytest.mark.slow

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module", params=[f"{name}/{mode}" for name in SITES for mode in ("alone", "outbox")])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Any]]:
    """An engine with one worker, for all tests of this file."""
    name, mode = request.param.split("/")
    if not is_there(name):
        pytest.skip(f"no server for {name}; .ci/servers starts them")
    with site(name, tmp_path_factory.mktemp(name), outbox=mode == "outbox") as new_site:
        new_site.work()
        backend = runtime.job_backend
        runtime.use_job_backend(None)
        yield new_site, backend
        runtime.use_outbox(None)


@pytest.fixture
def connected(shared: tuple[Site, JobBackend], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The engine as this test uses it."""
    new_site, backend = shared
    monkeypatch.setenv("TRAITS_TEST_RECORD", str(new_site.file))
    runtime.use_job_backend(backend)
    assert new_site.started is not None
    runtime.use_outbox(new_site.started.outbox)
    hosts = runtime.hosts.registered
    engine_app.ready()
    yield new_site
    runtime.hosts.replace(hosts)
    runtime.use_job_backend(None)
    runtime.use_outbox(None)


def can(connected: Site, ability: str) -> bool:
    """Whether the engine, or the outbox in front of it, can do something."""
    assert connected.started is not None
    assert connected.started.queue is not None
    return connected.started.outbox is not None or ability in connected.started.queue.abilities


def in_time(seconds: float) -> Iterator[None]:
    """Turns until one took no longer than that: a busy machine may stop us in the middle for as long as a job waits."""
    for _ in range(10):
        began = time.monotonic()
        yield
        if time.monotonic() - began < seconds:
            return
    raise AssertionError(f"ten times in turn this took more than {seconds} s")


def numbers(connected: Site, job: str) -> list[int]:
    """The numbers that jobs of a name wrote down."""
    return [record["number"] for record in connected.written(job)]


def test_engine_answers_and_says_so_where_it_is_away(connected: Site) -> None:
    """The real broker is asked; where nobody answers, pika raises an error without a word."""
    assert connected.started is not None
    engine: Any = connected.started.queue
    engine.ping()

    settings = {
        key: away(value) if isinstance(value, str) else value
        for key, value in connected.settings.engines[connected.adapter].items()
    }
    nowhere: Any = engines._open("queue", connected.adapter, engines.Settings(), settings)
    with pytest.raises(Exception, match=r"(?i)refused|call failed|unable to open|^$"):
        nowhere.ping()


def away(value: str) -> str:
    """An address where nobody is, a file where none can be created."""
    return re.sub(r"^.*/huey\.db$", "/proc/huey.db", re.sub(r":(6379|5672|5432)", ":9", value))


def test_job_runs_with_its_row_arguments_and_context(connected: Site) -> None:
    """Row, arguments, tenant, actor, language and what `propagate` names cross over; a muted feature does not."""
    number = next(NUMBERS)
    with tenant("acme"), runtime.acting_as(7), locale("de"), for_request("4711"), without_features("shout"):
        Article(3).plain.enqueue(number, deep={"list": [1, None, "ü"]})

    connected.wait(lambda: number in numbers(connected, "plain"))
    (job_record,) = [record for record in connected.written("plain") if record["number"] == number]
    assert (job_record["id"], job_record["tenant"], job_record["locale"], job_record["actor"]) == (3, "acme", "de", 7)
    assert job_record["request"] == "4711"
    assert job_record["shout"]
    assert job_record["more"] == {"deep": {"list": [1, None, "ü"]}}


def test_coroutine_function_runs(connected: Site) -> None:
    """A job may be a coroutine function, whatever the worker is made of."""
    number = next(NUMBERS)
    Article(1).asynchronous.enqueue(number)

    connected.wait(lambda: number in numbers(connected, "asynchronous"))


def test_every_job_runs_once(connected: Site) -> None:
    """Fifty jobs, each written down once."""
    expected = [next(NUMBERS) for _ in range(50)]
    for number in expected:
        Article(1).plain.enqueue(number)

    connected.wait(lambda: set(expected) <= set(numbers(connected, "plain")))
    time.sleep(0.3)
    assert sorted(one for one in numbers(connected, "plain") if one in expected) == expected


def test_queue_of_a_trait_is_its_own(connected: Site) -> None:
    """A worker runs the queues it is told, and no others."""
    number = next(NUMBERS)
    Article(1).unheard.enqueue(number)
    Article(1).elsewhere.enqueue(number)

    connected.wait(lambda: number in numbers(connected, "elsewhere"))
    time.sleep(0.3)
    assert numbers(connected, "unheard") == []


def test_delayed_job_waits(connected: Site) -> None:
    """A job is not run before its time; an engine that cannot wait says so."""
    number = next(NUMBERS)
    began = time.time()
    if not can(connected, "delay"):
        with pytest.raises(EngineCannotError):
            Article(1).late.enqueue(number)
        return
    Article(1).late.enqueue(number)

    connected.wait(lambda: number in numbers(connected, "late"))
    (at,) = [record["at"] for record in connected.written("late") if record["number"] == number]
    assert at - began > 0.9


def test_failing_job_is_tried_again(connected: Site) -> None:
    """A job that fails twice runs three times."""
    if not can(connected, "delay"):
        pytest.skip("no delay, so no back-off, without an outbox")
    number = next(NUMBERS)
    Article(1).stumbles.enqueue(number, failures=2)

    connected.wait(lambda: numbers(connected, "stumbles").count(number) == 3)
    time.sleep(0.3)
    assert numbers(connected, "stumbles").count(number) == 3


def test_job_that_fails_for_good_is_a_dead_letter(connected: Site) -> None:
    """It can be listed, tried again, and dropped."""
    outbox = runtime.outbox
    if outbox is None:
        pytest.skip("without an outbox, the engine's own place for failed jobs")
    number = next(NUMBERS)
    job_id = Article(1).stumbles.enqueue(number, failures=3)

    connected.wait(lambda: [one for one in outbox.dead() if one.message.id == job_id])
    (letter,) = [one for one in outbox.dead() if one.message.id == job_id]
    assert (letter.error, letter.message.attempt) == ("RuntimeError: try 3", 3)
    assert outbox.revive(job_id)
    connected.wait(lambda: numbers(connected, "stumbles").count(number) == 4)
    assert not outbox.dead()
    second = Article(1).stumbles.enqueue(next(NUMBERS), failures=3)
    connected.wait(outbox.dead)
    assert outbox.drop(second)
    assert (outbox.dead(), outbox.drop(second)) == ([], False)


def test_missing_row(connected: Site) -> None:
    """Without its row a job is tried until the row is there, or a dead letter, or discarded where it says so."""
    missing = Article(engine_app.GONE)
    optional, strict, patient = next(NUMBERS), next(NUMBERS), next(NUMBERS)
    missing.optional.enqueue(optional)
    if runtime.outbox is not None:
        failing = missing.strict.enqueue(strict)
        connected.wait(lambda: runtime.outbox and runtime.outbox.dead())
        assert runtime.outbox.dead()[0].message.attempt == 1
        assert runtime.outbox.drop(failing)
        by_default = missing.plain.enqueue(next(NUMBERS))
        connected.wait(lambda: runtime.outbox and runtime.outbox.dead())
        assert runtime.outbox.dead()[0].error.startswith("MissingReferenceError")
        assert runtime.outbox.drop(by_default)
    if can(connected, "delay"):
        late = Article(engine_app.GONE + patient)
        late.patient.enqueue(patient)
        time.sleep(0.15)
        Path(f"{connected.file}.{late.id}").touch()
        connected.wait(lambda: patient in numbers(connected, "patient"))
    after = next(NUMBERS)
    Article(1).plain.enqueue(after)
    connected.wait(lambda: after in numbers(connected, "plain"))
    assert optional not in numbers(connected, "optional")
    assert strict not in numbers(connected, "strict")


def test_jobs_of_one_key_are_one_while_they_wait(connected: Site) -> None:
    """Three are queued, one runs; afterwards another may."""
    if not can(connected, "delay"):
        pytest.skip("the job is delayed")
    for _ in in_time(0.7):  # before the first is due
        row = Article(next(NUMBERS))
        expected = [next(NUMBERS) for _ in range(3)]
        for number in expected:
            row.once.enqueue(number)

    connected.wait(lambda: set(expected) & set(numbers(connected, "once")))
    if not can(connected, "unique"):
        connected.wait(lambda: set(expected) <= set(numbers(connected, "once")))
        return
    time.sleep(1.2)
    assert [one for one in numbers(connected, "once") if one in expected] == expected[:1]
    again = next(NUMBERS)

    def runs_again() -> bool:
        """The first may have run and not be told to the outbox yet, so ask more than once."""
        if again in numbers(connected, "once"):
            return True
        row.once.enqueue(again)
        return False

    connected.wait(runs_again)


def test_cancelled_job_does_not_run(connected: Site) -> None:
    """A waiting job can be taken back."""
    if not (can(connected, "delay") and can(connected, "cancel")):
        pytest.skip("the job is delayed")
    assert connected.started is not None
    assert connected.started.queue is not None
    for _ in in_time(0.9):  # before it is due
        number, after = next(NUMBERS), next(NUMBERS)
        job_id = Article(1).late.enqueue(number)
        time.sleep(0.3)
        cancelled = (runtime.outbox or connected.started.queue).cancel(job_id)
    assert cancelled
    Article(1).late.enqueue(after)

    connected.wait(lambda: after in numbers(connected, "late"))
    time.sleep(0.3)
    assert number not in numbers(connected, "late")


def test_progress_of_a_running_job(connected: Site) -> None:
    """How far a job is can be asked while it runs; afterwards it is gone."""
    outbox = runtime.outbox
    if outbox is None:
        pytest.skip("progress is kept in the outbox")
    number = next(NUMBERS)
    job_id = Article(1).half.enqueue(number)

    connected.wait(lambda: outbox.progress(job_id) == ("running", 0.5))
    Path(f"{connected.file}.{number}").touch()
    connected.wait(lambda: outbox.progress(job_id) is None)


def test_what_went_wrong_before_does_not_stay(connected: Site) -> None:
    """After all of this the outbox is empty but for the job that nobody works on."""
    if runtime.outbox is None:
        pytest.skip("no outbox")
    outbox = runtime.outbox
    with suppress(AssertionError):
        connected.wait(lambda: sum(outbox.counts().values()) <= 1)

    assert sum(outbox.counts().values()) <= 1
