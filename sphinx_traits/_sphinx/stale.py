"""Pages to write again though nobody edited them: what they link to, or the navigation around them, has moved."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sphinx import addnodes

from sphinx_traits._sphinx.build import build_of
from sphinx_traits.domain import domain_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from docutils import nodes
    from sphinx.environment import BuildEnvironment

PY_ROLES = ("class", "exc", "obj")
"""Roles of the Python domain that may lead to our pages."""


def note_foreign_references(env: BuildEnvironment, doctree: nodes.document) -> None:
    """Note the references of other domains that may lead to our pages."""
    for node in doctree.findall(addnodes.pending_xref):
        domain, role = node.get("refdomain"), node.get("reftype")
        if (domain == "py" and role in PY_ROLES) or role == "any":
            domain_of(env).note_reference(env.docname, "obj", node["reftarget"])


def to_write_again(env: BuildEnvironment) -> list[str]:
    """The pages that were not read but would be written otherwise now; what they showed is noted for the next build."""
    state = domain_of(env).data["state"]
    state["manifest"] = build_of(env).catalogue.fingerprint
    stale = set(_moved_references(env))
    navigation, before = _navigation(env), state.get("navigation")
    state["navigation"] = navigation
    if before not in (None, navigation):
        stale |= env.all_docs.keys()
    places, known = _hand_written_places(env), state.get("places")
    state["places"] = places
    if known not in (None, places):
        stale |= domain_of(env).data["queries"].keys()
    return sorted(stale & env.found_docs)


def _moved_references(env: BuildEnvironment) -> Iterable[str]:
    """Pages with a reference that leads elsewhere than when they were written."""
    domain = domain_of(env)
    for docname, references in domain.data["references"].items():
        found = {key: domain.locate(*key) for key in references}
        if found != references:
            domain.data["references"][docname] = found
            yield docname


def _navigation(env: BuildEnvironment) -> str:
    """Digest of all toctrees and titles: they stand on every page."""
    parts = [f"{doc}>{','.join(entries)}" for doc, entries in sorted(env.toctree_includes.items())]
    parts += [f"{doc}={title.astext()}" for doc, title in sorted(env.titles.items())]
    return _digest(parts)


def _hand_written_places(env: BuildEnvironment) -> str:
    """Digest of where objects are described on pages that are not generated: no fact of the manifest says so."""
    generated = build_of(env).pages.titles
    places = sorted((*key, *target) for key, target in domain_of(env).objects.items() if target[0] not in generated)
    return _digest("|".join(place) for place in places)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
