"""`traits diff` and `traits check`: the changes between two versions, and which of them are breaking."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Final

import click

from sphinx_traits.diff import Change, as_text
from sphinx_traits.diff import diff as compare
from sphinx_traits.manifest import Manifest, ManifestError, loads
from sphinx_traits.project import Project
from traits_cli.base import fail
from traits_cli.output import json_option, print_json
from traits_cli.sources import read_sources, source_options

only_breaking: Final = click.option("--breaking", is_flag=True, help="Only breaking changes.")


@click.command()
@click.argument("old", type=click.Path(exists=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, path_type=Path))
@only_breaking
@json_option(list[Change])
@source_options
def diff(project: Project, old: Path, new: Path, *, breaking: bool, as_json: bool) -> None:
    """Print the changes from OLD to NEW: each a manifest, or a folder with the packages.

    `!` marks a change that breaks code written for the old version. The exit code is 1
    where there is one.

    \b
    Examples:
      traits diff shop-1.json shop-2.json
      traits diff old/site-packages new/site-packages --package shop --breaking
    """
    _print_changes(_manifest(old, project), _manifest(new, project), breaking=breaking, as_json=as_json)


@click.command()
@click.option("--against", required=True, metavar="REV|FILE", help="A git revision, or a manifest.")
@only_breaking
@json_option(list[Change])
@source_options
def check(project: Project, against: str, *, breaking: bool, as_json: bool) -> None:
    """Compare the sources with a git revision or a manifest. The exit code is 1 for a breaking change.

    \b
    Examples:
      traits check --against v1.2
      traits check --against released.json --breaking
    """
    file = Path(against)
    new = read_sources(project)
    if file.is_file():
        _print_changes(_manifest(file, project), new, breaking=breaking, as_json=as_json)
        return
    with _at_revision(project, against) as earlier:
        old = read_sources(earlier)
    _print_changes(old, new, breaking=breaking, as_json=as_json)


def _print_changes(old: Manifest, new: Manifest, *, breaking: bool, as_json: bool) -> None:
    changes = compare(old, new)
    broken = any(change.breaking for change in changes)
    selected = [change for change in changes if change.breaking or not breaking]
    if as_json:
        print_json(selected, ok=not broken)
    else:
        click.echo(as_text(selected), nl=False)
    raise SystemExit(1 if broken else 0)


def _manifest(path: Path, project: Project) -> Manifest:
    if path.is_dir():
        folder = path.resolve()
        return read_sources(replace(project, root=folder, search_paths=(folder, folder / "src")))
    try:
        return loads(path.read_bytes())
    except ManifestError as error:
        fail(f"{path}: {error}")


@contextmanager
def _at_revision(project: Project, revision: str) -> Iterator[Project]:
    """A temporary copy of the project at a git revision."""
    top = Path(_git(project.root, "rev-parse", "--show-toplevel").decode().strip()).resolve()
    commit = _git(top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    archive = _git(top, "archive", "--format=tar", commit)
    with tempfile.TemporaryDirectory(prefix="traits-check-") as folder:
        earlier = Path(folder).resolve()
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(earlier, filter="data")

        def moved(path: Path) -> Path:
            return earlier / path.relative_to(top) if path.is_relative_to(top) else path

        yield replace(
            project, root=moved(project.root), search_paths=tuple(moved(path) for path in project.search_paths)
        )


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True).stdout  # noqa: S603, S607 - git is whatever the user calls so
    except FileNotFoundError:
        fail("git is not installed. --against also takes a manifest: `traits manifest --output released.json`.")
    except subprocess.CalledProcessError as error:
        fail(f"git {' '.join(arguments)}: {error.stderr.decode(errors='replace').strip()}")
