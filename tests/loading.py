"""A host of plain classes that loads rows with a function of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from traits_runtime import register_host
from traits_runtime.host import PlainHost


class LoadingHost(PlainHost):
    """Serves classes in memory, and finds their instances by key.

    Args:
        fetch: Given the class and the key, returns the instance or None.
        module: Serves the classes of this module alone.
    """

    name = "the test"

    def __init__(self, fetch: Callable[[type, Any], object], module: str = "") -> None:
        self._fetch = fetch
        self._module = module

    def serves(self, model: type) -> bool:
        """Every class of the module, or without one every class that no other host serves."""
        return self._module in ("", model.__module__)

    def load(self, model: type, identity: Any) -> object:
        """What the function returns."""
        return self._fetch(model, identity)


@contextmanager
def loading(fetch: Callable[[type, Any], object]) -> Iterator[None]:
    """Let instances of plain classes be found by a function inside the block."""
    stop = register_host(LoadingHost(fetch))
    try:
        yield
    finally:
        stop()
