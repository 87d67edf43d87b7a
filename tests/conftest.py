"""What all tests share."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("steady"), derandomize=False)
settings.load_profile("steady")
"""The same examples in every run, on however busy a machine; `pytest --hypothesis-profile=explore` takes new ones."""


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: tests of servers wait more than they work."""
    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or (os.cpu_count() or 1) + 1)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """What a file leaves open is an error of that file, not of whichever test collects the garbage."""
    yield
    if sys.version_info >= (3, 13):  # the first that tells of connections of SQLite, too
        gc.collect()


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[None]:
    """Commands cache what they read in a folder of the test run, not in the user's own.

    Symbol tables of installed libraries are cached by content: all runs and workers share them.
    """
    folder = tmp_path_factory.mktemp("cache")
    cache: pytest.Cache = pytestconfig.cache  # type: ignore[assignment]
    (folder / "sphinx-traits").mkdir()
    (folder / "sphinx-traits" / "symbols").symlink_to(cache.mkdir("symbols"), target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield
