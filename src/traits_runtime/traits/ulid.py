"""`HasUlid`: an identifier that sorts by time and is known before the row is written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final

from traits_runtime import Trait, TraitColumn, TraitConfig, column, hook, host_of, option
from traits_runtime.errors import InvalidUlidError, MissingExtraError

if TYPE_CHECKING:
    from ulid import ULIDGenerator

FORM: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)
"""Crockford's alphabet without I, L, O and U; a first digit above 7 would need more than 128 bits."""


class Ulids:
    """Makes ULIDs that only grow, within a process, whatever its clock does.

    A clock that steps back is waited for at the last millisecond seen; a forked process starts with randomness of its
    own. Safe to share between threads.

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
            except ValueError:  # all 2**80 of this millisecond are used up
                self._last += 1
                return str(generator.generate(self._last))


def _generator(clock: Callable[[], int] | None, randomness: Callable[[int], bytes] | None) -> ULIDGenerator:
    try:
        from ulid import ULIDGenerator
    except ImportError as error:
        raise MissingExtraError("HasUlid", "ulid", "python-ulid") from error
    return ULIDGenerator(clock, randomness)


ULIDS: Final = Ulids()
"""The process's own."""


def new_ulid(_model: type | None = None) -> str:
    """A new ULID."""
    return ULIDS.new()


def parse_ulid(text: str) -> str:
    """A ULID as it is stored, in capitals.

    Raises:
        InvalidUlidError: It is none: not 26 characters, one of I, L, O, U or a sign, or more than 128 bits.

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
        doc="How the database keeps it: `ulid` as 26 characters in byte order, `ulid-uuid` as a UUID, "
        "`ulid-bytes` as 16 bytes. In Python it is a text in each case.",
    )


class HasUlid(Trait):
    """Gives a row an identifier that anyone may see: unique everywhere, growing with time, telling nothing of counts.

    It is made with the instance and not when the row is written, so it can go into links, files and messages at once.
    """

    ulid_config: ClassVar[UlidConfig] = UlidConfig()

    ulid: TraitColumn[str] = column(
        str,
        length=26,
        unique=True,
        on_insert=new_ulid,
        named_by="ulid_column",
        typed_by="storage",
        doc="The identifier, 26 characters that sort by time.",
    )

    @hook("initialize", priority=100)
    def give_ulid(self) -> None:
        """Give a new instance its identifier, unless it was given one; rows that are read keep theirs."""
        if not host_of(type(self)).is_stored(self) and self.ulid is None:
            self.ulid = new_ulid()

    @hook("saving", priority=100)
    def check_ulid(self) -> None:
        """Store what was given in capitals.

        Raises:
            InvalidUlidError: It is no ULID.
        """
        value: Any = self.ulid
        if value is not None and not FORM.fullmatch(value):
            self.ulid = parse_ulid(value)
