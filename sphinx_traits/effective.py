"""The effective value of each config key and feature of a class, as the sources and the config file give it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from sphinx_traits.config_keys import Expression, SourceConfig, key_of
from sphinx_traits.manifest import Class, ConfigKey, Feature, Setting, Value, hidden
from traits_runtime.errors import InvalidConfigValueError
from traits_runtime.rules.keys import EVERYTHING, Key, toggle
from traits_runtime.rules.layers import Ranking, Source, Subject, overriding_variables


class RefusedSetting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A setting that its key refuses: it has no effect.

    Args:
        setting: The setting.
        reason: The program's error.
    """

    setting: Setting
    reason: str


class EffectiveValue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A config key or feature with the value that holds for one model.

    Args:
        key: The declaration.
        value: The effective value.
        layer: The layer that gives it: ``default``, ``file`` or ``model``.
        setting: The setting that gives it; None for the default.
        hides: Weaker settings that it hides, strongest first.
        tenants: The settings that are effective for single tenants instead, of all models or of this one.
        refused: Settings that the key refuses.
        variables: Environment variables that would override the value.
        switched_off_by: Settings that switch off everything or the trait, whatever the feature's own value is.
    """

    key: ConfigKey | Feature
    value: Value
    layer: str = "default"
    setting: Setting | None = None
    hides: tuple[Setting, ...] = ()
    tenants: tuple[Setting, ...] = ()
    refused: tuple[RefusedSetting, ...] = ()
    variables: tuple[str, ...] = ()
    switched_off_by: tuple[Setting, ...] = ()


def effective_values(
    config: SourceConfig, lineage: Sequence[Class], facts: Iterable[ConfigKey | Feature]
) -> tuple[EffectiveValue, ...]:
    """Keys or features with their effective values for a class.

    Args:
        config: The values that sources and the config file give.
        lineage: The class and its bases in MRO order.
        facts: The declarations.
    """
    subject = config.subject(lineage)
    return tuple(_effective(config, subject, fact) for fact in facts)


def masked_value(effective: EffectiveValue) -> EffectiveValue:
    """An effective value with the values of a secret key out of sight."""
    key = effective.key
    if not (isinstance(key, ConfigKey) and key.secret):
        return effective
    refused = (
        msgspec.structs.replace(refused, setting=_masked_setting(refused.setting)) for refused in effective.refused
    )
    return msgspec.structs.replace(
        effective,
        key=msgspec.structs.replace(key, default=hidden(key.default)),
        value=hidden(effective.value),
        setting=effective.setting and _masked_setting(effective.setting),
        hides=tuple(map(_masked_setting, effective.hides)),
        tenants=tuple(map(_masked_setting, effective.tenants)),
        refused=tuple(refused),
    )


def _masked_setting(setting: Setting) -> Setting:
    return msgspec.structs.replace(setting, value=hidden(setting.value))


def _effective(config: SourceConfig, subject: Subject, fact: ConfigKey | Feature) -> EffectiveValue:
    key = key_of(fact)
    ranking = config.resolver.rank(key, subject)
    of_tenants = [config.resolver.rank(key, subject, tenant) for tenant in config.resolver.files.tenants(key)]
    refused = {source.place: (source, error) for entry in (ranking, *of_tenants) for source, error in entry.refused}
    return EffectiveValue(
        key=fact,
        value=_effective_text(config, key, ranking) or fact.default,
        layer=ranking.source.layer,
        setting=config.setting(ranking.source),
        hides=tuple(filter(None, map(config.setting, ranking.weaker))),
        tenants=tuple(_of_tenants(config, key, of_tenants)),
        refused=tuple(_refused(config, source, error) for source, error in refused.values()),
        variables=overriding_variables(key, ranking.source.layer),
        switched_off_by=tuple(_switches_off(config, subject, key)) if key.kind != "option" else (),
    )


def _effective_text(config: SourceConfig, key: Key, ranking: Ranking) -> Value | None:
    """The effective value as the program shows it; None for a default."""
    setting = config.setting(ranking.source)
    if setting is None:
        return None
    is_as_written = isinstance(ranking.value, Expression) or key.option.secret
    text = setting.value.text if is_as_written else key.show(ranking.value)
    return setting.value if text == setting.value.text else Value(text)


def _of_tenants(config: SourceConfig, key: Key, rankings: Iterable[Ranking]) -> Iterator[Setting]:
    for ranking in rankings:
        setting = config.setting(ranking.source)
        value = _effective_text(config, key, ranking)
        if setting is not None and value is not None and setting.tenant:
            yield msgspec.structs.replace(setting, value=value)


def _refused(config: SourceConfig, source: Source, error: InvalidConfigValueError) -> RefusedSetting:
    setting = config.setting(source)
    assert setting is not None  # noqa: S101 - a default is never refused
    return RefusedSetting(setting=setting, reason=str(error))


def _switches_off(config: SourceConfig, subject: Subject, key: Key) -> Iterator[Setting]:
    """The toggles above a feature that are off: of everything, and of its trait."""
    above = [EVERYTHING] if key.kind == "toggle" else [EVERYTHING, toggle(key.trait, key.path)]
    for switch in above:
        ranking = config.resolver.rank(switch, subject)
        setting = config.setting(ranking.source)
        if ranking.value is not True and setting is not None:
            yield setting
