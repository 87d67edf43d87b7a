"""Gradual rollouts with flagd's bucketing, so that no subject changes its bucket when an application moves to flagd.

The bucket is murmur3 (x86, 32 bit, seed 0) of the flag key and the subject, scaled by multiply-shift. The bucket of a
subject never changes, so a larger share only adds subjects. flagd has hashed the concatenated texts first and a CBOR
array later; a rollout names its variant and keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from struct import iter_unpack
from typing import Final, Literal, TypeAlias

import msgspec

WHOLE: Final = 100_000
"""Number of buckets: percent with three decimals."""

Reason: TypeAlias = Literal["OFF", "SUBJECT", "SPLIT", "TOGGLE", "TARGETING_KEY_MISSING", "PROVIDER"]

DealtBy: TypeAlias = Literal["actor", "tenant", "row"]
"""The subject of a rollout where the caller gives none: the current actor, the current tenant or the row."""

Hashing: TypeAlias = Literal["text", "cbor"]
"""Input of flagd's hash: ``text`` in the first versions of its evaluator, ``cbor`` from 2.0 on."""

_MASK_32: Final = 0xFFFFFFFF


class Rollout(msgspec.Struct, frozen=True):
    """The share of subjects that have a feature.

    Args:
        share: Percent of the subjects, 0 to 100.
        salt: Hashed before the subject; the name of the feature by default. A change moves every subject to another
            bucket, so never change it for a running rollout.
        hashing: See `Hashing`. Never change it for a running rollout either.
    """

    share: float
    salt: str = ""
    hashing: Hashing = "text"

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 100:
            raise ValueError(f"a share is 0 to 100 percent, not {self.share:g}")


class SubjectOverride(msgspec.Struct, frozen=True):
    """The override of one subject.

    Args:
        on: Whether it has the feature.
        until: When it expires, seconds since the epoch; 0 for never.
    """

    on: bool
    until: float = 0

    @property
    def is_active(self) -> bool:
        """Whether it has not expired."""
        return not self.until or self.until > time.time()


class Decision(msgspec.Struct, frozen=True):
    """Whether a subject has a feature, and why.

    Args:
        feature: ``HasSlug.follow_title``.
        subject: The subject.
        on: Whether it has the feature.
        reason: ``OFF`` switched off by a layer, or muted; ``SUBJECT`` an override of the subject; ``SPLIT`` by
            share; ``TOGGLE`` no rollout, the toggle decides; ``TARGETING_KEY_MISSING`` a rollout without a subject,
            the toggle decides unless the share is 0 or 100; ``PROVIDER`` the answer of a flag server.
        bucket: The bucket of the subject, 0 to 99999; -1 where no share decides.
        threshold: The buckets below it have the feature.
    """

    feature: str
    subject: str
    on: bool
    reason: Reason
    bucket: int = -1
    threshold: int = -1


class Plan:
    """The precomputed rollout of a feature for one model and tenant.

    Args:
        feature: ``HasSlug.follow_title``.
        toggle: The answer without a rollout.
        off: Whether everything, the trait or the feature is switched off.
        rollout: The share, None for none.
        subjects: Overrides by subject.
        dealt_by: The subject in scope.

    Attributes:
        constant: The answer for every subject, None where the subject decides.
    """

    __slots__ = ("cbor", "constant", "dealt_by", "feature", "off", "salt", "subjects", "threshold", "toggle")

    def __init__(
        self, feature: str, toggle: bool, off: bool, rollout: Rollout | None,
        subjects: Mapping[str, SubjectOverride], dealt_by: DealtBy = "actor",
    ) -> None:  # fmt: skip
        self.constant: bool | None = None
        if off or (rollout is None and not subjects):
            self.constant = toggle and not off
        self.dealt_by: DealtBy = dealt_by
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
            if override.is_active:
                return override.on
        if not subject:
            return self._without_subject()
        if self.threshold < 0:
            return self.toggle
        if self.cbor:
            return bucket_of(self.salt, subject, "cbor") < self.threshold
        return (murmur3((self.salt + subject).encode()) * WHOLE) >> 32 < self.threshold

    def _without_subject(self) -> bool:
        """The toggle, unless the share is nobody or everybody."""
        if self.threshold in (0, WHOLE):
            return self.threshold == WHOLE
        return self.toggle

    def decide(self, subject: str) -> Decision:
        """As `includes`, with the reason."""
        on, reason = self.includes(subject), self._reason(subject)
        if reason != "SPLIT":
            return Decision(self.feature, subject, on, reason)
        bucket = bucket_of(self.salt, subject, "cbor" if self.cbor else "text")
        return Decision(self.feature, subject, on, reason, bucket, self.threshold)

    def _reason(self, subject: str) -> Reason:
        if self.off:
            return "OFF"
        if self._active_override(subject) is not None:
            return "SUBJECT"
        if self.threshold < 0:
            return "TOGGLE"
        return "SPLIT" if subject else "TARGETING_KEY_MISSING"

    def _active_override(self, subject: str) -> SubjectOverride | None:
        override = self.subjects.get(subject)
        return override if override is not None and override.is_active else None


class ProvidedPlan(Plan):
    """A feature whose rollout a flag server decides; toggles and overrides of subjects are still decided here."""

    __slots__ = ("evaluate",)

    def __init__(
        self, feature: str, toggle: bool, off: bool, subjects: Mapping[str, SubjectOverride],
        evaluate: Callable[[str, str, bool], bool], dealt_by: DealtBy = "actor",
    ) -> None:  # fmt: skip
        super().__init__(feature, toggle, off, None, subjects, dealt_by)
        self.constant = False if off else None
        self.evaluate: Callable[[str, str, bool], bool] = evaluate

    def includes(self, subject: str) -> bool:
        """Whether a subject has the feature."""
        if self.off:
            return False
        override = self._active_override(subject)
        if override is not None:
            return override.on
        return self.evaluate(self.feature, subject, self.toggle)

    def decide(self, subject: str) -> Decision:
        """As `includes`, with the reason."""
        if self.off or self._active_override(subject) is not None:
            return super().decide(subject)
        return Decision(self.feature, subject, self.includes(subject), "PROVIDER")


def subject_text(key: object) -> str:
    """The text of a subject's key; keys of different types are different subjects. None is no subject.

    >>> subject_text("user-7"), subject_text(7), subject_text("7"), subject_text(None)
    ('user-7', 'int:7', '7', '')
    """
    if key is None:
        return ""
    return key if isinstance(key, str) else f"{type(key).__name__}:{key}"


def bucket_of(salt: str, subject: str, hashing: Hashing = "text") -> int:
    """The bucket of a subject, 0 to 99999; the same in every process and version.

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
    width = next(width for width in (1, 2, 4) if size < 1 << 8 * width)
    return bytes((0x78 + width // 2,)) + size.to_bytes(width, "big") + data


def murmur3_python(data: bytes) -> int:
    """murmur3, x86, 32 bit, seed 0, as an unsigned number.

    Source: https://github.com/aappleby/smhasher, `MurmurHash3.cpp`.

    >>> hex(murmur3_python(b"hello"))
    '0x248bfa47'
    """
    value = 0
    length = len(data)
    aligned = length & ~3
    for (block,) in iter_unpack("<I", data[:aligned]):
        mixed = (block * 0xCC9E2D51) & _MASK_32
        mixed = ((mixed << 15 | mixed >> 17) * 0x1B873593) & _MASK_32
        value ^= mixed
        value = ((value << 13 | value >> 19) * 5 + 0xE6546B64) & _MASK_32
    if length != aligned:
        mixed = (int.from_bytes(data[aligned:], "little") * 0xCC9E2D51) & _MASK_32
        value ^= ((mixed << 15 | mixed >> 17) * 0x1B873593) & _MASK_32
    value ^= length
    value = ((value ^ value >> 16) * 0x85EBCA6B) & _MASK_32
    value = ((value ^ value >> 13) * 0xC2B2AE35) & _MASK_32
    return value ^ value >> 16


def _select_murmur3(data: bytes) -> int:
    """Select the implementation on the first call: ``mmh3`` in C where it is installed, with equal results."""
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


murmur3: Callable[[bytes], int] = _select_murmur3
"""murmur3, x86, 32 bit, seed 0."""
