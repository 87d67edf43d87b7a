"""Compares a model's columns with those of its host: presence, type, nullability and target."""

from __future__ import annotations

import re

from sphinx_traits.manifest import Column
from traits_cli.verification.host_columns import READERS, HostColumn
from traits_cli.verification.mro import doubt_of
from traits_cli.verification.records import Comparison, Fact, Pair

_COMPARABLE_TYPES = frozenset({
    "BigInteger", "Boolean", "Date", "DateTime", "Decimal", "Enum", "Float", "Integer", "JSON", "LargeBinary",
    "Numeric", "SmallInteger", "String", "Text", "Time", "UUID", "Unicode", "UnicodeText", "Uuid", "bool", "bytes",
    "date", "datetime", "float", "int", "str", "time", "timedelta",
})  # fmt: skip
"""Names in an annotation or a call whose meaning is the same in the program; others are the project's own."""


def compare_columns(pair: Pair, comparison: Comparison) -> None:
    """Compare each column and relation of a model.

    Args:
        pair: The model.
        comparison: Takes the results.
    """
    reader = READERS.get(pair.model.host)
    if reader is None:
        for column in pair.composition.columns:
            comparison.skip(_fact(pair, "column", column), "a plain class has no host that lists its columns")
        return
    try:
        program = dict(reader(pair.cls))
    except Exception as error:  # a mapper that cannot be configured raises whatever its configuration raises
        comparison.skip(pair.fact("column", ""), f"the host cannot list the columns: {type(error).__name__}: {error}")
        return
    columns = {column.name: column for column in pair.composition.columns}
    for name, column in columns.items():
        _compare_column(pair, column, program.get(name), comparison)
    names = {*columns, *(chain.name for chain in pair.composition.members)}
    for name, host_column in program.items():
        _compare_unread(pair, name, host_column, name in names, comparison)


def _compare_unread(pair: Pair, name: str, column: HostColumn, is_read: bool, comparison: Comparison) -> None:
    fact = pair.fact("column", name, doubt=doubt_of(pair.model))
    if not column.is_own:
        comparison.skip(fact, "the host or another model makes the column")
    elif not is_read:
        comparison.compare(fact, "", "column")


def _compare_column(pair: Pair, column: Column, program: HostColumn | None, comparison: Comparison) -> None:
    exists = program is not None or (column.kind == "virtual" and hasattr(pair.cls, column.name))
    comparison.compare(_fact(pair, "column", column), "column", "column" if exists else "")
    if program is None:
        return
    _compare_nullability(_fact(pair, "nullability", column), column, program, comparison)
    if column.type and program.types:
        _compare_type(_fact(pair, "column type", column), column, program, comparison)
    if column.target:
        _compare_target(_fact(pair, "target", column), column, program, comparison)


def _compare_nullability(fact: Fact, column: Column, program: HostColumn, comparison: Comparison) -> None:
    if column.nullable and program.nullable:
        comparison.compare(fact, column.nullable, program.nullable)
    elif program.nullable:
        comparison.skip(fact, "the manifest does not say it")


def _fact(pair: Pair, kind: str, column: Column) -> Fact:
    doubt = doubt_of(pair.model)
    if not doubt and column.certainty != "certain":
        doubt = column.why or f"the column is read as {column.certainty}"
    return pair.fact(kind, column.name, column.location, doubt)


def _compare_type(fact: Fact, column: Column, program: HostColumn, comparison: Comparison) -> None:
    name = type_name(column.type)
    if name in program.types:
        comparison.compare(fact, name, name)
    elif name in _COMPARABLE_TYPES or name.endswith("Field"):
        comparison.compare(fact, name, " or ".join(sorted(program.types)))
    else:
        comparison.skip(fact, "the type's name is the project's own")


def type_name(text: str) -> str:
    """The name of a column's type as its sources write it, without ``None``, arguments and module.

    >>> type_name("Optional[datetime.datetime]"), type_name("sa.String(30)"), type_name("int | None")
    ('datetime', 'String', 'int')
    """
    inner = re.sub(r"^(?:\w+\.)*Optional\[(.*)\]$", r"\1", text)
    alternatives = [part.strip() for part in inner.split("|")]
    first = next((part for part in alternatives if part != "None"), "")
    return re.split(r"[(\[]", first)[0].rpartition(".")[2]


def _compare_target(fact: Fact, column: Column, program: HostColumn, comparison: Comparison) -> None:
    if not re.fullmatch(r"[\w.]+", column.target) or not program.targets:
        comparison.skip(fact, "the target is an expression, or the host does not say it")
        return
    short = column.target.rpartition(".")[2]
    same = column.target in program.targets or (column.kind == "relation" and short in program.targets)
    comparison.compare(fact, column.target, column.target if same else " or ".join(sorted(program.targets)))
