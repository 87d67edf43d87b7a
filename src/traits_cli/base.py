"""Shared by all sub-commands: lazy groups, colours, exit codes, error messages, common options."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import click

C = TypeVar("C", bound=Callable[..., Any])

CONTEXT: Final[Mapping[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 80}

COMPLETING = "_TRAITS_COMPLETE"
"""Variable that a shell's completion script sets."""

INTERRUPTED = 130
"""Exit code after Ctrl-C; 0 is success, 1 means findings or changes, 2 an error."""


class Command(NamedTuple):
    """A sub-command by name: the module and attribute where it is, and its line of help."""

    target: str
    help: str


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called.

    Args:
        table: The commands by name.
    """

    def __init__(self, *args: Any, table: Mapping[str, Command], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return the command, with `--color` among its options."""
        if cmd_name not in self.table:
            return None
        import importlib

        module, _, attribute = self.table[cmd_name].target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.table[cmd_name].target} is not a command")
        command.name = cmd_name
        if all(parameter.name != "color" for parameter in command.params):
            color_option(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name].help) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Names of commands with their help, without importing any."""
        from click.shell_completion import CompletionItem

        items = [
            CompletionItem(name, help=self.table[name].help)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; a misspelt one is answered with the nearest."""
        if args and args[0] not in self.table and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{did_you_mean(args[0], self.table)}")
        return super().resolve_command(ctx, args)


class Main(LazyGroup):
    """The outermost group: turns an exception into a sentence on standard error and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader who closes the pipe (`| head`) is no error, where click ends with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _discard_output()
            return 0

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and end the process with its exit code."""
        if COMPLETING in os.environ:
            import traits_cli.powershell  # noqa: F401 - registers a shell that click does not know
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        _escape_what_the_terminal_lacks()
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            code = 2
        except (click.Abort, KeyboardInterrupt):
            click.echo("Interrupted.", err=True)
            code = INTERRUPTED
        except BrokenPipeError:
            _discard_output()
            code = 0
        except Exception as error:
            code = _report_error(error)
        sys.exit(code if isinstance(code, int) else 0)


def _escape_what_the_terminal_lacks() -> None:
    """Write characters that the encoding of a stream does not have as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Point standard output to nowhere: nobody reads it any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


EXTERNAL: Final = frozenset({
    "alembic", "amqp", "kombu", "pika", "psycopg", "redis", "sqlalchemy", "sqlite3",
})  # fmt: skip
"""Libraries whose errors are about files, databases and brokers."""


def _report_error(error: Exception) -> int:
    """Print an error: an expected one in one sentence, any other with its traceback."""
    sentence = _as_sentence(error)
    if sentence and not os.environ.get("TRAITS_TRACEBACK"):
        click.echo(f"Error: {sentence}", err=True)
        return 2
    import traceback

    traceback.print_exc()
    if not sentence:
        click.echo("Internal error: please report it with the lines above.", err=True)
    return 2


def _as_sentence(error: Exception) -> str:
    """The error as one sentence; empty where it may be a fault of ours."""
    from traits_cli.extras import import_problem
    from traits_runtime.errors import TraitsError

    if isinstance(error, ImportError):
        return import_problem(error)

    if isinstance(error, TraitsError):
        return str(error)
    lines = str(error).splitlines() or [""]
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    if type(error).__module__.partition(".")[0] in EXTERNAL:
        return f"{lines[0] or type(error).__name__}\n(TRAITS_TRACEBACK=1 prints the traceback.)"
    return ""


def fail(message: str) -> NoReturn:
    """Print an error and end the process with code 2."""
    click.echo(f"Error: {message}", err=True)
    raise SystemExit(2)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown name; the runtime is imported late, `traits --help` does not need it."""
    from traits_runtime import errors

    return errors.did_you_mean(name, names)


def color_option(command: C) -> C:
    """`--color`, which wins over `NO_COLOR`, `FORCE_COLOR` and `TERM=dumb`."""
    decorated: C = click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        expose_value=False,
        is_eager=True,
        callback=_set_colour,
        help="Colours; auto follows the terminal, NO_COLOR and FORCE_COLOR.",
    )(command)
    return decorated


def _set_colour(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None or ctx.parent is None:
        ctx.color = {"always": True, "never": False}.get(value or "auto", _colour_setting(os.environ))


def _colour_setting(environ: Mapping[str, str]) -> bool | None:
    """Whether the environment asks for colours; None where the stream decides."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return False if environ.get("TERM") == "dumb" else None


class Sources(NamedTuple):
    """Which sources a command reads, as its options say it.

    Args:
        project: The folder of the project, None for the nearest one above.
        search_paths: Folders that come first.
        packages: Packages to read instead of the project's own.
    """

    project: Path | None = None
    search_paths: tuple[Path, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The folder that relative paths are relative to."""
        return self.project or Path.cwd()


def sources_options(command: C) -> C:
    """`--project`, `--package` and `--search-path`; they reach the command as one `Sources` named ``sources``."""
    import functools

    @functools.wraps(command)
    def call(
        *args: Any, project_dir: Path | None, search_paths: tuple[Path, ...], package: tuple[str, ...], **kwargs: Any
    ) -> Any:
        return command(*args, sources=Sources(project_dir, search_paths, package), **kwargs)

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


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; without a terminal `--yes` is needed.

    Args:
        question: What would happen.
        yes: Whether `--yes` was given.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Not a terminal; pass --yes.")
    click.confirm(question, abort=True, err=True)
