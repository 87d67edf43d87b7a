"""A queue engine on a real broker with a real worker beside it, for the tests of engines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from servers import POSTGRESQL, REDIS, clean_redis, is_open, written_lines
from traits_runtime import engines

SITES = {
    "huey": (0, "huey", {"path": "{folder}/huey.db", "poll": 0.1}),
    "celery-rabbitmq": (5672, "celery", {"broker": "amqp://guest:guest@127.0.0.1:5672//", "pool": "threads"}),
    "celery-redis": (6379, "celery", {"broker": f"{REDIS}/3", "pool": "threads"}),
    "rq": (6379, "rq", {"url": f"{REDIS}/3"}),
    "dramatiq-rabbitmq": (5672, "dramatiq", {"url": "amqp://guest:guest@127.0.0.1:5672"}),
    "dramatiq-redis": (6379, "dramatiq", {"url": f"{REDIS}/3"}),
    "taskiq": (6379, "taskiq", {"url": f"{REDIS}/3"}),
    "procrastinate": (5432, "procrastinate", {"dsn": f"{POSTGRESQL}/{{database}}"}),
}
"""Port of the server, adapter, and what it is made with."""

TESTS = Path(__file__).resolve().parent


class Site:
    """An engine, what its worker wrote down, and the worker."""

    def __init__(
        self, name: str, folder: Path, *, outbox: bool, queues: tuple[str, ...] = ("default", "search")
    ) -> None:
        self.name = name
        self.folder = folder
        self.queues = queues
        self.prefix = f"test-{uuid.uuid4().hex[:10]}-"
        _, self.adapter, given = SITES[name]
        self.database = f"traits_{uuid.uuid4().hex[:10]}"
        made: dict[str, Any] = {
            key: value.format(folder=folder, database=self.database) if isinstance(value, str) else value
            for key, value in given.items()
        }
        made["prefix"] = self.prefix
        self.settings = engines.Settings(
            queue=self.adapter,
            outbox="sqlite" if outbox else "none",
            engines={self.adapter: made, "sqlite": {"path": str(folder / "jobs.db"), "resend": 5.0, "lease": 15.0}},
        )
        self.file = folder / "written"
        self.file.touch()
        self.workers: list[subprocess.Popen[bytes]] = []
        self.started: engines.Engines | None = None

    def start(self) -> engines.Engines:
        """Connect this process."""
        self.started = engines.start(self.settings)
        return self.started

    def environ(self) -> dict[str, str]:
        """What a worker needs to know."""
        config = self.folder / "traits.toml"
        config.write_text(_toml(self.settings), encoding="utf-8")
        return {
            **os.environ, "TRAITS_CONFIG": str(config), "TRAITS_TEST_RECORD": str(self.file), "TRAITS_TEST_WORKER": "1",
            "PYTHONPATH": str(TESTS),
        }  # fmt: skip

    def work(self, concurrency: int = 1, *, relay: bool = True) -> subprocess.Popen[bytes]:
        """Start a worker: `traits work`."""
        queues = [part for one in self.queues for part in ("--queue", one)]
        command = [sys.executable, "-c", "from traits_cli import launch; launch()", "work", "--app", "engine_app"]
        log = (self.folder / f"worker{len(self.workers)}.log").open("wb")
        started = subprocess.Popen(
            [*command, "--concurrency", str(concurrency), *queues, *([] if relay else ["--no-relay"])],
            env=self.environ(), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self.workers.append(started)
        log.close()
        return started

    def written(self, job: str = "") -> list[dict[str, Any]]:
        """What jobs wrote down."""
        return [one for one in written_lines(self.file) if job in ("", one["job"])]

    def wait(self, done: Callable[[], Any], seconds: float = 90) -> Any:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not (found := done()):
            if time.monotonic() > end:
                logs = "".join(one.read_text(errors="replace")[-3000:] for one in sorted(self.folder.glob("*.log")))
                raise AssertionError(f"{self.name}: not after {seconds} s. Written: {self.written()[-5:]}\n{logs}")
            time.sleep(0.02)
        return found

    def stop(self) -> None:
        """End the workers and clean the broker."""
        for one in self.workers:
            end(one)
        queue = self.started.queue if self.started else None
        if self.name.endswith("rabbitmq"):
            _clean_rabbitmq([f"{self.prefix}{one}" for one in ("default", "search", "nobody")])
        if queue is not None:
            queue.close()
        if SITES[self.name][0] == 6379:
            clean_redis(self.prefix, f"{REDIS}/3")
        if self.name == "procrastinate":
            _postgresql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """End a worker and what it has started."""
    if process.poll() is None:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(8)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def site(name: str, folder: Path, *, outbox: bool) -> Iterator[Site]:
    """A connected engine; its worker is not started yet."""
    made = Site(name, folder, outbox=outbox)
    if name == "procrastinate":
        _postgresql(f'CREATE DATABASE "{made.database}"')
    made.start()
    try:
        yield made
    finally:
        made.stop()


def is_there(name: str) -> bool:
    """Whether the server of a site runs."""
    port = SITES[name][0]
    return not port or is_open(port)


def _postgresql(statement: str) -> None:
    import psycopg

    with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as base:
        base.execute(statement)


def _clean_rabbitmq(names: list[str]) -> None:
    import pika

    with pika.BlockingConnection(pika.URLParameters("amqp://guest:guest@127.0.0.1:5672/%2F")) as connection:
        channel = connection.channel()
        for name in names:
            for one in (name, f"{name}.DQ", f"{name}.XQ"):
                channel.queue_delete(one)


def _toml(settings: engines.Settings) -> str:
    lines = [f"queue = {json.dumps(settings.queue)}", f"outbox = {json.dumps(settings.outbox)}"]
    for name, values in settings.engines.items():
        lines += [f"[engines.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"
