"""What a comparison yields: differences, counts per kind of fact, and facts that could not be compared."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from sphinx_traits.manifest import Location, Model
from sphinx_traits.resolve import Composition


class Difference(msgspec.Struct, frozen=True, order=True):
    """A fact on which the manifest and the program do not agree.

    Args:
        kind: Kind of fact, one of `KINDS`.
        subject: Dotted path of the class or listener.
        fact: Name of the fact: a member, a column, a config key; empty where the subject itself is the fact.
        manifest: Value in the manifest, empty for none.
        program: Value in the program, empty for none.
        place: File and line of the declaration, where it is known.
    """

    kind: str
    subject: str
    fact: str = ""
    manifest: str = ""
    program: str = ""
    place: str = ""

    def __str__(self) -> str:
        name = f"{self.subject} {self.fact}".rstrip()
        place = f"{self.place}: " if self.place else ""
        return f"{place}{self.kind}: {name}: manifest {self.manifest or 'none'}, program {self.program or 'none'}"


class Count(msgspec.Struct, frozen=True):
    """Number of facts of one kind, by result.

    Args:
        kind: Kind of fact.
        compared: Facts with a result: equal or different.
        equal: The manifest and the program agree.
        different: They do not.
        uncertain: They do not agree, and the manifest marks the fact as uncertain.
        incomparable: The program gives no value to compare with.
    """

    kind: str
    compared: int = 0
    equal: int = 0
    different: int = 0
    uncertain: int = 0
    incomparable: int = 0


class Gap(msgspec.Struct, frozen=True, order=True):
    """Facts that have no result, and the reason.

    Args:
        kind: Kind of fact.
        reason: Why there is no result.
        count: Number of facts.
        example: The first subject.
        uncertain: Whether the manifest marks the facts as uncertain, rather than the program giving no value.
    """

    kind: str
    reason: str
    count: int
    example: str
    uncertain: bool = False


class Verification(msgspec.Struct, frozen=True):
    """The result of comparing a manifest with a program.

    Args:
        counts: One record for each kind of fact.
        differences: Sorted.
        gaps: Facts without a result, by kind and reason.
    """

    counts: tuple[Count, ...]
    differences: tuple[Difference, ...]
    gaps: tuple[Gap, ...]

    @property
    def compared(self) -> int:
        """Number of facts of all kinds that have a result."""
        return sum(count.compared for count in self.counts)


KINDS = (
    "model", "mro", "member", "winner", "hook order", "recorded hooks", "config", "feature", "column", "column type",
    "nullability", "target", "listener", "signal", "traits", "models", "hooks", "keys", "features", "events", "jobs",
    "metrics", "settings", "listeners",
)  # fmt: skip
"""Kinds of facts: derived ones first, then those that classes declare, as `registry.inventory()` lists them."""


class Fact(NamedTuple):
    """Identity of a fact that is compared.

    Args:
        kind: Kind of fact, one of `KINDS`.
        subject: Dotted path of the class or listener.
        name: Name of the fact.
        place: Where it is declared.
        doubt: Why the manifest is not certain; empty for a certain fact.
    """

    kind: str
    subject: str
    name: str = ""
    place: Location = Location()
    doubt: str = ""


class Pair(NamedTuple):
    """A model: its composition by the manifest, and its class in the program."""

    model: Model
    composition: Composition
    cls: type

    def fact(self, kind: str, name: str, place: Location | None = None, doubt: str = "") -> Fact:
        """A fact of this model; declared where the model is by default."""
        return Fact(kind, self.model.name, name, place or self.model.location, doubt)


class Comparison:
    """Collects the results of comparing facts."""

    def __init__(self) -> None:
        self._differences: set[Difference] = set()
        self._equal: Counter[str] = Counter()
        self._gaps: Counter[tuple[str, str, bool]] = Counter()
        self._examples: dict[tuple[str, str, bool], str] = {}

    def compare(self, fact: Fact, manifest: str, program: str) -> None:
        """Count a fact as equal, different, or uncertain.

        Args:
            fact: Its identity.
            manifest: Value in the manifest, empty for none.
            program: Value in the program, empty for none.
        """
        if manifest == program:
            self._equal[fact.kind] += 1
        elif fact.doubt:
            self._gap(fact, fact.doubt, uncertain=True)
        else:
            place = str(fact.place)
            self._differences.add(Difference(fact.kind, fact.subject, fact.name, manifest, program, place))

    def skip(self, fact: Fact, reason: str) -> None:
        """Count a fact for which the program gives no value."""
        self._gap(fact, reason, uncertain=False)

    def _gap(self, fact: Fact, reason: str, *, uncertain: bool) -> None:
        key = (fact.kind, reason, uncertain)
        self._gaps[key] += 1
        self._examples.setdefault(key, f"{fact.subject} {fact.name}".rstrip())

    def result(self) -> Verification:
        """All results so far."""
        gaps = sorted(
            Gap(kind, reason, count, self._examples[kind, reason, uncertain], uncertain)
            for (kind, reason, uncertain), count in self._gaps.items()
        )
        counts = tuple(self._count(kind, gaps) for kind in KINDS)
        return Verification(counts, tuple(sorted(self._differences)), tuple(gaps))

    def _count(self, kind: str, gaps: list[Gap]) -> Count:
        equal = self._equal[kind]
        different = sum(difference.kind == kind for difference in self._differences)
        uncertain = sum(gap.count for gap in gaps if gap.kind == kind and gap.uncertain)
        incomparable = sum(gap.count for gap in gaps if gap.kind == kind and not gap.uncertain)
        return Count(kind, equal + different, equal, different, uncertain, incomparable)
