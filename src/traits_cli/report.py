"""The forms in which findings are printed: for a reader, for programs, for code review and for test reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from traits_cli.output import counted
from traits_runtime._core.diagnose.catalogue import CHECKS
from traits_runtime._core.diagnose.problem import Problem
from traits_runtime._core.diagnose.problem import counted as count_levels

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def as_text(problems: Sequence[Problem]) -> str:
    """A line for each finding and one for its way out, then how many there are."""
    lines = []
    for one in problems:
        level = click.style(one.level, fg=COLOURS[one.level], bold=True)
        fixable = {"safe": " (--fix)", "unsafe": " (--unsafe-fixes)", "": ""}[one.fixing]
        lines += [f"{one.place}: {level} {one.id} {one.message}", f"    {one.hint}{fixable}"]
    return "\n".join([*lines, summary(problems)])


def summary(problems: Sequence[Problem]) -> str:
    """How many findings there are, and how many a command can fix."""
    if not problems:
        return "Nothing is wrong."
    counts = ", ".join(_level(count, level) for level, count in count_levels(list(problems)).items())
    safe = sum(one.fixing == "safe" for one in problems)
    unsafe = sum(one.fixing == "unsafe" for one in problems)
    ways = [f"{safe} with --fix"] if safe else []
    ways += [f"{unsafe} with --unsafe-fixes"] if unsafe else []
    return f"{counted(len(problems), 'finding')}: {counts}." + (f" Can be fixed: {', '.join(ways)}." if ways else "")


def _level(count: int, level: str) -> str:
    return f"{count} {level}" if level == "info" else counted(count, level)


def as_github(problems: Sequence[Problem]) -> str:
    """Workflow commands: GitHub shows each beside its line."""
    kinds = {"error": "error", "warning": "warning", "info": "notice"}
    return "\n".join(
        f"::{kinds[one.level]} file={_property(one.path)},line={max(one.line, 1)},title={one.id}::"
        f"{_message(f'{one.message} {one.hint}')}"
        for one in problems
    )


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(problems: Sequence[Problem]) -> str:
    """SARIF 2.1.0."""
    levels = {"error": "error", "warning": "warning", "info": "note"}
    rules = [
        {
            "id": check.id,
            "name": check.name,
            "shortDescription": {"text": check.title},
            "fullDescription": {"text": check.why},
            "help": {"text": check.hint},
            "defaultConfiguration": {"level": levels[check.level]},
        }
        for check in CHECKS.values()
    ]
    places = {id_: number for number, id_ in enumerate(CHECKS)}
    results = [
        {
            "ruleId": one.id,
            "ruleIndex": places[one.id],
            "level": levels[one.level],
            "message": {"text": f"{one.message} {one.hint}"},
            "partialFingerprints": {"traits/1": one.fingerprint},
            **({"locations": [_location(one)]} if one.path else {}),
        }
        for one in problems
    ]
    driver = {"name": "traits diagnose", "rules": rules}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return msgspec.json.format(msgspec.json.encode(log)).decode()


def _location(one: Problem) -> dict[str, object]:
    region = {"region": {"startLine": one.line}} if one.line else {}
    return {"physicalLocation": {"artifactLocation": {"uri": one.path}, **region}}


def as_junit(problems: Sequence[Problem]) -> str:
    """JUnit XML: a test case an id, failed where there are findings."""
    from xml.etree import ElementTree

    failed = {one.id for one in problems}
    suite = ElementTree.Element("testsuite", name="traits diagnose", tests=str(len(CHECKS)), failures=str(len(failed)))
    for check in CHECKS.values():
        case = ElementTree.SubElement(suite, "testcase", classname=check.id, name=check.title)
        mine = [one for one in problems if one.id == check.id]
        if mine:
            _failure(case, mine)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _failure(case: Element, mine: Sequence[Problem]) -> None:
    from xml.etree import ElementTree

    failure = ElementTree.SubElement(case, "failure", message=counted(len(mine), "finding"), type=mine[0].level)
    failure.text = "\n".join(f"{one.place}: {one.message} {one.hint}" for one in mine)


FORMS: dict[str, Callable[[Sequence[Problem]], str]] = {
    "text": as_text,
    "sarif": as_sarif,
    "github": as_github,
    "junit": as_junit,
}
"""What prints findings, by the name of the form; json is the envelope that every command has."""
