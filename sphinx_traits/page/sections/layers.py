"""Layers of config values and toggles: who gives a value, what it replaces, and what tenants have instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.manifest import ConfigKey
from sphinx_traits.page.elements import Badge, Code, Span
from sphinx_traits.page.layout import joined, lines
from sphinx_traits.page.section import N_, place, value_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx_traits.effective import EffectiveValue
    from sphinx_traits.manifest import Setting
    from sphinx_traits.page.elements import Inline
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context

LAYERS = {"default": N_("default"), "file": N_("file"), "model": N_("model"), "tenant": N_("tenant")}


def set_by(page: Context, effective: EffectiveValue) -> CellSource:
    """The layer that gives a value, its place, the value that it replaces, and the values of tenants."""
    layer = layer_badge(page, effective.layer)
    secret = isinstance(effective.key, ConfigKey) and effective.key.secret
    rows: list[CellSource] = [layer]
    if effective.setting is not None:
        weaker = effective.hides[0].value if effective.hides else effective.key.default
        replaced = Span([page.gettext("instead of "), value_code(weaker.text, secret)], "traits-over")
        rows = [[layer, " ", *place(effective.setting.location)], [replaced]]
    for setting in effective.tenants:
        rows.append([*tenant_value(page, setting, secret), " ", *place(setting.location)])
    rows += _limits(page, effective, secret)
    return lines(rows) if len(rows) > 1 else layer


def _limits(page: Context, effective: EffectiveValue, secret: bool) -> Iterator[list[Inline]]:
    """The settings that switch a feature off, the refused settings, and the variables that may override the value."""
    for setting in effective.switched_off_by:
        yield [page.gettext("off by "), Code(f"{setting.trait}.{setting.key}"), " ", *place(setting.location)]
    for refused in effective.refused:
        text = value_code(refused.setting.value.text, secret)
        yield [page.gettext("refused: "), text, " ", *place(refused.setting.location)]
    if effective.variables:
        variables = joined(Code(name) for name in effective.variables)
        yield [page.gettext("may be overridden by "), *variables]


def tenant_value(page: Context, setting: Setting, secret: bool) -> list[Inline]:
    """The value that one tenant has."""
    return [layer_badge(page, "tenant"), f" {setting.tenant}: ", value_code(setting.value.text, secret)]


def layer_badge(page: Context, layer: str) -> Badge:
    """The name of a layer."""
    return Badge(page.gettext(LAYERS[layer]) if layer in LAYERS else layer, f"layer-{layer}")
