"""Trait-based models: classes composed of traits that bring declared behaviour with them."""

from __future__ import annotations

from typing import Final

from traits_runtime._core import registry
from traits_runtime._core.config.resolver import Resolved
from traits_runtime._core.declare import Block, Condition, changed, hook, option
from traits_runtime._core.events.bus import EventBus
from traits_runtime._core.events.listener import Envelope, Subscription
from traits_runtime._core.runtime import bus, quietly, tenant, unscoped, without_feature, without_features
from traits_runtime._core.trait.base import Trait
from traits_runtime._core.trait.config import TraitConfig
from traits_runtime._core.trait.construct import boot, initialize
from traits_runtime._core.trait.events import BoundEvent, TraitEvent
from traits_runtime._core.trait.features import Feature, feature
from traits_runtime._core.trait.hooks import arun_hooks, run_hooks
from traits_runtime._core.trait.jobs import BoundJob, Job, job
from traits_runtime._core.trait.listeners import listen
from traits_runtime.errors import Veto

events: Final[EventBus] = bus
"""The bus: ``events.listen``, ``events.emit``, ``events.muted``."""

__all__ = [
    "Block",
    "BoundEvent",
    "BoundJob",
    "Condition",
    "Envelope",
    "EventBus",
    "Feature",
    "Job",
    "Resolved",
    "Subscription",
    "Trait",
    "TraitConfig",
    "TraitEvent",
    "Veto",
    "arun_hooks",
    "boot",
    "changed",
    "events",
    "feature",
    "hook",
    "initialize",
    "job",
    "listen",
    "option",
    "quietly",
    "registry",
    "run_hooks",
    "tenant",
    "unscoped",
    "without_feature",
    "without_features",
]
