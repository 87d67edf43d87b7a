"""Who hears what, in which order, and what happens when a listener fails."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import msgspec
import pytest

from traits_runtime import (
    Envelope,
    ListenerFailed,
    Trait,
    TraitEvent,
    TraitEventListener,
    Veto,
    events,
    listen,
    subscribe,
)
from traits_runtime._core import runtime
from traits_runtime._core.events.bus import MAX_ROUTES
from traits_runtime.errors import AsyncListenerError, EventDepthError, UnknownEventError
from traits_runtime.rules.naming import matches
from traits_runtime.testing import capture_events, on_listener_error


class Changed(msgspec.Struct):
    """A payload."""

    new: str
    old: str | None = None


@dataclasses.dataclass
class Moved:
    """A payload that is a dataclass."""

    to: str


class Counted(TypedDict):
    """A payload that is a dictionary."""

    rows: int


class HasTitle(Trait):
    """Events of every kind."""

    title_changed = TraitEvent(Changed, doc="After the title changed.")
    moved = TraitEvent(Moved)
    counted = TraitEvent(Counted)
    closed = TraitEvent()
    settled = TraitEvent(after_commit=True)
    renaming = TraitEvent(Changed, before=True)


class Article(HasTitle):
    """A model."""


class News(Article):
    """A model of a model."""


HEARD: list[Any] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    HEARD.clear()


def hear(envelope: Envelope[Any]) -> None:
    """Remember an event."""
    HEARD.append((envelope.name, envelope.payload))


def test_listener_gets_name_payload_and_sender() -> None:
    """In one envelope."""
    article = Article()
    HasTitle.title_changed.listen(HEARD.append)

    article.title_changed(new="b", old="a")

    assert [Envelope("trait.HasTitle.title_changed", Changed("b", "a"), article)] == HEARD


def test_payloads_are_structs_dataclasses_or_dictionaries() -> None:
    """Each is made by its own class; an event may carry nothing."""
    events.listen("trait.HasTitle.*", hear)
    article = Article()

    article.moved(to="x")
    article.counted(rows=3)
    article.closed()

    assert [payload for _name, payload in HEARD] == [Moved("x"), {"rows": 3}, None]


def test_payload_is_not_made_for_nobody() -> None:
    """While nobody listens, emitting is nothing, and says so."""
    created: list[int] = []

    def payload(number: int) -> int:
        created.append(number)
        return number

    class HasWork(Trait):
        worked = TraitEvent(payload)

    class Worker(HasWork):
        pass

    worker = Worker()
    worker.worked(number=1)
    before = bool(worker.worked)
    with events.listen("trait.HasWork.worked", hear):
        during = bool(worker.worked)
        worker.worked(number=2)

    assert (before, during) == (False, True)
    assert created == [2]


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("trait.*.closed", 1), ("trait.HasTitle.*", 2), ("trait.**", 2), ("trait.*", 0), ("**", 2), ("other.**", 0)],
)
def test_wildcards(pattern: str, count: int) -> None:
    """One star is one segment, two are the rest."""
    events.listen(pattern, hear)

    Article().closed()
    Article().title_changed(new="a")

    assert len(HEARD) == count


def test_order_is_priority_then_registration() -> None:
    """Also between wildcard and exact listeners."""
    for number, priority in enumerate((0, 5, 0, -5, 5)):
        pattern = "trait.**" if number % 2 else "trait.HasTitle.closed"
        events.listen(pattern, lambda _envelope, number=number: HEARD.append(number), priority=priority)

    Article().closed()

    assert HEARD == [1, 4, 0, 2, 3]


def test_listener_of_a_model_hears_its_instances() -> None:
    """And those of its subclasses, not others."""
    HasTitle.closed.listen(lambda envelope: HEARD.append(type(envelope.sender)), model=Article)

    class Other(HasTitle):
        pass

    Article().closed()
    News().closed()
    Other().closed()

    assert [Article, News] == HEARD


def test_once() -> None:
    """One event, then no more."""
    subscription = HasTitle.closed.listen(hear, once=True)

    Article().closed()
    Article().closed()

    assert len(HEARD) == 1
    assert not subscription.active


def test_once_is_once_among_threads() -> None:
    """Two threads that emit at the same moment tell a listener for one event of one of them."""
    both = threading.Barrier(2)

    class Slow(type):
        def __instancecheck__(cls, instance: object) -> bool:
            both.wait(10)
            return True

    class Anything(metaclass=Slow):
        """A model whose instances are told when both threads have asked."""

    HasTitle.closed.listen(hear, once=True, model=Anything)
    threads = [threading.Thread(target=Article().closed) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(HEARD) == 1


def test_cancelling_ends_a_subscription() -> None:
    """By hand, or at the end of a block; twice does no harm."""
    subscription = HasTitle.closed.listen(hear)
    subscription.cancel()
    subscription.cancel()
    with HasTitle.closed.listen(hear) as second:
        Article().closed()
    Article().closed()

    assert len(HEARD) == 1
    assert repr(second) == "<Subscription to trait.HasTitle.closed, cancelled>"


def test_listeners_that_come_and_go_during_an_event_count_for_the_next() -> None:
    """An event is delivered to those who listened when it was emitted."""

    def grow(_envelope: object) -> None:
        events.listen("trait.HasTitle.closed", hear)

    HasTitle.closed.listen(grow, once=True)
    Article().closed()
    first = len(HEARD)
    Article().closed()

    assert (first, len(HEARD)) == (0, 1)


def test_strong_reference_by_default() -> None:
    """A lambda that nobody keeps is heard; a weak one goes with its object."""

    class Ear:
        def hear(self, envelope: Envelope[Any]) -> None:
            HEARD.append(envelope.name)

    ear, weak = Ear(), Ear()
    HasTitle.closed.listen(ear.hear)
    HasTitle.closed.listen(weak.hear, weak=True)
    del ear
    gc.collect()
    Article().closed()
    both = len(HEARD)
    del weak
    gc.collect()
    Article().closed()

    assert (both, len(HEARD)) == (2, 3)


def test_decorators_register_where_they_stand() -> None:
    """And leave the function what it is."""

    @listen("trait.HasTitle.*", priority=3, model=Article)
    def audit(envelope: Envelope[Any]) -> str:
        HEARD.append("audit")
        return envelope.name

    @HasTitle.closed.listener
    def exact(_envelope: Envelope[None]) -> None:
        HEARD.append("exact")

    Article().closed()

    assert HEARD == ["audit", "exact"]
    assert audit(Envelope("x", None)) == "x"
    assert events.forget(audit) == 1


def test_subscriber_with_several_methods() -> None:
    """A marked method hears once its object subscribes."""

    class Audit:
        @listen("trait.HasTitle.closed")
        @listen("trait.HasTitle.moved")
        def note(self, envelope: Envelope[Any]) -> None:
            HEARD.append(envelope.name)

    Article().closed()
    with subscribe(Audit()):
        Article().closed()
        Article().moved(to="x")
    Article().closed()

    assert HEARD == ["trait.HasTitle.closed", "trait.HasTitle.moved"]
    with pytest.raises(TypeError, match="no method marked"):
        subscribe(object())


def test_listener_class() -> None:
    """With its pattern in the class body."""

    class Audit(TraitEventListener):
        pattern = "trait.**"
        model = Article

        def handle(self, envelope: Envelope[Any]) -> None:
            HEARD.append(envelope.name)

    with subscribe(Audit()):
        Article().closed()

    assert HEARD == ["trait.HasTitle.closed"]


def test_listener_class_that_extends_another() -> None:
    """A pattern of its own, or the first one; the nearest counts, and a class without one says so."""

    class Notes(TraitEventListener):
        def handle(self, envelope: Envelope[Any]) -> None:
            HEARD.append((type(self).__name__, envelope.name))

    class Closing(Notes):
        pattern = "trait.HasTitle.closed"

    class Moving(Closing):
        pattern = "trait.HasTitle.moved"

    with subscribe(Closing()), subscribe(Moving()):
        Article().closed()
        Article().moved(to="b")

    assert HEARD == [("Closing", "trait.HasTitle.closed"), ("Moving", "trait.HasTitle.moved")]
    with pytest.raises(TypeError, match="Notes has no pattern"):
        subscribe(Notes())


def test_event_by_name() -> None:
    """A declared one gets its payload's class, others a mapping."""
    events.listen("**", hear)
    article = Article()

    events.emit("trait.HasTitle.title_changed", article, new="b")
    events.emit("blog.imported", rows=3)

    assert [("trait.HasTitle.title_changed", Changed("b")), ("blog.imported", {"rows": 3})] == HEARD


@pytest.mark.parametrize("use", [lambda name: events.listen(name, hear), events.emit, listen])
def test_undeclared_event_of_a_known_trait(use: Callable[[str], object]) -> None:
    """A misspelt listener would never be called; so it is refused."""
    with pytest.raises(UnknownEventError, match=r"'trait.HasTitle.title_chnged'. Did you mean 'trait.HasTitle.title"):
        use("trait.HasTitle.title_chnged")


def test_malformed_pattern() -> None:
    """Segments are names or stars."""
    with pytest.raises(ValueError, match="is not an event name or pattern"):
        events.listen("trait..closed", hear)


def broken(_envelope: object) -> None:
    """Fail."""
    raise RuntimeError("broken")


def test_failing_listener_is_reported_with_both_places(caplog: pytest.LogCaptureFixture) -> None:
    """The others still run, and whoever watches hears of it once."""
    failed: list[ListenerFailed] = []
    events.listen("trait.runtime.listener_failed", lambda envelope: failed.append(envelope.payload))
    HasTitle.closed.listen(broken, priority=1)
    HasTitle.closed.listen(hear)

    with on_listener_error("log"), caplog.at_level(logging.ERROR, logger="traits_runtime"):
        Article().closed()

    assert len(HEARD) == 1
    assert failed[0].listener.endswith("test_events.broken")
    assert "test_events.py:" in failed[0].listens_at
    assert "test_events.py:" in failed[0].emitted_at
    assert "test_events.broken" in caplog.text
    assert "broken" in str(failed[0].error)


def test_failing_failure_listener_does_not_recur() -> None:
    """A listener of failures that fails is logged and that is all."""
    events.listen("trait.runtime.listener_failed", broken)
    HasTitle.closed.listen(broken)

    with on_listener_error("log"):
        Article().closed()


def test_failing_listener_may_raise_or_be_collected() -> None:
    """``raise`` stops at the first, ``collect`` runs all and raises a group; a note names both places."""
    HasTitle.closed.listen(broken)
    HasTitle.closed.listen(hear)

    with on_listener_error("raise"), pytest.raises(RuntimeError, match="broken") as caught:
        Article().closed()
    stopped = len(HEARD)
    with on_listener_error("collect"), pytest.raises(ExceptionGroup) as group:
        Article().closed()

    assert (stopped, len(HEARD)) == (0, 1)
    assert "listening to trait.HasTitle.closed emitted at" in caught.value.__notes__[0]
    assert len(group.value.exceptions) == 1


def test_before_event_can_be_vetoed() -> None:
    """A veto, and any failure, of a before-event reaches the emitter whatever the policy."""

    def refuse(_envelope: object) -> None:
        raise Veto("taken")

    HasTitle.renaming.listen(refuse)
    HasTitle.renaming.listen(hear)

    with on_listener_error("log"), pytest.raises(Veto) as caught:
        Article().renaming(new="x")

    assert "vetoed trait.HasTitle.renaming: taken" in str(caught.value)
    assert HEARD == []


def test_veto_of_what_has_happened_is_a_failing_listener() -> None:
    """Nothing can be stopped any more."""

    def refuse(_envelope: object) -> None:
        raise Veto("too late")

    HasTitle.closed.listen(refuse)
    HasTitle.closed.listen(hear)

    with on_listener_error("log"):
        Article().closed()

    assert len(HEARD) == 1


def test_events_that_emit_each_other_are_stopped() -> None:
    """At 32 deep, with the names of the cycle."""
    article = Article()
    HasTitle.closed.listen(lambda _envelope: article.moved(to="x"))
    HasTitle.moved.listen(lambda _envelope: article.closed())

    with pytest.raises(EventDepthError) as caught:
        article.closed()
    with HasTitle.counted.listen(hear):
        article.counted(rows=1)

    assert set(caught.value.chain) == {"trait.HasTitle.closed", "trait.HasTitle.moved"}
    assert "collapse=True" in str(caught.value)
    assert len(HEARD) == 1


def test_drifted_depth_counter_stops_nobody() -> None:
    """The counter is shared by threads and may drift; what counts is the stack."""
    HasTitle.closed.listen(hear)
    Article().closed()
    events.route("trait.HasTitle.closed", HasTitle.closed._declared).depth = 1000

    Article().closed()

    assert len(HEARD) == 2
    assert events.route("trait.HasTitle.closed", HasTitle.closed._declared).depth == 0


def test_threads_that_emit_the_same_event_stop_nobody() -> None:
    """Eight threads nest twenty deep at once, all are heard; a cycle is found afterwards as before."""
    turns, threads = 200, 8

    def nest(envelope: Envelope[Any]) -> None:
        if envelope.payload["left"]:
            events.emit("test.nested", None, left=envelope.payload["left"] - 1)
        else:
            HEARD.append("bottom")

    def work() -> None:
        for _ in range(turns):
            events.emit("test.nested", None, left=20)

    events.listen("test.nested", nest)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(work) for _ in range(threads)]:
                future.result()
    finally:
        sys.setswitchinterval(interval)
    with pytest.raises(EventDepthError):
        events.emit("test.nested", None, left=100)

    assert len(HEARD) == turns * threads
    assert events.routes["test.nested"].depth >= 0


def test_collapse_skips_reentry() -> None:
    """A listener that saves in saved is called once."""
    article = Article()

    def again(_envelope: object) -> None:
        HEARD.append("again")
        article.closed()

    HasTitle.closed.listen(again, collapse=True)

    article.closed()
    article.closed()

    assert HEARD == ["again", "again"]


def test_aemit_awaits_in_order() -> None:
    """Coroutine functions are awaited one after the other, functions run between them."""

    async def slow(_envelope: object) -> None:
        await asyncio.sleep(0.01)
        HEARD.append("slow")

    HasTitle.closed.listen(slow, priority=1)
    HasTitle.closed.listen(lambda _envelope: HEARD.append("quick"))

    asyncio.run(Article().closed.aemit())
    asyncio.run(events.aemit("trait.HasTitle.closed", Article()))

    assert HEARD == ["slow", "quick", "slow", "quick"]


def test_aemit_together() -> None:
    """``concurrent`` starts all and waits for all."""
    order: list[str] = []

    async def first(_envelope: object) -> None:
        order.append("first in")
        await asyncio.sleep(0)
        order.append("first out")

    async def second(_envelope: object) -> None:
        order.append("second in")
        await asyncio.sleep(0)
        order.append("second out")

    HasTitle.closed.listen(first)
    HasTitle.closed.listen(second)
    asyncio.run(events.aemit("trait.HasTitle.closed", Article(), concurrent=True))

    assert order == ["first in", "second in", "first out", "second out"]


def test_events_that_emit_each_other_in_tasks_are_stopped() -> None:
    """A chain through tasks is followed too."""

    async def again(_envelope: object) -> None:
        await events.aemit("trait.HasTitle.closed", None, concurrent=True)

    HasTitle.closed.listen(again)

    with pytest.raises(EventDepthError):
        asyncio.run(events.aemit("trait.HasTitle.closed", None, concurrent=True))


def test_sync_emit_refuses_a_coroutine_function() -> None:
    """It would never be awaited; the way out is in the text."""

    async def late(_envelope: object) -> None:
        HEARD.append("late")

    HasTitle.closed.listen(late)

    with pytest.raises(AsyncListenerError, match=r"aemit.*mode='task'"):
        Article().closed()


def test_coroutine_function_as_task() -> None:
    """With ``mode="task"`` a synchronous emit starts it."""

    async def late(_envelope: object) -> None:
        HEARD.append("late")

    HasTitle.closed.listen(late, mode="task")

    async def main() -> None:
        Article().closed()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())

    assert HEARD == ["late"]


class Transactions:
    """A host whose transaction commits and rolls back by hand."""

    def __init__(self) -> None:
        self.open = False
        self.waiting: list[Callable[[], None]] = []

    def defer(self, _sender: object, deliver: Callable[[], None]) -> bool:
        """Keep what is to be delivered while a transaction is open."""
        if self.open:
            self.waiting.append(deliver)
        return self.open

    def commit(self) -> None:
        """Deliver."""
        self.open = False
        for deliver in self.waiting:
            deliver()


def test_after_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a listener waits for the transaction of its sender, and hears at once where there is none."""
    host = Transactions()
    monkeypatch.setattr(events, "defer", host.defer)
    HasTitle.closed.listen(lambda _envelope: HEARD.append("after"), after_commit=True)
    HasTitle.closed.listen(lambda _envelope: HEARD.append("now"))

    Article().closed()
    outside = list(HEARD)
    host.open = True
    Article().closed()
    before = list(HEARD)
    host.commit()

    assert outside == ["after", "now"]
    assert before == ["after", "now", "now"]
    assert HEARD == ["after", "now", "now", "after"]


def test_listener_may_hear_at_once_what_others_hear_after_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """``after_commit=False`` is stronger than what the event declares; without a word the event decides."""
    host = Transactions()
    host.open = True
    monkeypatch.setattr(events, "defer", host.defer)
    HasTitle.settled.listen(lambda _envelope: HEARD.append("at once"), after_commit=False)
    HasTitle.settled.listen(lambda _envelope: HEARD.append("after"))

    Article().settled()
    before = list(HEARD)
    host.commit()

    assert before == ["at once"]
    assert HEARD == ["at once", "after"]


def test_failing_listeners_of_an_event_from_elsewhere_are_collected(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the policy: all run, each failure is logged, and the broker hears of them."""
    HasTitle.closed.listen(broken)
    HasTitle.closed.listen(hear)
    envelope = Envelope("trait.HasTitle.closed", None, None, origin="shop", id="7")

    for policy in ("log", "raise", "collect"):
        HEARD.clear()
        with on_listener_error(policy), pytest.raises(ExceptionGroup) as group:  # type: ignore[arg-type]
            events.deliver(events.route(envelope.name), envelope)
        assert (len(HEARD), len(group.value.exceptions)) == (1, 1)
    assert caplog.text.count("emitted at shop") >= 3


def test_failure_after_commit_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It is never raised into the commit, whatever the policy; the place is the one that emitted."""
    host = Transactions()
    host.open = True
    monkeypatch.setattr(events, "defer", host.defer)
    HasTitle.closed.listen(broken, after_commit=True)
    Article().closed()

    with caplog.at_level(logging.ERROR, logger="traits_runtime"):
        host.commit()

    assert "test_events.py:" in caplog.text


def test_tests_can_mute_and_connect() -> None:
    """On the real bus, and restored afterwards."""
    HasTitle.closed.listen(hear)

    with events.muted("trait.HasTitle.*"):
        Article().closed()
    with events.connected_to("trait.HasTitle.closed", lambda _envelope: HEARD.append("test")):
        Article().closed()
    Article().closed()

    assert HEARD == [("trait.HasTitle.closed", None), "test", ("trait.HasTitle.closed", None)]


def test_muted_events_are_heard_by_nobody_and_others_by_all() -> None:
    """Whatever pattern a listener has; who comes or goes meanwhile has come or gone afterwards."""
    wide = events.listen("trait.**", hear)
    missing = events.listen("trait.HasTitle.closed", hear)

    with events.muted("trait.HasTitle.closed"), events.muted("trait.*.moved"):
        Article().closed()
        Article().moved(to="b")
        Article().counted(rows=1)
        missing.cancel()
        HasTitle.closed.listen(lambda _envelope: HEARD.append("new"))
    Article().closed()

    assert HEARD == [("trait.HasTitle.counted", {"rows": 1}), ("trait.HasTitle.closed", None), "new"]
    assert wide.active


def test_captured_events_can_be_kept_from_listeners() -> None:
    """And a recorder says what there was when it is asked for something else."""
    HasTitle.closed.listen(hear)

    with capture_events(deliver=False) as captured:
        Article().closed()

    assert HEARD == []
    assert captured.one("trait.*.closed").payload is None
    with pytest.raises(AssertionError, match=r"0 events match 'x'; emitted: trait.HasTitle.closed"):
        captured.one("x")


@pytest.mark.parametrize("pattern", ["trait.HasE.pin*", "*pin", "a.***", "a..b", "", "a.", "trait.Has-E.x"])
def test_wildcard_stands_for_whole_segments(pattern: str) -> None:
    """A pattern that can match nothing is refused, and the error says what a wildcard is."""
    with pytest.raises(ValueError, match="one whole segment"):
        events.listen(pattern, print)


def test_pattern_of_many_wildcards_is_matched_at_once() -> None:
    """Matching takes no exponential time: 25 `**` against a name of 60 segments need a few thousand steps."""
    pattern = ".".join(["**", "a"] * 25)

    assert matches(pattern, ".".join(["a"] * 60))
    assert not matches(pattern, ".".join([*["a"] * 60, "b"]))


def test_names_made_from_data_fill_no_memory() -> None:
    """Routes of names that no trait declares are kept up to a bound, and every event is still heard."""
    heard: list[str] = []
    events.listen("data.**", lambda envelope: heard.append(envelope.name))

    for number in range(2 * MAX_ROUTES):
        events.emit(f"data.row_{number}")

    assert len(heard) == 2 * MAX_ROUTES
    assert len(runtime.bus.routes) <= MAX_ROUTES
