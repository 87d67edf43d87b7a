"""Which subjects of a gradual rollout are in: flagd's bucketing, so that moving to a flag server moves nobody.

murmur3 (x86, 32 bit, seed 0) of the flag's key and the subject's, spread over the whole by multiply-shift. A
subject's bucket never changes, so growing a share only adds subjects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from struct import iter_unpack
from typing import Final, Literal, TypeAlias

import msgspec

WHOLE: Final = 100_000
"""Parts of a share: percent with three decimals."""

Reason: TypeAlias = Literal["OFF", "SUBJECT", "SPLIT", "TOGGLE", "TARGETING_KEY_MISSING"]

_32: Final = 0xFFFFFFFF


class Rollout(msgspec.Struct, frozen=True):
    """How far a feature is rolled out.

    Args:
        share: Percent of the subjects, 0 to 100.
        salt: What is hashed before the subject; the feature's own name by default. Never change it for a running
            rollout: every subject would be dealt anew.
    """

    share: float
    salt: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 100:
            raise ValueError(f"a share is 0 to 100 percent, not {self.share:g}")


class SubjectOverride(msgspec.Struct, frozen=True):
    """What holds for one subject.

    Args:
        on: Whether it has the feature.
        until: Seconds since the epoch, 0 for ever.
    """

    on: bool
    until: float = 0


class Decision(msgspec.Struct, frozen=True):
    """Whether a subject has a feature, and why.

    Args:
        feature: ``HasSlug.follow_title``.
        subject: Who was asked about.
        on: The answer.
        reason: ``OFF`` switched off or muted; ``SUBJECT`` an own override; ``SPLIT`` by share; ``TOGGLE`` no rollout,
            the feature's toggle; ``TARGETING_KEY_MISSING`` there is a rollout and no subject: the toggle.
        bucket: The subject's place in 0 to 99999, -1 where no share was asked.
        threshold: The buckets below this are in.
    """

    feature: str
    subject: str
    on: bool
    reason: Reason
    bucket: int = -1
    threshold: int = -1


class Plan:
    """A feature for one model and tenant, made ready for quick answers.

    Args:
        feature: ``HasSlug.follow_title``.
        toggle: What holds without a rollout.
        off: Whether the trait or everything is switched off.
        rollout: The share, None for none.
        subjects: Overrides by subject.
    """

    __slots__ = ("feature", "off", "salt", "subjects", "threshold", "toggle")

    def __init__(
        self, feature: str, toggle: bool, off: bool, rollout: Rollout | None, subjects: Mapping[str, SubjectOverride]
    ) -> None:
        self.feature: str = feature
        self.toggle: bool = toggle
        self.off: bool = off
        self.salt: str = (rollout.salt if rollout is not None else "") or feature
        self.threshold: int = -1 if rollout is None else round(rollout.share * WHOLE / 100)
        self.subjects: Mapping[str, SubjectOverride] = subjects

    def includes(self, subject: str) -> bool:
        """Whether a subject has the feature."""
        if self.off:
            return False
        if self.subjects and subject in self.subjects:
            own = self.subjects[subject]
            if not own.until or own.until > time.time():
                return own.on
        if self.threshold < 0 or not subject:
            return self.toggle
        return (murmur3((self.salt + subject).encode()) * WHOLE) >> 32 < self.threshold

    def decide(self, subject: str) -> Decision:
        """As `includes`, with the reason."""
        on = self.includes(subject)
        own = self.subjects.get(subject)
        if self.off:
            return Decision(self.feature, subject, on, "OFF")
        if own is not None and (not own.until or own.until > time.time()):
            return Decision(self.feature, subject, on, "SUBJECT")
        if self.threshold < 0:
            return Decision(self.feature, subject, on, "TOGGLE")
        if not subject:
            return Decision(self.feature, subject, on, "TARGETING_KEY_MISSING")
        return Decision(self.feature, subject, on, "SPLIT", bucket_of(self.salt, subject), self.threshold)


def bucket_of(salt: str, subject: str) -> int:
    """The place of a subject in 0 to 99999; the same in every process and for ever.

    >>> bucket_of("new_editor", "user-1")
    92545
    """
    return (murmur3((salt + subject).encode()) * WHOLE) >> 32


def murmur3_python(data: bytes) -> int:
    """murmur3, x86, 32 bit, seed 0, as an unsigned number.

    Source: https://github.com/aappleby/smhasher, `MurmurHash3.cpp`.

    >>> hex(murmur3_python(b"hello"))
    '0x248bfa47'
    """
    value = 0
    length = len(data)
    whole = length & ~3
    for (block,) in iter_unpack("<I", data[:whole]):
        mixed = (block * 0xCC9E2D51) & _32
        mixed = ((mixed << 15 | mixed >> 17) * 0x1B873593) & _32
        value ^= mixed
        value = ((value << 13 | value >> 19) * 5 + 0xE6546B64) & _32
    if length != whole:
        mixed = (int.from_bytes(data[whole:], "little") * 0xCC9E2D51) & _32
        value ^= ((mixed << 15 | mixed >> 17) * 0x1B873593) & _32
    value ^= length
    value = ((value ^ value >> 16) * 0x85EBCA6B) & _32
    value = ((value ^ value >> 13) * 0xC2B2AE35) & _32
    return value ^ value >> 16


def _first(data: bytes) -> int:
    """Choose on the first call: the C version where ``mmh3`` is installed gives the same numbers, much faster."""
    global murmur3
    murmur3 = native() or murmur3_python
    return murmur3(data)


def native() -> Callable[[bytes], int] | None:
    """murmur3 by ``mmh3``, None where it is not installed."""
    try:
        import mmh3
    except ImportError:
        return None
    return lambda data: mmh3.hash(data, 0, signed=False)


murmur3: Callable[[bytes], int] = _first
"""murmur3, x86, 32 bit, seed 0."""
