"""Compares the functions and properties of each class's own body with its members, and their lines."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from sphinx_traits.manifest import Class
from traits_cli.verification.records import Comparison, Fact

_WRAPPERS = ("builtins", "functools", "traits_runtime._core.trait.jobs")


def compare_members(record: Class, cls: type, comparison: Comparison) -> None:
    """Compare what the class's own body defines.

    Args:
        record: The class by the manifest.
        cls: The class in the program.
        comparison: Takes the results.
    """
    members = {member.name: member for member in record.members}
    other_facts = {fact.name for facts in (record.columns, record.events, record.cache_keys) for fact in facts}
    for name, function in _own_functions(cls):
        first = function.__code__.co_firstlineno
        member = members.get(name)
        if member is not None:
            line, end = member.location.line, member.location.end_line
            program = line if first <= line and _last_line(function) <= end else first
            comparison.compare(Fact("member", record.name, name, member.location), f"line {line}", f"line {program}")
        elif name not in other_facts:
            comparison.compare(Fact("member", record.name, name, record.location), "", f"line {first}")


def _last_line(function: FunctionType) -> int:
    return max(line for _, _, line in function.__code__.co_lines() if line is not None)


def _own_functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """The functions and properties that are written in a class's body, by name."""
    for name, value in vars(cls).items():
        function = source_function(value)
        if function is not None and _is_written_in(function, cls, name):
            yield name, function


def _is_written_in(function: FunctionType, cls: type, name: str) -> bool:
    """Whether a function is written in a class's body, told from its names; made ones have other names or no file."""
    is_named_so = function.__qualname__ == f"{cls.__qualname__}.{name}" and function.__module__ == cls.__module__
    return is_named_so and not function.__code__.co_filename.startswith("<")


def source_function(value: object) -> FunctionType | None:
    """The function behind a method, property or job, without its decorators' wrappers."""
    wrapped = _wrapped(value)
    function = inspect.unwrap(wrapped) if wrapped is not None else None
    return function if isinstance(function, FunctionType) else None


def _wrapped(value: object) -> Callable[..., Any] | None:
    if isinstance(value, FunctionType):
        return value
    if type(value).__module__ not in _WRAPPERS:
        return None
    for attribute in ("fget", "__func__", "func", "function"):
        inner = getattr(value, attribute, None)
        if isinstance(inner, FunctionType):
            return inner
    return None
