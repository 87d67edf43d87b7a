"""Every test of the runtime begins with no listeners, no files, no stored overrides and an empty cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from traits_runtime.testing import isolated


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Undo what a test registers, stores and caches."""
    with isolated():
        yield
