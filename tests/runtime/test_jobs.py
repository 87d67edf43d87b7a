"""Jobs: what travels, what runs, and what is recorded instead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from loading import loading

from traits_runtime import (
    JobMessage,
    Ref,
    Trait,
    TraitJob,
    acting_as,
    current_tenant,
    events,
    job,
    queue_operation,
    run_job,
    tenant,
)
from traits_runtime._core import runtime
from traits_runtime._core.queue import RecordingBackend, decode, encode
from traits_runtime._core.trait.jobs import crossed
from traits_runtime._core.trait.references import being_sent
from traits_runtime.errors import (
    MissingReferenceError,
    UnknownJobError,
    UnloadableModelError,
    UnloadableReferenceError,
    UnsavedInstanceError,
    UnsupportedArgumentError,
)
from traits_runtime.testing import capture_jobs, capture_metrics, isolated

RAN: list[Any] = []


class HasIndexed(Trait):
    """A trait with jobs."""

    @job(queue="search", key="reindex:{pk}", max_attempts=5, delay=2)
    def reindex(self, full: bool = False, *, other: Any = None) -> str:
        """Make the index of one row anew."""
        RAN.append((self, full, other, current_tenant()))
        return "done"

    @job(when_missing="fail")
    def purge(self) -> None:
        """Delete the row."""
        RAN.append("purged")

    @job(when_missing="discard")
    def warm_up(self) -> None:
        """Fill caches."""
        RAN.append("warm")


class Article(HasIndexed):
    """A model with a key."""

    def __init__(self, key: int | None = 1) -> None:
        self.id = key


class Page(Article):
    """Another model, whose rows have keys of their own."""


@job(queue="mail")
def send_mail(article: Article, subject: str) -> None:
    """A job that is a function."""
    RAN.append((article, subject))


@job(key="{pk}")
def digest(user_id: str) -> None:
    """A job for something that is no instance."""
    RAN.append(user_id)


class SearchJobs(TraitJob, trait=HasIndexed, queue="slow"):
    """Operations in a class of their own."""

    def process_optimize(self, model: Article, level: int = 1) -> None:
        """Optimize the index."""
        RAN.append(("optimize", model, level))


@job(key="{pk}")
def newsletter(user_id: str) -> None:
    """Another job whose key is written in the same way."""
    RAN.append(user_id)


@job()
async def call_back(number: int) -> None:
    """A job that is a coroutine function."""
    await asyncio.sleep(0)
    RAN.append((number, current_tenant()))


@pytest.fixture(autouse=True)
def _fresh() -> None:
    RAN.clear()


def test_job_can_be_called() -> None:
    """It is a method, and runs now."""
    article = Article()

    assert article.reindex(True) == "done"
    assert [(article, True, None, None)] == RAN


def test_job_runs_at_once_without_an_engine() -> None:
    """For development, with the instances it was given."""
    article, other = Article(1), Article(2)

    job_id = article.reindex.enqueue(full=True, other=other)

    assert len(job_id) == 32
    assert [(article, True, other, None)] == RAN


def test_message_names_instances_and_carries_what_the_job_declares() -> None:
    """As an engine gets it, and as JSON."""
    with capture_jobs() as jobs, tenant("acme"):
        Article(7).reindex.enqueue(full=True, other=Article(8))
    (message,) = jobs.messages

    assert (message.name, message.queue) == ("trait.HasIndexed.reindex", "search")
    assert message.key == f"t:acme:trait.HasIndexed.reindex:reindex:{__name__}.Article:7"
    assert (message.tenant, message.max_attempts, message.delay, message.attempt) == ("acme", 5, 2, 1)
    assert message.args == ({"$ref": "model", "model": f"{__name__}.Article", "identity": 7},)
    assert message.kwargs["full"] is True
    assert decode(encode(message)) == message
    assert RAN == []


def test_key_is_of_one_job_model_and_tenant() -> None:
    """Row 7 of a model is not row 7 of another, and what two jobs call by one name are two things."""
    with capture_jobs() as jobs:
        for row in (Article(7), Article(7), Article(8), Page(7)):
            row.reindex.enqueue()
        with tenant("acme"):
            Article(7).reindex.enqueue()
        digest.enqueue("7")
        digest.enqueue(user_id="7")
        digest.enqueue("8")
        newsletter.enqueue("8")

    keys = [message.key for message in jobs.messages]
    assert [keys.index(key) for key in keys] == [0, 0, 2, 3, 4, 5, 5, 7, 8]


def test_long_key_travels_as_its_digest() -> None:
    """No outbox and no engine has to cut it; two long ones stay two."""
    with capture_jobs() as jobs:
        for end in "ab":
            digest.enqueue("x" * 300 + end)

    keys = {message.key for message in jobs.messages}
    assert len(keys) == 2
    assert max(map(len, keys)) < 100


def test_worker_fetches_instances_and_enters_the_tenant() -> None:
    """With what the host gives to find them."""
    outcome = Article(7)
    with capture_jobs() as jobs, tenant("acme"):
        Article(7).reindex.enqueue()
    message = decode(encode(jobs.messages[0]))

    with loading(lambda model, key: outcome if (model, key) == (Article, 7) else None):
        result = run_job(message)

    assert result == "done"
    assert [(outcome, False, None, "acme")] == RAN
    assert current_tenant() is None


def test_job_of_a_missing_instance_fails_unless_it_says_discard(caplog: pytest.LogCaptureFixture) -> None:
    """The discarded job is logged, an event and a number; any other raises, so that it is tried again."""
    discarded: list[Any] = []
    events.listen("trait.runtime.job_discarded", lambda envelope: discarded.append(envelope.payload.job))
    with capture_jobs() as jobs:
        Article(7).reindex.enqueue()
        Article(7).purge.enqueue()
        Article(7).warm_up.enqueue()
    assert [message.when_missing for message in jobs.messages] == ["retry", "fail", "discard"]

    with loading(lambda model, key: None), capture_metrics() as metrics:
        for message in jobs.messages[:2]:
            with pytest.raises(MissingReferenceError, match=r"Article 7 of the job no longer exists"):
                run_job(message)
        result = run_job(jobs.messages[2])

    assert result is None
    assert discarded == ["trait.HasIndexed.warm_up"]
    assert metrics.total("trait.HasIndexed.warm_up", outcome="discarded") == 1
    assert metrics.total("trait.HasIndexed.reindex", outcome="error") == 1
    assert next(record.message for record in caplog.records if "is discarded" in record.message).startswith(
        "trait.HasIndexed.warm_up"
    )
    assert RAN == []


def test_worker_that_cannot_load_a_class_says_so() -> None:
    """Whether the instance exists is unknown, so that ``discard`` does not hold."""
    with capture_jobs() as jobs:
        Article(7).warm_up.enqueue()

    with pytest.raises(UnloadableReferenceError, match=r"Article 7 .* cannot be loaded here: no host keeps rows"):
        run_job(jobs.messages[0])
    unknown = Ref("shop.models.Order", 7)
    with pytest.raises(UnloadableReferenceError, match=r"Order 7 .* its module is not imported here"):
        run_job(decode(encode(JobMessage(id="1", name="trait.HasIndexed.warm_up", args=(unknown,)))))


def test_job_of_a_class_without_a_host_is_refused_where_it_would_leave_the_process() -> None:
    """A worker could not load the instance; without an engine the job runs here, with the instance."""
    sent: list[JobMessage] = []
    with sending_to(sent), pytest.raises(UnloadableModelError, match=r"Article: .* map the class with SQLAlchemy"):
        Article(7).reindex.enqueue()
    with sending_to(sent), pytest.raises(UnloadableModelError, match="Article"):
        send_mail.enqueue(Article(7), "hello")
    assert sent == []

    Article(7).reindex.enqueue()
    with sending_to(sent), loading(lambda model, key: None):
        Article(7).reindex.enqueue()
    assert (len(RAN), len(sent)) == (1, 1)


@contextmanager
def sending_to(sent: list[JobMessage]) -> Iterator[None]:
    """An engine that other processes serve."""

    class Engine:
        def enqueue(self, message: JobMessage) -> str:
            sent.append(message)
            return message.id

    before = runtime.use_job_backend(Engine())
    try:
        yield
    finally:
        runtime.use_job_backend(before)


def test_unsaved_instance_cannot_be_queued() -> None:
    """It has nothing to be found by."""
    with pytest.raises(UnsavedInstanceError, match="unsaved Article has no identity"):
        Article(None).reindex.enqueue()


def test_argument_that_does_not_travel_is_refused_by_name() -> None:
    """Where it is queued, not when a worker tries to read it."""
    with pytest.raises(UnsupportedArgumentError, match=r"argument 'other' of the job 'trait.HasIndexed.reindex'"):
        Article().reindex.enqueue(other=[object()])
    with pytest.raises(UnsupportedArgumentError, match="argument 'full'") as caught:
        Article().reindex.enqueue(object())  # type: ignore[arg-type]

    assert caught.value.argument == "full"
    assert RAN == []


def test_arguments_actor_and_context_keep_their_types() -> None:
    """Instances inside a list too."""
    key = UUID(int=7)
    with capture_jobs() as jobs, acting_as(key):
        Article(1).reindex.enqueue(other=[Article(2), (1, {date(2024, 1, 2)}), {1: b"x"}])
    article, other = Article(1), Article(2)
    message = decode(encode(jobs.messages[0]))

    with loading(lambda model, identity: {1: article, 2: other}[identity]):
        run_job(message)
    with crossed(message):
        actor = runtime.current_actor()

    assert [(article, False, [other, (1, {date(2024, 1, 2)}), {1: b"x"}], None)] == RAN
    assert actor is not None
    assert actor.id == key


def test_function_as_job() -> None:
    """Named by its dotted path."""
    article = Article()
    with capture_jobs() as jobs:
        send_mail.enqueue(article, subject="hello")
    send_mail(article, "now")

    assert jobs.names == [f"{__name__}.send_mail"]
    jobs.run()
    assert [(article, "now"), (article, "hello")] == RAN


def test_two_jobs_of_one_name_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Where they come from two modules; with both paths."""

    def make(module: str) -> type:
        def run(self: object) -> None: ...

        run.__module__ = module
        return type("HasTwin", (Trait,), {"run": job()(run)})

    stored = [make("first"), make("first")]
    assert caplog.messages == []

    stored.append(make("second"))
    (output,) = caplog.messages
    assert output.startswith("first.test_two_jobs")
    assert "and second.test_two_jobs" in output
    assert "are both the job 'trait.HasTwin.run'" in output


def test_coroutine_function_runs_at_once_from_anywhere() -> None:
    """Without an engine, also where a coroutine queues it: the loop there is busy with who queues."""

    async def work() -> None:
        with tenant("acme"):
            call_back.enqueue(2)

    call_back.enqueue(1)
    asyncio.run(work())

    assert RAN == [(1, None), (2, "acme")]


def test_operation_by_name() -> None:
    """A job of the model's traits, or an operation of their job class."""
    article = Article()
    with capture_jobs() as jobs:
        queue_operation(article, "reindex", {"full": True})
        queue_operation(article, "optimize", {"level": 3}, queue="night")
        queue_operation(article, "optimize")
    jobs.run()

    assert [message.queue for message in jobs.messages] == []
    assert [(article, True, None, None), ("optimize", article, 3), ("optimize", article, 1)] == RAN
    with pytest.raises(UnknownJobError, match=r"no job 'optimise'. Did you mean 'optimize'"):
        queue_operation(article, "optimise")


def test_queue_of_an_operation() -> None:
    """The class's, or the caller's."""
    with capture_jobs() as jobs:
        queue_operation(Article(), "optimize")
        queue_operation(Article(), "optimize", queue="night")

    assert [message.queue for message in jobs.messages] == ["slow", "night"]
    assert jobs.names == ["trait.HasIndexed.optimize"] * 2


def test_unknown_job_of_a_worker() -> None:
    """A worker that does not know the code says so."""
    with pytest.raises(UnknownJobError, match=r"no job 'trait.HasIndexed.reindx'. Did you mean"):
        run_job(JobMessage(id="1", name="trait.HasIndexed.reindx"))


def test_jobs_are_counted() -> None:
    """Enqueued, run, failed."""

    class HasFailing(Trait):
        @job()
        def fail(self) -> None:
            raise ValueError("no")

    class Page(HasFailing):
        id = 1

    with capture_metrics() as metrics:
        Article().reindex.enqueue()
        with pytest.raises(ValueError, match="no"):
            Page().fail.enqueue()

    assert metrics.total("trait.HasIndexed.reindex", outcome="enqueued") == 1
    assert metrics.total("trait.HasIndexed.reindex", outcome="ok") == 1
    assert metrics.total("trait.HasFailing.fail", outcome="error") == 1


def test_threads_that_queue_at_the_same_time_see_their_own_instances() -> None:
    """An outbox asks for the instance of the job that it is given; another thread's would bring another session."""
    together = threading.Barrier(2)
    seen: dict[str, list[Any]] = {}

    class Asking(RecordingBackend):
        def enqueue(self, message: JobMessage) -> str:
            together.wait(60)
            seen[message.id] = [message.args[0].identity, *(value.id for value in being_sent().values())]
            together.wait(60)
            return message.id

    before = runtime.use_job_backend(Asking())
    try:
        threads = [threading.Thread(target=Article(key).reindex.enqueue) for key in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        runtime.use_job_backend(before)

    assert sorted(seen.values()) == [[1, 1], [2, 2]]


def test_job_has_its_name_again_after_an_isolated_block() -> None:
    """Though a class of the block, which is gone by then, had declared one of the same name."""
    with isolated():
        with isolated():
            type("HasIndexed", (Trait,), {"reindex": job()(lambda self: RAN.append("other"))})
        Article(1).reindex.enqueue()

    assert [entry[0].id for entry in RAN] == [1]
