"""Features with the state that holds for a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Badge, Code, Description
from sphinx_traits.page.layout import table
from sphinx_traits.page.section import N_, Declared, Section, fact_reference
from sphinx_traits.page.sections.declaration import description
from sphinx_traits.page.sections.layers import set_by

if TYPE_CHECKING:
    from sphinx_traits.manifest import Feature
    from sphinx_traits.page.elements import Content
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def features_section(page: Context, composition: Composition) -> Content:
    """Features with state and the layer that gives it."""
    rows: list[list[CellSource]] = [
        [
            page.name_cell([fact_reference("feature", effective.key)], effective.key),
            _state(page, "False" if effective.switched_off_by else effective.value.text),
            set_by(page, effective),
            page.origin(effective.key, composition.subject.name),
        ]
        for effective in composition.features
    ]
    heads = [page.gettext("Feature"), page.gettext("State"), page.gettext("Set by"), page.gettext("From")]
    return [table("features", heads, rows)]


def _state(page: Context, value: str) -> Badge | Code:
    """On or off; anything else as written."""
    if value == "True":
        return Badge(page.gettext("on"), "on")
    if value == "False":
        return Badge(page.gettext("off"), "off")
    return Code(value)


def describe(page: Context, feature: Feature) -> Description:
    """The description of one feature."""
    return description(page, "feature", feature, [(page.gettext("Default"), _state(page, feature.default.text))])


SECTION = Section(
    "features",
    N_("Features"),
    lambda composition: composition.features,
    features_section,
    declared=Declared("features", "feature", describe),
)
