"""Config keys and features: what holds, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Block, Page, marked, value_code
from sphinx_traits._sphinx.parts import Cell, Content, Part, Piece, badge, code, joined, lines, named, table
from sphinx_traits.manifest import ConfigKey

if TYPE_CHECKING:
    from sphinx_traits.manifest import Setting
    from sphinx_traits.resolve import Composition, EffectiveValue

_ = get_translation("sphinx_traits")


def config_table(page: Page, it: Composition) -> Content:
    """Config keys with the value that holds for this class."""
    rows = [_config_row(page, it, one) for one in it.config]
    heads = [_("Key"), _("Value"), _("Set by"), _("From")]
    return [table("config", heads, rows)]


def _config_row(page: Page, it: Composition, one: EffectiveValue) -> list[Cell]:
    key = one.key
    assert isinstance(key, ConfigKey)  # noqa: S101 - a composition's config holds nothing else
    return [
        named([page.name("config", key), *marks(key)], key.doc, environment(key)),
        value_code(one.value.text, key.secret),
        set_by(page, one),
        page.origin(key, it.subject.name),
    ]


def environment(key: ConfigKey) -> Cell:
    """The environment variables that set a key."""
    return [_("environment "), *joined(code(name) for name in key.env)] if key.env else ""


def marks(key: ConfigKey) -> list[Part]:
    """Badges of a key."""
    found: list[Part] = []
    if key.deprecated:
        found += [" ", badge(_("deprecated"), "warning")]
    if key.locked:
        found += [" ", badge(_("locked"), "note")]
    return found


def set_by(page: Page, one: EffectiveValue) -> Cell:
    """The layer that gives a value, its place, what it takes the place of, and what tenants have instead."""
    layer = layer_badge(one.layer)
    secret = isinstance(one.key, ConfigKey) and one.key.secret
    found: list[Cell] = [layer]
    if one.setting is not None:
        weaker = one.hides[0].value.text if one.hides else one.key.default.text
        over = Piece("span", [_("instead of "), value_code(weaker, secret)], "traits-over")
        found = [[layer, " ", *page.linker.place(one.setting.location)], [over]]
    found += [[*of_tenant(each, secret), " ", *page.linker.place(each.location)] for each in one.tenants]
    return lines(found) if len(found) > 1 else layer


def of_tenant(setting: Setting, secret: bool) -> list[Part]:
    """The value that one tenant has."""
    return [layer_badge("tenant"), f" {setting.tenant}: ", value_code(setting.value.text, secret)]


def layer_badge(layer: str) -> Part:
    """The name of a layer."""
    names = {"default": _("default"), "file": _("file"), "model": _("model"), "tenant": _("tenant")}
    return badge(names.get(layer, layer), f"layer-{layer}")


def features_table(page: Page, it: Composition) -> Content:
    """Features with the state that holds for this class."""
    rows: list[list[Cell]] = [
        [
            named([page.name("feature", one.key)], one.key.doc),
            state(one.value.text),
            set_by(page, one),
            page.origin(one.key, it.subject.name),
        ]
        for one in it.features
    ]
    return [table("features", [_("Feature"), _("State"), _("Set by"), _("From")], rows)]


def state(value: str) -> Part:
    """On or off; anything else as written."""
    if value == "True":
        return badge(_("on"), "on")
    if value == "False":
        return badge(_("off"), "off")
    return code(value)


BLOCK = Block("config", marked("Configuration"), lambda it: bool(it.config), config_table)
FEATURES = Block("features", marked("Features"), lambda it: bool(it.features), features_table)
