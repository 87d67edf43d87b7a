"""The parts of pages that show facts: each makes ordinary nodes of one composition, or of the whole manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits._sphinx.blocks import (
    changes,
    config,
    data,
    diagram,
    events,
    findings,
    hooks,
    members,
    overview,
    place,
    traits,
    usage,
    work,
)

if TYPE_CHECKING:
    from sphinx_traits._sphinx.blocks.base import Block

MODEL_SECTIONS = (
    traits.BLOCK,
    hooks.BLOCK,
    config.BLOCK,
    config.FEATURES,
    events.BLOCK,
    events.SIGNALS,
    events.LISTENERS,
    work.JOBS,
    data.COLUMNS,
    data.SCOPES,
    work.METRICS,
    work.CACHE,
    members.BLOCK,
)
"""The sections of a model's page, in order."""

TRAIT_SECTIONS = (traits.BLOCK, events.SIGNALS, data.COLUMNS, data.SCOPES, work.CACHE, members.BLOCK, usage.BLOCK)
"""The sections of a trait's page after those that describe what it declares."""

BLOCKS: dict[str, Block] = {one.name: one for one in (*MODEL_SECTIONS, *TRAIT_SECTIONS, findings.BLOCK, place.BLOCK)}
"""Blocks of one class, by name."""

AGGREGATES = {
    "models": overview.models_table,
    "trait-list": overview.traits_table,
    "matrix": overview.matrix_table,
    "all-config": overview.config_tables,
    "all-events": overview.events_tables,
    "all-hooks": overview.hooks_tables,
    "all-jobs": overview.jobs_tables,
    "all-metrics": overview.metrics_tables,
    "event-wiring": events.wiring,
    "diagram": diagram.diagram,
    "changes": changes.changes_tables,
}
"""Blocks of the whole manifest, by name."""

__all__ = ["AGGREGATES", "BLOCKS", "MODEL_SECTIONS", "TRAIT_SECTIONS"]
