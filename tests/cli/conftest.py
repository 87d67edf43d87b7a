"""What the tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from programs import write_shop


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of its own."""
    return write_shop(tmp_path)
