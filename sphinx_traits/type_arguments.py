"""Type parameters of generic bases, replaced by what a class gives for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from sphinx_traits.manifest import Base, Class, Job


def type_arguments(classes: Mapping[str, Class], subject: Class) -> dict[str, dict[str, str]]:
    """The arguments for the type parameters of a class's ancestors, by the ancestor's name; nearest bases first.

    Args:
        classes: The classes of the manifest by name.
        subject: The class; its own parameters stay as they are.
    """
    arguments_of: dict[str, dict[str, str]] = {subject.name: {}}
    pending = [subject]
    while pending:
        cls = pending.pop(0)
        for base in cls.bases:
            ancestor = classes.get(base.name)
            if ancestor is not None and base.name not in arguments_of:
                arguments_of[base.name] = _arguments_of_base(ancestor, base, arguments_of[cls.name])
                pending.append(ancestor)
    return arguments_of


def _arguments_of_base(ancestor: Class, base: Base, outer: Mapping[str, str]) -> dict[str, str]:
    """The arguments of one base; none where their number is not fixed or does not fit.

    Args:
        ancestor: The generic class.
        base: The class statement's reference to it.
        outer: The arguments for the parameters of the class that names the base.
    """
    parameters, arguments = ancestor.type_parameters, base.arguments
    is_variadic = any(parameter.startswith("*") for parameter in parameters)
    if is_variadic or len(parameters) != len(arguments):
        return {}
    return {name: _fill(_unquoted(text), outer) for name, text in zip(parameters, arguments, strict=True)}


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _fill(text: str, names: Mapping[str, str]) -> str:
    """A type with arguments in place of its parameters; quoted text and names of function arguments stay.

    >>> _fill("(self, of: dict[str, T] = None, T='T') -> list[T]", {"T": "int"})
    "(self, of: dict[str, int] = None, T='T') -> list[int]"
    """
    if not names:
        return text
    words = "|".join(map(re.escape, names))
    pattern = rf"""'[^']*'|"[^"]*"|(?<![\w.])(?P<name>{words})(?!\w|\s*[:=])"""
    return re.sub(pattern, lambda match: names[match["name"]] if match["name"] else match[0], text)


def with_type_arguments(owner: Class, names: Mapping[str, str]) -> Class:
    """A class's facts with arguments in place of its type parameters."""

    def typed(fact: Any, *fields: str) -> Any:
        return msgspec.structs.replace(fact, **{field: _fill(getattr(fact, field), names) for field in fields})

    def with_types(job: Job) -> Job:
        return msgspec.structs.replace(job, parameters=tuple(typed(field, "type") for field in job.parameters))

    return msgspec.structs.replace(
        owner,
        members=tuple(typed(member, "type", "signature") for member in owner.members),
        columns=tuple(typed(column, "type", "target") for column in owner.columns),
        scopes=tuple(typed(scope, "signature") for scope in owner.scopes),
        config=tuple(typed(key, "type") for key in owner.config),
        jobs=tuple(map(with_types, owner.jobs)),
    )
