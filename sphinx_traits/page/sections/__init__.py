"""The sections of pages, in order; a new one stands in its own file and in this list."""

from __future__ import annotations

from sphinx_traits.page.sections import (
    cache,
    changes,
    columns,
    config,
    diagram,
    events,
    features,
    findings,
    hooks,
    jobs,
    listeners,
    matrix,
    members,
    meta,
    metrics,
    models,
    place,
    scopes,
    signals,
    traits,
    usage,
    wiring,
)

SECTIONS = (
    traits.SECTION,
    hooks.SECTION,
    config.SECTION,
    features.SECTION,
    events.SECTION,
    signals.SECTION,
    listeners.SECTION,
    jobs.SECTION,
    columns.SECTION,
    scopes.SECTION,
    metrics.SECTION,
    cache.SECTION,
    members.SECTION,
    usage.SECTION,
    meta.SECTION,
)
"""The titled sections of a class's page, in order; each says on which kinds of pages it stands."""

HEAD = {"place": place.SECTION, "findings": findings.SECTION}
"""Above the titled sections."""

BY_NAME = {section.name: section for section in (*SECTIONS, *HEAD.values())}
"""The sections of a class's page by name."""

OVERVIEWS = {
    overview.name: overview
    for overview in (
        models.OVERVIEW,
        traits.OVERVIEW,
        matrix.OVERVIEW,
        config.OVERVIEW,
        events.OVERVIEW,
        hooks.OVERVIEW,
        jobs.OVERVIEW,
        metrics.OVERVIEW,
        wiring.OVERVIEW,
        diagram.OVERVIEW,
        changes.OVERVIEW,
    )
}
"""Parts of pages about the whole manifest, by name."""
