"""The wheel in fresh environments: with no extra, with the command line alone, with the documentation alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from programs import BLOG, ROOT
from traits_cli.schemas import commands

UV = shutil.which("uv")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(UV is None, reason="no uv")]

PLAIN = {name: name.split() for name, command in commands() if not isinstance(command, click.Group)} | {
    "check": ["check", "--against", "HEAD"],
    "completion": ["completion", "bash"],
    "config explain": ["config", "explain", "HasSlug.max_length"],
    "config get": ["config", "get", "HasSlug.max_length"],
    "config set": ["config", "set", "HasSlug.max_length", "9", "--dry-run"],
    "config show": ["config", "show", "HasSlug.max_length"],
    "config unset": ["config", "unset", "HasSlug.max_length", "--dry-run"],
    "config enable": ["config", "enable", "HasSlug", "--dry-run"],
    "config disable": ["config", "disable", "HasSlug", "--dry-run"],
    "diff": ["diff", ".", "."],
    "docs": ["docs", "--output", "{folder}"],
    "features enable": ["features", "enable", "Announced.announce", "--dry-run"],
    "features disable": ["features", "disable", "Announced.announce", "--dry-run"],
    "features rollout": ["features", "rollout", "Announced.announce", "5", "--dry-run"],
    "jobs drop": ["jobs", "drop", "--all", "--dry-run"],
    "jobs retry": ["jobs", "retry", "--all", "--dry-run"],
    "make job": ["make", "job", "tidy", "--dry-run"],
    "make listener": ["make", "listener", "hear", "--dry-run"],
    "make trait": ["make", "trait", "HasViews", "--dry-run"],
    "show": ["show", "Article"],
    "work": ["work", "--help"],
}
"""Each command with the arguments that it needs; none of them writes into the project."""

EXTRAS = {"": "sphinx-traits[cli]", "cli": "sphinx-traits[", "sphinx": "sphinx-traits[cli]"}
"""What is installed, and the beginning of the extra that a missing library is reported with."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([str(UV), "build", "-q", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_command_of_an_installation_runs_or_names_the_extra(extra: str, wheel: Path, tmp_path: Path) -> None:
    """Help and a plain call of each: the exit code is 2 only with a sentence, and no traceback is ever printed."""
    python = tmp_path / "venv" / "bin" / "python"
    requirement = f"sphinx-traits[{extra}] @ file://{wheel}" if extra else str(wheel)
    subprocess.run([str(UV), "venv", "-q", str(tmp_path / "venv")], check=True)
    subprocess.run([str(UV), "pip", "install", "-q", "--python", str(python), requirement], check=True)
    missing = set()

    for name, words in PLAIN.items():
        for arguments in ([*name.split(), "--help"], [word.format(folder=tmp_path / "out") for word in words]):
            done = subprocess.run(
                [python.with_name("traits"), *arguments], cwd=BLOG, capture_output=True, text=True, check=False
            )

            assert "Traceback" not in done.stderr, (arguments, done.stderr)
            if done.returncode == 2:
                assert "Error: " in done.stderr, (arguments, done.stderr)
                missing |= {line for line in done.stderr.splitlines() if "pip install" in line}
            else:
                assert extra == "cli"
                assert done.returncode in (0, 1), (arguments, done.stderr)

    assert missing
    assert all(EXTRAS[extra] in line for line in missing)
