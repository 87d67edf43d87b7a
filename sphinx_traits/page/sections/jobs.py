"""Jobs with queue and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Code, Description
from sphinx_traits.page.layout import joined, lines, table
from sphinx_traits.page.section import N_, Declared, Overview, Section, fact_reference
from sphinx_traits.page.sections.declaration import description
from sphinx_traits.page.sections.fields import field_code, field_text
from sphinx_traits.page.sections.selection import or_nothing, per_class

if TYPE_CHECKING:
    from sphinx_traits.manifest import Job
    from sphinx_traits.page.elements import Content
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def jobs_section(page: Context, composition: Composition) -> Content:
    """Jobs with queue and options."""
    rows: list[list[CellSource]] = [
        [*_row(page, job), page.origin(job, composition.subject.name)] for job in composition.jobs
    ]
    return [table("jobs", [*_heads(page), page.gettext("From")], rows)]


def _heads(page: Context) -> list[str]:
    return [page.gettext("Job"), page.gettext("Queue"), page.gettext("Options")]


def _row(page: Context, job: Job) -> list[CellSource]:
    parameters = joined(map(field_code, job.parameters))
    takes = [page.gettext("takes "), *parameters] if parameters else ""
    return [
        page.name_cell([fact_reference("job", job)], job, takes),
        Code(job.queue) if job.queue else "",
        lines([Code(option)] for option in job.options),
    ]


def describe(page: Context, job: Job) -> Description:
    """The description of one job."""
    parameters = ", ".join(map(field_text, job.parameters))
    pairs: list[tuple[str, CellSource]] = [
        (page.gettext("Queue"), Code(job.queue) if job.queue else ""),
        (page.gettext("Options"), lines([Code(option)] for option in job.options)),
    ]
    return description(page, "job", job, pairs, suffix=f"({parameters})")


def jobs_overview(page: Context) -> Content:
    """All jobs, trait by trait."""
    return or_nothing(page, per_class(page, "jobs", _heads(page), lambda cls: [_row(page, job) for job in cls.jobs]))


SECTION = Section(
    "jobs",
    N_("Jobs"),
    lambda composition: composition.jobs,
    jobs_section,
    declared=Declared("jobs", "job", describe),
)
OVERVIEW = Overview("all-jobs", jobs_overview)
