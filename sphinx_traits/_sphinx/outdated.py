"""Unedited pages to write again because link targets or the navigation around them have changed."""

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
    """Unread pages whose output would change; records their current state for the next build."""
    state = domain_of(env).data["state"]
    catalogue = build_of(env).catalogue
    if state.get("manifest") != catalogue.fingerprint:
        state["manifest"], state["inputs"] = catalogue.fingerprint, catalogue.inputs
    stale = set(_moved_references(env))
    navigation, before = _navigation(env), state.get("navigation")
    state["navigation"] = navigation
    if before not in (None, navigation):
        stale |= env.all_docs.keys()
    neighbours, surroundings = _neighbours(env), state.get("neighbours", {})
    state["neighbours"] = neighbours
    stale |= {docname for docname, digest in neighbours.items() if surroundings.get(docname, digest) != digest}
    places, places_before = _hand_written_places(env), state.get("places")
    state["places"] = places
    if places_before not in (None, places):
        stale |= domain_of(env).data["queries"].keys()
    return sorted(stale & env.found_docs)


def _moved_references(env: BuildEnvironment) -> Iterable[str]:
    """Pages with a reference whose target has changed since they were written."""
    domain = domain_of(env)
    for docname, references in domain.data["references"].items():
        targets = {key: domain.locate(*key) for key in references}
        if targets != references:
            domain.data["references"][docname] = targets
            yield docname


def _navigation(env: BuildEnvironment) -> str:
    """Digest of the sidebar entries with titles, which appear on every page."""
    unlisted = domain_of(env).data["unlisted"]
    lists = [(doc, entries) for doc, entries in sorted(env.toctree_includes.items()) if doc not in unlisted]
    parts = [f"{doc}>{','.join(entries)}" for doc, entries in lists]
    listed = sorted({entry for _doc, entries in lists for entry in entries} & env.titles.keys())
    return _digest([*parts, *(f"{doc}={env.titles[doc].astext()}" for doc in listed)])


def _neighbours(env: BuildEnvironment) -> dict[str, str]:
    """For each page in a toctree the pages above, before and after it, with titles: it links to them."""
    titles: dict[str | None, str] = {None: "", **{doc: f"{doc}={title.astext()}" for doc, title in env.titles.items()}}
    return {
        doc: "|".join(titles.get(neighbour, "") for neighbour in near) for doc, near in env.collect_relations().items()
    }


def keep_out_of_sidebars(env: BuildEnvironment, docname: str) -> None:
    """Take a toctree without entries out of a page's contents, which sidebars copy: its list would open to nothing.

    Its pages still have their place in the order of all pages, with the next and the previous one, and builders
    that make one file of everything find them.
    """
    for node in list(env.tocs[docname].findall(addnodes.toctree)):
        if node["entries"] or not node["includefiles"]:
            continue
        for included in node["includefiles"]:
            env.files_to_rebuild[included].discard(docname)
        parent = node.parent
        parent.remove(node)
        if not parent.children:
            parent.parent.remove(parent)


def _hand_written_places(env: BuildEnvironment) -> str:
    """Digest of the descriptions on hand-written pages, which the manifest does not record."""
    generated = build_of(env).pages.titles
    places = sorted((*key, *target) for key, target in domain_of(env).objects.items() if target[0] not in generated)
    return _digest("|".join(place) for place in places)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
