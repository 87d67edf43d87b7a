"""The table of what each engine supports, in the reference, is what the adapters say and the contract holds them to."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from traits_runtime.engines import ADAPTERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "engines.md"
ABILITIES = ("delay", "priority", "unique", "cancel", "queues")
BROKERS = {
    "huey": "SQLite",
    "celery": "RabbitMQ, Redis",
    "rq": "Redis",
    "dramatiq": "RabbitMQ, Redis",
    "taskiq": "Redis Streams",
    "procrastinate": "PostgreSQL",
}


def table() -> str:
    """The table as it must stand in the page."""
    lines = [f"| engine | on | {' | '.join(ABILITIES)} |", "|" + "---|" * (len(ABILITIES) + 2)]
    for name in ADAPTERS["queue"]:
        module = importlib.import_module(f"traits_runtime.adapters.{name}")
        (engine,) = [value for value in vars(module).values() if getattr(value, "name", "") == name]
        cells = ["yes" if ability in engine.abilities else "with an outbox" for ability in ABILITIES]
        lines.append(f"| `{name}` | {BROKERS[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_table_in_the_reference_is_generated() -> None:
    """`TRAITS_WRITE_TABLE=1 pytest` writes it anew."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition("<!-- begin of the table -->\n")
    _, end, after = rest.partition("<!-- end of the table -->")
    expected = f"{before}{begin}{table()}\n{end}{after}"
    if os.environ.get("TRAITS_WRITE_TABLE"):
        PAGE.write_text(expected, encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == expected
