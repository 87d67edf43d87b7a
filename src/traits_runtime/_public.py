"""The public names of `traits_runtime`: trait-based models with declared behaviour."""

from __future__ import annotations

from typing import Final

from traits_runtime._core import registry
from traits_runtime._core.actor import Actor
from traits_runtime._core.cache import Cache, CacheBackend, MemoryCache, NullCache
from traits_runtime._core.config.store import Change, MemoryStore, Store
from traits_runtime._core.declare import Block, Condition, changed, hook, option
from traits_runtime._core.events.bus import EventBus
from traits_runtime._core.events.listener import Envelope, ListenerFailed, Subscription
from traits_runtime._core.queue import JobBackend, JobMessage, Ref
from traits_runtime._core.rollouts import Decision
from traits_runtime._core.runtime import (
    acting_as,
    bus,
    cache,
    current_actor,
    current_locale,
    host_of,
    locale,
    propagate,
    quietly,
    register_host,
    resolve_actor_with,
    telemetry,
    tenant,
    unscoped,
    without_feature,
    without_features,
)
from traits_runtime._core.runtime import current_tenant_id as current_tenant
from traits_runtime._core.telemetry import Reading, Telemetry
from traits_runtime._core.trait.base import Trait
from traits_runtime._core.trait.cache import BoundCache, TraitCache
from traits_runtime._core.trait.columns import TraitColumn, Unchanged, column, trait_columns, unchanged
from traits_runtime._core.trait.config import TraitConfig
from traits_runtime._core.trait.configuration import Configuration, config
from traits_runtime._core.trait.events import BoundEvent, TraitEvent
from traits_runtime._core.trait.features import Feature, feature
from traits_runtime._core.trait.hooks import arun_hooks, run_hooks
from traits_runtime._core.trait.instantiation import boot, initialize
from traits_runtime._core.trait.inventory import inventory
from traits_runtime._core.trait.jobs import BoundJob, Job, TraitJob, job, queue_operation, run_job
from traits_runtime._core.trait.listeners import TraitEventListener, listen, subscribe
from traits_runtime._core.trait.log import BoundLog, TraitLog
from traits_runtime._core.trait.metrics import (
    BoundCounter,
    BoundGauge,
    BoundTiming,
    Counter,
    Gauge,
    Timing,
    counter,
    gauge,
    timing,
)
from traits_runtime._core.trait.rollout import Rollouts, rollouts
from traits_runtime._core.trait.scopes import Scopes, TraitScope, scope
from traits_runtime.errors import Veto
from traits_runtime.rules.layers import Resolved

events: Final[EventBus] = bus
"""The bus: ``events.listen``, ``events.emit``, ``events.muted``."""

__all__ = [
    "Actor",
    "Block",
    "BoundCache",
    "BoundCounter",
    "BoundEvent",
    "BoundGauge",
    "BoundJob",
    "BoundLog",
    "BoundTiming",
    "Cache",
    "CacheBackend",
    "Change",
    "Condition",
    "Configuration",
    "Counter",
    "Decision",
    "Envelope",
    "EventBus",
    "Feature",
    "Gauge",
    "Job",
    "JobBackend",
    "JobMessage",
    "ListenerFailed",
    "MemoryCache",
    "MemoryStore",
    "NullCache",
    "Reading",
    "Ref",
    "Resolved",
    "Rollouts",
    "Scopes",
    "Store",
    "Subscription",
    "Telemetry",
    "Timing",
    "Trait",
    "TraitCache",
    "TraitColumn",
    "TraitConfig",
    "TraitEvent",
    "TraitEventListener",
    "TraitJob",
    "TraitLog",
    "TraitScope",
    "Unchanged",
    "Veto",
    "acting_as",
    "arun_hooks",
    "boot",
    "cache",
    "changed",
    "column",
    "config",
    "counter",
    "current_actor",
    "current_locale",
    "current_tenant",
    "events",
    "feature",
    "gauge",
    "hook",
    "host_of",
    "initialize",
    "inventory",
    "job",
    "listen",
    "locale",
    "option",
    "propagate",
    "queue_operation",
    "quietly",
    "register_host",
    "registry",
    "resolve_actor_with",
    "rollouts",
    "run_hooks",
    "run_job",
    "scope",
    "subscribe",
    "telemetry",
    "tenant",
    "timing",
    "trait_columns",
    "unchanged",
    "unscoped",
    "without_feature",
    "without_features",
]
