"""Jobs, metrics and cache keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked
from sphinx_traits._sphinx.blocks.events import field_code
from sphinx_traits._sphinx.parts import Cell, Content, code, joined, lines, named, table

if TYPE_CHECKING:
    from sphinx_traits.manifest import Job
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def jobs_table(page: Page, it: Composition) -> Content:
    """Jobs with queue and parameters."""
    rows: list[list[Cell]] = [
        [
            job_cell(page, job),
            code(job.queue) if job.queue else "",
            lines([code(one)] for one in job.options),
            page.origin(job, it.subject.name),
        ]
        for job in it.jobs
    ]
    return [table("jobs", [_("Job"), _("Queue"), _("Options"), _("From")], rows)]


def job_cell(page: Page, job: Job) -> Cell:
    """The job's name, what it does and what it takes."""
    takes: Cell = [_("takes "), *joined(map(field_code, job.parameters))] if job.parameters else ""
    return named([page.name("job", job)], job.doc, takes)


def metrics_table(page: Page, it: Composition) -> Content:
    """Metrics with their kind."""
    rows: list[list[Cell]] = [
        [named([page.name("metric", one)], one.doc), one.kind, page.origin(one, it.subject.name)] for one in it.metrics
    ]
    return [table("metrics", [_("Metric"), _("Kind"), _("From")], rows)]


def cache_table(page: Page, it: Composition) -> Content:
    """Cache keys with what is done to them."""
    rows: list[list[Cell]] = [
        [
            named([code(one.name)], one.doc),
            one.operation,
            page.linker.place(one.location),
            page.origin(one, it.subject.name),
        ]
        for one in it.cache_keys
    ]
    return [table("cache", [_("Key"), _("Operation"), _("Place"), _("From")], rows)]


JOBS = Block("jobs", marked("Jobs"), lambda it: bool(it.jobs), jobs_table)
METRICS = Block("metrics", marked("Metrics"), lambda it: bool(it.metrics), metrics_table)
CACHE = Block("cache", marked("Cache keys"), lambda it: bool(it.cache_keys), cache_table)
