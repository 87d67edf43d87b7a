"""One contract for every outbox: an SQLite file of its own, and the application's database, SQLite or PostgreSQL."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from servers import POSTGRESQL, is_open
from traits_runtime._core.queue import JobMessage, next_attempt
from traits_runtime._core.trait.relay import Relay


def database(url: str) -> Any:
    """An outbox in a database."""
    from traits_runtime.adapters.database import open_outbox

    return open_outbox({"url": url})


@pytest.fixture(params=["sqlite", "database-sqlite", "database-postgresql"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Every outbox in turn; what was sent is sent again at once."""
    from traits_runtime.adapters.sqlite import SQLiteOutbox

    if request.param == "sqlite":
        new_outbox: Any = SQLiteOutbox(tmp_path / "jobs.db")
        yield new_outbox
        new_outbox.close()
        return
    if request.param == "database-sqlite":
        new_outbox = database(f"sqlite:///{tmp_path}/app.db")
        yield new_outbox
        new_outbox.engine.dispose()
        return
    if not is_open(5432):
        pytest.skip("no PostgreSQL; .ci/servers starts one")
    import psycopg

    name = f"traits_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as base:
        base.execute(f'CREATE DATABASE "{name}"')
        new_outbox = database(f"postgresql+psycopg://postgres@127.0.0.1:5432/{name}")
        yield new_outbox
        new_outbox.engine.dispose()
        base.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def pass_by(outbox: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds go by on the outbox's clock, which stands still otherwise."""
    now = [time.time()]

    def wait(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(outbox, "_clock", time.time, raising=False)
    return wait


def message(job_id: str, **more: Any) -> JobMessage:
    """A job."""
    return JobMessage(id=job_id, name="trait.HasJobs.plain", max_attempts=3, **more)


def ids(messages: list[JobMessage]) -> list[str]:
    """Their ids."""
    return [message.id for message in messages]


def test_job_goes_from_waiting_to_done(outbox: Any) -> None:
    """Waiting, sent, running with progress, and forgotten."""
    outbox.put(message("a", args=(1, "ü")))
    states = [outbox.progress("a")]
    received = outbox.take(10)
    states.append(outbox.progress("a"))
    outbox.start("a")
    outbox.note("a", 0.5)
    states.append(outbox.progress("a"))
    outbox.done("a")

    assert states == [("waiting", 0), ("sent", 0), ("running", 0.5)]
    assert (received[0].args, outbox.take(10), outbox.counts(), outbox.progress("a")) == ((1, "ü"), [], {}, None)


def test_second_delivery_does_not_start(outbox: Any) -> None:
    """Neither while the job runs nor after it is done, nor when it was cancelled."""
    outbox.put(message("a"))
    outbox.put(message("b"))
    outbox.take(10)

    assert (outbox.start("a"), outbox.start("a")) == (True, False)
    outbox.done("a")
    assert outbox.cancel("b")
    assert [outbox.start("a"), outbox.start("b"), outbox.cancel("b")] == [False, False, False]


def test_most_urgent_goes_first(outbox: Any) -> None:
    """By priority, and of the same priority the earlier."""
    for job_id, priority in (("low", -1), ("first", 0), ("second", 0), ("high", 5)):
        outbox.put(message(job_id, priority=priority))

    result = ids(outbox.take(10))
    assert (result[0], result[-1], sorted(result)) == ("high", "low", ["first", "high", "low", "second"])


def test_delayed_job_is_not_due(outbox: Any) -> None:
    """Its time has not come."""
    outbox.put(message("late", delay=60))
    outbox.put(message("now"))

    assert ids(outbox.take(10)) == ["now"]
    assert outbox.counts() == {"waiting": 1, "sent": 1}


def test_one_job_of_a_key_waits(outbox: Any) -> None:
    """While it waits and while it is sent; when it began, another may wait."""
    outbox.put(message("a", key="k"))
    outbox.put(message("b", key="k"))
    received = ids(outbox.take(10))
    outbox.put(message("c", key="k"))
    again = ids(outbox.take(10))
    outbox.start("a")
    outbox.put(message("d", key="k"))

    assert (received, again, ids(outbox.take(10))) == (["a"], [], ["d"])


def test_failed_job_waits_and_dies(outbox: Any) -> None:
    """Tried again after its pause, then a dead letter that can be revived or dropped."""
    job = message("a", key="k", backoff=60)
    outbox.put(job)
    outbox.take(10)
    outbox.start("a")
    outbox.put(message("b", key="k"))
    outbox.retry(next_attempt(job), "RuntimeError: no")
    assert ids(outbox.take(10)) == ["b"]
    assert outbox.progress("a") == ("waiting", 0)

    outbox.bury(msgspec.structs.replace(job, attempt=3), "RuntimeError: never")

    (letter,) = outbox.dead()
    assert (letter.message.id, letter.message.attempt, letter.error) == ("a", 3, "RuntimeError: never")
    assert (outbox.revive("a"), outbox.revive("a"), outbox.dead()) == (True, False, [])
    assert [(one.id, one.attempt) for one in outbox.take(10)] == [("a", 1)]
    outbox.bury(job, "again")
    assert (outbox.drop("a"), outbox.drop("a"), outbox.dead()) == (True, False, [])


def test_job_that_the_engine_did_not_take_waits(outbox: Any) -> None:
    """It is given back and taken again."""
    outbox.put(message("a"))
    outbox.give_back(ids(outbox.take(10)), 0)

    assert ids(outbox.take(10)) == ["a"]


def test_what_gave_no_sign_of_life_is_sent_again(outbox: Any, pass_by: Callable[[float], None]) -> None:
    """Sent and never begun, or begun and silent; what beats is left alone."""
    outbox._resend, outbox._lease = 1.2, 0.6
    for job_id in ("sent", "silent", "alive"):
        outbox.put(message(job_id))
    outbox.take(10)
    outbox.start("silent")
    outbox.start("alive")
    pass_by(0.4)
    outbox.beat(["alive"])
    pass_by(0.4)
    assert ids(outbox.take(10)) == ["silent"]
    outbox.beat(["alive"])
    pass_by(0.5)
    outbox.beat(["alive"])

    assert "sent" in ids(outbox.take(10))
    assert outbox.progress("alive") == ("running", 0)


def test_many_relays_hand_on_each_job_once(outbox: Any) -> None:
    """Six relays at once."""
    for number in range(300):
        outbox.put(message(f"{number:03}"))
    handed: list[str] = []

    class Engine:
        def enqueue(self, settings: JobMessage) -> str:
            handed.append(settings.id)
            return settings.id

    def work() -> None:
        relay = Relay(outbox, Engine(), batch=7)
        idle = 0
        while idle < 3:
            idle = 0 if relay.step() else idle + 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(handed) == [f"{number:03}" for number in range(300)]


def test_oldest_waiting_job_is_told(outbox: Any, pass_by: Callable[[float], None]) -> None:
    """How long something has been due; a delayed job is not."""
    outbox.put(message("late", delay=60))
    before = outbox.overdue()
    outbox.put(message("now"))
    pass_by(0.2)

    assert before == 0
    assert outbox.overdue() == pytest.approx(0.2, abs=1e-3)
