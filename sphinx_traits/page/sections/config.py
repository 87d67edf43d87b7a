"""Config keys: the effective value of each, and the layer that gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.manifest import MASK, ConfigKey
from sphinx_traits.page.elements import Badge, Code, Description
from sphinx_traits.page.layout import by_short_name, joined, lines, table
from sphinx_traits.page.prose import prose
from sphinx_traits.page.section import N_, Declared, Overview, Section, fact_reference, value_code
from sphinx_traits.page.sections.declaration import description
from sphinx_traits.page.sections.layers import set_by, tenant_value
from sphinx_traits.page.sections.selection import or_nothing, per_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx_traits.effective import EffectiveValue
    from sphinx_traits.page.elements import Content, Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context
    from sphinx_traits.resolve import Composition


def config_section(page: Context, composition: Composition) -> Content:
    """Config keys with the value that holds for this class."""
    rows = [_row(page, composition, effective) for effective in composition.config]
    heads = [
        page.gettext("Key"),
        page.gettext("Type"),
        page.gettext("Value"),
        page.gettext("Set by"),
        page.gettext("From"),
    ]
    return [table("config", heads, rows)]


def _row(page: Context, composition: Composition, effective: EffectiveValue) -> list[CellSource]:
    key = effective.key
    assert isinstance(key, ConfigKey)  # noqa: S101 - a composition's config holds nothing else
    return [
        _name(page, key, with_variables=not effective.variables),
        Code(key.type) if key.type else "",
        _value(page, effective, key),
        set_by(page, effective),
        page.origin(key, composition.subject.name),
    ]


def _value(page: Context, effective: EffectiveValue, key: ConfigKey) -> CellSource:
    is_missing = effective.value.kind == "required"
    return page.gettext("required") if is_missing else value_code(effective.value.text, key.secret)


def _name(page: Context, key: ConfigKey, *, with_variables: bool = True) -> CellSource:
    name: list[Inline] = [fact_reference("config", key)]
    if key.deprecated:
        name += [" ", Badge(page.gettext("deprecated"), "warning")]
    if key.locked:
        name += [" ", Badge(page.gettext("locked"), "note")]
    variables = joined(Code(variable) for variable in key.env)
    return page.name_cell(name, key, [page.gettext("environment "), *variables] if variables and with_variables else "")


def describe(page: Context, key: ConfigKey) -> Description:
    """The description of one key; the value of a secret one is masked."""
    required = key.default.kind == "required"
    pairs: list[tuple[str, CellSource]] = [
        (page.gettext("Environment"), lines([Code(variable)] for variable in key.env)),
        (page.gettext("Constraints"), lines([Code(constraint)] for constraint in key.constraints)),
        (page.gettext("Required"), page.gettext("yes, it has no default") if required else ""),
        (page.gettext("Secret"), page.gettext("yes, its value is never shown") if key.secret else ""),
        (
            page.gettext("Locked"),
            page.gettext("yes, the environment's value cannot be overridden") if key.locked else "",
        ),
        (page.gettext("Since"), key.since),
        (page.gettext("Deprecated"), prose(key.deprecated)),
    ]
    prefix = f"{key.group}." if key.group else ""
    aliases = [f"{key.owner}.{key.group}.{key.name}"] if key.group else []
    return description(page, "config", key, pairs, prefix=prefix, suffix=_type_and_default(key), aliases=aliases)


def _type_and_default(key: ConfigKey) -> str:
    annotation = f": {key.type}" if key.type else ""
    default = MASK if key.secret else key.default.text
    return f"{annotation} = {default}" if default and key.default.kind != "required" else annotation


def config_overview(page: Context) -> Content:
    """All config keys, trait by trait."""
    heads = [
        page.gettext("Key"),
        page.gettext("Type"),
        page.gettext("Default"),
        page.gettext("Instead of the default"),
    ]
    tables = per_class(page, "config", heads, lambda cls: [_overview_row(page, key) for key in cls.config])
    return or_nothing(page, tables)


def _overview_row(page: Context, key: ConfigKey) -> list[CellSource]:
    return [
        _name(page, key),
        Code(key.type) if key.type else "",
        value_code(key.default.text, key.secret) if key.default.text else page.gettext("required"),
        lines(_overrides(page, key)),
    ]


def _overrides(page: Context, key: ConfigKey) -> Iterator[list[Inline]]:
    """Values in place of the default: for all models once, then for single models, then for tenants."""
    effective = page.catalogue.index.effective_value(key.owner, key)
    if effective.layer == "file":
        yield [page.gettext("all models"), ": ", value_code(effective.value.text, key.secret)]
    for use in sorted(page.catalogue.usages(key.owner), key=lambda use: by_short_name(use.model)):
        for setting in use.settings:
            if setting.key == key.name and setting.layer != "file":
                yield [page.reference(use.model), ": ", value_code(setting.value.text, key.secret)]
    for setting in effective.tenants:
        yield tenant_value(page, setting, key.secret)


SECTION = Section(
    "config",
    N_("Configuration"),
    lambda composition: composition.config,
    config_section,
    declared=Declared("config", "config", describe),
)
OVERVIEW = Overview("all-config", config_overview)
