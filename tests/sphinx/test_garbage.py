"""What a build does with the garbage collector, of its process and at the end of it."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sphinx_traits.testing import SphinxBuilder

SCRIPT = """
import sys
from pathlib import Path
from sphinx_traits.testing import SphinxBuilder

class Loop:
    def __init__(self, file):
        self.itself, self.file = self, file
        file.write("all of it")

    def __del__(self):
        print("looked at")

class Lazy:
    @property
    def __class__(self):
        raise LookupError("nobody may ask")

root, lazy = Path(sys.argv[1]), Lazy()
lazy.itself = lazy
if sys.argv[2] == "build":
    SphinxBuilder(root / "project").write({"index.rst": "Shop\\n====\\n"}).build()
loop = Loop((root / "left-open.txt").open("w"))
del loop
"""


def run(folder: Path, what: str) -> str:
    """What a process prints that leaves an open file in a loop of references, after a build or without one."""
    command = [sys.executable, "-c", SCRIPT, str(folder), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


def test_garbage_is_not_looked_for_at_the_exit_after_a_build(tmp_path: Path) -> None:
    """Python looks through all that is left, which takes as long as a build that has nothing to do."""
    assert "looked at" in run(tmp_path, "nothing")
    assert "looked at" not in run(tmp_path, "build")


def test_files_that_nobody_closed_are_written_all_the_same(tmp_path: Path) -> None:
    """Python writes them when it finds them in the garbage."""
    run(tmp_path, "build")
    assert (tmp_path / "left-open.txt").read_text(encoding="utf-8") == "all of it"


def test_collector_is_as_it_was_after_a_build(project: SphinxBuilder) -> None:
    """Its thresholds, and what it may look at."""
    before = gc.get_threshold()
    project.write({"index.rst": "Shop\n====\n"}).build()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
