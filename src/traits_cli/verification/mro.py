"""Compares the MRO of every class of the manifest."""

from __future__ import annotations

from sphinx_traits.manifest import Class
from traits_cli.verification.records import Comparison, Fact
from traits_runtime.rules.identity import path_of


def compare_mro(record: Class, cls: type, comparison: Comparison) -> None:
    """Compare the order of a class's bases, framework classes included.

    Args:
        record: The class by the manifest.
        cls: The class in the program.
        comparison: Takes the result.
    """
    program = " > ".join(path_of(base) for base in cls.__mro__)
    comparison.compare(Fact("mro", record.name, "", record.location, doubt_of(record)), " > ".join(record.mro), program)


def doubt_of(record: Class) -> str:
    """Why facts that follow from the MRO are uncertain; empty for a complete class."""
    return "" if record.complete else "the manifest marks the class as incomplete"
