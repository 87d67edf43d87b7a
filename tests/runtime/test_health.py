"""Checks of the parts use them for real."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from traits_runtime import JobMessage, health
from traits_runtime._core import runtime
from traits_runtime._core.queue import OutboxBackend, RecordingBackend
from traits_runtime.adapters.sqlite import SQLiteOutbox


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SQLiteOutbox]:
    """The outbox of this process."""
    created = SQLiteOutbox(tmp_path / "jobs.db")
    runtime.use_outbox(created)
    runtime.use_job_backend(OutboxBackend(created))
    yield created
    created.close()


def said() -> tuple[str, str]:
    """What the check of jobs finds."""
    (outcome,) = [result for result in health.run() if result.name == "jobs"]
    return outcome.status, outcome.output


def test_outbox_is_asked(outbox: SQLiteOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers; a job that is due for long is a warning, and so is one that failed for good."""
    outbox.put(JobMessage(id="job-1", name="trait.HasStock.count"))
    fine = said()
    outbox.bury(JobMessage(id="job-2", name="trait.HasStock.count"), "no stock")
    dead = said()
    later = time.time() + 300
    monkeypatch.setattr(outbox, "_clock", lambda: later)
    overdue = said()

    assert fine == ("pass", "SQLiteOutbox answers; 1 jobs wait")
    assert dead == ("warn", "SQLiteOutbox answers; dead jobs: 1")
    assert overdue[0] == "warn"
    assert "is overdue by 300 seconds: is a worker running?" in overdue[1]


def test_outbox_that_cannot_be_asked_fails(outbox: SQLiteOutbox) -> None:
    """With what it said."""
    outbox._connection().execute("DROP TABLE traits_outbox")

    assert said() == ("fail", "OperationalError: no such table: traits_outbox")


def test_engine_is_asked_where_it_can_be() -> None:
    """One that cannot be asked is told apart from one that answers."""

    class Away(RecordingBackend):
        def ping(self) -> None:
            raise ConnectionError("refused")

    runtime.use_job_backend(Away())
    away = said()
    runtime.use_job_backend(RecordingBackend())

    assert away == ("fail", "ConnectionError: refused")
    assert said() == ("pass", "RecordingBackend; it has no ping")
