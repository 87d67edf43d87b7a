"""`python -m benchmarks NAME --json FILE`: run one comparison, print its table, write its figures."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks.harness import report

NAMES = ("cli", "extraction", "docs", "runtime", "sqlalchemy", "engines")


def main() -> int:
    """Run the comparison that the arguments name.

    Returns:
        0 when it ran; the goals it missed are in the table and in the file, not in the exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", type=Path, default=None, help="file to write the figures to")
    arguments = parser.parse_args()
    figures = importlib.import_module(f"benchmarks.{arguments.name}").run()
    report(figures, arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
