"""Metrics with their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Description
from sphinx_traits.page.layout import table
from sphinx_traits.page.section import N_, Declared, Overview, Section, fact_reference
from sphinx_traits.page.sections.declaration import description
from sphinx_traits.page.sections.selection import or_nothing, per_class

if TYPE_CHECKING:
    from sphinx_traits.manifest import Metric
    from sphinx_traits.page.elements import Content
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def metrics_section(page: Context, composition: Composition) -> Content:
    """Metrics with kind and origin."""
    rows: list[list[CellSource]] = [
        [*_row(page, metric), page.origin(metric, composition.subject.name)] for metric in composition.metrics
    ]
    return [table("metrics", [*_heads(page), page.gettext("From")], rows)]


def _heads(page: Context) -> list[str]:
    return [page.gettext("Metric"), page.gettext("Kind")]


def _row(page: Context, metric: Metric) -> list[CellSource]:
    return [page.name_cell([fact_reference("metric", metric)], metric), metric.kind]


def describe(page: Context, metric: Metric) -> Description:
    """The description of one metric."""
    return description(page, "metric", metric, [(page.gettext("Kind"), metric.kind)])


def metrics_overview(page: Context) -> Content:
    """All metrics, trait by trait."""
    tables = per_class(page, "metrics", _heads(page), lambda cls: [_row(page, metric) for metric in cls.metrics])
    return or_nothing(page, tables)


SECTION = Section(
    "metrics",
    N_("Metrics"),
    lambda composition: composition.metrics,
    metrics_section,
    declared=Declared("metrics", "metric", describe),
)
OVERVIEW = Overview("all-metrics", metrics_overview)
