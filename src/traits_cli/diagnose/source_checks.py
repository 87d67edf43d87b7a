"""Findings about the sources, converted from the findings of the manifest."""

from __future__ import annotations

from collections.abc import Iterator

from sphinx_traits import manifest as facts
from sphinx_traits.resolve import Index
from traits_runtime.diagnose.finding import Finding, make_finding
from traits_runtime.rules.naming import matches

IDS = {
    "unresolved_base": "TRT101",
    "conditional_base": "TRT101",
    "impossible_mro": "TRT102",
    "syntax_error": "TRT103",
    "unreadable_file": "TRT103",
    "listener_hears_nothing": "TRT105",
    "event_never_emitted": "TRT106",
    "undeclared_event": "TRT107",
    "broken_super_chain": "TRT108",
    "column_clash": "TRT109",
    "shared_environment_variable": "TRT110",
    "shared_name": "TRT111",
    "shared_rows": "TRT112",
    "unknown_trait": "TRT201",
    "unknown_key": "TRT201",
}
"""The check of each code of a manifest's finding."""

CONFIG_CODES = frozenset({"unknown_trait", "unknown_key"})
"""Codes that the checks of config report themselves, with a fix, where the value is in a config file."""


def check_sources(manifest: facts.Manifest) -> Iterator[Finding]:
    """Convert the manifest's findings, and check that each event has a listener."""
    for fact in manifest.findings:
        if fact.code in IDS and not _is_foreign(manifest, fact) and not _is_in_config_file(fact):
            yield _converted(fact)
    yield from _check_listeners(Index(manifest))


def _is_foreign(manifest: facts.Manifest, fact: facts.Finding) -> bool:
    return fact.level == "info" and not manifest.owns(fact.subject)


def _is_in_config_file(fact: facts.Finding) -> bool:
    return fact.code in CONFIG_CODES and fact.location.path.endswith(".toml")


def _converted(fact: facts.Finding) -> Finding:
    path, line = fact.location.path, fact.location.line
    return make_finding(IDS[fact.code], fact.subject or path, fact.message, hint=fact.hint, path=path, line=line)


def _check_listeners(index: Index) -> Iterator[Finding]:
    """Events of the analysed packages that no listener's pattern matches."""
    patterns = {listener.pattern for listener in index.listeners}
    for event in index.events.values():
        if index.manifest.owns(event.owner) and not any(matches(pattern, event.wire) for pattern in patterns):
            message = f"{event.owner} declares the event {event.wire}, which has no listener."
            yield make_finding("TRT104", event.owner, message, path=event.location.path, line=event.location.line)
