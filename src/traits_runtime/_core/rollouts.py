"""Which subjects of a gradual rollout are in: flagd's bucketing, so that moving to a flag server moves nobody.

murmur3 (x86, 32 bit, seed 0) of the flag's key and the subject's, spread over the whole by multiply-shift. A
subject's bucket never changes, so growing a share only adds subjects. flagd changed once what is hashed, the two texts
one after the other, then both as a CBOR array: a rollout says which, and keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from struct import iter_unpack
from typing import Final, Literal, TypeAlias

import msgspec

WHOLE: Final = 100_000
"""Parts of a share: percent with three decimals."""

Reason: TypeAlias = Literal["OFF", "SUBJECT", "SPLIT", "TOGGLE", "TARGETING_KEY_MISSING", "PROVIDER"]

Hashing: TypeAlias = Literal["text", "cbor"]
"""What flagd hashes: ``text`` to the first versions of its evaluator's core, ``cbor`` from 2.0 on."""

_32: Final = 0xFFFFFFFF


class Rollout(msgspec.Struct, frozen=True):
    """How far a feature is rolled out.

    Args:
        share: Percent of the subjects, 0 to 100.
        salt: What is hashed before the subject; the feature's own name by default. Never change it for a running
            rollout: every subject would be dealt anew.
        hashing: See `Hashing`. Never change it for a running rollout either.
    """

    share: float
    salt: str = ""
    hashing: Hashing = "text"

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
            the feature's toggle; ``TARGETING_KEY_MISSING`` there is a rollout and no subject: the toggle; ``PROVIDER``
            a flag server's answer.
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

    __slots__ = ("cbor", "feature", "off", "salt", "subjects", "threshold", "toggle")

    def __init__(
        self, feature: str, toggle: bool, off: bool, rollout: Rollout | None, subjects: Mapping[str, SubjectOverride]
    ) -> None:
        self.feature: str = feature
        self.toggle: bool = toggle
        self.off: bool = off
        self.salt: str = (rollout.salt if rollout is not None else "") or feature
        self.cbor: bool = rollout is not None and rollout.hashing == "cbor"
        self.threshold: int = -1 if rollout is None else round(rollout.share * WHOLE / 100)
        self.subjects: Mapping[str, SubjectOverride] = subjects

    def includes(self, subject: str) -> bool:
        """Whether a subject has the feature."""
        if self.off:
            return False
        if self.subjects and subject in self.subjects:
            override = self.subjects[subject]
            if not override.until or override.until > time.time():
                return override.on
        if self.threshold < 0 or not subject:
            return self.toggle
        if self.cbor:
            return bucket_of(self.salt, subject, "cbor") < self.threshold
        return (murmur3((self.salt + subject).encode()) * WHOLE) >> 32 < self.threshold

    def decide(self, subject: str) -> Decision:
        """As `includes`, with the reason."""
        on = self.includes(subject)
        override = self.subjects.get(subject)
        if self.off:
            return Decision(self.feature, subject, on, "OFF")
        if override is not None and (not override.until or override.until > time.time()):
            return Decision(self.feature, subject, on, "SUBJECT")
        if self.threshold < 0:
            return Decision(self.feature, subject, on, "TOGGLE")
        if not subject:
            return Decision(self.feature, subject, on, "TARGETING_KEY_MISSING")
        return Decision(
            self.feature,
            subject,
            on,
            "SPLIT",
            bucket_of(self.salt, subject, "cbor" if self.cbor else "text"),
            self.threshold,
        )


class ProvidedPlan(Plan):
    """A feature whose rollout a flag server decides; switching off and a subject's own override stay ours."""

    __slots__ = ("evaluate",)

    def __init__(
        self, feature: str, toggle: bool, off: bool, subjects: Mapping[str, SubjectOverride],
        evaluate: Callable[[str, str, bool], bool],
    ) -> None:  # fmt: skip
        super().__init__(feature, toggle, off, None, subjects)
        self.evaluate: Callable[[str, str, bool], bool] = evaluate

    def includes(self, subject: str) -> bool:
        """Whether a subject has the feature."""
        override = self._own(subject)
        if self.off or override is not None:
            return not self.off and override is not None and override.on
        return self.evaluate(self.feature, subject, self.toggle)

    def decide(self, subject: str) -> Decision:
        """As `includes`, with the reason."""
        if self.off or self._own(subject) is not None:
            return super().decide(subject)
        return Decision(self.feature, subject, self.includes(subject), "PROVIDER")

    def _own(self, subject: str) -> SubjectOverride | None:
        override = self.subjects.get(subject)
        return override if override is not None and (not override.until or override.until > time.time()) else None


def bucket_of(salt: str, subject: str, hashing: Hashing = "text") -> int:
    """The place of a subject in 0 to 99999; the same in every process and for ever.

    >>> bucket_of("new_editor", "user-1")
    92545
    """
    data = (salt + subject).encode() if hashing == "text" else b"\x82" + _cbor(salt) + _cbor(subject)
    return (murmur3(data) * WHOLE) >> 32


def _cbor(text: str) -> bytes:
    """A text string in CBOR.

    Source: RFC 8949, section 3.1, major type 3.
    """
    data = text.encode()
    size = len(data)
    if size < 24:
        return bytes((0x60 | size,)) + data
    width = 1 if size < 1 << 8 else 2 if size < 1 << 16 else 4
    return bytes((0x78 + width // 2,)) + size.to_bytes(width, "big") + data


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
