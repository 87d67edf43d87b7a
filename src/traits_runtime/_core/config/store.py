"""Stored overrides with their history: the contract of a store, and the one in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Protocol

import msgspec

from traits_runtime.errors import ConfigConflictError
from traits_runtime.rules.layers import Address


class Change(msgspec.Struct, frozen=True):
    """One line of the history.

    Args:
        number: Counts up from 1; the version of the store after this change.
        at: When, in seconds since the epoch.
        by: Who.
        why: Why.
        trait: Short name of the trait.
        key: The key or feature.
        model: Dotted path of the model, empty for all.
        tenant: The tenant, empty for all.
        before: The value before as JSON, empty for none.
        after: The value after as JSON, empty where the override was taken back.
    """

    number: int
    at: float
    by: str
    why: str
    trait: str
    key: str
    model: str
    tenant: str
    before: str
    after: str


class Contents(msgspec.Struct, frozen=True):
    """All overrides at one moment.

    Args:
        version: Number of the last change, 0 for none.
        values: The values as JSON, by address, each with the number of the change that set it and by whom.
    """

    version: int
    values: dict[Address, tuple[str, int, str]]


class Store(Protocol):
    """Where overrides are kept; every write is one transaction together with its line of history."""

    def load(self) -> Contents:
        """All overrides, as of one moment."""
        ...

    def write(self, address: Address, after: str, *, by: str, why: str, expected: int | None) -> Change:
        """Set an override to a JSON value, or with ``""`` take it back.

        Args:
            address: Trait, key, model, tenant.
            after: The value as JSON.
            by: Who.
            why: Why.
            expected: The version that the writer has seen; None to write whatever it is.

        Raises:
            ConfigConflictError: The store is at another version than the expected one.
        """
        ...

    def history(self, limit: int = 100) -> tuple[Change, ...]:
        """The last changes, newest first."""
        ...

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call a function within a second after another process has written; returns what ends that."""
        ...


class MemoryStore:
    """A store that lives and dies with the process."""

    def __init__(self) -> None:
        self._values: dict[Address, tuple[str, int, str]] = {}
        self._history: list[Change] = []
        self._lock = Lock()

    def load(self) -> Contents:
        """All overrides, as of one moment."""
        with self._lock:
            return Contents(len(self._history), dict(self._values))

    def write(
        self, address: Address, after: str, *, by: str = "", why: str = "", expected: int | None = None
    ) -> Change:
        """Set an override to a JSON value, or with ``""`` take it back.

        Raises:
            ConfigConflictError: The store is at another version than the expected one.
        """
        with self._lock:
            version = len(self._history)
            if expected is not None and expected != version:
                raise ConfigConflictError(expected, version)
            before = self._values.get(address, ("", 0, ""))[0]
            change = Change(version + 1, time.time(), by, why, *address, before, after)
            if after:
                self._values[address] = (after, change.number, by)
            else:
                self._values.pop(address, None)
            self._history.append(change)
            return change

    def history(self, limit: int = 100) -> tuple[Change, ...]:
        """The last changes, newest first."""
        with self._lock:
            return tuple(reversed(self._history[-limit:]))

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Nobody else can write here: does nothing."""
        return lambda: None
