"""What is wrong with the sources, in the ids of `traits diagnose`."""

from __future__ import annotations

from collections.abc import Iterator

from sphinx_traits.manifest import Finding, Manifest
from sphinx_traits.resolve import Index
from traits_runtime._core.diagnose.problem import Found, found
from traits_runtime._core.naming import matches

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
"""The id of each code that reading sources gives."""

LEFT = frozenset({"unknown_trait", "unknown_key"})
"""Codes of settings in files, which the checks of config find with their fix; those in code are found here."""


def check_sources(manifest: Manifest) -> Iterator[Found]:
    """All findings about the sources."""
    for one in manifest.findings:
        foreign = one.level == "info" and not manifest.owns(one.subject)
        if one.code in IDS and not foreign and not (one.code in LEFT and one.location.path.endswith(".toml")):
            yield _as_found(one)
    yield from _never_heard(Index(manifest))


def _as_found(one: Finding) -> Found:
    where = one.location
    return found(IDS[one.code], one.subject or where.path, one.message, hint=one.hint, path=where.path, line=where.line)


def _never_heard(index: Index) -> Iterator[Found]:
    """Events of the analysed packages that no listener hears."""
    patterns = {one.pattern for one in index.listeners}
    for event in index.events.values():
        if index.manifest.owns(event.owner) and not any(matches(pattern, event.wire) for pattern in patterns):
            said = f"{event.owner} declares the event {event.wire}, and nobody listens to it."
            yield found("TRT104", event.owner, said, path=event.location.path, line=event.location.line)
