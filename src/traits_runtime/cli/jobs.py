"""`traits jobs`: what the outbox holds, and what to do about jobs that failed for good."""

from __future__ import annotations

import time

import click
import msgspec

from traits_runtime._core.queue import DeadLetter, Outbox
from traits_runtime.cli.app import Application, app_options
from traits_runtime.cli.frame import CONTEXT, Command, LazyGroup, confirm, did_you_mean, fail
from traits_runtime.cli.output import json_option, print_json, print_table

HERE = "traits_runtime.cli.jobs"

TABLE = {
    "drop": Command(f"{HERE}:drop", "Forget jobs that failed for good."),
    "list": Command(f"{HERE}:list_", "Print how many jobs there are, and which failed."),
    "retry": Command(f"{HERE}:retry", "Let jobs that failed for good wait again."),
}

MANY = 1_000_000


class DeadJob(msgspec.Struct, frozen=True):
    """A job that failed for good.

    Args:
        id: Its id.
        name: ``trait.HasSearch.reindex``.
        queue: Its queue.
        tenant: Its tenant.
        attempts: How often it was tried.
        error: What it failed with.
        died: When, in seconds since the epoch.
    """

    id: str
    name: str
    queue: str
    tenant: str
    attempts: int
    error: str
    died: float


class JobList(msgspec.Struct, frozen=True):
    """What the outbox holds.

    Args:
        counts: How many jobs are in each state.
        overdue: For how many seconds the oldest waiting job has been due.
        dead: Those that failed for good, the latest first.
    """

    counts: dict[str, int]
    overdue: float
    dead: tuple[DeadJob, ...]


class Handled(msgspec.Struct, frozen=True):
    """The ids of the jobs that were retried or dropped."""

    ids: tuple[str, ...]
    dry_run: bool


@click.group(cls=LazyGroup, table=TABLE, context_settings=CONTEXT)
def jobs() -> None:
    """List, retry and drop jobs that failed for good.

    \b
    Examples:
      traits jobs list
      traits jobs retry --all
    """


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many failed jobs.")
@json_option(JobList)
@app_options
def list_(app: Application, limit: int, *, as_json: bool) -> None:
    """Print how many jobs wait, run and have failed for good, and the last of those.

    \b
    Example:
      traits jobs list --json
    """
    outbox = _outbox(app)
    said = JobList(outbox.counts(), round(outbox.overdue(), 1), tuple(_dead(one) for one in outbox.dead(limit)))
    if as_json:
        print_json(said)
        return
    print_table([(state, str(count)) for state, count in sorted(said.counts.items())], ("state", "jobs"))
    if said.overdue > 1:
        click.echo(f"The oldest waits for {said.overdue:.0f} seconds.", err=True)
    if said.dead:
        click.echo()
        print_table([_row(one) for one in said.dead], ("id", "job", "died", "tries", "error"))


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that failed for good.")
@click.option("--dry-run", is_flag=True, help="Say which, and change nothing.")
@json_option(Handled)
@app_options
def retry(app: Application, ids: tuple[str, ...], *, everything: bool, dry_run: bool, as_json: bool) -> None:
    """Let jobs that failed for good wait again, from their first attempt.

    \b
    Examples:
      traits jobs retry 01JD3V0T3N8QJ6
      traits jobs retry --all --dry-run
    """
    outbox = _outbox(app)
    chosen = _chosen(outbox, ids, everything=everything)
    done = chosen if dry_run else tuple(one for one in chosen if outbox.revive(one))
    _say("waits again", done, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that failed for good.")
@click.option("--dry-run", is_flag=True, help="Say which, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option(Handled)
@app_options
def drop(app: Application, ids: tuple[str, ...], *, everything: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Forget jobs that failed for good; asks first.

    \b
    Examples:
      traits jobs drop 01JD3V0T3N8QJ6
      traits jobs drop --all --yes
    """
    outbox = _outbox(app)
    chosen = _chosen(outbox, ids, everything=everything)
    if chosen and not dry_run:
        confirm(f"This forgets {len(chosen)} jobs.", yes=yes)
    done = chosen if dry_run else tuple(one for one in chosen if outbox.drop(one))
    _say("forgotten", done, dry_run=dry_run, as_json=as_json)


def _outbox(app: Application) -> Outbox:
    from traits_runtime._core import runtime

    app.load()
    app.start_engines()
    if runtime.outbox is None:
        fail('The application has no outbox: name one in [tool.traits], `outbox = "sqlite"`.')
    return runtime.outbox


def _chosen(outbox: Outbox, ids: tuple[str, ...], *, everything: bool) -> tuple[str, ...]:
    """The dead letters that are meant; an unknown id ends the command before anything is done."""
    if everything == bool(ids):
        raise click.UsageError("Name jobs, or say --all.")
    known = tuple(one.message.id for one in outbox.dead(MANY))
    if everything:
        return known
    for one in ids:
        if one not in known:
            fail(f"No job {one!r} is among the {len(known)} that failed for good.{did_you_mean(one, known)}")
    return ids


def _say(what: str, done: tuple[str, ...], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(Handled(done, dry_run))
        return
    for one in done:
        click.echo(f"{one} {'would be: ' if dry_run else ''}{what}")
    click.echo(f"{len(done)} jobs{', dry run' if dry_run else ''}.", err=True)


def _dead(one: DeadLetter) -> DeadJob:
    it = one.message
    return DeadJob(it.id, it.name, it.queue, it.tenant, it.attempt, one.error, one.died)


def _row(one: DeadJob) -> tuple[str, ...]:
    died = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(one.died))
    last = one.error.strip().splitlines()[-1] if one.error.strip() else ""
    return one.id, one.name, died, str(one.attempts), last
