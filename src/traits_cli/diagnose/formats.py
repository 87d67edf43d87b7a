"""The formats in which findings are printed: text, SARIF, GitHub workflow commands, JUnit XML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from traits_cli.output import counted
from traits_runtime.diagnose.checks import CHECKS
from traits_runtime.diagnose.finding import Finding, count_by_level

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
OPTIONS = {"safe": " (--fix)", "unsafe": " (--unsafe-fixes)", "": ""}
SARIF_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
GITHUB_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def as_text(findings: Sequence[Finding]) -> str:
    """Two lines a finding, and a summary."""
    lines = []
    for finding in findings:
        level = click.style(finding.level, fg=COLOURS[finding.level], bold=True)
        lines.append(f"{finding.place}: {level} {finding.id} {finding.message}")
        lines.append(f"    {finding.hint}{OPTIONS[finding.fixing]}")
    return "\n".join([*lines, summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    """The number of findings by level, and how many can be fixed."""
    if not findings:
        return "No findings."
    levels = [_count_of(level, count) for level, count in count_by_level(findings).items()]
    kinds = [finding.fixing for finding in findings]
    options = {"--fix": kinds.count("safe"), "--unsafe-fixes": kinds.count("unsafe")}
    ways = [f"{count} with {option}" for option, count in options.items() if count]
    fixable = f" Can be fixed: {', '.join(ways)}." if ways else ""
    return f"{counted(len(findings), 'finding')}: {', '.join(levels)}.{fixable}"


def _count_of(level: str, count: int) -> str:
    return f"{count} {level}" if level == "info" else counted(count, level)


def as_github(findings: Sequence[Finding]) -> str:
    """Workflow commands, which GitHub shows beside the line."""
    return "\n".join(_github_command(finding) for finding in findings)


def _github_command(finding: Finding) -> str:
    place = f"file={_escaped_property(finding.path)},line={max(finding.line, 1)},title={finding.id}"
    message = _escaped(f"{finding.message} {finding.hint}")
    return f"::{GITHUB_LEVELS[finding.level]} {place}::{message}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(findings: Sequence[Finding]) -> str:
    """SARIF 2.1.0."""
    rules = [
        {
            "id": check.id,
            "name": check.name,
            "shortDescription": {"text": check.title},
            "fullDescription": {"text": check.why},
            "help": {"text": check.hint},
            "defaultConfiguration": {"level": SARIF_LEVELS[check.level]},
        }
        for check in CHECKS.values()
    ]
    positions = {id_: position for position, id_ in enumerate(CHECKS)}
    driver = {"name": "traits diagnose", "rules": rules}
    results = [_sarif_result(finding, positions[finding.id]) for finding in findings]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return msgspec.json.format(msgspec.json.encode(log)).decode()


def _sarif_result(finding: Finding, rule_index: int) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.id,
        "ruleIndex": rule_index,
        "level": SARIF_LEVELS[finding.level],
        "message": {"text": f"{finding.message} {finding.hint}"},
        "partialFingerprints": {"traits/1": finding.fingerprint},
    }
    if finding.path:
        region = {"region": {"startLine": finding.line}} if finding.line else {}
        result["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": finding.path}, **region}}]
    return result


def as_junit(findings: Sequence[Finding]) -> str:
    """JUnit XML: a test case for each check, failed where it has findings."""
    from xml.etree import ElementTree

    by_id: dict[str, list[Finding]] = {}
    for finding in findings:
        by_id.setdefault(finding.id, []).append(finding)
    suite = ElementTree.Element("testsuite", name="traits diagnose", tests=str(len(CHECKS)), failures=str(len(by_id)))
    for check in CHECKS.values():
        case = ElementTree.SubElement(suite, "testcase", classname=check.id, name=check.title)
        if check.id in by_id:
            _add_failure(case, by_id[check.id])
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _add_failure(case: Element, findings: Sequence[Finding]) -> None:
    from xml.etree import ElementTree

    message = counted(len(findings), "finding")
    failure = ElementTree.SubElement(case, "failure", message=message, type=findings[0].level)
    failure.text = "\n".join(f"{finding.place}: {finding.message} {finding.hint}" for finding in findings)


FORMATS: dict[str, Callable[[Sequence[Finding]], str]] = {
    "text": as_text,
    "sarif": as_sarif,
    "github": as_github,
    "junit": as_junit,
}
"""The function of each format; ``json`` is the envelope that every command prints."""
