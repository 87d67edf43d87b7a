"""Write the parts of the documentation that are made from the program, or with `--check` say which are stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from traits_cli.schemas import schemas
from traits_runtime.diagnose.checks import CHECKS, page_of

REFERENCE = Path(__file__).resolve().parent / "reference"


def made() -> Iterator[tuple[Path, str]]:
    """Each file with what it should hold."""
    yield REFERENCE / "diagnose" / "index.md", index_page()
    for check in CHECKS.values():
        yield REFERENCE / "diagnose" / f"{check.id}.md", page_of(check)
    yield REFERENCE / "command-line.schema.json", msgspec.json.format(msgspec.json.encode(schemas())).decode() + "\n"


def index_page() -> str:
    """The table of everything that `traits diagnose` finds."""
    fixing = {"safe": "`--fix`", "unsafe": "`--unsafe-fixes`", "": ""}
    rows = [
        f"| [{one.id}]({one.id}.md) | {one.name} | {one.level} | {fixing[one.fixing]} | {one.title} |"
        for one in CHECKS.values()
    ]
    head = [
        "# Findings", "",
        "What `traits diagnose` finds: 1xx in the sources, 2xx in the config, 3xx in the database, 4xx in what runs.",
        "", "| | | Level | Fixed by | |", "|---|---|---|---|---|",
    ]  # fmt: skip
    pages = ["", "```{toctree}", ":hidden:", "", *CHECKS, "```"]
    return "\n".join([*head, *rows, *pages]) + "\n"


def stale() -> list[Path]:
    """The files that hold something else."""
    return [path for path, text in made() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def main() -> int:
    """Write what is stale, or with `--check` only name it; returns 1 for something stale that was not written."""
    if "--check" in sys.argv[1:]:
        found = stale()
        print(*(f"{path} is stale: run python docs/made.py" for path in found), sep="\n")
        return 1 if found else 0
    for path, text in made():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
