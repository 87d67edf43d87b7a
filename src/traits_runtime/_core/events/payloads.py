"""The events that the runtime itself emits, with their payloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from traits_runtime._core.events.bus import FAILED
from traits_runtime._core.events.listener import ListenerFailed


class Unscoped(msgspec.Struct, frozen=True):
    """Somebody works without a tenant on purpose; ``trait.runtime.unscoped``.

    Args:
        reason: Why.
        tenant: The tenant that was current, None for none.
    """

    reason: str
    tenant: str | None = None


class JobDiscarded(msgspec.Struct, frozen=True):
    """A job was dropped because its instance is gone; ``trait.runtime.job_discarded``.

    Args:
        job: The job's name.
        id: The job's id.
    """

    job: str
    id: str


class JobFailed(msgspec.Struct, frozen=True):
    """A job failed for good and is a dead letter now; ``trait.runtime.job_failed``.

    Args:
        job: The job's name.
        id: The job's id.
        error: What it failed with.
        attempts: How often it was tried.
    """

    job: str
    id: str
    error: str
    attempts: int


class RolledBack(msgspec.Struct, frozen=True):
    """A guard took a feature back; ``trait.runtime.rolled_back``.

    Args:
        feature: ``HasSlug.follow_title``.
        why: What was over which threshold.
    """

    feature: str
    why: str


class ConfigChanged(msgspec.Struct, frozen=True):
    """An override was stored or taken back; ``trait.runtime.config_changed``. Values are masked for secrets.

    Args:
        trait: The trait.
        key: The key or feature.
        model: Dotted path of the model, empty for all.
        tenant: The tenant, empty for all.
        before: The override before, as text.
        after: The override after, as text.
        by: Who.
        why: Why.
    """

    trait: str
    key: str
    model: str
    tenant: str
    before: str
    after: str
    by: str
    why: str


RUNTIME_EVENTS: Final[Mapping[str, type]] = {
    FAILED: ListenerFailed,
    "trait.runtime.unscoped": Unscoped,
    "trait.runtime.job_discarded": JobDiscarded,
    "trait.runtime.job_failed": JobFailed,
    "trait.runtime.rolled_back": RolledBack,
    "trait.runtime.config_changed": ConfigChanged,
}
