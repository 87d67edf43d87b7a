"""`traits work` starts what the project says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine_sites import end

APP = """
import msgspec
from pathlib import Path
from traits_runtime import engines, job

@job()
def note(text: str) -> None:
    with (Path(__file__).parent.parent / "written").open("a") as file:
        file.write(text)

def start() -> None:
    said = engines.read_settings()
    own = {**said.engines, "huey": {"path": str(Path(__file__).parent.parent / "own.db")}}
    engines.start(msgspec.structs.replace(said, engines=own))
"""

PROJECT = """
[tool.traits]
packages = ["shop"]
app = "shop.app:start()"
queue = "huey"
outbox = "sqlite"
[tool.traits.engines.huey]
path = "{folder}/huey.db"
[tool.traits.engines.sqlite]
path = "{folder}/jobs.db"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose application starts its engines itself."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "app.py").write_text(APP, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(folder=tmp_path), encoding="utf-8")
    return tmp_path


def work(project: Path, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a worker in a folder of the project."""
    with log.open("wb") as file:
        command = [sys.executable, "-P", "-c", "from traits_cli import launch; launch()", "work"]
        return subprocess.Popen([*command, *arguments], cwd=project, stdout=file, stderr=file, start_new_session=True)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("--app", "shop.app:start()")])
def test_worker_has_the_application_of_the_project(project: Path, arguments: tuple[str, ...]) -> None:
    """From any folder of it, its function called; engines that it has started are not started again."""
    queueing = "from shop.app import *; start(); note.enqueue('done')"
    subprocess.run([sys.executable, "-c", queueing], cwd=project, check=True)
    output_file, log = project / "written", project / "log"
    worker = work(project / "shop", *arguments, log=log)
    until = time.monotonic() + 30
    while not output_file.exists() and time.monotonic() < until and worker.poll() is None:
        time.sleep(0.05)
    end(worker)

    assert output_file.exists(), log.read_text(encoding="utf-8")
    assert output_file.read_text(encoding="utf-8") == "done"
    assert (project / "own.db").exists()
    assert not (project / "huey.db").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--app", "shop.nothing"), "there is no module 'shop.nothing'"),
        (("--app", "shop.app:strt()"), "Did you mean 'start'?"),
        (("--app", "shop.broken"), "broken.py:1: ZeroDivisionError"),
    ],
)
def test_worker_without_its_application_says_why(project: Path, arguments: tuple[str, ...], text: str) -> None:
    """A sentence, exit code 2, no traceback."""
    (project / "shop" / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    log = project / "log"
    worker = work(project, *arguments, log=log)

    assert worker.wait(30) == 2
    assert text in log.read_text(encoding="utf-8")
    assert "Traceback" not in log.read_text(encoding="utf-8")
