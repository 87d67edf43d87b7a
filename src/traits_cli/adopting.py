"""Which mixins can become traits, and how sure that is: judged from the manifest, then read back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sphinx_traits.manifest import Class, Manifest
from traits_cli.project_files import OwnFiles
from traits_runtime import Trait
from traits_runtime.migrate.records import Kind, Target

RESERVED = frozenset(name for name in vars(Trait) if not name.startswith("_"))
"""What every trait has: a member of that name is hidden by it, or hides it."""

PLAIN = frozenset(
    {"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol", "contextlib.AbstractContextManager"}
)
"""Bases from elsewhere that a trait may have."""

CLOSED = {
    "typing.Protocol": "a protocol may inherit from protocols only",
    "typing.NamedTuple": "a named tuple may have no other base",
    "typing.TypedDict": "a typed dict may have no other base",
}
"""Direct bases that allow no other beside them, and why."""

MAPPED = {
    "django": "it is an abstract Django model: migrations made from then on name Trait among the bases of its models",
    "sqlalchemy": "it is a mapped class itself; a trait is a mixin beside one",
    "pydantic": "it is a pydantic model itself; a trait is a mixin beside one",
}

FIXED = re.compile(r"\b\w*(?:Enum|Flag)$")
"""Bases of classes that take a mixin's `__new__` for a type of their values."""


class Adoption(NamedTuple):
    """A mixin and what is to be done with it."""

    one: Class
    target: Target


def adoptions(manifest: Manifest, own: OwnFiles, names: Iterable[str] = ()) -> list[Adoption]:
    """The undeclared traits of a project, each with how sure it is that it can be declared.

    Args:
        manifest: What was read.
        own: The files that may be changed.
        names: Only these, by dotted path, and the mixins that inherit from them; none for all.
    """
    wanted = set(names)
    every = (one for one in manifest.traits if one.via == "inferred" and own.holds(one))
    chosen = [one for one in every if not wanted or wanted & set(one.mro)]
    enums = _in_enums(own, {one.short for one in chosen})
    found = []
    for one in chosen:
        kind, reason = _judge(manifest, one, enums)
        found.append(Adoption(one, Target(own.within(one), one.name, kind, reason)))
    return found


def _judge(manifest: Manifest, one: Class, enums: dict[str, str]) -> tuple[Kind, str]:
    manual = next(_obstacles(manifest, one, enums), "")
    if manual:
        return "manual", f"{one.name} is left alone: {manual}"
    doubt = next(_doubts(manifest, one), "")
    return ("unsafe", doubt) if doubt else ("safe", "")


def _obstacles(manifest: Manifest, one: Class, enums: dict[str, str]) -> Iterator[str]:
    if not one.complete:
        yield one.reason or "a base of it is not known"
    for base in one.bases:
        if base.name in CLOSED:
            yield CLOSED[base.name]
    if any(name.startswith("enum.") for name in one.mro):
        yield "it is an enumeration"
    if one.short in enums:
        yield f"{enums[one.short]} mixes it into an enumeration, which takes a trait for the type of its values"
    yield from _hidden(manifest, one)


def _hidden(manifest: Manifest, one: Class) -> Iterator[str]:
    """Members that `Trait` would hide, or that would hide its own."""
    users = {name for model in (*manifest.models, one) if one.name in model.mro for name in model.mro}
    for other in manifest.classes():
        if other.name in users and (other is one or one.name not in other.mro):
            for member in (*other.members, *other.columns):
                if member.name in RESERVED and other.name.partition(".")[0] != "traits_runtime":
                    yield f"{other.name}.{member.name} ({member.location}) has a name that every trait uses"


def _doubts(manifest: Manifest, one: Class) -> Iterator[str]:
    if one.host in MAPPED:
        yield MAPPED[one.host]
    own = {other.name for other in manifest.classes()}
    for name in one.mro[1:]:
        if name not in own and name not in PLAIN:
            yield f"its base {name} belongs to another package"
    for member in one.members:
        if member.name == "__new__" and member.calls_super != "yes":
            yield "its __new__ does not surely call super().__new__(), without which no hook runs"


def _in_enums(own: OwnFiles, names: set[str]) -> dict[str, str]:
    """Mixins that enumerations have, by short name, with the place."""
    found: dict[str, str] = {}
    for shown, path in own.by_shown.items():
        data = path.read_bytes()
        if b"Enum" not in data and b"Flag" not in data:
            continue
        for node in ast.walk(ast.parse(data)):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                if any(FIXED.search(base) for base in bases):
                    found |= dict.fromkeys(bases & names, f"{node.name} ({shown}:{node.lineno})")
    return found


def read_back(before: Manifest, after: Manifest, done: dict[str, Adoption]) -> dict[str, tuple[Kind, str]]:
    """What reading the changed sources says against some adoptions.

    Args:
        before: What was read.
        after: What is read with the changes.
        done: The adoptions that were done, by dotted path.

    Returns:
        By dotted path how sure it is instead, and why.
    """
    verdicts: dict[str, tuple[Kind, str]] = {}
    mros = {one.name: one.mro for one in before.classes()}
    others = {one.name for one in (*before.traits, *before.bases)}
    for model in after.models:
        if model.name in others:
            why = f"{model.name} ({model.location}) would be taken for a model"
            verdicts |= dict.fromkeys((one for one in mros[model.name] if _is(done, one, "safe")), ("unsafe", why))
    known = {(one.code, one.subject) for one in before.findings}
    for finding in after.findings:
        if finding.level == "error" and (finding.code, finding.subject) not in known:
            lineage = {*mros.get(finding.subject, ()), finding.subject}
            for name in lineage & done.keys():
                verdicts[name] = ("manual", f"{name} is left alone: {finding.message}")
    declared = {one.name for one in after.traits if one.via == "declared"}
    for name in done.keys() - declared - verdicts.keys():
        verdicts[name] = ("manual", f"{name} is left alone: it would still not be read as a trait")
    return verdicts


def _is(done: dict[str, Adoption], name: str, kind: Kind) -> bool:
    return name in done and done[name].target.kind == kind


def paths_of(found: Iterable[Adoption], own: OwnFiles) -> dict[Path, list[Target]]:
    """The targets by file."""
    made: dict[Path, list[Target]] = {}
    for one, target in found:
        made.setdefault(own.by_shown[one.location.path], []).append(target)
    return made
