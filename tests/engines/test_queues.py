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
    with site(name, tmp_path_factory.mktemp(name), outbox=mode == "outbox") as made:
        made.work()
        backend = runtime.job_backend
        runtime.use_job_backend(None)
        yield made, backend
        runtime.use_outbox(None)


@pytest.fixture
def here(shared: tuple[Site, JobBackend], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The engine as this test uses it."""
    made, backend = shared
    monkeypatch.setenv("TRAITS_TEST_RECORD", str(made.file))
    runtime.use_job_backend(backend)
    assert made.started is not None
    runtime.use_outbox(made.started.outbox)
    hosts = runtime.hosts.registered
    engine_app.ready()
    yield made
    runtime.hosts.replace(hosts)
    runtime.use_job_backend(None)
    runtime.use_outbox(None)


def can(here: Site, ability: str) -> bool:
    """Whether the engine, or the outbox in front of it, can do something."""
    assert here.started is not None
    assert here.started.queue is not None
    return here.started.outbox is not None or ability in here.started.queue.abilities


def in_time(seconds: float) -> Iterator[None]:
    """Turns until one took no longer than that: a busy machine may stop us in the middle for as long as a job waits."""
    for _ in range(10):
        began = time.monotonic()
        yield
        if time.monotonic() - began < seconds:
            return
    raise AssertionError(f"ten times in turn this took more than {seconds} s")


def numbers(here: Site, job: str) -> list[int]:
    """The numbers that jobs of a name wrote down."""
    return [one["number"] for one in here.written(job)]


def test_engine_answers_and_says_so_where_it_is_away(here: Site) -> None:
    """The real broker is asked; where nobody answers, pika raises an error without a word."""
    assert here.started is not None
    engine: Any = here.started.queue
    engine.ping()

    given = {
        key: away(value) if isinstance(value, str) else value
        for key, value in here.settings.engines[here.adapter].items()
    }
    nowhere: Any = engines._open("queue", here.adapter, engines.Settings(), given)
    with pytest.raises(Exception, match=r"(?i)refused|call failed|unable to open|^$"):
        nowhere.ping()


def away(value: str) -> str:
    """An address where nobody is, a file in a folder that is not there."""
    return re.sub(r":(6379|5672|5432)", ":9", value).replace("/huey.db", "/no/huey.db")


def test_job_runs_with_its_row_arguments_and_context(here: Site) -> None:
    """Row, arguments, tenant, actor, language and what `propagate` names cross over; a muted feature does not."""
    number = next(NUMBERS)
    with tenant("acme"), runtime.acting_as(7), locale("de"), for_request("4711"), without_features("shout"):
        Article(3).plain.enqueue(number, deep={"list": [1, None, "ü"]})

    here.wait(lambda: number in numbers(here, "plain"))
    (found,) = [one for one in here.written("plain") if one["number"] == number]
    assert (found["id"], found["tenant"], found["locale"], found["actor"]) == (3, "acme", "de", 7)
    assert found["request"] == "4711"
    assert found["shout"]
    assert found["more"] == {"deep": {"list": [1, None, "ü"]}}


def test_coroutine_function_runs(here: Site) -> None:
    """A job may be a coroutine function, whatever the worker is made of."""
    number = next(NUMBERS)
    Article(1).asynchronous.enqueue(number)

    here.wait(lambda: number in numbers(here, "asynchronous"))


def test_every_job_runs_once(here: Site) -> None:
    """Fifty jobs, each written down once."""
    wanted = [next(NUMBERS) for _ in range(50)]
    for number in wanted:
        Article(1).plain.enqueue(number)

    here.wait(lambda: set(wanted) <= set(numbers(here, "plain")))
    time.sleep(0.3)
    assert sorted(one for one in numbers(here, "plain") if one in wanted) == wanted


def test_queue_of_a_trait_is_its_own(here: Site) -> None:
    """A worker runs the queues it is told, and no others."""
    number = next(NUMBERS)
    Article(1).unheard.enqueue(number)
    Article(1).elsewhere.enqueue(number)

    here.wait(lambda: number in numbers(here, "elsewhere"))
    time.sleep(0.3)
    assert numbers(here, "unheard") == []


def test_delayed_job_waits(here: Site) -> None:
    """A job is not run before its time; an engine that cannot wait says so."""
    number = next(NUMBERS)
    began = time.time()
    if not can(here, "delay"):
        with pytest.raises(EngineCannotError):
            Article(1).late.enqueue(number)
        return
    Article(1).late.enqueue(number)

    here.wait(lambda: number in numbers(here, "late"))
    (at,) = [one["at"] for one in here.written("late") if one["number"] == number]
    assert at - began > 0.9


def test_failing_job_is_tried_again(here: Site) -> None:
    """A job that fails twice runs three times."""
    if not can(here, "delay"):
        pytest.skip("no delay, so no back-off, without an outbox")
    number = next(NUMBERS)
    Article(1).stumbles.enqueue(number, failures=2)

    here.wait(lambda: numbers(here, "stumbles").count(number) == 3)
    time.sleep(0.3)
    assert numbers(here, "stumbles").count(number) == 3


def test_job_that_fails_for_good_is_a_dead_letter(here: Site) -> None:
    """It can be listed, tried again, and dropped."""
    outbox = runtime.outbox
    if outbox is None:
        pytest.skip("without an outbox, the engine's own place for failed jobs")
    number = next(NUMBERS)
    job_id = Article(1).stumbles.enqueue(number, failures=3)

    here.wait(lambda: [one for one in outbox.dead() if one.message.id == job_id])
    (letter,) = [one for one in outbox.dead() if one.message.id == job_id]
    assert (letter.error, letter.message.attempt) == ("RuntimeError: try 3", 3)
    assert outbox.revive(job_id)
    here.wait(lambda: numbers(here, "stumbles").count(number) == 4)
    assert not outbox.dead()
    second = Article(1).stumbles.enqueue(next(NUMBERS), failures=3)
    here.wait(outbox.dead)
    assert outbox.drop(second)
    assert (outbox.dead(), outbox.drop(second)) == ([], False)


def test_missing_row(here: Site) -> None:
    """Without its row a job is dropped, or a dead letter at once, or tried until the row is there."""
    gone = Article(engine_app.GONE)
    plain, strict, patient = next(NUMBERS), next(NUMBERS), next(NUMBERS)
    gone.plain.enqueue(plain)
    if runtime.outbox is not None:
        failing = gone.strict.enqueue(strict)
        here.wait(lambda: runtime.outbox and runtime.outbox.dead())
        assert runtime.outbox.dead()[0].message.attempt == 1
        assert runtime.outbox.drop(failing)
    if can(here, "delay"):
        late = Article(engine_app.GONE + patient)
        late.patient.enqueue(patient)
        time.sleep(0.15)
        Path(f"{here.file}.{late.id}").touch()
        here.wait(lambda: patient in numbers(here, "patient"))
    after = next(NUMBERS)
    Article(1).plain.enqueue(after)
    here.wait(lambda: after in numbers(here, "plain"))
    assert plain not in numbers(here, "plain")
    assert strict not in numbers(here, "strict")


def test_jobs_of_one_key_are_one_while_they_wait(here: Site) -> None:
    """Three are queued, one runs; afterwards another may."""
    if not can(here, "delay"):
        pytest.skip("the job is delayed")
    for _ in in_time(0.7):  # before the first is due
        row = Article(next(NUMBERS))
        wanted = [next(NUMBERS) for _ in range(3)]
        for number in wanted:
            row.once.enqueue(number)

    here.wait(lambda: set(wanted) & set(numbers(here, "once")))
    if not can(here, "unique"):
        here.wait(lambda: set(wanted) <= set(numbers(here, "once")))
        return
    time.sleep(1.2)
    assert [one for one in numbers(here, "once") if one in wanted] == wanted[:1]
    again = next(NUMBERS)

    def runs_again() -> bool:
        """The first may have run and not be told to the outbox yet, so ask more than once."""
        if again in numbers(here, "once"):
            return True
        row.once.enqueue(again)
        return False

    here.wait(runs_again)


def test_cancelled_job_does_not_run(here: Site) -> None:
    """A waiting job can be taken back."""
    if not (can(here, "delay") and can(here, "cancel")):
        pytest.skip("the job is delayed")
    assert here.started is not None
    assert here.started.queue is not None
    for _ in in_time(0.9):  # before it is due
        number, after = next(NUMBERS), next(NUMBERS)
        job_id = Article(1).late.enqueue(number)
        time.sleep(0.3)
        cancelled = (runtime.outbox or here.started.queue).cancel(job_id)
    assert cancelled
    Article(1).late.enqueue(after)

    here.wait(lambda: after in numbers(here, "late"))
    time.sleep(0.3)
    assert number not in numbers(here, "late")


def test_progress_of_a_running_job(here: Site) -> None:
    """How far a job is can be asked while it runs; afterwards it is gone."""
    outbox = runtime.outbox
    if outbox is None:
        pytest.skip("progress is kept in the outbox")
    number = next(NUMBERS)
    job_id = Article(1).half.enqueue(number)

    here.wait(lambda: outbox.progress(job_id) == ("running", 0.5))
    Path(f"{here.file}.{number}").touch()
    here.wait(lambda: outbox.progress(job_id) is None)


def test_what_went_wrong_before_does_not_stay(here: Site) -> None:
    """After all of this the outbox is empty but for the job that nobody works on."""
    if runtime.outbox is None:
        pytest.skip("no outbox")
    outbox = runtime.outbox
    with suppress(AssertionError):
        here.wait(lambda: sum(outbox.counts().values()) <= 1)

    assert sum(outbox.counts().values()) <= 1
