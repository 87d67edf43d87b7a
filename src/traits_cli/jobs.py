"""`traits jobs`: what the outbox holds, and what to do about jobs, and events from elsewhere, that failed for good."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click
import msgspec

from traits_cli.app import Application, app_options
from traits_cli.base import CONTEXT, Command, LazyGroup, confirm, did_you_mean, fail
from traits_cli.output import counted, json_option, print_json, print_table
from traits_runtime._core.queue import DeadLetter

HERE = "traits_cli.jobs"

TABLE = {
    "drop": Command(f"{HERE}:drop", "Forget jobs that failed for good."),
    "list": Command(f"{HERE}:list_", "Print how many jobs there are, and which failed."),
    "retry": Command(f"{HERE}:retry", "Let jobs that failed for good wait again."),
}

MANY = 1_000_000

C = TypeVar("C", bound=Callable[..., Any])


class Letters(NamedTuple):
    """Where what failed for good is kept: the outbox of jobs, or what a broker keeps for this application.

    Args:
        what: How one of them is called.
        state: How many there are in each state, and for how long the oldest that waits has been due.
        dead: The latest of them, the latest first.
        revive: Lets one come again.
        drop: Forgets one.
    """

    what: str
    state: Callable[[], tuple[dict[str, int], float]]
    dead: Callable[[int], list[DeadLetter]]
    revive: Callable[[str], bool]
    drop: Callable[[str], bool]


class DeadJob(msgspec.Struct, frozen=True):
    """A job that failed for good, or an event that was heard in vain.

    Args:
        id: Its id.
        name: ``trait.HasSearch.reindex``.
        queue: The queue of a job.
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
        counts: How many jobs are in each state; of events those that failed for good.
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
    """List, retry and drop jobs that failed for good; with --events what this application heard in vain.

    \b
    Examples:
      traits jobs list
      traits jobs retry --all
      traits jobs list --events
    """


def _letters_options(command: C) -> C:
    """`--events`, `--json` and the application; they reach the command as one `Letters` named ``letters``."""
    import functools

    @functools.wraps(command)
    def call(*args: Any, app: Application, events: bool, **kwargs: Any) -> Any:
        app.load()
        app.start_engines()
        return command(*args, letters=_events(app) if events else _jobs(), **kwargs)

    events = click.option("--events", is_flag=True, help="Not jobs: events of other applications, heard in vain here.")
    return events(app_options(call))  # type: ignore[return-value]  # the same command, with options made into one


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many of the failed.")
@json_option(JobList)
@_letters_options
def list_(letters: Letters, limit: int, *, as_json: bool) -> None:
    """Print how many jobs wait, run and have failed for good, and the last of those.

    \b
    Examples:
      traits jobs list --json
      traits jobs list --events
    """
    counts, overdue = letters.state()
    said = JobList(counts, round(overdue, 1), tuple(_dead(one) for one in letters.dead(limit)))
    if as_json:
        print_json(said)
        return
    if not said.counts:
        click.echo(f"No {letters.what} waits, and none has failed for good.")
        return
    print_table([(state, str(count)) for state, count in sorted(said.counts.items())], ("state", f"{letters.what}s"))
    if said.overdue > 1:
        click.echo(f"The oldest waits for {said.overdue:.0f} seconds.", err=True)
    if said.dead:
        click.echo()
        print_table([_row(one) for one in said.dead], ("id", letters.what, "died", "tries", "error"))


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that failed for good.")
@click.option("--dry-run", is_flag=True, help="Say which, and change nothing.")
@json_option(Handled)
@_letters_options
def retry(letters: Letters, ids: tuple[str, ...], *, everything: bool, dry_run: bool, as_json: bool) -> None:
    """Let jobs that failed for good wait again, from their first attempt.

    \b
    Examples:
      traits jobs retry 01JD3V0T3N8QJ6
      traits jobs retry --all --dry-run
    """
    chosen = _chosen(letters, ids, everything=everything)
    done = chosen if dry_run else tuple(one for one in chosen if letters.revive(one))
    _say(letters, "would wait again" if dry_run else "waits again", done, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that failed for good.")
@click.option("--dry-run", is_flag=True, help="Say which, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option(Handled)
@_letters_options
def drop(letters: Letters, ids: tuple[str, ...], *, everything: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Forget jobs that failed for good; asks first.

    \b
    Examples:
      traits jobs drop 01JD3V0T3N8QJ6
      traits jobs drop --all --yes
    """
    chosen = _chosen(letters, ids, everything=everything)
    if chosen and not dry_run:
        confirm(f"This forgets {counted(len(chosen), letters.what)}.", yes=yes)
    done = chosen if dry_run else tuple(one for one in chosen if letters.drop(one))
    _say(letters, "would be forgotten" if dry_run else "is forgotten", done, dry_run=dry_run, as_json=as_json)


def _jobs() -> Letters:
    from traits_runtime._core import runtime

    outbox = runtime.outbox
    if outbox is None:
        fail('The application has no outbox: name one in [tool.traits], `outbox = "sqlite"`.')
    return Letters("job", lambda: (outbox.counts(), outbox.overdue()), outbox.dead, outbox.revive, outbox.drop)


def _events(app: Application) -> Letters:
    from traits_runtime import engines

    started = engines.started()
    forward = started.forward if started is not None else None
    if forward is None:
        forward = engines.open_forward(engines.read_settings(app.file))
    broker, own = forward.broker, forward.application

    def state() -> tuple[dict[str, int], float]:
        count = len(broker.dead(own, MANY))
        return ({"dead": count} if count else {}), 0.0

    return Letters(
        "event", state, lambda most: broker.dead(own, most), lambda one: broker.revive(own, one),
        lambda one: broker.drop(own, one),
    )  # fmt: skip


def _chosen(letters: Letters, ids: tuple[str, ...], *, everything: bool) -> tuple[str, ...]:
    """The dead letters that are meant; an unknown id ends the command before anything is done."""
    if everything == bool(ids):
        raise click.UsageError(f"Name {letters.what}s, or say --all.")
    known = tuple(one.message.id for one in letters.dead(MANY))
    if everything:
        return known
    for one in ids:
        if one not in known:
            fail(f"No {letters.what} {one!r} is among the {len(known)} that failed for good.{did_you_mean(one, known)}")
    return ids


def _say(letters: Letters, what: str, done: tuple[str, ...], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(Handled(done, dry_run))
        return
    for one in done:
        click.echo(f"{one} {what}")
    click.echo(f"{counted(len(done), letters.what)}{', dry run' if dry_run else ''}.", err=True)


def _dead(one: DeadLetter) -> DeadJob:
    it = one.message
    return DeadJob(it.id, it.name, it.queue, it.tenant, it.attempt, one.error, one.died)


def _row(one: DeadJob) -> tuple[str, ...]:
    died = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(one.died))
    last = one.error.strip().splitlines()[-1] if one.error.strip() else ""
    return one.id, one.name, died, str(one.attempts), last
