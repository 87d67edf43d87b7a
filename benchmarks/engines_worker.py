"""One worker of the comparison of engines: `python -m benchmarks.engines_worker ENGINE bare|ours COUNT PREFIX`."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from traits_runtime import Trait, job
from traits_runtime._core import runtime

REDIS = "redis://127.0.0.1:6379/4"


class HasIndex(Trait):
    """A trait with a job."""

    @job(queue="bench")
    def reindex(self, full: bool = False) -> None:
        """Count."""
        count()


class Page(HasIndex):
    """A model."""

    def __init__(self, key: int = 7) -> None:
        self.id = key


class Meter:
    """The time from the first job to the last; written where the parent reads it."""

    wanted = 0
    seen = 0
    began = 0.0


def count() -> None:
    """One job ran; after the last one the process ends."""
    if not Meter.seen:
        Meter.began = time.perf_counter()
    Meter.seen += 1
    if Meter.seen == Meter.wanted:
        os.write(1, f"{time.perf_counter() - Meter.began}\n".encode())  # past what Celery does to sys.stdout
        os._exit(0)


def bare_reindex(key: int, full: bool = False) -> None:
    """What the job would be without us."""
    count()


def bare(engine: str, prefix: str) -> tuple[Any, Any]:
    """How a job is queued with the engine alone, and its worker."""
    name = f"{prefix}bench"
    if engine == "celery":
        from traits_runtime.adapters.celery import CeleryEngine

        made = CeleryEngine(REDIS, prefix=prefix, pool="solo")
        task = made.app.task(name="bare", acks_late=True, ignore_result=True)(bare_reindex)
        return lambda: task.apply_async((7,), {"full": True}, queue=name), lambda: made.work(["bench"], 1)
    if engine == "rq":
        from redis import Redis
        from rq import Queue, SimpleWorker
        from rq.serializers import JSONSerializer

        redis = Redis.from_url(REDIS)
        queue = Queue(name, connection=redis, serializer=JSONSerializer)

        def worker() -> None:
            SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(logging_level="ERROR")

        return lambda: queue.enqueue(bare_reindex, 7, full=True, job_timeout=-1, result_ttl=0), worker
    import dramatiq

    from traits_runtime.adapters.dramatiq import DramatiqEngine

    other = DramatiqEngine(REDIS, prefix=prefix)
    actor = dramatiq.actor(actor_name="bare", broker=other.broker, max_retries=0, queue_name=name)(bare_reindex)
    return lambda: actor.send(7, full=True), lambda: other.work(["bench"], 1)


def ours(engine: str, prefix: str) -> tuple[Any, Any]:
    """The same through us."""
    made: Any
    if engine == "celery":
        from traits_runtime.adapters.celery import CeleryEngine

        made = CeleryEngine(REDIS, prefix=prefix, pool="solo")
    elif engine == "rq":
        from traits_runtime.adapters.rq import RQEngine

        made = RQEngine(REDIS, prefix=prefix, fork=False)
    else:
        from traits_runtime.adapters.dramatiq import DramatiqEngine

        made = DramatiqEngine(REDIS, prefix=prefix)
    runtime.loaders.append(lambda model, identity: Page(identity) if model is Page else None)
    page = Page()

    def enqueue() -> None:
        runtime.use_job_backend(made)
        page.reindex.enqueue(full=True)

    def work() -> None:
        runtime.use_job_backend(made)
        made.work(["bench"], 1)

    return enqueue, work


if __name__ == "__main__":
    from benchmarks.engines_worker import Meter as Shared
    from benchmarks.engines_worker import bare as make_bare
    from benchmarks.engines_worker import ours as make_ours

    _, ENGINE, KIND, COUNT, PREFIX = sys.argv
    Shared.wanted = int(COUNT)
    (make_bare if KIND == "bare" else make_ours)(ENGINE, PREFIX)[1]()
