"""Per-build state, stored on the domain; never pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sphinx_traits.domain import domain_of

if TYPE_CHECKING:
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment

    from sphinx_traits._sphinx.catalogue import BuildCatalogue
    from sphinx_traits._sphinx.config import Settings
    from sphinx_traits._sphinx.output import Indices
    from sphinx_traits._sphinx.pages import Pages


@dataclass(frozen=True, slots=True)
class Build:
    """The catalogue, the settings, the generated pages, the builder that asks for them, and its indices."""

    catalogue: BuildCatalogue
    settings: Settings
    pages: Pages
    builder: Builder
    indices: Indices


def build_of(env: BuildEnvironment) -> Build:
    """The state of this build."""
    build = domain_of(env).build
    assert isinstance(build, Build)  # noqa: S101 - set before anything is read
    return build


def record_dependency(env: BuildEnvironment, query: str) -> None:
    """Record that the page being read depends on the answer to a query."""
    domain_of(env).note_query(env.docname, query, build_of(env).catalogue.digest(query))


def outdated(env: BuildEnvironment) -> set[str]:
    """Pages that depend on an answer which has changed."""
    domain = domain_of(env)
    catalogue = build_of(env).catalogue
    state = domain.data["state"]
    if state.get("manifest") == catalogue.fingerprint:
        return set()
    same = catalogue.unchanged(state.get("inputs", {}))
    return {
        doc
        for doc, queries in domain.data["queries"].items()
        if any(query not in same and catalogue.digest(query) != before for query, before in queries.items())
    }
