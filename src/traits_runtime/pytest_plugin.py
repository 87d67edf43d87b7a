"""pytest fixtures; the distribution registers this module under the entry point group ``pytest11``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from traits_runtime.testing import (
    EventRecorder,
    JobRecorder,
    MetricRecorder,
    capture_events,
    capture_jobs,
    capture_metrics,
    freeze_config,
    isolated,
)


@pytest.fixture
def traits_isolated() -> Iterator[None]:
    """Undo at the end of the test what it registers, stores, caches and records; failing listeners raise."""
    with isolated():
        yield


@pytest.fixture
def traits_events() -> Iterator[EventRecorder]:
    """The events of the test."""
    with capture_events() as recorder:
        yield recorder


@pytest.fixture
def traits_commit_events() -> Iterator[EventRecorder]:
    """The events of the test whose transaction committed; listeners are not called."""
    with capture_events(deliver=False, committed=True) as recorder:
        yield recorder


@pytest.fixture
def traits_jobs() -> Iterator[JobRecorder]:
    """The jobs of the test, recorded instead of run."""
    with capture_jobs() as recorder:
        yield recorder


@pytest.fixture
def traits_metrics() -> Iterator[MetricRecorder]:
    """The metrics of the test; telemetry is enabled."""
    with capture_metrics() as recorder:
        yield recorder


@pytest.fixture
def traits_config() -> Iterator[Callable[[Mapping[Any, Mapping[str, object]]], None]]:
    """A function that takes values by trait and key; no other config applies until the end of the test."""
    with ExitStack() as stack:

        def freeze(values: Mapping[Any, Mapping[str, object]]) -> None:
            stack.enter_context(freeze_config(values))

        yield freeze
