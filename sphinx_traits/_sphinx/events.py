"""Events for other extensions: two, each a function over frozen records.

`traits-skip-fact (app, owner, fact)`: return True to leave a fact out of all pages.
`traits-process-docstring (app, what, name, lines)`: change the lines of a docstring before it is parsed, in place.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

import msgspec

from sphinx_traits.manifest import Class, Fact, Manifest

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.events import EventManager

SKIP = "traits-skip-fact"
DOCSTRING = "traits-process-docstring"

C = TypeVar("C", bound=Class)

_FACTS = (
    "hooks",
    "config",
    "features",
    "events",
    "emits",
    "listeners",
    "jobs",
    "metrics",
    "cache_keys",
    "columns",
    "scopes",
    "members",
)


def register(app: Sphinx) -> None:
    """Register the events."""
    app.add_event(SKIP)
    app.add_event(DOCSTRING)


def without_skipped(events: EventManager, manifest: Manifest, fingerprint: str) -> tuple[Manifest, str]:
    """The manifest without the facts that a listener skips, and its digest."""
    if not events.listeners.get(SKIP):
        return manifest, fingerprint
    filtered = msgspec.structs.replace(
        manifest,
        models=tuple(_kept(events, cls) for cls in manifest.models),
        traits=tuple(_kept(events, cls) for cls in manifest.traits),
        bases=tuple(_kept(events, cls) for cls in manifest.bases),
    )
    return filtered, hashlib.blake2b(msgspec.json.encode(filtered), digest_size=12).hexdigest()


def _kept(events: EventManager, cls: C) -> C:
    facts = {name: tuple(fact for fact in getattr(cls, name) if not _skips(events, cls, fact)) for name in _FACTS}
    return msgspec.structs.replace(cls, **facts)


def _skips(events: EventManager, cls: Class, fact: Fact) -> bool:
    return bool(events.emit_firstresult(SKIP, cls, fact))


def processed(events: EventManager, what: str, name: str, doc: str) -> str:
    """A docstring as changed by the listeners."""
    if not events.listeners.get(DOCSTRING):
        return doc
    lines = doc.splitlines()
    events.emit(DOCSTRING, what, name, lines)
    return "\n".join(lines)
