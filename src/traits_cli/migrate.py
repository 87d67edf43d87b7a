"""`traits migrate`: what codemods would do to the sources, doing it, and taking it back."""

from __future__ import annotations

import functools
import importlib
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click
import msgspec

from sphinx_traits.extract import Extraction
from sphinx_traits.project import Project
from traits_cli.adopting import Adoption, adoptions, paths_of, read_back
from traits_cli.base import confirm, did_you_mean, fail
from traits_cli.output import json_option, print_json, print_table
from traits_cli.project_files import OwnFiles
from traits_cli.renaming import renaming, targets_of
from traits_cli.sources import read_files, source_options
from traits_runtime.migrate.journal import Journal, Migration
from traits_runtime.migrate.records import Hunk, Kind, Rewrite, Step, Target

C = TypeVar("C", bound=Callable[..., Any])

IDS: Final = ("adopt", "rename")
UNREAD: Final = ("syntax_error", "unreadable_file")
"""Findings about a file of which nobody knows what it inherits and uses."""


class PlannedFile(msgspec.Struct, frozen=True):
    """A file that would be changed, and how: a unified diff."""

    path: str
    diff: str


class MigrationPlan(msgspec.Struct, frozen=True):
    """What a migration would do.

    Args:
        files: The files that it would change.
        hunks: Every change, those too that it leaves to you.
    """

    files: tuple[PlannedFile, ...]
    hunks: tuple[Hunk, ...]


class Applied(msgspec.Struct, frozen=True):
    """What was done.

    Args:
        migration: Its record in the journal; None where there was nothing to do, and for a dry run.
        plan: What it was to do.
        dry_run: Whether nothing was written.
    """

    migration: Migration | None
    plan: MigrationPlan
    dry_run: bool


class RolledBack(msgspec.Struct, frozen=True):
    """The migration that was taken back, or would be."""

    migration: Migration
    dry_run: bool


class Standing(msgspec.Struct, frozen=True):
    """A migration and what became of it.

    Args:
        migration: Its record in the journal.
        changed: The files that are neither as it left them nor as they were before.
    """

    migration: Migration
    changed: tuple[str, ...]


class Wanted(NamedTuple):
    """What the options ask for."""

    codemods: tuple[str, ...]
    mixins: tuple[str, ...]
    renames: tuple[str, ...]
    kinds: frozenset[Kind]


def _codemods(ctx: click.Context, _: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        if one not in IDS:
            ctx.fail(f"There is no codemod {one!r}.{did_you_mean(one, IDS)} There are: {', '.join(IDS)}.")
    return value


def wanted_options(command: C) -> C:
    """The options that say what to do; they reach the command as one `Wanted`."""

    @functools.wraps(command)
    def call(
        *args: Any, codemods: tuple[str, ...], mixins: tuple[str, ...], renames: tuple[str, ...], unsafe: bool,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        asked = tuple(one for one, given in zip(IDS, (mixins, renames), strict=True) if given)
        kinds: frozenset[Kind] = frozenset({"safe", "unsafe"} if unsafe else {"safe"})
        return command(*args, wanted=Wanted(codemods or asked or ("adopt",), mixins, renames, kinds), **kwargs)

    for option in (
        click.option("--unsafe", is_flag=True, help="Also what is right only as far as can be told."),
        click.option(
            "--rename", "renames", multiple=True, metavar="TRAIT.OLD=NEW", help="Member to rename; may be given again."
        ),
        click.option(
            "--mixin", "mixins", multiple=True, metavar="NAME", help="Mixin to adopt, and those that inherit it."
        ),
        click.argument("codemods", nargs=-1, metavar="[CODEMOD]...", callback=_codemods),
    ):
        option(call)
    return call  # type: ignore[return-value]  # the same command, with its options made into one


@click.command()
@json_option(MigrationPlan)
@wanted_options
@source_options
def plan(project: Project, wanted: Wanted, *, as_json: bool) -> None:
    """Print what would be changed as a diff, and change nothing. Ends with 1 where there is something.

    CODEMOD is adopt (a mixin becomes a trait; the default) or rename. Every change is
    safe, unsafe (made with --unsafe only; look at it) or manual (left to you), and is
    listed with its place on standard error.

    \b
    Examples:
      traits migrate plan > adopt.patch
      traits migrate plan --mixin Timestamps --unsafe
      traits migrate plan --rename HasSlug.get_url=slug_url
    """
    files = make_plan(project, wanted)
    changes = any(one.changes for one in files)
    if as_json:
        print_json(_plan_of(files), ok=not changes)
    else:
        _show(files, wanted)
    raise SystemExit(1 if changes else 0)


@click.command()
@click.option("--allow-dirty", is_flag=True, help="Also change files that git has no copy of.")
@click.option("--dry-run", is_flag=True, help="Print what would be changed, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option(Applied)
@wanted_options
@source_options
def apply(
    project: Project, wanted: Wanted, *, allow_dirty: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:  # fmt: skip
    """Make the changes that `traits migrate plan` prints: all of them or, if anything fails, none.

    The originals are kept in .traits/migrations, for `traits migrate rollback`.

    \b
    Examples:
      traits migrate apply
      traits migrate apply --mixin Timestamps --unsafe --yes
      traits migrate apply --rename HasSlug.get_url=slug_url
    """
    files = make_plan(project, wanted)
    todo = [one for one in files if one.changes]
    if not as_json:
        _show(files, wanted, diffs=dry_run)
    made = None
    if todo and not dry_run:
        if not allow_dirty:
            _refuse_dirty(project.root, todo)
        confirm(f"This changes {_count(len(todo), 'file')}.", yes=yes)
        made = _write(project, todo, wanted)
    if as_json:
        print_json(Applied(made, _plan_of(files), dry_run))
    elif made is not None:
        for one in made.files:
            click.echo(one.path)
        click.echo(f"{_count(len(todo), 'file')} changed. To take it back: traits migrate rollback {made.id}", err=True)
    elif dry_run:
        click.echo("Dry run: nothing was written.", err=True)


@click.command()
@click.argument("id_", default="", metavar="[ID]")
@click.option("--dry-run", is_flag=True, help="Print what would be changed, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option(RolledBack)
@source_options
def rollback(project: Project, id_: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Give the files of a migration their original content back, byte for byte; of the last one, without ID.

    Nothing is written if one of them was changed since.

    \b
    Examples:
      traits migrate rollback
      traits migrate rollback 3 --dry-run
    """
    journal = Journal(project.root)
    found = journal.find(id_)
    if dry_run:
        journal.refuse_rollback(found)
    else:
        confirm(f"This rolls back migration {found.id}: {_count(len(found.files), 'file')}.", yes=yes)
        found = journal.roll_back(found)
    if as_json:
        print_json(RolledBack(found, dry_run))
        return
    for one in found.files:
        click.echo(one.path)
    done = "Dry run: nothing was written." if dry_run else f"Migration {found.id} is rolled back."
    click.echo(done, err=True)


@click.command()
@json_option(list[Standing])
@source_options
def status(project: Project, *, as_json: bool) -> None:
    """List the migrations that were done here, and which of their files were changed since.

    \b
    Example:
      traits migrate status --json
    """
    journal = Journal(project.root)
    every = [Standing(one, tuple(journal.drifted(one))) for one in journal.migrations()]
    if as_json:
        print_json(every)
    elif every:
        print_table([_row(one) for one in every], ("id", "when", "state", "codemods", "files", "changed since"))
    else:
        click.echo("No migration was done here.", err=True)


def _row(one: Standing) -> tuple[str, ...]:
    it = one.migration
    changed = ", ".join(one.changed) if it.state != "rolled back" else ""
    return it.id, it.when, it.state, ", ".join(it.codemods), str(len(it.files)), changed


# The plan.


def make_plan(project: Project, wanted: Wanted) -> list[Rewrite]:
    """What the codemods would do to each file, those included that they would only say something about."""
    importlib.import_module("libcst")
    if "rename" in wanted.codemods and not wanted.renames:
        raise click.UsageError("rename needs --rename TRAIT.OLD=NEW.")
    extraction, mixins = _read(project, wanted.mixins)
    own = OwnFiles(project, extraction)
    for finding in extraction.manifest.findings:
        if finding.code in UNREAD and any(f"{finding.subject}.".startswith(f"{one}.") for one in project.packages):
            fail(f"{finding.location}: {finding.message} Correct it first, or leave it out with `exclude`.")
    steps: dict[Path, list[Step]] = {}
    if "rename" in wanted.codemods:
        for text in wanted.renames:
            _add(steps, "rename", targets_of(extraction.manifest, own, renaming(extraction.manifest, own, text)))
    if "adopt" not in wanted.codemods:
        return _rewrites(own, steps, wanted.kinds)
    found = adoptions(extraction.manifest, own, mixins)
    return _settle(own, extraction, found, steps, wanted.kinds)


def _add(steps: dict[Path, list[Step]], codemod: str, targets: dict[Path, list[Target]]) -> None:
    for path, some in targets.items():
        steps.setdefault(path, []).append(Step(codemod, tuple(some)))


def _rewrites(own: OwnFiles, steps: dict[Path, list[Step]], kinds: frozenset[Kind]) -> list[Rewrite]:
    shown = {path: name for name, path in own.by_shown.items()}
    if steps.keys() - shown.keys():
        shown = {path: name for name, path in own.beside.items()} | shown
    from traits_runtime.migrate.rewriting import rewrite

    return [rewrite(path.resolve(), shown[path], steps[path], kinds) for path in sorted(steps)]


def _settle(
    own: OwnFiles, extraction: Extraction, found: list[Adoption], others: dict[Path, list[Step]], kinds: frozenset[Kind]
) -> list[Rewrite]:
    """Adopt, read the outcome back without writing it, and leave alone what that speaks against.

    Leaving one mixin alone may say something about another; each round trusts at least one of them less.
    """
    while True:
        steps = {path: list(some) for path, some in others.items()}
        _add(steps, "adopt", paths_of(found, own))
        files = _rewrites(own, steps, kinds)
        did = {one.subject for file in files for one in file.hunks if one.codemod == "adopt" and one.kind in kinds}
        done = {one.one.name: one for one in found if one.one.name in did}
        if not done:
            return files
        with own.changed({path: file.after for path, file in zip(sorted(steps), files, strict=True)}) as changed:
            after = read_files(changed, keep=False).manifest
        verdicts = read_back(extraction.manifest, after, done)
        if not verdicts:
            return files
        found = [_judged(one, verdicts) for one in found]


def _judged(it: Adoption, verdicts: dict[str, tuple[Kind, str]]) -> Adoption:
    if it.one.name not in verdicts:
        return it
    kind, reason = verdicts[it.one.name]
    return it._replace(target=it.target._replace(kind=kind, reason=reason))


def _read(project: Project, mixins: tuple[str, ...]) -> tuple[Extraction, list[str]]:
    """What is there, with the mixins that were named taken for traits; and their dotted paths."""
    extraction = read_files(project)
    paths: list[str] = []
    unknown: list[str] = []
    for name in mixins:
        known = [one.name for one in extraction.manifest.traits if one.name == name or one.name.endswith("." + name)]
        if len(known) > 1:
            fail(f"{name!r} may be any of {', '.join(known)}. Give more of the name.")
        (paths if known else unknown).append(known[0] if known else name)
    if not unknown:
        return extraction, paths
    for name in unknown:
        model = next((one for one in extraction.manifest.models if _ends(one.name, name)), None)
        if model is not None:
            fail(f"{model.name} ({model.location}) is no mixin but a model: {model.why}.")
    patterns = tuple(pattern for one in unknown for pattern in (one, f"*.{one}"))
    again = read_files(replace(project, trait_names=(*project.trait_names, *patterns)), keep=False)
    for name in unknown:
        found = [one.name for one in again.manifest.traits if _ends(one.name, name)]
        if len(found) != 1:
            known = [one.name for one in again.manifest.classes()]
            shorts = [one.rpartition(".")[2] for one in known]
            fail(f"There is no class {name!r} in {', '.join(project.packages)}.{did_you_mean(name, [*known, *shorts])}")
        paths += found
    return again, paths


def _ends(path: str, name: str) -> bool:
    return path == name or path.endswith("." + name)


# Showing and writing.


def _plan_of(files: Sequence[Rewrite]) -> MigrationPlan:
    changed = tuple(PlannedFile(one.display_path, one.diff()) for one in files if one.changes)
    return MigrationPlan(changed, _hunks(files))


def _hunks(files: Sequence[Rewrite]) -> tuple[Hunk, ...]:
    return tuple(sorted(hunk for one in files for hunk in one.hunks))


def _show(files: Sequence[Rewrite], wanted: Wanted, *, diffs: bool = True) -> None:
    """Diffs on standard output; each change, and how many there are of a kind, on standard error."""
    for one in files if diffs else ():
        for line in one.diff().splitlines(keepends=True):
            click.secho(line, nl=False, fg=_colour(line))
    hunks = _hunks(files)
    for hunk in hunks:
        click.echo(str(hunk), err=True)
    if not hunks:
        click.echo("Nothing to change.", err=True)
        return
    counts = {kind: sum(one.kind == kind for one in hunks) for kind in ("safe", "unsafe", "manual")}
    parts = [f"{count} {kind}" for kind, count in counts.items() if count]
    left = " Say --unsafe to make the unsafe ones too." if counts["unsafe"] and "unsafe" not in wanted.kinds else ""
    click.echo(f"{', '.join(parts)}.{left}", err=True)


def _colour(line: str) -> str | None:
    if line.startswith(("+++", "---")):
        return None
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _refuse_dirty(root: Path, files: Sequence[Rewrite]) -> None:
    """End the command where git has no copy of a file as it is; nothing is said where there is no git."""
    try:
        top = _git(root, "rev-parse", "--show-toplevel").strip()
        own = [str(one.path) for one in files if one.path.is_relative_to(Path(top).resolve())]
        said = _git(root, "status", "--porcelain", "-z", "--", *own) if own else ""
    except (FileNotFoundError, subprocess.CalledProcessError):
        return
    dirty = [one[3:] for one in said.split("\0") if one]
    if dirty:
        fail(f"Not committed: {', '.join(dirty)}. Commit first, so that the change stands alone, or say --allow-dirty.")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603 - a list, no shell


def _write(project: Project, todo: Sequence[Rewrite], wanted: Wanted) -> Migration:
    try:
        return Journal(project.root).apply(todo, wanted.codemods)
    except OSError as error:
        fail(f"{error.filename2 or error.filename}: {error.strerror}. Every file is as it was.")
