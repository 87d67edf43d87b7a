"""`traits jobs` on a real outbox, and what `traits diagnose` finds there."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from programs import process, write_shop
from traits_runtime._core.queue import JobMessage
from traits_runtime.adapters.sqlite import SQLiteOutbox


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An application with an outbox: two jobs failed for good, one waits."""
    shop = write_shop(tmp_path)
    file = shop / "pyproject.toml"
    text = file.read_text(encoding="utf-8").replace(
        "[tool.traits]\n", '[tool.traits]\noutbox = "sqlite"\nqueue = "huey"\n'
    )
    text += f'contact = "ada"\n[tool.traits.engines.sqlite]\npath = "{shop}/jobs.db"\n'
    text += f'[tool.traits.engines.huey]\npath = "{shop}/huey.db"\n'
    file.write_text(text, encoding="utf-8")
    outbox = SQLiteOutbox(shop / "jobs.db")
    for number in (1, 2):
        message = JobMessage(id=f"job-{number}", name="trait.HasStock.count", attempt=3, max_attempts=3)
        outbox.put(message)
        outbox.bury(message, "Traceback\nValueError: no stock")
    outbox.put(JobMessage(id="job-3", name="trait.HasStock.count"))
    outbox.close()
    return shop


def jobs(project: Path, *arguments: str) -> tuple[int, Any, str]:
    """Exit code, data and standard error of a sub-command."""
    done = process("jobs", *arguments, "--json", "--project", str(project), cwd=project)
    return done.returncode, json.loads(done.stdout)["data"] if done.stdout else None, done.stderr


def test_list_counts_and_names_what_failed(project: Path) -> None:
    """States with their numbers, and the failed ones with their error."""
    code, said, _ = jobs(project, "list")

    assert code == 0
    assert said["counts"] == {"dead": 2, "waiting": 1}
    assert {one["id"] for one in said["dead"]} == {"job-1", "job-2"}
    assert {(one["attempts"], one["error"].splitlines()[-1]) for one in said["dead"]} == {(3, "ValueError: no stock")}


@pytest.mark.slow
def test_retry_lets_a_job_wait_again(project: Path) -> None:
    """A dry run changes nothing; then one, then all."""
    dry = jobs(project, "retry", "job-1", "--dry-run")[1]
    untouched = jobs(project, "list")[1]["counts"]
    one = jobs(project, "retry", "job-1")[1]
    every = jobs(project, "retry", "--all")[1]

    assert (dry["ids"], dry["dry_run"], untouched) == (["job-1"], True, {"dead": 2, "waiting": 1})
    assert (one["ids"], every["ids"]) == (["job-1"], ["job-2"])
    assert jobs(project, "list")[1]["counts"] == {"waiting": 3}


@pytest.mark.slow
def test_drop_asks_and_forgets(project: Path) -> None:
    """Without a terminal it wants `--yes`."""
    asked = jobs(project, "drop", "--all")
    done = jobs(project, "drop", "--all", "--yes")

    assert asked[0] == 2
    assert "--yes" in asked[2]
    assert sorted(done[1]["ids"]) == ["job-1", "job-2"]
    assert jobs(project, "list")[1]["counts"] == {"waiting": 1}


@pytest.mark.slow
def test_unknown_job_is_answered_with_the_nearest_and_nothing_is_done(project: Path) -> None:
    """Exit code 2, also where another id is right."""
    code, _, error = jobs(project, "drop", "job-1", "jub-2", "--yes")

    assert code == 2
    assert "Did you mean 'job-2'?" in error
    assert jobs(project, "list")[1]["counts"]["dead"] == 2


def test_application_without_an_outbox_says_how_to_get_one(shop: Path) -> None:
    """Exit code 2."""
    code, said, error = jobs(shop, "list")

    assert (code, said) == (2, None)
    assert 'outbox = "sqlite"' in error


def test_dead_letters_and_a_relay_that_is_behind_are_found(project: Path) -> None:
    """TRT404 counts; TRT402 says for how long. A job that is due for ten seconds is no finding."""
    found = diagnose(project)
    base = sqlite3.connect(project / "jobs.db")
    with base:
        base.execute("UPDATE traits_outbox SET queued = ? WHERE id = 'job-3'", (time.time() - 300,))
    base.close()
    later = diagnose(project)

    assert [one["id"] for one in found] == ["TRT404"]
    assert "2 jobs" in found[0]["message"]
    assert [one["id"] for one in later] == ["TRT402", "TRT404"]
    assert 300 <= int(later[0]["message"].split(" seconds")[0].split()[-1]) < 600


def diagnose(project: Path) -> list[dict[str, Any]]:
    """The findings about what runs."""
    done = process(
        "diagnose", "--app", "shop.app:start()", "--select", "TRT4", "--json", "--project", str(project), cwd=project
    )
    assert done.returncode in (0, 1), done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["data"]
    return found
