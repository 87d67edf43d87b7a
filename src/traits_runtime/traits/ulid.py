"""`HasUlid`: an identifier that sorts by time and exists before the row is written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final

from traits_runtime import Trait, TraitColumn, TraitConfig, column, hook, host_of, option
from traits_runtime._core.trait.features import has_on
from traits_runtime.errors import InvalidUlidError, MissingExtraError

if TYPE_CHECKING:
    from ulid import ULIDGenerator

FORM: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)
"""26 characters of Crockford's alphabet; a first digit above 7 would need more than 128 bits."""


class Ulids:
    """Generates ULIDs that increase strictly within a process.

    Where the clock steps back, the last millisecond is used again; a forked process starts with new randomness.
    Thread-safe.

    Args:
        clock: Milliseconds since 1970; by default the system's.
        randomness: Ten random bytes for a millisecond; by default the system's.
    """

    def __init__(
        self, clock: Callable[[], int] | None = None, randomness: Callable[[int], bytes] | None = None
    ) -> None:
        self._clock = clock
        self._randomness = randomness
        self._last = 0
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = Lock()
        self._generator: ULIDGenerator | None = None

    def new(self) -> str:
        """A new ULID, 26 characters.

        >>> len(Ulids().new())
        26
        """
        with self._lock:
            generator = self._generator
            if generator is None:
                generator = self._generator = _generator(self._clock, self._randomness)
            self._last = max(self._last, generator.clock())
            try:
                return str(generator.generate(self._last))
            except ValueError:  # all 2**80 ULIDs of this millisecond are used
                self._last += 1
                return str(generator.generate(self._last))


def _generator(clock: Callable[[], int] | None, randomness: Callable[[int], bytes] | None) -> ULIDGenerator:
    try:
        from ulid import ULIDGenerator
    except ImportError as error:
        raise MissingExtraError("HasUlid", "ulid", "python-ulid") from error
    return ULIDGenerator(clock, randomness)


ULIDS: Final = Ulids()
"""The generator of this process."""


def new_ulid() -> str:
    """A new ULID."""
    return ULIDS.new()


def _ulid_on_insert(model: type) -> Any:
    return ULIDS.new() if has_on(model, HasUlid) else None


def parse_ulid(text: str) -> str:
    """A ULID in upper case, as it is stored.

    Raises:
        InvalidUlidError: It is not a ULID: another length than 26, a character outside the alphabet, or over 128 bits.

    >>> parse_ulid("01arz3ndektsv4rrffq69g5fav")
    '01ARZ3NDEKTSV4RRFFQ69G5FAV'
    """
    normalized = text.upper() if text.isascii() else ""
    if not FORM.fullmatch(normalized):
        raise InvalidUlidError(text)
    return normalized


class UlidConfig(TraitConfig):
    """How ULIDs are stored."""

    ulid_column: str = option("ulid", doc="Name of the column.")
    storage: str = option(
        "ulid",
        pattern=r"^(ulid|ulid-uuid|ulid-bytes)$",
        doc="How the database stores it: `ulid` as 26 characters in byte order, `ulid-uuid` as a UUID, "
        "`ulid-bytes` as 16 bytes. In Python it is always text.",
    )


class HasUlid(Trait):
    """Adds a public identifier: globally unique, sorted by time, without revealing row counts.

    It is created with the instance, before the row is written, so links, files and messages can use it immediately.

    Off: new rows have no identifier, and identifiers that the application sets are not checked. Stored ones stay.
    """

    ulid_config: ClassVar[UlidConfig] = UlidConfig()

    ulid: TraitColumn[Any] = column(
        str,
        length=26,
        unique=True,
        nullable=True,
        on_insert=_ulid_on_insert,
        named_by="ulid_column",
        typed_by="storage",
        doc="The identifier, 26 characters that sort by time.",
    )

    @hook("initialize", priority=100)
    def give_ulid(self) -> None:
        """Create the identifier of a new instance, unless the application set one; loaded rows keep theirs."""
        if not host_of(type(self)).is_stored(self) and self.ulid is None and has_on(self, HasUlid):
            self.ulid = new_ulid()

    @hook("saving", priority=100)
    def check_ulid(self) -> None:
        """Normalise the identifier to upper case.

        Raises:
            InvalidUlidError: It is not a ULID.
        """
        value: Any = self.ulid
        if value is not None and not FORM.fullmatch(value):
            self.ulid = parse_ulid(value)
