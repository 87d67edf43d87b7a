"""Where a member of a trait is defined and used, as the manifest knows, and whether it can be renamed."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sphinx_traits.manifest import Manifest, Trait
from traits_cli.base import did_you_mean, fail
from traits_cli.project_files import OwnFiles
from traits_cli.sources import the_one
from traits_runtime.migrate.records import Kind, Target

BY_NAME = {
    "config": "config files and variables name it",
    "features": "config files and rollouts name it",
    "events": "listeners name it on the bus",
    "jobs": "jobs that wait carry its name",
    "metrics": "dashboards name it",
    "columns": "it is a column of tables",
    "scopes": "queries name it",
}
"""Facts that are known outside the sources, and where."""


UNREAD = "the file is not among the packages that were read"
"""Why what stands in a file beside them is left to people."""


class Renaming(NamedTuple):
    """A member of a trait with its new name."""

    trait: Trait
    old: str
    new: str


def renaming(manifest: Manifest, own: OwnFiles, text: str) -> Renaming:
    """What ``shop.traits.HasSlug.get_url=slug_url`` means.

    Ends the process with code 2 where it cannot be done.
    """
    path, _, new = text.partition("=")
    name, _, old = path.rpartition(".")
    if not name or not new:
        fail(f"--rename takes module.Trait.old=new, not {text!r}.")
    known = tuple(one.name for one in manifest.traits)
    found = tuple(one for one in known if one == name or one.endswith("." + name))
    trait = next(one for one in manifest.traits if one.name == the_one("trait", name, found, known))
    if not own.holds(trait):
        fail(f"{trait.name} is in another package: its sources are not yours to change.")
    _refuse(manifest, own, trait, old, new)
    return Renaming(trait, old, new)


def _refuse(manifest: Manifest, own: OwnFiles, trait: Trait, old: str, new: str) -> None:
    if not new.isidentifier() or keyword.iskeyword(new) or new == old:
        fail(f"{new!r} is no new name for {old!r}.")
    if old.startswith("__") or new.startswith("__"):
        fail("Names that begin with two underscores mean something to Python and are not renamed.")
    for kind, why in BY_NAME.items():
        if any(one.name == old for one in getattr(trait, kind)):
            fail(f"{trait.name}.{old} is one of its {kind}: {why}, so that renaming it here is not enough.")
    members = {one.name for one in trait.members}
    if old not in members:
        fail(f"{trait.name} has no member {old!r}.{did_you_mean(old, members)}")
    if _is_shim(own, trait, old, new):
        return
    for one in manifest.classes():
        if any(trait.name in user.mro and one.name in user.mro for user in (*manifest.models, *manifest.traits)):
            taken = next((m for m in (*one.members, *one.columns) if m.name == new), None)
            if taken is not None:
                fail(f"{one.name} has a member {new!r} already ({taken.location}).")


def _is_shim(own: OwnFiles, trait: Trait, old: str, new: str) -> bool:
    """Whether the trait only keeps the old name."""
    tree: ast.AST = ast.parse(own.by_shown[trait.location.path].read_bytes())
    for part in own.within(trait).split("."):
        tree = next((one for one in ast.walk(tree) if isinstance(one, ast.ClassDef) and one.name == part), tree)
    wanted = f"{old} = renamed({new!r})"
    return any(isinstance(one, ast.Assign) and ast.unparse(one) == wanted for one in ast.walk(tree))


def targets_of(manifest: Manifest, own: OwnFiles, it: Renaming) -> dict[Path, list[Target]]:
    """What is to be done, by file: in the classes that have the trait, and in every file that has the word."""
    kind, reason = _judge(manifest, it)
    word = re.compile(rb"\b%s\b" % re.escape(it.old.encode()))
    made: dict[Path, list[Target]] = {}
    for path in own.by_shown.values():
        if word.search(path.read_bytes()):
            made[path] = [Target("", f"{it.trait.name}.{it.old}", "manual", old=it.old, new=it.new)]
    for path in own.beside.values():
        content = path.read_bytes()
        if word.search(content) and _is_python(content):
            made[path] = [Target("", f"{it.trait.name}.{it.old}", "manual", UNREAD, it.old, it.new)]
    for one in manifest.classes():
        there = own.by_shown.get(one.location.path)
        if there in made and it.trait.name in one.mro:
            is_trait = one.name == it.trait.name
            made[there].append(Target(own.within(one), one.name, kind, reason, it.old, it.new, is_trait))
    return made


def _is_python(content: bytes) -> bool:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError):
        return False
    return True


def _judge(manifest: Manifest, it: Renaming) -> tuple[Kind, str]:
    doubt = next(_doubts(manifest, it), "")
    return ("unsafe", doubt) if doubt else ("safe", "")


def _doubts(manifest: Manifest, it: Renaming) -> Iterator[str]:
    users = [one for one in manifest.classes() if it.trait.name in one.mro]
    for one in users:
        if not one.complete:
            yield f"a base of {one.name} is not known"
    for other in manifest.classes():
        user = next((one for one in users if other.name in one.mro), None)
        if user is None or it.trait.name in other.mro:
            continue
        defined = next((m for m in (*other.members, *other.columns) if m.name == it.old), None)
        if defined is not None:
            yield f"{other.name} defines it too ({defined.location}), and {user.name} has both"
