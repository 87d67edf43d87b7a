"""`traits jobs`: lists, retries and drops dead jobs of the outbox and dead events of other applications."""

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
    "drop": Command(f"{HERE}:drop", "Delete dead jobs."),
    "list": Command(f"{HERE}:list_", "Count jobs by state and list the dead ones."),
    "retry": Command(f"{HERE}:retry", "Queue dead jobs again."),
}

MANY = 1_000_000

C = TypeVar("C", bound=Callable[..., Any])


class DeadLetters(NamedTuple):
    """Access to dead letters: jobs of the outbox, or events that a broker holds for this application.

    Args:
        noun: ``job`` or ``event``.
        state: Returns the number in each state, and the seconds by which the oldest waiting one is overdue.
        dead: Returns the newest dead letters.
        revive: Queues one again.
        drop: Deletes one.
    """

    noun: str
    state: Callable[[], tuple[dict[str, int], float]]
    dead: Callable[[int], list[DeadLetter]]
    revive: Callable[[str], bool]
    drop: Callable[[str], bool]


class DeadJob(msgspec.Struct, frozen=True):
    """A job or event that failed in its last attempt.

    Args:
        id: Its id.
        name: ``trait.HasSearch.reindex``.
        queue: The queue of a job.
        tenant: Its tenant.
        attempts: The number of attempts.
        error: The traceback of the last attempt.
        died: Time of the last attempt, in seconds since the epoch.
    """

    id: str
    name: str
    queue: str
    tenant: str
    attempts: int
    error: str
    died: float


class JobList(msgspec.Struct, frozen=True):
    """The content of the outbox.

    Args:
        counts: The number of jobs in each state; of events only the dead ones.
        overdue: Seconds by which the oldest waiting job is overdue.
        dead: The dead ones, newest first.
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
    """List, retry and drop dead jobs: those that failed in their last attempt.

    With --events the same for events of other applications.

    \b
    Examples:
      traits jobs list
      traits jobs retry --all
      traits jobs list --events
    """


def _dead_letter_options(command: C) -> C:
    """`--events`, `--json` and the application; they reach the command as one `DeadLetters` named ``letters``."""
    import functools

    @functools.wraps(command)
    def call(*args: Any, app: Application, events: bool, **kwargs: Any) -> Any:
        app.load()
        app.start_engines()
        return command(*args, letters=_event_letters(app) if events else _job_letters(), **kwargs)

    events = click.option("--events", is_flag=True, help="Events of other applications instead of jobs.")
    return events(app_options(call))  # type: ignore[return-value]  # the same command, with options made into one


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Most dead jobs to list.")
@json_option(JobList)
@_dead_letter_options
def list_(letters: DeadLetters, limit: int, *, as_json: bool) -> None:
    """Count jobs by state and list the newest dead ones.

    \b
    Examples:
      traits jobs list --json
      traits jobs list --events
    """
    counts, overdue = letters.state()
    job_list = JobList(counts, round(overdue, 1), tuple(_dead_job(letter) for letter in letters.dead(limit)))
    if as_json:
        print_json(job_list)
        return
    if not job_list.counts:
        click.echo(f"No waiting and no dead {letters.noun}s.")
        return
    print_table(
        [(state, str(count)) for state, count in sorted(job_list.counts.items())], ("state", f"{letters.noun}s")
    )
    if job_list.overdue > 1:
        click.echo(f"The oldest waiting {letters.noun} is {job_list.overdue:.0f} seconds overdue.", err=True)
    if job_list.dead:
        click.echo()
        print_table([_table_row(job) for job in job_list.dead], ("id", letters.noun, "died", "tries", "error"))


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All dead ones.")
@click.option("--dry-run", is_flag=True, help="List them and change nothing.")
@json_option(Handled)
@_dead_letter_options
def retry(letters: DeadLetters, ids: tuple[str, ...], *, everything: bool, dry_run: bool, as_json: bool) -> None:
    """Queue dead jobs again, with all their attempts.

    \b
    Examples:
      traits jobs retry 01JD3V0T3N8QJ6
      traits jobs retry --all --dry-run
    """
    selected = _selected(letters, ids, everything=everything)
    handled = selected if dry_run else tuple(id_ for id_ in selected if letters.revive(id_))
    _print_handled(
        letters, "would be queued again" if dry_run else "is queued again", handled, dry_run=dry_run, as_json=as_json
    )


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All dead ones.")
@click.option("--dry-run", is_flag=True, help="List them and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option(Handled)
@_dead_letter_options
def drop(
    letters: DeadLetters, ids: tuple[str, ...], *, everything: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete dead jobs; asks first.

    \b
    Examples:
      traits jobs drop 01JD3V0T3N8QJ6
      traits jobs drop --all --yes
    """
    selected = _selected(letters, ids, everything=everything)
    if selected and not dry_run:
        confirm(f"This deletes {counted(len(selected), letters.noun)}.", yes=yes)
    handled = selected if dry_run else tuple(id_ for id_ in selected if letters.drop(id_))
    _print_handled(letters, "would be deleted" if dry_run else "is deleted", handled, dry_run=dry_run, as_json=as_json)


def _job_letters() -> DeadLetters:
    from traits_runtime._core import runtime

    outbox = runtime.outbox
    if outbox is None:
        fail('The application has no outbox. Configure one in [tool.traits]: `outbox = "sqlite"`.')
    return DeadLetters("job", lambda: (outbox.counts(), outbox.overdue()), outbox.dead, outbox.revive, outbox.drop)


def _event_letters(app: Application) -> DeadLetters:
    from traits_runtime import engines

    started = engines.started()
    forward = started.forward if started is not None else None
    if forward is None:
        forward = engines.open_forward(engines.read_settings(app.file))
    broker, application = forward.broker, forward.application

    def state() -> tuple[dict[str, int], float]:
        count = len(broker.dead(application, MANY))
        return ({"dead": count} if count else {}), 0.0

    return DeadLetters(
        "event", state, lambda most: broker.dead(application, most), lambda id_: broker.revive(application, id_),
        lambda id_: broker.drop(application, id_),
    )  # fmt: skip


def _selected(letters: DeadLetters, ids: tuple[str, ...], *, everything: bool) -> tuple[str, ...]:
    """The ids to handle; an unknown one ends the command before anything is changed."""
    if everything == bool(ids):
        raise click.UsageError(f"Give ids of {letters.noun}s, or --all.")
    dead_ids = tuple(letter.message.id for letter in letters.dead(MANY))
    if everything:
        return dead_ids
    for id_ in ids:
        if id_ not in dead_ids:
            fail(f"There is no dead {letters.noun} {id_!r} among {len(dead_ids)}.{did_you_mean(id_, dead_ids)}")
    return ids


def _print_handled(letters: DeadLetters, what: str, handled: tuple[str, ...], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(Handled(handled, dry_run))
        return
    for id_ in handled:
        click.echo(f"{id_} {what}")
    click.echo(f"{counted(len(handled), letters.noun)}{', dry run' if dry_run else ''}.", err=True)


def _dead_job(letter: DeadLetter) -> DeadJob:
    message = letter.message
    return DeadJob(message.id, message.name, message.queue, message.tenant, message.attempt, letter.error, letter.died)


def _table_row(job: DeadJob) -> tuple[str, ...]:
    died = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(job.died))
    last = job.error.strip().splitlines()[-1] if job.error.strip() else ""
    return job.id, job.name, died, str(job.attempts), last
