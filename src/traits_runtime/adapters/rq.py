"""RQ on Redis: ``queue = "rq"``, its address in ``[engines.rq]``."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from traits_runtime._core.engines import needs
from traits_runtime._core.queue import Ability, JobMessage, encode
from traits_runtime._core.trait.deliver import deliver
from traits_runtime.adapters._engine import QueueEngine

with needs("rq"):
    from redis import Redis
    from rq import Queue, SimpleWorker, Worker
    from rq.exceptions import DuplicateJobError, InvalidJobOperation, NoSuchJobError
    from rq.job import Job
    from rq.serializers import JSONSerializer


class RQEngine(QueueEngine):
    """Jobs by RQ; a worker runs one job at a time, so start as many workers as you need.

    Args:
        url: Address of Redis.
        prefix: Prefix of queue names.
        fork: Whether the worker forks for every job.
    """

    name: str = "rq"
    abilities: frozenset[Ability] = frozenset(("delay", "unique", "cancel", "queues"))

    def __init__(self, url: str = "redis://localhost:6379/0", *, prefix: str = "", fork: bool = True) -> None:
        super().__init__(prefix)
        self._redis = Redis.from_url(url)
        self._fork = fork
        self._queues: dict[str, Queue] = {}

    def enqueue(self, message: JobMessage) -> str:
        """Accept a job; a waiting job with the same key is the same job. A priority above 0 goes to the front."""
        queue = self._queue(self.queue_name(message.queue))
        job_id = f"{self._prefix}key-{_escape(message.key)}" if message.key and not message.held else message.id
        if message.attempt > 1:
            job_id = f"{job_id}-{message.attempt}"
        rq_job = queue.create_job(
            deliver_json, (encode(message).decode(),), job_id=job_id, timeout=-1, result_ttl=0, description=message.name
        )
        try:
            if message.delay > 0:
                queue.schedule_job(rq_job, _time_after(message.delay), unique=bool(message.key))
            else:
                queue.enqueue_job(rq_job, at_front=message.priority > 0, unique=bool(message.key))
        except DuplicateJobError:
            return job_id
        return job_id

    def cancel(self, job_id: str) -> bool:
        """Cancel a waiting job."""
        try:
            Job.fetch(job_id, self._redis, serializer=JSONSerializer).cancel()
        except (NoSuchJobError, InvalidJobOperation):
            return False
        return True

    def work(self, queues: Sequence[str], concurrency: int) -> None:
        """Run RQ's worker, with its scheduler."""
        worker_class = Worker if self._fork else SimpleWorker
        worker = worker_class([self._queue(name) for name in self.queue_names(queues)], connection=self._redis,
                    serializer=JSONSerializer)  # fmt: skip
        worker.work(with_scheduler=True, logging_level="WARNING")

    def ping(self) -> None:
        """Check that Redis answers; raises where it does not."""
        self._redis.ping()

    def close(self) -> None:
        """Close connections."""
        self._redis.close()

    def _queue(self, name: str) -> Queue:
        if name not in self._queues:
            self._queues[name] = Queue(name, connection=self._redis, serializer=JSONSerializer)
        return self._queues[name]


def _time_after(delay: float) -> datetime:
    """The time after a delay, rounded up to a second, because RQ truncates fractions."""
    return datetime.fromtimestamp(math.ceil(time.time() + delay), UTC)


def deliver_json(data: str) -> None:
    """Run a job; RQ calls it by its path."""
    deliver(data)


def _escape(key: str) -> str:
    """A key in the characters that RQ allows in the id of a job."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda match: f"_{ord(match[0]):x}_", key)


def open_queue(settings: Mapping[str, Any]) -> RQEngine:
    """The engine from its settings."""
    return RQEngine(**settings)
