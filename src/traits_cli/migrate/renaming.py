"""Where a member of a trait is defined and used, and whether it can be renamed."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sphinx_traits.manifest import Class, Manifest, Trait
from traits_cli.base import did_you_mean, fail
from traits_cli.migrate.project_files import ProjectFiles
from traits_cli.sources import the_one
from traits_runtime.migrate.records import Kind, Target

USED_OUTSIDE = {
    "config": "config files and variables name it",
    "features": "config files and rollouts name it",
    "events": "listeners name it on the bus",
    "jobs": "queued jobs carry its name",
    "metrics": "dashboards name it",
    "columns": "it is a column of tables",
    "scopes": "queries name it",
}
"""Kinds of facts whose names are used outside the sources, and where."""

UNREAD = "the file is not among the packages that were read"
"""The reason for leaving occurrences in other files to people."""


class Renaming(NamedTuple):
    """A member of a trait with its new name."""

    trait: Trait
    old: str
    new: str


def parse_renaming(manifest: Manifest, files: ProjectFiles, text: str) -> Renaming:
    """The renaming that ``shop.traits.HasSlug.get_url=slug_url`` asks for.

    Ends the process with code 2 where it cannot be done.
    """
    path, _, new = text.partition("=")
    name, _, old = path.rpartition(".")
    if not name or not new:
        fail(f"--rename takes module.Trait.old=new, not {text!r}.")
    trait = _trait_named(manifest, name)
    if not files.contains(trait):
        fail(f"{trait.name} is in another package, whose sources are not changed.")
    renaming = Renaming(trait, old, new)
    _refuse_name(renaming)
    if not _is_shim(files, renaming):
        _refuse_conflict(manifest, renaming)
    return renaming


def _trait_named(manifest: Manifest, name: str) -> Trait:
    """The only trait whose path ends with a name."""
    traits = {trait.name: trait for trait in manifest.traits}
    matching = tuple(path for path in traits if path == name or path.endswith("." + name))
    return traits[the_one("trait", name, matching, tuple(traits))]


def _refuse_name(renaming: Renaming) -> None:
    """End the process where a name cannot be renamed, or the new one cannot be used."""
    trait, old, new = renaming
    if not new.isidentifier() or keyword.iskeyword(new) or new == old:
        fail(f"{new!r} cannot be the new name of {old!r}.")
    if old.startswith("__") or new.startswith("__"):
        fail("Names that begin with two underscores have a meaning in Python and are not renamed.")
    _refuse_declaration(trait, old)
    members = {member.name for member in trait.members}
    if old not in members:
        fail(f"{trait.name} has no member {old!r}.{did_you_mean(old, members)}")


def _refuse_declaration(trait: Trait, name: str) -> None:
    """End the process where a name is used outside of the sources, as those of columns and events are."""
    for kind, use in USED_OUTSIDE.items():
        if any(fact.name == name for fact in getattr(trait, kind)):
            fail(f"{trait.name}.{name} is one of its {kind}: {use}, so renaming it in the sources is not enough.")


def _refuse_conflict(manifest: Manifest, renaming: Renaming) -> None:
    """End the process where a class that is used together with the trait has a member of the new name."""
    trait, _old, new = renaming
    users = [class_ for class_ in (*manifest.models, *manifest.traits) if trait.name in class_.mro]
    lineage = {name for user in users for name in user.mro}
    for class_ in manifest.classes():
        if class_.name in lineage:
            location = _location_of(class_, new)
            if location:
                fail(f"{class_.name} already has a member {new!r} ({location}).")


def _location_of(class_: Class, name: str) -> str:
    """Where a class defines a member or column; empty where it does not."""
    for member in (*class_.members, *class_.columns):
        if member.name == name:
            return str(member.location)
    return ""


def _is_shim(files: ProjectFiles, renaming: Renaming) -> bool:
    """Whether the trait was renamed before, and has the old name only as a shim."""
    tree: ast.AST = ast.parse(files.file_of(renaming.trait).read_bytes())
    for part in files.qualname(renaming.trait).split("."):
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == part]
        tree = classes[0] if classes else tree
    shim = f"{renaming.old} = renamed({renaming.new!r})"
    return any(isinstance(node, ast.Assign) and ast.unparse(node) == shim for node in ast.walk(tree))


def rename_targets(manifest: Manifest, files: ProjectFiles, renaming: Renaming) -> dict[Path, list[Target]]:
    """The targets of the codemod by file: classes that have the trait, and every file in which the old name occurs."""
    trait, old, new = renaming
    targets = _occurrences(files, renaming)
    doubt = next(_doubts(manifest, renaming), "")
    kind: Kind = "unsafe" if doubt else "safe"
    for class_ in manifest.classes():
        path = files.analysed.get(class_.location.path)
        if path in targets and trait.name in class_.mro:
            is_trait = class_.name == trait.name
            targets[path].append(Target(files.qualname(class_), class_.name, kind, doubt, old, new, is_trait))
    return targets


def _occurrences(files: ProjectFiles, renaming: Renaming) -> dict[Path, list[Target]]:
    """A manual target for each file that has the old name as a word."""
    trait, old, new = renaming
    word = re.compile(rb"\b%s\b" % re.escape(old.encode()))
    targets: dict[Path, list[Target]] = {}
    for path in files.analysed.values():
        if word.search(path.read_bytes()):
            targets[path] = [Target("", f"{trait.name}.{old}", "manual", old=old, new=new)]
    for path in files.unread.values():
        content = path.read_bytes()
        if word.search(content) and _is_python(content):
            targets[path] = [Target("", f"{trait.name}.{old}", "manual", UNREAD, old, new)]
    return targets


def _is_python(content: bytes) -> bool:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError):
        return False
    return True


def _doubts(manifest: Manifest, renaming: Renaming) -> Iterator[str]:
    trait, old, _new = renaming
    users = [class_ for class_ in manifest.classes() if trait.name in class_.mro]
    for user in users:
        if not user.complete:
            yield f"a base of {user.name} is unknown"
    for class_ in manifest.classes():
        location = _location_of(class_, old)
        if location and trait.name not in class_.mro:
            yield from _second_definition(class_, location, users)


def _second_definition(class_: Class, location: str, users: list[Class]) -> Iterator[str]:
    """The doubt about a class that defines the name too, where a user of the trait inherits from it."""
    heirs = [user.name for user in users if class_.name in user.mro]
    if heirs:
        yield f"{class_.name} defines it too ({location}), and {heirs[0]} inherits both"
