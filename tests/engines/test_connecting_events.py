"""What config may say about events of other processes, and what is said where it is wrong."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from traits_cli.commands import main
from traits_runtime import Envelope, Trait, TraitEvent, engines, events
from traits_runtime._core.trait.event_bridge import Forward
from traits_runtime.errors import (
    ConfigFileError,
    MissingExtraError,
    NoApplicationError,
    NoForwardError,
    UnknownEngineError,
    UnknownEventError,
)
from traits_runtime.testing import MemoryBroker, capture_metrics, on_listener_error


class Rung(msgspec.Struct):
    """A payload."""

    times: int


class HasBell(Trait):
    """A trait with an event."""

    rung = TraitEvent(Rung)
    plain = TraitEvent(lambda what: what)


class Door(HasBell):
    """A model."""

    def __init__(self, key: int | None = 1) -> None:
        self.id = key


def test_file_and_environment_name_the_broker(tmp_path: Path) -> None:
    """Patterns in the environment are separated by commas; a hyphen is as good as an underscore."""
    file = tmp_path / "traits.toml"
    file.write_text('forward = "redis-streams"\n[engines.redis-streams]\napplication = "shop"\n', encoding="utf-8")
    settings = {"TRAITS_ENGINES_REDIS_STREAMS_EVENTS": "trait.HasBell.*,trait.HasSlug.*"}

    read = engines.read_settings(file, settings)
    started = engines.start(read)

    assert read.forward == "redis_streams"
    assert started.forward is not None
    assert (started.forward.application, started.forward.events) == ("shop", ("trait.HasBell.*", "trait.HasSlug.*"))


def test_file_that_the_environment_names_has_to_be_there(tmp_path: Path) -> None:
    """An application that was to have a queue does not run its jobs in the request instead."""
    with pytest.raises(ConfigFileError, match=r"nowhere\.toml: cannot be read"):
        engines.read_settings(environ={"TRAITS_CONFIG": str(tmp_path / "nowhere.toml")})


def test_unknown_broker_is_answered_with_the_nearest() -> None:
    """And a missing library with the extra that brings it."""
    with pytest.raises(UnknownEngineError, match=r"no adapter 'rabitmq' for forward. Did you mean 'rabbitmq'"):
        engines.start(engines.Settings(forward="rabitmq"))


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is not always called as the adapter is."""
    for adapter, library, extra in (("redis_streams", "redis", "redis"), ("rabbitmq", "pika", "rabbitmq")):
        monkeypatch.setitem(sys.modules, library, None)
        monkeypatch.delitem(sys.modules, f"traits_runtime.adapters.{adapter}", raising=False)
        with pytest.raises(MissingExtraError, match=rf"sphinx-traits\[{extra}\]"):
            engines.start(engines.Settings(forward=adapter))


def test_application_has_to_be_named() -> None:
    """Two services of one name would each hear half."""
    with pytest.raises(NoApplicationError, match=r"application = 'shop' in \[engines.redis_streams\]"):
        engines.start(engines.Settings(forward="redis_streams"))


def test_pattern_that_no_trait_declares() -> None:
    """Said where the application starts."""
    options = {"redis_streams": {"application": "shop", "events": ["trait.HasBell.rang"]}}

    with pytest.raises(UnknownEventError, match=r"Did you mean 'trait\.HasBell\.rung'"):
        engines.start(engines.Settings(forward="redis_streams", engines=options))


def test_nothing_to_listen_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a process of one's own, and for the command."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoForwardError):
        engines.listen(engines.Engines(engines.Settings()))
    monkeypatch.setattr(sys, "argv", ["traits", "work", "--events"])
    with pytest.raises(SystemExit):
        main()

    assert "Config names no event broker" in capsys.readouterr().err


def test_own_process_listens_until_it_is_told_to_stop() -> None:
    """In a thread beside other things; two events at a time."""
    broker, heard, both = MemoryBroker(), [], threading.Barrier(2)

    def hear(envelope: Envelope[Any]) -> None:
        if envelope.origin:
            both.wait(60)
            heard.append(envelope.payload.times)

    shop = Forward(broker, None, application="shop", events=["trait.HasBell.*"])
    shop.connect()
    mail = engines.Engines(engines.Settings(), forward=Forward(broker, None, application="mail"))
    stop = threading.Event()
    listening = threading.Thread(target=engines.listen, args=(mail, 2), kwargs={"stop": stop})
    events.listen("trait.HasBell.rung", hear)
    Door().rung(times=1)
    Door().rung(times=2)
    listening.start()
    end = time.monotonic() + 60
    while len(heard) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    stop.set()
    listening.join(60)

    assert sorted(heard) == [1, 2]
    assert not listening.is_alive()


def test_instance_without_a_key_and_payload_without_a_class() -> None:
    """The one is named without a key, the other arrives as it is."""
    broker, heard = MemoryBroker(), []
    Forward(broker, None, application="shop", events=["trait.HasBell.*"]).connect()
    Door(None).plain(what=[1, 2])
    events.listen("trait.HasBell.plain", heard.append)

    with capture_metrics() as metrics:
        assert Forward(broker, None, application="mail").step(broker.consumer("mail"), 0)

    assert [(event.payload, event.sender.identity, event.origin) for event in heard] == [([1, 2], None, "shop")]
    assert metrics.total("trait.HasBell.plain", outcome="heard") == 1


def test_payload_without_a_json_form_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """As any listener that fails."""
    broker = MemoryBroker()
    Forward(broker, None, application="shop", events=["trait.HasBell.*"]).connect()

    with on_listener_error("log"):
        Door().plain(what=object())

    assert broker.sent == []
    assert "trait.HasBell.plain" in caplog.text


def test_dead_letter_in_memory_comes_again_and_goes() -> None:
    """The contract that brokers hold, for tests of users."""
    broker = MemoryBroker()
    Forward(broker, None, application="shop", events=["trait.HasBell.*"]).connect()
    mail = Forward(broker, None, application="mail", attempts=2)
    Door().rung(times=1)

    def fail(_envelope: object) -> None:
        raise RuntimeError("deaf")

    consumer = broker.consumer("mail")
    with events.listen("trait.HasBell.*", fail):
        steps = [mail.step(consumer, 0) for _ in range(3)]

    assert steps == [True, True, False]
    (letter,) = broker.dead("mail")
    assert (letter.error, letter.message.attempt) == ("RuntimeError: deaf", 2)
    assert broker.revive("mail", letter.message.id)
    assert (broker.dead("mail"), mail.step(consumer, 0), broker.drop("mail", letter.message.id)) == ([], True, False)
