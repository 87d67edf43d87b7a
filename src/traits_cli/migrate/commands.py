"""The commands `traits migrate plan`, `apply`, `rollback` and `status`."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from sphinx_traits.project import Project
from traits_cli.base import confirm, fail
from traits_cli.migrate.planning import plan_migration
from traits_cli.migrate.request import MigrationRequest, request_options
from traits_cli.output import counted, json_option, print_json, print_table
from traits_cli.sources import source_options
from traits_runtime.migrate.journal import Journal, Migration
from traits_runtime.migrate.records import Hunk, Rewrite

DRY_RUN = "Dry run: nothing was written."
DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


class PlannedFile(msgspec.Struct, frozen=True):
    """A file that would be changed, and how: a unified diff."""

    path: str
    diff: str


class MigrationPlan(msgspec.Struct, frozen=True):
    """What a migration would do.

    Args:
        files: The files that it would change.
        hunks: Every change, including those that are not applied.
    """

    files: tuple[PlannedFile, ...]
    hunks: tuple[Hunk, ...]


class Applied(msgspec.Struct, frozen=True):
    """The outcome of `apply`.

    Args:
        migration: Its record in the journal; null where nothing was to do, and for a dry run.
        plan: The plan.
        dry_run: Whether nothing was written.
    """

    migration: Migration | None
    plan: MigrationPlan
    dry_run: bool


class RolledBack(msgspec.Struct, frozen=True):
    """The migration that was rolled back, or would be."""

    migration: Migration
    dry_run: bool


class MigrationStatus(msgspec.Struct, frozen=True):
    """A migration and the state of its files.

    Args:
        migration: Its record in the journal.
        changed: The files that have neither the original nor the migrated content.
    """

    migration: Migration
    changed: tuple[str, ...]


@click.command()
@json_option(MigrationPlan)
@request_options
@source_options
def plan(project: Project, request: MigrationRequest, *, as_json: bool) -> None:
    """Print the changes as a diff and change nothing. Ends with 1 where there are changes.

    CODEMOD is adopt (a mixin becomes a trait; the default) or rename. Every change is
    safe, unsafe (made with --unsafe only; review it) or manual (left to you). Standard
    error lists each change with its place.

    \b
    Examples:
      traits migrate plan > adopt.patch
      traits migrate plan --mixin Timestamps --unsafe
      traits migrate plan --rename HasSlug.get_url=slug_url
    """
    rewrites = plan_migration(project, request)
    has_changes = any(rewrite.changes for rewrite in rewrites)
    if as_json:
        print_json(_plan_of(rewrites), ok=not has_changes)
    else:
        _print_diffs(rewrites)
        _print_hunks(rewrites, request)
    raise SystemExit(1 if has_changes else 0)


@click.command()
@click.option("--allow-dirty", is_flag=True, help="Also change files with uncommitted changes.")
@click.option("--dry-run", is_flag=True, help="Print the changes and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option(Applied)
@request_options
@source_options
def apply(
    project: Project, request: MigrationRequest, *, allow_dirty: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:  # fmt: skip
    """Make the changes that `traits migrate plan` prints: all of them or, if anything fails, none.

    The originals are stored in .traits/migrations, for `traits migrate rollback`.

    \b
    Examples:
      traits migrate apply
      traits migrate apply --mixin Timestamps --unsafe --yes
      traits migrate apply --rename HasSlug.get_url=slug_url
    """
    rewrites = plan_migration(project, request)
    changed = [rewrite for rewrite in rewrites if rewrite.changes]
    if not as_json:
        if dry_run:
            _print_diffs(rewrites)
        _print_hunks(rewrites, request)
    migration = None
    if changed and not dry_run:
        if not allow_dirty:
            _refuse_uncommitted(project.root, changed)
        confirm(f"This changes {counted(len(changed), 'file')}.", yes=yes)
        migration = _write(project, changed, request)
    if as_json:
        print_json(Applied(migration, _plan_of(rewrites), dry_run))
    elif migration is not None:
        _print_paths(migration)
        way_back = f"To undo: traits migrate rollback {migration.id}"
        click.echo(f"{counted(len(changed), 'file')} changed. {way_back}", err=True)
    elif dry_run:
        click.echo(DRY_RUN, err=True)


@click.command()
@click.argument("id_", default="", metavar="[ID]")
@click.option("--dry-run", is_flag=True, help="Print the files and restore nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option(RolledBack)
@source_options
def rollback(project: Project, id_: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Restore the files of a migration byte for byte; of the last one without ID.

    Nothing is written if one of them was changed since.

    \b
    Examples:
      traits migrate rollback
      traits migrate rollback 3 --dry-run
    """
    journal = Journal(project.root)
    migration = journal.find(id_)
    if dry_run:
        journal.refuse_rollback(migration)
    else:
        confirm(f"This rolls back migration {migration.id}: {counted(len(migration.files), 'file')}.", yes=yes)
        migration = journal.roll_back(migration)
    if as_json:
        print_json(RolledBack(migration, dry_run))
        return
    _print_paths(migration)
    click.echo(DRY_RUN if dry_run else f"Migration {migration.id} is rolled back.", err=True)


@click.command()
@json_option(list[MigrationStatus])
@source_options
def status(project: Project, *, as_json: bool) -> None:
    """List the migrations of this project, and which of their files were changed since.

    \b
    Example:
      traits migrate status --json
    """
    journal = Journal(project.root)
    statuses = [MigrationStatus(migration, tuple(journal.drifted(migration))) for migration in journal.migrations()]
    if as_json:
        print_json(statuses)
    elif statuses:
        print_table(
            [_row(status) for status in statuses], ("id", "when", "state", "codemods", "files", "changed since")
        )
    else:
        click.echo("No migrations.", err=True)


def _row(status: MigrationStatus) -> tuple[str, ...]:
    migration = status.migration
    changed = "" if migration.state == "rolled back" else ", ".join(status.changed)
    codemods = ", ".join(migration.codemods)
    return migration.id, migration.when, migration.state, codemods, str(len(migration.files)), changed


def _plan_of(rewrites: Sequence[Rewrite]) -> MigrationPlan:
    files = [PlannedFile(rewrite.display_path, rewrite.diff()) for rewrite in rewrites if rewrite.changes]
    return MigrationPlan(tuple(files), _hunks(rewrites))


def _hunks(rewrites: Sequence[Rewrite]) -> tuple[Hunk, ...]:
    return tuple(sorted(hunk for rewrite in rewrites for hunk in rewrite.hunks))


def _print_diffs(rewrites: Sequence[Rewrite]) -> None:
    for rewrite in rewrites:
        for line in rewrite.diff().splitlines(keepends=True):
            colour = None if line.startswith(("+++", "---")) else DIFF_COLOURS.get(line[:1])
            click.secho(line, nl=False, fg=colour)


def _print_hunks(rewrites: Sequence[Rewrite], request: MigrationRequest) -> None:
    """Print each change, and how many there are of each kind, on standard error."""
    hunks = _hunks(rewrites)
    for hunk in hunks:
        click.echo(str(hunk), err=True)
    if not hunks:
        click.echo("Nothing to change.", err=True)
        return
    kinds = [hunk.kind for hunk in hunks]
    parts = [f"{kinds.count(kind)} {kind}" for kind in ("safe", "unsafe", "manual") if kind in kinds]
    has_skipped = "unsafe" in kinds and "unsafe" not in request.kinds
    advice = " Pass --unsafe to make the unsafe ones too." if has_skipped else ""
    click.echo(f"{', '.join(parts)}.{advice}", err=True)


def _print_paths(migration: Migration) -> None:
    for file in migration.files:
        click.echo(file.path)


def _refuse_uncommitted(root: Path, rewrites: Sequence[Rewrite]) -> None:
    """End the process where files have uncommitted changes; does nothing outside of git."""
    try:
        top = Path(_git(root, "rev-parse", "--show-toplevel").strip()).resolve()
        paths = [str(rewrite.path) for rewrite in rewrites if rewrite.path.is_relative_to(top)]
        output = _git(root, "status", "--porcelain", "-z", "--", *paths) if paths else ""
    except (FileNotFoundError, subprocess.CalledProcessError):
        return
    uncommitted = [entry[3:] for entry in output.split("\0") if entry]
    if uncommitted:
        fail(f"Uncommitted changes in {', '.join(uncommitted)}. Commit them first, or pass --allow-dirty.")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603 - a list, no shell


def _write(project: Project, rewrites: Sequence[Rewrite], request: MigrationRequest) -> Migration:
    try:
        return Journal(project.root).apply(rewrites, request.codemods)
    except OSError as error:
        fail(f"{error.filename2 or error.filename}: {error.strerror}. No file was changed.")
