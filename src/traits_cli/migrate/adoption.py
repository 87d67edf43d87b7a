"""Which mixins can become traits, and how sure that is: judged from the manifest, then verified by reading again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from sphinx_traits.manifest import Class, Manifest
from traits_cli.migrate.project_files import ProjectFiles
from traits_runtime import Trait
from traits_runtime.migrate.records import Kind, Target

RESERVED = frozenset(name for name in vars(Trait) if not name.startswith("_"))
"""Members of `Trait`: one of a mixin would hide it, or be hidden."""

NEUTRAL_BASES = frozenset(
    {"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol", "contextlib.AbstractContextManager"}
)
"""Bases from outside that a trait may have."""

EXCLUSIVE_BASES = {
    "typing.Protocol": "a protocol may inherit from protocols only",
    "typing.NamedTuple": "a named tuple may have no other base",
    "typing.TypedDict": "a typed dict may have no other base",
}
"""Direct bases that allow no other base, and why."""

MAPPED_HOSTS = {
    "django": "it is an abstract Django model: new migrations name Trait among the bases of its models",
    "sqlalchemy": "it is a mapped class itself; a trait is a mixin beside one",
    "pydantic": "it is a pydantic model itself; a trait is a mixin beside one",
}

ENUM_NAME = re.compile(r"\b\w*(?:Enum|Flag)$")
"""Bases of enumerations, which take a mixin with `__new__` for the type of their values."""


class Adoption(NamedTuple):
    """A mixin, and what the codemod does with it."""

    mixin: Class
    target: Target


class Verdict(NamedTuple):
    """How sure an adoption is, and why."""

    kind: Kind
    reason: str = ""


def plan_adoptions(manifest: Manifest, files: ProjectFiles, names: Iterable[str] = ()) -> list[Adoption]:
    """The inferred traits of a project, each with how sure it is that it can be declared.

    Args:
        manifest: The facts.
        files: The files that may be changed.
        names: Dotted paths: only these mixins and those that inherit from them; empty for all.
    """
    roots = set(names)
    inferred = [trait for trait in manifest.traits if trait.via == "inferred" and files.contains(trait)]
    mixins = [trait for trait in inferred if not roots or roots & set(trait.mro)]
    enum_mixins = _mixins_of_enums(files, {mixin.short for mixin in mixins})
    adoptions = []
    for mixin in mixins:
        verdict = _judge(manifest, mixin, enum_mixins)
        adoptions.append(Adoption(mixin, Target(files.qualname(mixin), mixin.name, verdict.kind, verdict.reason)))
    return adoptions


def _judge(manifest: Manifest, mixin: Class, enum_mixins: Mapping[str, str]) -> Verdict:
    obstacle = next(_obstacles(manifest, mixin, enum_mixins), "")
    if obstacle:
        return Verdict("manual", f"{mixin.name} is not changed: {obstacle}")
    doubt = next(_doubts(manifest, mixin), "")
    return Verdict("unsafe", doubt) if doubt else Verdict("safe")


def _obstacles(manifest: Manifest, mixin: Class, enum_mixins: Mapping[str, str]) -> Iterator[str]:
    if not mixin.complete:
        yield mixin.reason or "one of its bases is unknown"
    for base in mixin.bases:
        if base.name in EXCLUSIVE_BASES:
            yield EXCLUSIVE_BASES[base.name]
    if any(name.startswith("enum.") for name in mixin.mro):
        yield "it is an enumeration"
    if mixin.short in enum_mixins:
        yield f"{enum_mixins[mixin.short]} mixes it into an enumeration, which takes a trait for the type of its values"
    yield from _reserved_members(manifest, mixin)


def _reserved_members(manifest: Manifest, mixin: Class) -> Iterator[str]:
    """Members of the mixin and of its users' other bases that hide a member of `Trait`, or are hidden by one."""
    for class_ in _mixed_classes(manifest, mixin):
        for member in (*class_.members, *class_.columns):
            if member.name in RESERVED:
                yield f"{class_.name}.{member.name} ({member.location}) has a name that every trait uses"


def _mixed_classes(manifest: Manifest, mixin: Class) -> Iterator[Class]:
    """The mixin, and the bases of its users that do not inherit from it; none of the library's."""
    users = [class_ for class_ in (*manifest.models, mixin) if mixin.name in class_.mro]
    lineage = {name for user in users for name in user.mro}
    for class_ in manifest.classes():
        is_mixed = class_.name in lineage and (class_ is mixin or mixin.name not in class_.mro)
        if is_mixed and class_.name.partition(".")[0] != "traits_runtime":
            yield class_


def _doubts(manifest: Manifest, mixin: Class) -> Iterator[str]:
    if mixin.host in MAPPED_HOSTS:
        yield MAPPED_HOSTS[mixin.host]
    analysed = {class_.name for class_ in manifest.classes()}
    for name in mixin.mro[1:]:
        if name not in analysed and name not in NEUTRAL_BASES:
            yield f"its base {name} belongs to another package"
    for member in mixin.members:
        if member.name == "__new__" and member.calls_super != "yes":
            yield "its __new__ may not call super().__new__(), without which no hook runs"


def _mixins_of_enums(files: ProjectFiles, names: set[str]) -> dict[str, str]:
    """The mixins that enumerations have as a base: short name to the enumeration and its place."""
    users: dict[str, str] = {}
    for display_path, path in files.analysed.items():
        data = path.read_bytes()
        if b"Enum" not in data and b"Flag" not in data:
            continue
        for node in ast.walk(ast.parse(data)):
            bases = _base_names(node)
            if any(ENUM_NAME.search(base) for base in bases):
                users |= dict.fromkeys(bases & names, f"{node.name} ({display_path}:{node.lineno})")  # type: ignore[attr-defined]
    return users


def _base_names(node: ast.AST) -> set[str]:
    """Last parts of the names of a class statement's bases; empty for other nodes."""
    if not isinstance(node, ast.ClassDef):
        return set()
    return {ast.unparse(base).rpartition(".")[2] for base in node.bases}


def verify_adoptions(before: Manifest, after: Manifest, adopted: Mapping[str, Adoption]) -> dict[str, Verdict]:
    """Compare the manifests before and after: which adoptions must be trusted less.

    Args:
        before: The manifest of the sources.
        after: The manifest of the changed sources.
        adopted: The adoptions that were applied, by dotted path.

    Returns:
        The new verdicts, by dotted path.
    """
    verdicts = _new_models(before, after, adopted)
    verdicts |= _new_errors(before, after, adopted)
    declared = {trait.name for trait in after.traits if trait.via == "declared"}
    for name in adopted.keys() - declared - verdicts.keys():
        verdicts[name] = Verdict("manual", f"{name} is not changed: it would still not be read as a trait")
    return verdicts


def _new_models(before: Manifest, after: Manifest, adopted: Mapping[str, Adoption]) -> dict[str, Verdict]:
    """Safe adoptions that turn a trait or a plain base class into a model."""
    verdicts: dict[str, Verdict] = {}
    mros = {class_.name: class_.mro for class_ in before.classes()}
    without_models = {class_.name for class_ in (*before.traits, *before.bases)}
    safe = {name for name, adoption in adopted.items() if adoption.target.kind == "safe"}
    for model in after.models:
        if model.name in without_models:
            reason = f"{model.name} ({model.location}) would become a model"
            verdicts |= dict.fromkeys(safe.intersection(mros[model.name]), Verdict("unsafe", reason))
    return verdicts


def _new_errors(before: Manifest, after: Manifest, adopted: Mapping[str, Adoption]) -> dict[str, Verdict]:
    """Adoptions in the lineage of a class with a new error."""
    verdicts: dict[str, Verdict] = {}
    mros = {class_.name: class_.mro for class_ in before.classes()}
    earlier = {(finding.code, finding.subject) for finding in before.findings}
    for finding in after.findings:
        if finding.level == "error" and (finding.code, finding.subject) not in earlier:
            for name in {*mros.get(finding.subject, ()), finding.subject} & adopted.keys():
                verdicts[name] = Verdict("manual", f"{name} is not changed: {finding.message}")
    return verdicts


def targets_by_file(adoptions: Iterable[Adoption], files: ProjectFiles) -> dict[Path, list[Target]]:
    """The targets of the codemod in each file."""
    targets: dict[Path, list[Target]] = {}
    for mixin, target in adoptions:
        targets.setdefault(files.file_of(mixin), []).append(target)
    return targets
