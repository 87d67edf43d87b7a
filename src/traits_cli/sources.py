"""Reads the sources that the options of a command name."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import click

from sphinx_traits.extract import Extraction, Options, PackageNotFoundError, extract_with_files
from sphinx_traits.extract.options import user_cache_folder
from sphinx_traits.manifest import Finding, Manifest
from sphinx_traits.project import Project, ProjectError, find_project, read_project, with_sources
from traits_cli.base import Sources, fail, sources_options
from traits_runtime.errors import did_you_mean

C = TypeVar("C", bound=Callable[..., Any])

PATIENCE_S = 1.0
"""Seconds until a command shows its progress."""


def source_options(command: C) -> C:
    """The options of every command that reads sources; they reach it as one `Project`."""

    @functools.wraps(command)
    def call(*args: Any, sources: Sources, **kwargs: Any) -> Any:
        return command(*args, project=project_of(sources), **kwargs)

    return sources_options(call)  # type: ignore[return-value]  # the same command, with three options made into one


def read_sources(project: Project) -> Manifest:
    """Extract the project's manifest, with a progress line on standard error.

    Exits with code 2 where there is nothing to read or a package is not found.
    """
    return read_files(project).manifest


def read_files(project: Project, *, keep: bool = True) -> Extraction:
    """As `read_sources`, with the files that were read.

    Args:
        project: What to read.
        keep: Whether the manifest is cached for the next command.
    """
    if not project.packages:
        fail(
            f"No package to read: no pyproject.toml with [tool.traits] packages in {project.root} or above it.\n"
            'Name one with --package NAME, or write:\n\n  [tool.traits]\n  packages = ["shop"]'
        )
    options = Options(
        base_overrides=project.base_overrides,
        traits=project.trait_names,
        models=project.model_names,
        exclude=project.exclude,
        config_start=project.config_start,
        cache_dir=user_cache_folder() if keep else None,
    )
    progress = _Progress()
    try:
        return extract_with_files(
            project.packages,
            search_paths=project.search_paths,
            project=project.root,
            options=options,
            progress=progress,
        )
    except PackageNotFoundError as error:
        fail(str(error))
    finally:
        progress.close()


def report(manifest: Manifest) -> None:
    """Print the warnings about the sources on standard error."""
    for line in warnings(manifest):
        click.echo(line, err=True)


def warnings(manifest: Manifest) -> list[str]:
    """A line for each cause of findings: its first place, and the number of others."""
    causes: dict[tuple[str, str], list[Finding]] = {}
    for finding in manifest.findings:
        if finding.level != "info":
            causes.setdefault((finding.code, finding.hint or finding.message), []).append(finding)
    return [_cause(findings[0], len(findings) - 1) for findings in causes.values()]


def _cause(first: Finding, more: int) -> str:
    also = f" And {more} more for the same reason." if more else ""
    return f"{first.location}: {first.level}: {first.message} {first.hint}{also} [{first.code}]"


def the_one(kind: str, name: str, matching: tuple[str, ...], names: Collection[str]) -> str:
    """The only matching name; none or several end the command with the nearest name or the candidates."""
    if len(matching) == 1:
        return matching[0]
    if matching:
        fail(f"{name!r} may be any of {', '.join(matching)}. Give more of the name.")
    return fail(f"There is no {kind} {name!r} among {len(names)}.{did_you_mean(name, names)}")


def project_of(sources: Sources) -> Project:
    """The project that the options name."""
    folder, search_paths, packages = sources
    try:
        if folder is not None:
            base = read_project(folder)
        elif packages or search_paths:
            base = Project(root=Path.cwd(), search_paths=(Path.cwd(),))
        else:
            base = find_project(Path.cwd()) or Project(root=Path.cwd())
    except ProjectError as error:
        fail(str(error))
    return with_sources(base, packages, search_paths)


class _Progress:
    """A line on standard error while reading takes longer than a second, and only on a terminal."""

    def __init__(self) -> None:
        self.since = time.monotonic() + PATIENCE_S if sys.stderr.isatty() else float("inf")
        self.shown = False

    def __call__(self, module: str, count: int, total: int) -> None:
        if time.monotonic() > self.since:
            self.shown = True
            click.echo(f"\r\x1b[KReading {count}/{max(count, total)} {module}", err=True, nl=False)

    def close(self) -> None:
        if self.shown:
            click.echo("\r\x1b[K", err=True, nl=False)
