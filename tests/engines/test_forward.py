"""One contract for events across processes, on real brokers: an event of one application is heard in the others."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import forward_app
import msgspec
import pytest
from forward_app import Memo, Story
from sqlalchemy.orm import sessionmaker

from engine_app import for_request
from engine_sites import end
from faults import RabbitMQ, Redis, Server
from servers import RABBITMQ, REDIS, clean_redis, is_open, written_lines
from traits_runtime import acting_as, engines, events, locale, quietly, tenant
from traits_runtime._core.queue import Delivery, JobMessage, encode
from traits_runtime._core.trait.relay import Relay
from traits_runtime.adapters.sqlalchemy import TraitSession

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parent.parent
BROKERS = {
    "redis_streams": (6379, {"url": f"{REDIS}/5"}),
    "rabbitmq": (5672, {"url": RABBITMQ, "pause": 0.5}),
}
SOON = {"redis_streams": {"idle": 1.0}, "rabbitmq": {}}
"""Where what a consumer has in hand is soon given to another, which a busy one must not be mistaken for."""
GOES_OUT = ["trait.HasNews.told", "trait.HasNews.*", "trait.HasNews.**"]
"""Patterns that overlap; an event goes out once all the same."""


class Place:
    """A broker, this process as a sender of ``shop``, and listeners of any application."""

    def __init__(self, broker: str, folder: Path, *, outbox: str, url: str = "", soon: bool = False) -> None:
        self.broker = broker
        self.folder = folder
        self.prefix = f"test-{uuid.uuid4().hex[:10]}-"
        settings = {
            **BROKERS[broker][1],
            "prefix": self.prefix,
            "application": "shop",
            "events": GOES_OUT,
            "attempts": 3,
        }
        self.url = f"sqlite:///{folder}/app.db"
        self.settings = engines.Settings(
            forward=broker,
            outbox=outbox,
            engines={
                broker: settings | ({"url": url} if url else {}) | (SOON[broker] if soon else {}),
                "sqlite": {"path": str(folder / "jobs.db")},
                "database": {"url": self.url},
            },
        )
        self.file = folder / "written"
        self.file.touch()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.applications: set[str] = set()
        self.relay: Relay | None = None

    def start(self, *, relay: bool = True) -> engines.Engines:
        """Connect this process; hand on what it sends."""
        self.started = engines.start(self.settings)
        assert self.started.forward is not None
        if self.started.outbox is not None and relay:
            self.relay = Relay(self.started.outbox, self.started.forward.broker, kind="event", poll=0.02)
            self.relay.start()
        return self.started

    def environ(self, application: str, **more: Any) -> dict[str, str]:
        """What another process needs to know."""
        (self.folder / application).mkdir(exist_ok=True)
        config = self.folder / application / "traits.toml"
        tables = {**self.settings.engines, self.broker: {**self.settings.engines[self.broker], **more}}
        tables[self.broker]["application"] = application
        lines = [f"forward = {json.dumps(self.broker)}", f"outbox = {json.dumps(self.settings.outbox)}"]
        for name, values in tables.items():
            lines += [f"[engines.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return {
            **os.environ, "TRAITS_CONFIG": str(config), "TRAITS_TEST_WORKER": "1", "PYTHONPATH": str(TESTS),
            "TRAITS_TEST_RECORD": str(self.folder / application / "written"),
        }  # fmt: skip

    def hear(self, application: str, *, concurrency: int = 1, relay: bool = False, **more: Any) -> Any:
        """Start a listener: `traits work --events`; returns when the broker keeps events for it."""
        environ = self.environ(application, **more)
        Path(environ["TRAITS_TEST_RECORD"]).touch()
        command = [sys.executable, "-c", "from traits_cli import launch; launch()", "work", "--events"]
        command += ["--app", "forward_app", "--concurrency", str(concurrency), *([] if relay else ["--no-relay"])]
        log = (self.folder / f"listener{len(self.processes)}.log").open("wb")
        started = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.processes.append(started)
        self.applications.add(application)
        with closing(self.forward.broker.consumer(application)):  # as if it had listened before
            pass
        return started

    @property
    def forward(self) -> Any:
        """What sends and hears in this process."""
        return self.started.forward

    def heard(self, application: str = "mail", job: str = "heard") -> list[dict[str, Any]]:
        """What listeners of an application wrote down."""
        return [
            written_line
            for written_line in written_lines(self.folder / application / "written")
            if written_line["job"] == job
        ]

    def numbers(self, application: str = "mail") -> list[int]:
        """The numbers alone, sorted."""
        return sorted(event["number"] for event in self.heard(application))

    def wait(self, condition: Callable[[], Any], seconds: float = 90) -> Any:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not (outcome := condition()):
            if time.monotonic() > end:
                logs = "".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("*.log")))
                raise AssertionError(f"{self.broker}: not after {seconds} s: {self.heard()[-3:]}\n{logs}")
            time.sleep(0.02)
        return outcome

    def stop(self) -> None:
        """End everything and clean the broker."""
        for process in self.processes:
            end(process)
        if self.relay is not None:
            self.relay.stop()
        self.forward.broker.close()
        if self.settings.outbox == "database":
            self.started.outbox.engine.dispose()  # type: ignore[union-attr]
        elif self.started.outbox is not None:
            self.started.outbox.close()
        if self.settings.engines[self.broker]["url"] == BROKERS[self.broker][1]["url"]:
            self.clean()

    def clean(self) -> None:
        """Delete what is left on a shared broker."""
        if self.broker == "redis_streams":
            clean_redis(self.prefix, f"{REDIS}/5")
            return
        channel = self.forward.broker.connect(30)
        for application in self.applications:
            for queue in ("", ".again", ".dead"):
                channel.queue_delete(self.forward.broker.queue(application) + queue)
        channel.exchange_delete(self.forward.broker.exchange)
        channel.connection.close()


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> str:
    """Every broker in turn."""
    name: str = request.param
    if not is_open(BROKERS[name][0]):
        pytest.skip(f"no server for {name}; .ci/servers starts them")
    return name


@pytest.fixture
def place(broker: str, tmp_path: Path) -> Iterator[Place]:
    """A connected place with an outbox in a file."""
    new_place = Place(broker, tmp_path, outbox="sqlite")
    new_place.start()
    yield new_place
    new_place.stop()


@pytest.fixture
def soon(broker: str, tmp_path: Path) -> Iterator[Place]:
    """The same, where what somebody took and did not do is soon given to others."""
    new_place = Place(broker, tmp_path, outbox="sqlite", soon=True)
    new_place.start()
    yield new_place
    new_place.stop()


@pytest.fixture(params=["none", "sqlite", "database"])
def any_outbox(request: pytest.FixtureRequest, broker: str, tmp_path: Path) -> Iterator[Place]:
    """A connected place with every outbox in turn, and none."""
    new_place = Place(broker, tmp_path, outbox=request.param)
    new_place.start()
    yield new_place
    new_place.stop()


def test_event_is_heard_in_another_process_with_its_context(place: Place) -> None:
    """Instances, payload as declared, tenant, actor, language, and what `propagate` names."""
    place.hear("mail")
    at = datetime.datetime(2026, 5, 4, tzinfo=datetime.UTC)
    with tenant("acme"), acting_as(7), locale("de"), for_request("4711"):
        Memo(3).told(number=1, at=at)

    place.wait(lambda: place.numbers() == [1])
    (heard,) = place.heard()
    assert (heard["tenant"], heard["actor"], heard["locale"], heard["request"]) == ("acme", 7, "de", "4711")
    assert (heard["sender"], heard["payload"], heard["at_type"]) == (["Memo", 3], "News", "datetime")
    assert (heard["origin"], len(heard["id"])) == ("shop", 32)
    place.wait(lambda: place.heard(job="heard later"))
    place.wait(lambda: place.started.outbox and not place.started.outbox.counts())


def test_instance_that_is_gone_is_named(place: Place) -> None:
    """The listener gets what names it."""
    place.hear("mail")
    Memo(100).told(number=1)

    place.wait(lambda: place.numbers() == [1])
    assert place.heard()[0]["sender"] == ["Ref", 100]


def test_only_declared_events_of_the_patterns_go_out_and_each_once(place: Place) -> None:
    """Not one that may be refused, not a silenced one, not one that nobody declares; overlapping patterns are one."""
    place.hear("mail")
    memo = Memo(1)
    memo.telling(number=1)
    events.emit("trait.Elsewhere.told", None, number=2)
    with quietly():
        memo.told(number=3)
    memo.shown()
    memo.whispered(number=4)
    memo.told(number=5)

    place.wait(lambda: len(place.heard()) >= 3)
    time.sleep(0.5)
    assert sorted((event["name"], event["number"]) for event in place.heard()) == [
        ("trait.HasNews.shown", None),
        ("trait.HasNews.told", 5),
        ("trait.HasNews.whispered", 4),
    ]


def test_event_goes_round_no_loop_and_is_heard_once_by_each_application(place: Place) -> None:
    """Two listeners of each of three applications, which all send; the sender's own hears nothing."""
    for application in ("mail", "search"):
        place.hear(application)
        place.hear(application)
    place.hear("shop")
    for number in range(40):
        Memo(1).told(number=number)

    for application in ("mail", "search"):
        place.wait(lambda application=application: len(place.numbers(application)) >= 40)
    time.sleep(0.7)
    assert place.numbers("mail") == place.numbers("search") == list(range(40))
    assert place.numbers("shop") == []


def test_application_may_hear_what_it_has_sent(place: Place) -> None:
    """``own = true``."""
    place.hear("shop", own=True)
    Memo(1).told(number=1)

    place.wait(lambda: place.numbers("shop"))
    time.sleep(0.7)
    assert place.numbers("shop") == [1]


def test_listener_killed_at_work_loses_nothing(soon: Place) -> None:
    """Killed with -9 in the listener; another process hears the same event, by the same id."""
    place = soon
    first, second = place.hear("mail"), place.hear("mail")
    for number in range(20):
        Memo(1).told(number=number, do="die once" if number == 7 else "")

    place.wait(lambda: set(place.numbers()) == set(range(20)) and place.numbers().count(7) == 2)
    killed, again = [event for event in place.heard() if event["number"] == 7]
    assert killed["id"] == again["id"]
    assert killed["pid"] != again["pid"]
    place.wait(lambda: first.poll() or second.poll())
    assert sorted(process.poll() or 0 for process in (first, second)) == [-signal.SIGKILL, 0]


def test_event_that_is_heard_in_vain_ends_as_a_dead_letter(soon: Place) -> None:
    """After three deliveries; those behind it are heard meanwhile. It can be listed, come again, and be dropped."""
    place = soon
    place.hear("mail")
    Memo(1).told(number=1, do="fail")
    Memo(1).told(number=2)

    broker = place.forward.broker
    place.wait(lambda: broker.dead("mail"))
    (letter,) = broker.dead("mail")
    place.wait(lambda: place.numbers() == [1, 1, 1, 2])
    assert (letter.error, letter.message.name) == ("RuntimeError: no news", "trait.HasNews.told")
    assert (letter.message.attempt, len({event["id"] for event in place.heard() if event["number"] == 1})) == (3, 1)
    assert time.time() - letter.died < 600
    assert not broker.revive("mail", "unknown")
    Path(f"{place.folder}/mail/written.mended").touch()
    assert broker.revive("mail", letter.message.id)
    place.wait(lambda: place.numbers() == [1, 1, 1, 1, 2])
    assert broker.dead("mail") == []
    Path(f"{place.folder}/mail/written.mended").unlink()
    Memo(1).told(number=3, do="fail")
    (letter,) = place.wait(lambda: broker.dead("mail"))
    assert broker.drop("mail", letter.message.id)
    assert (broker.dead("mail"), broker.drop("mail", letter.message.id)) == ([], False)


def test_command_lists_and_sends_again_what_was_heard_in_vain(soon: Place) -> None:
    """`traits jobs --events`, where the application is that heard it."""
    place = soon
    place.hear("mail")
    Memo().told(number=1, do="fail")
    place.wait(lambda: place.forward.broker.dead("mail"))
    (letter,) = place.forward.broker.dead("mail")

    code, output = command(place, "list")
    assert (code, output["counts"], [one["id"] for one in output["dead"]]) == (0, {"dead": 1}, [letter.message.id])
    assert (output["dead"][0]["name"], output["dead"][0]["attempts"]) == ("trait.HasNews.told", 3)
    assert command(place, "drop", "unknown", "--yes")[0] == 2
    assert command(place, "retry", letter.message.id) == (0, {"ids": [letter.message.id], "dry_run": False})
    place.wait(lambda: len(place.heard()) >= 4)
    place.wait(lambda: place.forward.broker.dead("mail"))
    assert command(place, "drop", "--all", "--yes")[1]["ids"] == [letter.message.id]
    assert command(place, "list")[1]["counts"] == {}


def command(place: Place, *arguments: str) -> tuple[int, Any]:
    """Exit code and data of `traits jobs --events`, run as the application `mail`."""
    script = "from traits_cli import launch; launch()"
    result = subprocess.run(
        [sys.executable, "-c", script, "jobs", *arguments, "--events", "--json", "--app", "forward_app"],
        env=place.environ("mail"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return result.returncode, json.loads(result.stdout)["data"] if result.stdout else None


def test_event_that_kills_all_its_listeners_is_buried_unheard(soon: Place) -> None:
    """Taken three times and never done, it is a dead letter the fourth time, without being told."""
    place = soon
    broker = place.forward.broker
    place.applications.add("mail")
    with closing(broker.consumer("mail")):
        pass
    Memo(1).told(number=1, do="die")
    for turn in range(1, 4):
        consumer = broker.consumer("mail")
        delivery = place.wait(lambda consumer=consumer: consumer.take(0.1))
        assert delivery.attempt == turn
        consumer.close()
    delivered: list[object] = []
    events.listen("trait.HasNews.*", delivered.append)
    mail = engines.Forward(broker, None, application="mail", attempts=3)
    with closing(broker.consumer("mail")) as consumer:
        place.wait(lambda: mail.step(consumer, 0.1))

    assert delivered == []
    assert [letter.error for letter in broker.dead("mail")] == ["taken 3 times, and never done"]


def test_event_that_cannot_be_read_ends_as_a_dead_letter(place: Place) -> None:
    """Whatever another application sends: no message, a payload of another form, an event that is not there here."""
    place.hear("mail", attempts=1)
    broker = place.forward.broker
    body = {"payload": {"number": "many"}, "sender": None, "origin": "old"}
    broker.enqueue(JobMessage(id="form", name="trait.HasNews.told", kwargs=body, kind="event"))
    broker.enqueue(JobMessage(id="unknown", name="trait.HasNews.sung", kwargs=body, kind="event"))
    broker.enqueue(JobMessage(id="foreign", name="trait.Elsewhere.seen.far", kwargs=body, kind="event"))
    broker.enqueue(JobMessage(id="nobody", name="trait.Nobody.hears", kwargs={"origin": "old"}, kind="event"))

    dead = place.wait(lambda: (found := broker.dead("mail")) and len(found) == 2 and found)
    place.wait(lambda: place.heard())
    assert {letter.message.id: letter.error.partition(":")[0] for letter in dead} == {
        "form": "ValidationError",
        "unknown": "UnknownEventError",
    }
    assert [(event["name"], event["number"]) for event in place.heard()] == [
        ("trait.Elsewhere.seen.far", {"number": "many"})
    ]


class Unreadable:
    """A consumer whose one event is no message."""

    def __init__(self) -> None:
        self.buried: list[Any] = []

    def take(self, seconds: float) -> Delivery:
        """Give it."""
        return Delivery(b"{", 3, "handle")

    def bury(self, delivery: Delivery, letter: Any) -> None:
        """Keep it."""
        self.buried.append(letter)


def test_what_is_no_message_is_kept_as_it_is() -> None:
    """In a dead letter without a name."""
    consumer: Any = Unreadable()
    forward = engines.Forward(consumer, None, application="mail", attempts=3)

    assert forward.step(consumer, 0)
    assert (consumer.buried[0].message.name, consumer.buried[0].message.kwargs) == ("", {"data": "{"})


def test_what_rolls_back_is_not_sent(any_outbox: Place) -> None:
    """Neither with an outbox nor without; of what commits, also of a row without a key yet, everything is."""
    place = any_outbox
    place.hear("mail")
    engine = forward_app.tables(place.url)
    maker = sessionmaker(engine, class_=TraitSession)
    with maker() as session:
        session.add(Story(number=1))
        session.flush()
        session.rollback()
        story = Story(number=2)
        session.add(story)
        session.flush()
        with session.begin_nested() as nested:
            story.told(number=3)
            story.told_after(number=4)
            nested.rollback()
        with session.begin_nested():
            story.told(number=5, about=story if place.settings.outbox == "database" else None)
        story.told_after(number=6)
        session.commit()
        key = story.id

    place.wait(lambda: len(place.numbers()) >= 3)
    time.sleep(0.5)
    engine.dispose()
    assert place.numbers() == [2, 5, 6]
    in_database = place.settings.outbox == "database"
    assert [event["sender"] for event in place.heard()] == [["Story" if in_database else "Ref", key]] * 3
    assert [event["about"] for event in place.heard() if event["number"] == 5] == [
        ["Story", key] if in_database else ["NoneType", None]
    ]


def test_sender_killed_between_commit_and_relay_loses_nothing(broker: str, tmp_path: Path) -> None:
    """Its rows are handed on by whoever relays next, here the listener."""
    place = Place(broker, tmp_path, outbox="database")
    place.start(relay=False)
    listener = place.hear("mail", relay=True)
    environ = {**place.environ("shop"), "TRAITS_TEST_WORKER": ""}
    command = [sys.executable, str(TESTS / "forward_app.py"), place.url, "200"]
    sender = subprocess.run(command, env=environ, check=False)
    try:
        place.wait(lambda: len(set(place.numbers())) == 200)
    finally:
        place.stop()

    assert sender.returncode == -signal.SIGKILL
    assert set(place.numbers()) == set(range(200))
    assert listener.poll() is not None


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server to kill")
@pytest.mark.parametrize("broker", BROKERS, indirect=True)
def test_broker_that_is_away_gets_everything_later(broker: str, tmp_path: Path) -> None:
    """A thousand events while it is down: none is lost."""
    if broker == "rabbitmq" and not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        pytest.skip("no RabbitMQ to kill")
    folder = tmp_path / "broker"
    folder.mkdir()
    server: Server = {"redis_streams": Redis, "rabbitmq": RabbitMQ}[broker](folder)  # type: ignore[abstract]
    server.start()
    place = Place(broker, tmp_path, outbox="sqlite", url=server.url)  # type: ignore[attr-defined]
    place.start()
    try:
        place.hear("mail")
        Memo(1).told(number=-1)
        place.wait(lambda: place.numbers() == [-1])
        server.kill()
        for number in range(1000):
            Memo(1).told(number=number)
        time.sleep(1)
        assert place.numbers() == [-1]
        server.start()
        began = time.monotonic()
        place.wait(lambda: len(set(place.numbers())) == 1001, 180)
        print(f"\n{broker} away: 1000 events heard {time.monotonic() - began:.1f} s after it was back")
    finally:
        place.stop()
        server.kill()

    counts = Counter(place.numbers())
    assert set(counts) == set(range(-1, 1000))


def test_without_an_outbox_an_event_that_cannot_be_sent_is_reported(
    broker: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The emitter goes on; the log says which event and where it was emitted."""
    place = Place(
        broker,
        tmp_path,
        outbox="none",
        url={"redis_streams": "redis://127.0.0.1:9", "rabbitmq": "amqp://127.0.0.1:9//"}[broker],
    )
    place.start()
    events.on_error = "log"
    Memo(1).told(number=1)

    place.forward.broker.close()
    (record,) = [one for one in caplog.records if getattr(one, "trait_event", "") == "trait.HasNews.told"]
    assert "test_forward.py" in record.getMessage()


def test_stream_forgets_what_everybody_has_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trimmed to what a group has still to hear."""
    from traits_runtime.adapters import redis_streams

    monkeypatch.setattr(redis_streams, "RECOVERY_INTERVAL_S", 0.05)
    if not is_open(6379):
        pytest.skip("no server for redis_streams; .ci/servers starts them")
    place = Place("redis_streams", tmp_path, outbox="none")
    place.start()
    broker = place.forward.broker

    def left() -> list[str]:
        mail.take(0.01)
        return [msgspec.json.decode(fields[b"data"])["id"] for _, fields in broker.client.xrange(broker.stream)]

    with closing(broker.consumer("slow")) as slow, closing(broker.consumer("mail")) as mail:
        for number in range(10):
            broker.enqueue(JobMessage(id=str(number), name="trait.Nobody.hears", kind="event"))
        for _ in range(10):
            mail.done(mail.take(0.1))
        for _ in range(4):
            slow.done(slow.take(0.1))
        delivery = slow.take(0.1)
        slow.done(slow.take(0.1))
        place.wait(lambda: len(left()) == 6)
        remaining = left()
        slow.done(delivery)
    place.stop()

    assert remaining == ["4", "5", "6", "7", "8", "9"]


def test_connection_that_was_closed_meanwhile_is_opened_again(tmp_path: Path) -> None:
    """RabbitMQ hangs up on one that sends nothing for long; the next event goes through all the same."""
    if not is_open(5672):
        pytest.skip("no server for rabbitmq; .ci/servers starts them")
    place = Place("rabbitmq", tmp_path, outbox="none")
    place.start()
    broker = place.forward.broker
    place.applications.add("mail")
    with closing(broker.consumer("mail")) as consumer:
        Memo(1).told(number=1)
        broker.run(lambda channel: channel.connection.close())
        Memo(1).told(number=2)
        for _ in range(2):
            consumer.done(place.wait(lambda: consumer.take(0.5)))
    place.stop()


@pytest.mark.skipif(not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists(), reason="no RabbitMQ to kill")
def test_what_rabbitmq_has_taken_outlives_it(tmp_path: Path) -> None:
    """Killed with events for an application that is away, and with a dead letter: all are there afterwards."""
    folder = tmp_path / "broker"
    folder.mkdir()
    server = RabbitMQ(folder)
    server.start()
    place = Place("rabbitmq", tmp_path, outbox="none", url=server.url)
    place.start()
    broker = place.forward.broker
    mail = engines.Forward(broker, None, application="mail", attempts=1)
    try:
        with closing(broker.consumer("mail")) as consumer:
            broker.enqueue(JobMessage(id="dead", name="trait.HasNews.sung", kwargs={}, kind="event"))
            place.wait(lambda: mail.step(consumer, 0.5))
        for number in range(200):
            Memo(1).told(number=number)
        server.kill()
        server.start()

        def answers() -> bool:
            with suppress(Exception), closing(broker.consumer("mail")):
                return True
            return False

        place.wait(answers)
        place.hear("mail")
        place.wait(lambda: len(set(place.numbers())) == 200)
        dead = [letter.message.id for letter in broker.dead("mail")]
    finally:
        place.stop()
        server.kill()

    assert dead == ["dead"]


def test_message_fits_what_older_workers_know() -> None:
    """A job says nothing of kinds."""
    assert b"kind" not in encode(JobMessage(id="1", name="n"))
