"""Every test begins with nothing registered, and leaves nothing behind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from traits_runtime.testing import isolated


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Undo what a test registers, stores and caches."""
    with isolated():
        yield


@pytest.fixture
def prefix() -> str:
    """What keys of this test begin with on a shared server."""
    return f"test-{uuid.uuid4().hex[:12]}:"
