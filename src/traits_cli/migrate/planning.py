"""Plans a migration: reads the sources, asks the codemods for targets, and verifies the outcome without writing."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from sphinx_traits.extract import Extraction
from sphinx_traits.manifest import Manifest
from sphinx_traits.project import Project
from traits_cli.base import did_you_mean, fail
from traits_cli.migrate.adoption import Adoption, Verdict, plan_adoptions, targets_by_file, verify_adoptions
from traits_cli.migrate.project_files import ProjectFiles
from traits_cli.migrate.renaming import parse_renaming, rename_targets
from traits_cli.migrate.request import MigrationRequest
from traits_cli.sources import read_files
from traits_runtime.migrate.records import Kind, Rewrite, Step, Target

if TYPE_CHECKING:
    from types import ModuleType

UNREADABLE: Final = ("syntax_error", "unreadable_file")
"""Codes of findings about files whose facts are missing."""


class ReadSources(NamedTuple):
    """What was read.

    Args:
        extraction: The facts, with the requested mixins taken for traits.
        mixins: Dotted paths of the requested mixins.
    """

    extraction: Extraction
    mixins: tuple[str, ...]


class Steps:
    """The codemods of each file."""

    def __init__(self, by_file: Mapping[Path, list[Step]] | None = None) -> None:
        self.by_file = {path: list(steps) for path, steps in (by_file or {}).items()}

    def with_targets(self, codemod: str, targets: Mapping[Path, list[Target]]) -> Steps:
        """These steps, and one more for each file."""
        extended = Steps(self.by_file)
        for path, file_targets in targets.items():
            extended.by_file.setdefault(path, []).append(Step(codemod, tuple(file_targets)))
        return extended


def plan_migration(project: Project, request: MigrationRequest) -> list[Rewrite]:
    """The outcome of the codemods for each file; files with manual changes alone are included.

    Ends the process with code 2 where a name is unknown or a file cannot be read.
    """
    importlib.import_module("libcst")  # missing, it is reported before anything is read
    if "rename" in request.codemods and not request.renames:
        raise click.UsageError("rename needs --rename TRAIT.OLD=NEW.")
    sources = _read(project, request.mixins)
    manifest = sources.extraction.manifest
    _refuse_unreadable(project, manifest)
    files = ProjectFiles(project, sources.extraction)
    steps = Steps()
    if "rename" in request.codemods:
        for text in request.renames:
            renaming = parse_renaming(manifest, files, text)
            steps = steps.with_targets("rename", rename_targets(manifest, files, renaming))
    if "adopt" not in request.codemods:
        return _rewrite(files, steps, request.kinds)
    adoptions = plan_adoptions(manifest, files, sources.mixins)
    return _verified(files, sources.extraction, adoptions, steps, request.kinds)


def _refuse_unreadable(project: Project, manifest: Manifest) -> None:
    for finding in manifest.findings:
        is_ours = any(f"{finding.subject}.".startswith(f"{package}.") for package in project.packages)
        if finding.code in UNREADABLE and is_ours:
            fail(f"{finding.location}: {finding.message} Correct it first, or leave it out with `exclude`.")


def _rewrite(files: ProjectFiles, steps: Steps, kinds: frozenset[Kind]) -> list[Rewrite]:
    rewriting: ModuleType = importlib.import_module("traits_runtime.migrate.rewriting")  # imports libcst
    display_paths = {path: name for name, path in files.analysed.items()}
    if steps.by_file.keys() - display_paths.keys():
        display_paths = {path: name for name, path in files.unread.items()} | display_paths
    return [
        rewriting.rewrite(path.resolve(), display_paths[path], steps.by_file[path], kinds)
        for path in sorted(steps.by_file)
    ]


def _verified(
    files: ProjectFiles, extraction: Extraction, adoptions: list[Adoption], other_steps: Steps, kinds: frozenset[Kind]
) -> list[Rewrite]:
    """Adopt mixins, read the outcome from a copy, and drop the adoptions that it speaks against.

    Dropping one adoption can speak against another; each round drops or downgrades at least one, so the loop ends.
    """
    while True:
        steps = other_steps.with_targets("adopt", targets_by_file(adoptions, files))
        rewrites = _rewrite(files, steps, kinds)
        adopted = _applied(rewrites, adoptions, kinds)
        if not adopted:
            return rewrites
        content = {path: rewrite.after for path, rewrite in zip(sorted(steps.by_file), rewrites, strict=True)}
        with files.copy_with(content) as copy:
            after = read_files(copy, keep=False).manifest
        verdicts = verify_adoptions(extraction.manifest, after, adopted)
        if not verdicts:
            return rewrites
        adoptions = [_judged(adoption, verdicts.get(adoption.mixin.name)) for adoption in adoptions]


def _applied(rewrites: list[Rewrite], adoptions: list[Adoption], kinds: frozenset[Kind]) -> dict[str, Adoption]:
    """The adoptions that the rewrites make, by dotted path of the mixin."""
    hunks = [hunk for rewrite in rewrites for hunk in rewrite.hunks]
    subjects = {hunk.subject for hunk in hunks if hunk.codemod == "adopt" and hunk.kind in kinds}
    return {adoption.mixin.name: adoption for adoption in adoptions if adoption.mixin.name in subjects}


def _judged(adoption: Adoption, verdict: Verdict | None) -> Adoption:
    if verdict is None:
        return adoption
    return adoption._replace(target=adoption.target._replace(kind=verdict.kind, reason=verdict.reason))


def _read(project: Project, mixins: tuple[str, ...]) -> ReadSources:
    """Read the project, a second time where a requested mixin is not read as a trait by itself."""
    extraction = read_files(project)
    paths: list[str] = []
    unknown: list[str] = []
    for name in mixins:
        traits = _traits_named(extraction.manifest, name)
        if len(traits) > 1:
            fail(f"{name!r} may be any of {', '.join(traits)}. Give more of the name.")
        paths += traits
        if not traits:
            unknown.append(name)
    if not unknown:
        return ReadSources(extraction, tuple(paths))
    for name in unknown:
        _refuse_model(extraction.manifest, name)
    patterns = tuple(pattern for name in unknown for pattern in (name, f"*.{name}"))
    extraction = read_files(replace(project, trait_names=(*project.trait_names, *patterns)), keep=False)
    paths += [_only_trait(extraction.manifest, name, project.packages) for name in unknown]
    return ReadSources(extraction, tuple(paths))


def _traits_named(manifest: Manifest, name: str) -> list[str]:
    return [trait.name for trait in manifest.traits if _matches(trait.name, name)]


def _matches(path: str, name: str) -> bool:
    """Whether a name is a dotted path or its end."""
    return path == name or path.endswith("." + name)


def _refuse_model(manifest: Manifest, name: str) -> None:
    for model in manifest.models:
        if _matches(model.name, name):
            fail(f"{model.name} ({model.location}) is a model, not a mixin: {model.why}.")


def _only_trait(manifest: Manifest, name: str, packages: tuple[str, ...]) -> str:
    traits = _traits_named(manifest, name)
    if len(traits) == 1:
        return traits[0]
    paths = [class_.name for class_ in manifest.classes()]
    short_names = [path.rpartition(".")[2] for path in paths]
    return fail(f"There is no class {name!r} in {', '.join(packages)}.{did_you_mean(name, [*paths, *short_names])}")
