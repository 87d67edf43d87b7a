"""`traits work` runs jobs of rows on the embedded engine, or says why it cannot."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine_sites import end
from traits_runtime.adapters.sqlite import SQLiteOutbox

APP = """
import os
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from traits_runtime import Trait, TraitJob, engines, job, queue_operation
from traits_runtime.adapters.sqlalchemy import TraitSession, use_job_sessions

ROOT = Path(__file__).parent.parent

def note(text):
    with (ROOT / "written").open("a") as file:
        file.write(text + "\\n")

class Base(DeclarativeBase):
    pass

class HasWork(Trait):
    @job()
    def work(self, number: int) -> None:
        note(f"work {self.id.int} {number}")

class WorkJobs(TraitJob, trait=HasWork):
    def process_reindex(self, model, deep: bool = False) -> None:
        note(f"reindex {model.id.int} {deep}")

class Article(HasWork, Base):
    __tablename__ = "article"
    id: Mapped[UUID] = mapped_column(primary_key=True)

engine = sa.create_engine(f"sqlite:///{ROOT}/shop.db")
sessions = sessionmaker(engine, class_=TraitSession)

def start() -> None:
    Base.metadata.create_all(engine)
    if "WITHOUT_SESSIONS" not in os.environ:
        use_job_sessions(sessions)
    engines.start()

def queue() -> None:
    start()
    with sessions() as session:
        article = Article(id=UUID(int=7))
        session.add(article)
        session.flush()
        article.work.enqueue(1)
        queue_operation(article, "reindex", {"deep": True})
        session.commit()
        article.work.enqueue(2)
        session.rollback()
"""

PROJECT = """
[tool.traits]
packages = ["shop"]
app = "shop.app:start()"
queue = "huey"
outbox = "sqlite"
[tool.traits.engines.huey]
path = "var/huey.db"
[tool.traits.engines.sqlite]
path = "var/jobs.db"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a model on SQLAlchemy, two jobs that wait, and one that was rolled back."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "app.py").write_text(APP, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    subprocess.run([sys.executable, "-c", "from shop.app import queue; queue()"], cwd=tmp_path, check=True)
    return tmp_path


def work_until(project: Path, finished: Callable[[], bool]) -> str:
    """Run a worker until a condition holds; returns what it logs."""
    log = project / "log"
    with log.open("wb") as file:
        command = [sys.executable, "-c", "from traits_cli import launch; launch()", "work"]
        worker = subprocess.Popen(command, cwd=project, stdout=file, stderr=file, start_new_session=True)
    until = time.monotonic() + 60
    while not finished() and time.monotonic() < until and worker.poll() is None:
        time.sleep(0.05)
    end(worker)
    return log.read_text(encoding="utf-8")


@pytest.mark.slow
def test_jobs_of_rows_run_on_the_embedded_engine(project: Path) -> None:
    """The worker loads the rows by keys of their type, in sessions that the application gives once."""
    written = project / "written"
    log = work_until(project, lambda: written.exists() and len(written.read_text(encoding="utf-8").splitlines()) > 1)

    assert written.exists(), log
    assert sorted(written.read_text(encoding="utf-8").splitlines()) == ["reindex 7 True", "work 7 1"]


@pytest.mark.slow
def test_worker_without_sessions_makes_dead_letters_that_say_why(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No job is lost: it can be revived once the application gives sessions."""
    monkeypatch.setenv("WITHOUT_SESSIONS", "1")
    outbox = SQLiteOutbox(project / "var" / "jobs.db")
    log = work_until(project, lambda: len(outbox.dead()) > 1)
    errors = [letter.error for letter in outbox.dead()]
    outbox.close()

    assert len(errors) == 2
    assert all("use_job_sessions(sessionmaker(...))" in error for error in errors)
    assert "the worker has no session" in log
    assert not (project / "written").exists()
