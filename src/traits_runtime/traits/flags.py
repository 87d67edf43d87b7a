"""`HasFlags`: a set of declared flags in one integer column."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, ClassVar, Final, Protocol

import msgspec

from traits_runtime import Trait, TraitColumn, TraitConfig, TraitEvent, column, hook, option, scope
from traits_runtime._core.trait.features import refuse_if_off
from traits_runtime.errors import DeclarationError, UnknownFlagError
from traits_runtime.traits._backends import Backends

WIDTHS: Final = {"int": 31, "bigint": 62}
"""Bits of a column without its sign."""


class FlagBackend(Protocol):
    """Flag operations of a host."""

    def all_of(self, model: Any, attribute: str, bits: int) -> Any:
        """The SQL condition that all bits are set."""
        ...

    def none_of(self, model: Any, attribute: str, bits: int) -> Any:
        """The SQL condition that no bit is set."""
        ...


BACKENDS: Final[Backends[FlagBackend]] = Backends()


class NoFlags(enum.Flag):
    """The flags of a model that declares none."""


class FlagConfig(TraitConfig):
    """Where flags are stored."""

    flags_column: str = option("flags", doc="Name of the column.")
    storage: str = option("bigint", pattern=r"^(int|bigint)$", doc="Type of the column: 31 flags, or 62.")


class FlagsChanged(msgspec.Struct, frozen=True):
    """Flags of a row were set or cleared.

    Attributes:
        added: Names of the flags that are set now.
        removed: Names of the flags that are no longer set.
    """

    added: list[str]
    removed: list[str]


class HasFlags(Trait):
    """Adds flags of an `enum.Flag` that the model declares as ``Flags``.

    Each flag is one bit of one column. Concurrent writers of different flags of a row do not overwrite each other,
    because only changed bits are written. The bit of a flag that was removed from the enum stays in the row.

    Off: `flag` and `unflag` are refused. Stored flags stay; methods that read and the scopes see them.

    >>> class Article(HasFlags):
    ...     class Flags(enum.Flag):
    ...         PINNED = 1
    ...         FEATURED = 2
    >>> article = Article()
    >>> article.flag("pinned")
    >>> article.has_flag(Article.Flags.PINNED), article.flag_names()
    (True, ['pinned'])
    """

    Flags: ClassVar[type[enum.Flag]] = NoFlags
    """The flags; their values are powers of two and must not change once rows have them."""

    flag_config: ClassVar[FlagConfig] = FlagConfig()

    flags_changed: Final = TraitEvent(FlagsChanged, doc="After flags were set or cleared on the instance.")

    flags: TraitColumn[int] = column(
        int, default=0, named_by="flags_column", typed_by="storage", doc="The flags, one bit each."
    )

    @hook("boot")
    @classmethod
    def check_flags(cls) -> None:
        """Refuse flags that the column cannot store.

        Raises:
            DeclarationError: A flag has too many bits.
        """
        width = WIDTHS[cls.flag_config.storage]
        largest = max((flag.value for flag in cls.Flags), default=0)
        if largest.bit_length() > width:
            raise DeclarationError(cls.__name__, f"the column stores {width} bits, the flag value {largest} has more.")

    def flag(self, *flags: enum.Flag | str) -> None:
        """Set flags.

        Raises:
            FeatureDisabledError: The trait is off.
            UnknownFlagError: The model has no such flag.
        """
        refuse_if_off(self, HasFlags, "flag")
        self._set_flags(self._bits() | bits_of(type(self), flags))

    def unflag(self, *flags: enum.Flag | str) -> None:
        """Clear flags.

        Raises:
            FeatureDisabledError: The trait is off.
            UnknownFlagError: The model has no such flag.
        """
        refuse_if_off(self, HasFlags, "unflag")
        self._set_flags(self._bits() & ~bits_of(type(self), flags))

    def has_flag(self, *flags: enum.Flag | str) -> bool:
        """Whether all of these flags are set."""
        mask = bits_of(type(self), flags)
        return self._bits() & mask == mask

    def flag_names(self) -> list[str]:
        """The names of the flags that are set, in the order of the enum; bits without a flag are ignored."""
        return names_of(type(self), self._bits())

    @scope()
    @classmethod
    def flagged(cls, *flags: enum.Flag | str) -> Any:
        """Rows with all of these flags."""
        return BACKENDS.needed(cls).all_of(cls, "flags", bits_of(cls, flags))

    @scope()
    @classmethod
    def not_flagged(cls, *flags: enum.Flag | str) -> Any:
        """Rows with none of these flags; without arguments, rows without any flag."""
        return BACKENDS.needed(cls).none_of(cls, "flags", bits_of(cls, flags) if flags else -1)

    def _bits(self) -> int:
        return self.flags or 0

    def _set_flags(self, bits: int) -> None:
        old = self._bits()
        if bits != old:
            self.flags = bits
            model = type(self)
            self.flags_changed(added=names_of(model, bits & ~old), removed=names_of(model, old & ~bits))


def bits_of(model: Any, flags: Iterable[enum.Flag | str]) -> int:
    """The bits of some flags.

    Raises:
        UnknownFlagError: The model has no such flag.
    """
    bits = 0
    for flag in flags:
        bits |= _member(model, flag).value
    return bits


def _member(model: Any, flag: enum.Flag | str) -> enum.Flag:
    """The flag of a model, also by its name in upper or lower case."""
    flag_class: type[enum.Flag] = model.Flags
    members = flag_class.__members__
    if isinstance(flag, flag_class):
        return flag
    if isinstance(flag, str):
        member = members.get(flag.upper()) or members.get(flag)
        if member is not None:
            return member
    unknown = flag.name if isinstance(flag, enum.Flag) else flag
    raise UnknownFlagError(model.__name__, str(unknown), map(str.lower, members))


def names_of(model: Any, bits: int) -> list[str]:
    """The names of the flags in a bit set."""
    return [str(flag.name).lower() for flag in model.Flags if flag.value & bits == flag.value]
