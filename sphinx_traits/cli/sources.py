"""Which sources a command reads: its options, and the extraction behind them."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from sphinx_traits.extract import Options, PackageNotFoundError, extract
from sphinx_traits.manifest import Finding, Manifest
from sphinx_traits.project import Project, ProjectError, find_project, read_project, with_sources
from sphinx_traits.resolve import nearest

C = TypeVar("C", bound=Callable[..., Any])


def source_options(command: C) -> C:
    """The options of every command that reads sources; they reach it as one `Project`."""

    @functools.wraps(command)
    def call(
        *args: Any, project_dir: Path | None, search_paths: tuple[Path, ...], package: tuple[str, ...], **kwargs: Any
    ) -> Any:
        return command(*args, project=_project(project_dir, package, search_paths), **kwargs)

    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    for option in (
        click.option("--package", multiple=True, metavar="NAME", help="Package to read; may be given again."),
        click.option(
            "--search-path", "search_paths", multiple=True, type=folder, help="Folder that holds packages; comes first."
        ),
        click.option(
            "--project",
            "project_dir",
            type=folder,
            help="Folder with the pyproject.toml that has [tool.traits]. Default: the nearest one above.",
        ),
    ):
        option(call)
    return call  # type: ignore[return-value]  # the same command, with three options made into one


def read_sources(project: Project) -> Manifest:
    """Extract the project's manifest, with a progress line on standard error.

    Exits with code 2 where there is nothing to read or a package is not found.
    """
    if not project.packages:
        fail(
            f"No package to read: {project.root / 'pyproject.toml'} has no [tool.traits] with packages.\n"
            'Name one with --package NAME, or write:\n\n  [tool.traits]\n  packages = ["shop"]'
        )
    options = Options(
        base_overrides=project.base_overrides,
        traits=project.trait_names,
        models=project.model_names,
        exclude=project.exclude,
        cache_dir=_cache_folder(),
    )
    progress = _Progress()
    try:
        return extract(
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
    """Print what is wrong on standard error, a line for each cause: its first place, and how many more there are."""
    causes: dict[tuple[str, str], list[Finding]] = {}
    for one in manifest.findings:
        if one.level != "info":
            causes.setdefault((one.code, one.hint or one.message), []).append(one)
    for found in causes.values():
        first, more = found[0], len(found) - 1
        also = f" And {more} more for the same reason." if more else ""
        click.echo(f"{first.location}: {first.level}: {first.message} {first.hint}{also} [{first.code}]", err=True)


def _cache_folder() -> Path:
    """Where the manifest is kept between two commands: the user's cache folder, safe to delete."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sphinx-traits"


def fail(message: str) -> NoReturn:
    """Say what is wrong on standard error and end with code 2."""
    click.echo(f"Error: {message}", err=True)
    raise SystemExit(2)


def the_one(kind: str, name: str, found: tuple[str, ...], known: tuple[str, ...]) -> str:
    """The only name that was found; none or several end the command with an answer that helps."""
    if len(found) == 1:
        return found[0]
    if found:
        fail(f"{name!r} may be any of {', '.join(found)}. Give more of the name.")
    near = nearest(name, known)
    hint = f" Did you mean {near!r}?" if near else ""
    fail(f"There is no {kind} {name!r} among {len(known)}.{hint}")


def _project(folder: Path | None, packages: tuple[str, ...], search_paths: tuple[Path, ...]) -> Project:
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
    """One line on standard error: rewritten on a terminal, written once elsewhere."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last: tuple[str, int, int] | None = None

    def __call__(self, module: str, done: int, total: int) -> None:
        self.last = (module, done, total)
        if self.live:
            click.echo(f"\r\x1b[KReading {done}/{max(done, total)} {module}", err=True, nl=False)

    def close(self) -> None:
        if self.last is not None:
            click.echo(f"{chr(13) + chr(27) + '[K' if self.live else ''}Read {self.last[1]} modules.", err=True)
