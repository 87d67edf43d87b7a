"""Both type checkers infer what users rely on, and find the mistakes they must find."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
USAGE = HERE / "usage.py"
MISTAKES = HERE / "mistakes.py"


def mypy(file: Path, cache: Path) -> dict[int, str]:
    """The lines of a file that mypy finds wrong."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(cache), str(file)]
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=HERE)
    assert ran.stderr == ""
    found = re.findall(rf"^.*{file.name}:(\d+): error: (.*)$", ran.stdout, re.MULTILINE)
    assert ran.returncode in (0, 1), ran.stdout
    return {int(line): text for line, text in found}


def pyright(file: Path) -> dict[int, str]:
    """The lines of a file that pyright finds wrong."""
    program = shutil.which("pyright", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        pytest.skip("pyright is not installed")
    command = [program, "--outputjson", "--pythonpath", sys.executable, str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    answer = json.loads(ran.stdout)
    assert answer["summary"]["filesAnalyzed"] == 1, ran.stdout
    errors = (one for one in answer["generalDiagnostics"] if one["severity"] == "error")
    return {one["range"]["start"]["line"] + 1: one["message"] for one in errors}


def marked(file: Path) -> set[int]:
    """The lines that are marked as wrong."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return {number for number, text in enumerate(lines, 1) if text.endswith("# wrong")}


def test_mypy_infers_what_users_rely_on(tmp_path: Path) -> None:
    """Config values, payload arguments, jobs, listeners, under ``--strict``."""
    assert mypy(USAGE, tmp_path) == {}


def test_pyright_infers_what_users_rely_on() -> None:
    """The same file."""
    assert pyright(USAGE) == {}


def test_mypy_finds_the_mistakes(tmp_path: Path) -> None:
    """Every marked line, and no other."""
    assert set(mypy(MISTAKES, tmp_path)) == marked(MISTAKES)


def test_pyright_finds_the_mistakes() -> None:
    """Every marked line, and no other."""
    assert set(pyright(MISTAKES)) == marked(MISTAKES)


def test_public_names_are_fully_typed(tmp_path: Path) -> None:
    """``--verifytypes`` knows the type of every public name."""
    program = shutil.which("pyright", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        pytest.skip("pyright is not installed")
    command = [
        program,
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "--verifytypes",
        "traits_runtime",
        "--ignoreexternal",
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path}  # --verifytypes asks the first python on the path, not --pythonpath
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    answer = json.loads(ran.stdout)

    unknown = [
        one["name"] for one in answer["typeCompleteness"]["symbols"] if one["isExported"] and not one["isTypeKnown"]
    ]
    assert unknown == []
    assert answer["typeCompleteness"]["completenessScore"] == 1
