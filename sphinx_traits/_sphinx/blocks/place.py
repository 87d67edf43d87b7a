"""Where a class is written, and what kind of class it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page
from sphinx_traits._sphinx.parts import Content, Part, badge, code, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx_traits.manifest import Class
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")

HOSTS = {"sqlalchemy": "SQLAlchemy", "django": "Django", "pydantic": "Pydantic", "dataclass": "dataclass"}


def place_line(page: Page, it: Composition) -> Content:
    """Host, state and place on one line."""
    pieces: list[Part] = []
    for one in _badges(it.subject):
        pieces += [one, " "]
    table = getattr(it.subject, "table", "")
    if table:
        pieces += [_("table "), code(table), " · "]
    pieces += page.linker.place(it.subject.location)
    return [paragraph(*pieces, classes="traits-where")] if pieces else []


def _badges(subject: Class) -> Iterator[Part]:
    if subject.host in HOSTS:
        yield badge(HOSTS[subject.host], "host")
    if subject.abstract:
        yield badge(_("abstract"), "note")
    if subject.via == "inferred":
        yield badge(_("inferred"), "note")
    if getattr(subject, "deprecated", ""):
        yield badge(_("deprecated"), "warning")


BLOCK = Block("place", "", lambda _it: True, place_line)
