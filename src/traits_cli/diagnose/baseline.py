"""The baseline: a file with the fingerprints of findings that are accepted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from traits_cli.base import fail
from traits_cli.output import counted
from traits_runtime.diagnose.finding import Finding
from traits_runtime.rules.output import write_file

BASELINE = ".traits-baseline.json"
"""Name of the file in the project's folder."""


class Baseline(msgspec.Struct, frozen=True):
    """The content of the file.

    Args:
        schema: ``traits/baseline/1``.
        findings: Fingerprints of the accepted findings.
    """

    schema: str
    findings: tuple[str, ...]


def write_baseline(file: Path, findings: Iterable[Finding]) -> str:
    """Accept findings; returns a sentence about it."""
    fingerprints = tuple(sorted({finding.fingerprint for finding in findings}))
    content = msgspec.json.format(msgspec.json.encode(Baseline("traits/baseline/1", fingerprints)))
    write_file(file, content + b"\n")
    return f"{counted(len(fingerprints), 'finding')} written to {file}."


def read_baseline(file: Path) -> frozenset[str]:
    """The accepted fingerprints; ends the process with code 2 where the file cannot be read."""
    try:
        return frozenset(msgspec.json.decode(file.read_bytes(), type=Baseline).findings)
    except (OSError, msgspec.MsgspecError) as error:
        fail(f"The baseline {file} cannot be read: {error}")
