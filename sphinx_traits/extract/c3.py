"""C3 linearisation: the order in which Python merges the MROs of base classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sphinx_traits.extract.references import ClassNode


def c3(
    lines: list[list[ClassNode]], bases: list[ClassNode], check: Callable[[], None] = lambda: None
) -> list[ClassNode] | None:
    """Merge lineages as Python does; None where no order satisfies all of them.

    ``check`` is called for each class merged; it may raise to end the work.

    The algorithm is C3: K. Barrett and others, "A monotonic superclass linearization for Dylan", 1996.
    """
    pending = {number: line for number, line in enumerate([*lines, bases]) if line}
    positions = dict.fromkeys(pending, 0)
    tails = Counter(node for line in pending.values() for node in line[1:])
    merged: list[ClassNode] = []
    while pending:
        check()
        heads = ((line[positions[number]], number) for number, line in pending.items())
        head = next((node for node, _ in heads if not tails[node]), None)
        if head is None:
            return None
        merged.append(head)
        for number in [index for index, line in pending.items() if line[positions[index]] == head]:
            positions[number] += 1
            if positions[number] == len(pending[number]):
                del pending[number]
            else:
                tails[pending[number][positions[number]]] -= 1
    return merged
