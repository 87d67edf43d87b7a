"""Where a class is written, and what kind of class it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Badge, Code
from sphinx_traits.page.layout import paragraph
from sphinx_traits.page.section import Section, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx_traits.manifest import Class
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition

HOSTS = {"sqlalchemy": "SQLAlchemy", "django": "Django", "pydantic": "Pydantic", "dataclass": "dataclass"}


def place_section(page: Context, composition: Composition) -> Content:
    """Host, state and place on one line."""
    content: list[Inline] = []
    for badge in _badges(page, composition.subject):
        content += [badge, " "]
    table = getattr(composition.subject, "table", "")
    if table:
        content += [page.gettext("table "), Code(table), " · "]
    content += place(composition.subject.location)
    return [paragraph(*content, style="traits-where")] if content else []


def _badges(page: Context, subject: Class) -> Iterator[Badge]:
    if subject.host in HOSTS:
        yield Badge(HOSTS[subject.host], "host")
    if subject.abstract:
        yield Badge(page.gettext("abstract"), "note")
    if subject.via == "inferred":
        yield Badge(page.gettext("inferred"), "note")
    if getattr(subject, "deprecated", ""):
        yield Badge(page.gettext("deprecated"), "warning")


SECTION = Section("place", "", lambda _composition: True, place_section)
