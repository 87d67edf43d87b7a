"""`traits make`: a new trait, listener or job, ready to be filled in."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import click

from traits_cli.base import CONTEXT, Command, LazyGroup, Sources, fail, sources_options
from traits_runtime.rules.files import find_file, setting
from traits_runtime.rules.naming import is_name_or_pattern
from traits_runtime.rules.output import write_file

HERE = "traits_cli.make"

TABLE = {
    "job": Command(f"{HERE}:job", "Write a job."),
    "listener": Command(f"{HERE}:listener", "Write a listener for a pattern of events."),
    "trait": Command(f"{HERE}:trait", "Write a trait with config, an event and a hook."),
}

TRAIT = '''"""{title}."""

from __future__ import annotations

import msgspec

from traits_runtime import Trait, TraitConfig, TraitEvent, feature, hook, option


class {stem}Config(TraitConfig):
    """What can be set about {words}."""

    limit: int = option(100, ge=1, doc="What the limit is for.")


class {stem}Changed(msgspec.Struct):
    """What happened.

    Args:
        why: Why it happened.
    """

    why: str


class {name}(Trait):
    """{title}."""

    {snake}_config = {stem}Config()

    {snake}_automatic = feature(True, doc="Act on new rows without being asked.")

    {snake}_changed = TraitEvent({stem}Changed, doc="After {words} changed.")

    @hook("created")
    def start_{snake}(self) -> None:
        """Begin with a new row."""
        if self.enabled("{snake}_automatic"):
            self.{snake}_changed(why="created")
'''

LISTENER = '''"""{title}."""

from __future__ import annotations

from typing import Any

from traits_runtime import Envelope, listen


@listen("{pattern}")
def {snake}(envelope: Envelope[Any]) -> None:
    """Say what happens when one of these events is emitted."""
'''

JOB = '''"""{title}."""

from __future__ import annotations

from traits_runtime import job


@job(queue="{queue}", max_attempts=3)
def {snake}(limit: int = 100) -> None:
    """Say what is done; queue it with ``{snake}.enqueue(limit=10)``.

    Args:
        limit: How much is done at most.
    """
'''


@click.group(cls=LazyGroup, table=TABLE, context_settings=CONTEXT)
def make() -> None:
    """Write a new trait, listener or job into the project's package.

    \b
    Example:
      traits make trait HasViews
    """


def _common(command: click.decorators.FC) -> click.decorators.FC:
    for option in (
        click.option("--dry-run", is_flag=True, help="Print the file and write nothing."),
        click.option("--force", is_flag=True, help="Replace an existing file."),
        click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Folder to write into."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@_common
@sources_options
def trait(sources: Sources, name: str, into: Path | None, *, force: bool, dry_run: bool) -> None:
    """Write a trait called NAME, with a config class, a feature, an event and a hook.

    \b
    Examples:
      traits make trait HasViews
      traits make trait HasViews --into shop/traits --dry-run
    """
    _class_name(name)
    stem = name.removeprefix("Has")
    snake = _snake(stem)
    words = snake.replace("_", " ")
    text = TRAIT.format(name=name, stem=stem, snake=snake, words=words, title=f"Gives a row {words}")
    _write(_folder(sources, into, "traits") / f"{snake}.py", text, force=force, dry_run=dry_run)


@click.command()
@click.argument("name")
@click.option("--event", "pattern", default="trait.**", show_default=True, help="The pattern of its events.")
@_common
@sources_options
def listener(sources: Sources, name: str, pattern: str, into: Path | None, *, force: bool, dry_run: bool) -> None:
    """Write a listener: a function called NAME.

    \b
    Example:
      traits make listener send_mail --event 'trait.*.published'
    """
    _function_name(name)
    if not is_name_or_pattern(pattern):
        fail(
            f"{pattern!r} is not an event name or pattern: each segment is letters, digits and _, or * for one whole "
            "segment, or ** for one or more."
        )
    text = LISTENER.format(snake=name, pattern=pattern, title=f"What happens on {pattern}")
    _write(_folder(sources, into, "listeners") / f"{name}.py", text, force=force, dry_run=dry_run)


@click.command()
@click.argument("name")
@click.option("--queue", default="", help="The queue of the job.")
@_common
@sources_options
def job(sources: Sources, name: str, queue: str, into: Path | None, *, force: bool, dry_run: bool) -> None:
    """Write a job: a function called NAME that can be queued.

    \b
    Example:
      traits make job send_digest --queue mail
    """
    _function_name(name)
    text = JOB.format(snake=name, queue=queue, title=f"The job {name}")
    _write(_folder(sources, into, "jobs") / f"{name}.py", text, force=force, dry_run=dry_run)


def _class_name(name: str) -> None:
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        fail(f"{name!r} is not a class name; write it like HasViews.")


def _function_name(name: str) -> None:
    if not name.isidentifier() or name != name.lower():
        fail(f"{name!r} is not a function name; write it like send_mail.")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _folder(sources: Sources, into: Path | None, kind: str) -> Path:
    """Where a new file belongs: the folder that was named, else one in the project's first package."""
    if into is not None:
        return into
    file = find_file(sources.root.resolve())
    packages = sources.packages or _packages(file)
    if not packages:
        fail("No package to write into: no pyproject.toml with [tool.traits] packages here or above. Pass --into DIR.")
    root = file.parent if file is not None else sources.root
    path = Path(*packages[0].split("."))
    folder = next((parent / path for parent in (root, root / "src") if (parent / path).is_dir()), None)
    if folder is None:
        fail(f"There is no folder {root / path}. Pass --into DIR.")
    return folder / kind if (folder / kind).is_dir() else folder


def _packages(file: Path | None) -> tuple[str, ...]:
    return () if file is None else tuple(setting(file, "packages") or ())


def _write(path: Path, text: str, *, force: bool, dry_run: bool) -> None:
    """Write the file whole or not at all; a dry run prints the difference."""
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    if dry_run:
        lines = difflib.unified_diff(
            old.splitlines(keepends=True), text.splitlines(keepends=True), str(path) if old else "/dev/null", str(path)
        )
        click.echo("".join(lines), nl=False)
        click.echo("Dry run: nothing was written.", err=True)
        return
    if old and not force:
        fail(f"{path} already exists. Pass --force to replace it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text)
    click.echo(path)
