"""The frame of all commands: exit codes, colours, standard output, what a misspelt name is answered with."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner

from programs import BLOG, ROOT, data, process, run, write_shop
from traits_cli.base import Command, LazyGroup
from traits_cli.commands import COMMANDS, main
from traits_cli.output import Envelope
from traits_cli.schemas import commands, schemas

READING = ["list", "events", "inventory", "show Article", "config list", "config get HasSlug.max_length",
           "config show HasSlug.max_length", "config explain HasSlug.max_length", "config history",
           "features list", "features history", "about"]  # fmt: skip
"""Commands that read, with what they need."""


def every_command() -> list[tuple[str, click.Command]]:
    """All commands with their full names, groups too."""
    return list(commands())


@pytest.mark.parametrize("name", [name for name, _ in every_command()])
def test_help_of_every_command_fits_and_has_an_example(name: str) -> None:
    """One line says what it does, an example says how, and nothing is wider than 80 columns."""
    done = CliRunner().invoke(main, [*name.split(), "--help"], prog_name="traits", terminal_width=80)
    lines = done.stdout.splitlines()

    assert done.exit_code == 0
    assert lines[0].startswith(f"Usage: traits {name} ")
    assert any(line.strip().startswith(("Example:", "Examples:")) for line in lines)
    assert max(len(line) for line in lines) <= 80


def test_every_command_has_its_line_of_help_in_the_group() -> None:
    """The table's sentence is short enough for one line, and ends with a full stop."""
    for line in (one.help for one in COMMANDS.values()):
        assert len(line) <= 65
        assert line.endswith(".")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("lst", "Did you mean 'list'?"),
        ("list --jsn", "--json"),
        ("config gt", "Did you mean 'get'?"),
        ("show Artcle", "Did you mean 'blog.models.content.Article'?"),
        ("config get HasSlg.max_length", "Did you mean 'HasSlug'?"),
        ("config get HasSlug.max_lenght", "Did you mean 'max_length'?"),
        ("config get HasSlug.max_length --model Artcle", "Did you mean 'Article'?"),
        ("features list --model Artcle", "Did you mean 'Article'?"),
        ("diagnose --explain TRT11", "Did you mean 'TRT11"),
        ("diagnose --select TRX201", "Did you mean 'TRT201'?"),
        ("diagnose Artcle", "Did you mean 'Article'?"),
        ("events trait.HasSlug.slug_generatd", "Did you mean 'trait.HasSlug.slug_generated'?"),
    ],
)
def test_misspelt_name_is_answered_with_the_nearest(arguments: str, answer: str) -> None:
    """Commands, options, models, traits, keys, events and ids; exit code 2 and nothing on standard output."""
    done = run(*arguments.split())

    assert (done.exit_code, done.stdout) == (2, "")
    assert answer in done.stderr


@pytest.mark.parametrize("command", READING)
def test_json_of_every_reading_command_holds_to_its_published_schema(command: str, tmp_path: Path) -> None:
    """The envelope names command and version; the data is of the form that the schema says."""
    done = run(*command.split(), "--json", project=write_shop(tmp_path) if "history" in command else BLOG)
    said = json.loads(done.stdout)
    name = "-".join(word for word in command.split() if word.islower() and "." not in word)

    assert done.exit_code == 0, done.stderr
    assert said["schema"] == f"traits/{name}/1"
    assert said["ok"] is True
    jsonschema.validate(said, schemas()[said["schema"]])


def test_every_reading_command_has_json() -> None:
    """Of all commands only those that write files, run for long or speak to a shell have none."""
    without = {name for name, one in every_command() if not any(p.name == "as_json" for p in one.params)}
    groups = {name for name, one in every_command() if isinstance(one, click.Group)}

    assert without - groups == {"completion", "docs", "make job", "make listener", "make trait", "manifest", "work"}


def test_json_is_never_cut() -> None:
    """A narrow terminal changes nothing."""
    wide = run("show", "Article", "--json", env={"COLUMNS": "200"}).stdout
    narrow = run("show", "Article", "--json", env={"COLUMNS": "20"}).stdout

    assert wide == narrow
    assert "trait.HasUserTracking.hard_deleted" in narrow


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("config list --store {file}", "The store {file} cannot be used: file is not a database."),
        ("config set HasStock.low 7 --store {file}", "The store {file} cannot be used: file is not a database."),
        ("config history --store {file}", "The store {file} cannot be used: file is not a database."),
        ("config set HasStock.low 7 --store {file}/x.db", "The store {file}/x.db cannot be used: "),
        ("make trait HasViews --into {file}/x", "{file}/x: Not a directory."),
        ("make listener hear --event trait..x", "'trait..x' is not an event name or pattern"),
        ("manifest --output {file}/x.json", "{file}/x.json: Not a directory."),
        ("docs --format json --output {file}/x", "Not a directory."),
        ("diagnose --write-baseline --baseline {file}/x.json", "{file}/x.json: Not a directory."),
        ("diagnose --database nonsense", "--database: ArgumentError: "),
        ("diagnose --database postgresql+psycopg://ada:geheim@127.0.0.1:9/x", "Connection refused"),
        ("health --exclude evnts", "Did you mean 'events'?"),
        ("metrics trait.HasStock.count", "Did you mean 'trait.HasStock.counts'?"),
        ("config history HasStok", "Did you mean 'HasStock'?"),
    ],
)
def test_world_that_is_not_as_expected_is_a_sentence(command: str, answer: str, shop: Path) -> None:
    """Files that are none, folders that are files, databases that are away: exit code 2, no traceback, no password."""
    file = shop / "file"
    file.write_text("neither a database nor a folder, but a text that is long enough for both", encoding="utf-8")
    done = process(*command.format(file=file).split(), "--project", str(shop), cwd=shop)

    assert (done.returncode, done.stdout) == (2, "")
    assert answer.format(file=file) in done.stderr
    assert "Traceback" not in done.stderr
    assert "geheim" not in done.stderr


@pytest.mark.slow
def test_way_to_an_error_outside_can_be_seen(shop: Path) -> None:
    """With TRAITS_TRACEBACK=1, and it is not called an internal error."""
    command = ("diagnose", "--database", "postgresql+psycopg://ada@127.0.0.1:9/x", "--project", str(shop))
    done = process(*command, cwd=shop, env={"TRAITS_TRACEBACK": "1"})

    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "Internal error" not in done.stderr


@pytest.mark.slow
def test_setting_that_an_adapter_does_not_know_is_answered_with_the_nearest(shop: Path) -> None:
    """Of a file or of the environment."""
    done = process("health", "--project", str(shop), cwd=shop, env={"TRAITS_QUEUE": "rq", "TRAITS_ENGINES_RQ_URI": "x"})

    assert (done.returncode, done.stdout) == (2, "")
    assert "The adapter 'rq' has no setting 'uri' (in [engines.rq]). Did you mean 'url'?" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["list", "show Article", "events", "config list", "inventory"])
def test_a_pipe_gets_no_colours_and_no_empty_space(command: str) -> None:
    """What another program reads is plain, and standard error is empty."""
    done = process(*command.split(), "--project", str(BLOG))

    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if line != line.rstrip()] == []


def on_a_terminal(*arguments: str, env: dict[str, str]) -> str:
    """What a command writes to a terminal, standard error too."""
    ours, theirs = pty.openpty()
    script = "from traits_cli import launch; launch()"
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    started = subprocess.Popen(
        [sys.executable, "-P", "-c", script, *arguments],
        cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env={**kept, "TERM": "xterm-256color", **env},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    started.wait(timeout=120)
    os.close(ours)
    return said.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "arguments", "coloured"),
    [
        ({}, (), True),
        ({"NO_COLOR": "1"}, (), False),
        ({"NO_COLOR": ""}, (), True),
        ({"TERM": "dumb"}, (), False),
        ({}, ("--color", "never"), False),
        ({"NO_COLOR": "1"}, ("--color", "always"), True),
        ({"TERM": "dumb"}, ("--color", "always"), True),
    ],
)
def test_a_terminal_gets_colours_as_it_asks(env: dict[str, str], arguments: tuple[str, ...], coloured: bool) -> None:
    """`--color` wins over `NO_COLOR`, `NO_COLOR` over `TERM`."""
    for command in (("show", "HasSlug"), ("about",)):
        said = on_a_terminal(*command, "--project", str(BLOG), *arguments, env=env)

        assert ("\x1b[" in said) is coloured, (command, said[:200])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "arguments"), [({"FORCE_COLOR": "1"}, ()), ({}, ("--color", "always")), ({"FORCE_COLOR": "1"}, ("about",))]
)
def test_a_pipe_gets_colours_where_they_are_asked_for(env: dict[str, str], arguments: tuple[str, ...]) -> None:
    """`FORCE_COLOR` and `--color always` hold for what we draw and for what click draws."""
    command = arguments if arguments == ("about",) else ("show", "HasSlug", *arguments)
    done = process(*command, "--project", str(BLOG), env={**env, "NO_COLOR": "", "TERM": "xterm"})

    assert "\x1b[" in done.stdout


def test_no_color_wins_over_force_color() -> None:
    """Who asks for both gets none."""
    done = process("show", "HasSlug", "--project", str(BLOG), env={"NO_COLOR": "1", "FORCE_COLOR": "1"})

    assert "\x1b" not in done.stdout


def test_interrupt_ends_with_130_and_says_so(tmp_path: Path) -> None:
    """Ctrl-C while the application starts; nothing is half-written and there is no traceback."""
    shop = write_shop(tmp_path, extra="\nimport time, pathlib\npathlib.Path('started').touch()\ntime.sleep(60)\n")
    script = "from traits_cli import launch; launch()"
    started = subprocess.Popen(
        [sys.executable, "-P", "-c", script, "config", "set", "HasStock.low", "7", "--project", str(shop)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )  # fmt: skip
    for _ in range(2400):
        if (tmp_path / "started").exists():
            break
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=120)

    assert started.returncode == 130
    assert (out, err.strip()) == ("", "Interrupted.")
    assert not (shop / "overrides.db").exists()


def test_interrupted_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make` and `manifest --output` replace a file whole or not at all."""
    target = tmp_path / "views.py"
    target.write_text("old", encoding="utf-8")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    monkeypatch.setattr(os, "replace", interrupt)
    made = run("make", "trait", "HasViews", "--into", str(tmp_path), "--force")
    written = run("manifest", "--output", str(target))

    assert (made.exit_code, written.exit_code) == (130, 130)
    assert [one.name for one in tmp_path.iterdir()] == ["views.py"]
    assert target.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("options", ["Article --json", "--all"])
def test_reader_that_stops_reading_is_no_error(options: str) -> None:
    """`traits show | head -c 1` ends quietly and with 0: 1 would mean findings."""
    script = "from traits_cli import launch; launch()"
    command = f'"{sys.executable}" -P -c "{script}" show {options} --project "{BLOG}" | head -c 1'
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert (done.returncode, done.stderr, len(done.stdout)) == (0, "", 1)


def test_character_that_the_output_cannot_encode_is_escaped() -> None:
    """An arrow on a terminal without arrows is an escape, not a traceback."""
    command = [sys.executable, "-P", "-c", "from traits_cli import launch; launch()", "show", "Article"]
    env = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [*command, "--project", str(BLOG)], capture_output=True, encoding="latin-1", env=env, check=False, cwd=ROOT
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2192" in done.stdout


@pytest.fixture
def broken() -> click.Group:
    """A program with one command that fails in a way nobody foresaw."""

    @click.command()
    def fall() -> None:
        raise RuntimeError("nobody foresaw this")

    return type(main)(name="traits", table={"fall": Command("programs:fall", "Falls.")}, commands={"fall": fall})


def test_unforeseen_error_ends_with_2_and_a_traceback(broken: click.Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 means that something was found; an error must not look like that."""
    monkeypatch.setattr(LazyGroup, "get_command", click.Group.get_command)
    done = CliRunner().invoke(broken, ["fall"])

    assert done.exit_code == 2
    assert "RuntimeError: nobody foresaw this" in done.stderr
    assert "please report it" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["list", "events", "show X", "config list", "features list", "make trait HasX"])
def test_outside_a_project_the_answer_says_what_was_searched(command: str, tmp_path: Path) -> None:
    """The folder, the file, and what to say instead."""
    done = process(*command.split(), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "[tool.traits]" in done.stderr
    assert "--package" in done.stderr or "--into" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["health", "metrics", "config set HasStock.low 7"])
def test_without_an_application_the_answer_says_how_to_name_one(command: str, tmp_path: Path) -> None:
    """Both ways: the option and the file."""
    done = process(*command.split(), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "--app module:object" in done.stderr
    assert 'app = "shop.app"' in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [*READING[:-1], "diagnose", "make trait HasX --dry-run", "docs --format md"])
def test_static_commands_never_run_user_code(command: str, tmp_path: Path) -> None:
    """The package ends the process when it is imported."""
    shop = write_shop(tmp_path, extra="\nraise SystemExit(77)\n")
    words = command.replace("Article", "Product").replace("HasSlug.max_length", "HasStock.low").split()
    done = process(*words, "--project", str(shop), cwd=tmp_path)

    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert not list(shop.rglob("*.pyc"))


def test_progress_is_shown_on_a_terminal_after_a_second_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick command says nothing; a slow one on a terminal does, and wipes it out at the end."""
    from traits_cli import sources

    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = sources._Progress()
    now[0] += sources.PATIENCE_S - 0.1
    progress("shop.models", 1, 2)
    quick = progress.shown
    now[0] += 0.2
    progress("shop.models", 2, 2)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    piped = sources._Progress()
    piped("shop.models", 1, 2)

    assert (quick, progress.shown, piped.shown) == (False, True, False)


def test_envelope_warns_of_what_could_not_be_read(tmp_path: Path) -> None:
    """A base that is unknown is in the warnings of every command that reads."""
    shop = write_shop(tmp_path, extra="\nimport nowhere\nclass Odd(HasPrice, nowhere.Base): ...\n")
    done = run("list", "--json", project=shop)

    assert any("unresolved_base" in one for one in json.loads(done.stdout)["warnings"])
    assert [one["complete"] for one in data(done) if one["name"].endswith("Odd")] == [False]
    assert Envelope.__struct_fields__ == ("schema", "ok", "data", "warnings")


@pytest.mark.parametrize("name", [name for name, one in every_command() if not isinstance(one, click.Group)])
def test_unknown_option_of_every_command_is_exit_code_2(name: str) -> None:
    """Nothing on standard output, and the way to the help."""
    done = CliRunner().invoke(main, [*name.split(), "--no-such-option"], prog_name="traits")

    assert (done.exit_code, done.stdout) == (2, "")
    assert f"traits {name}" in done.stderr


def test_help_loads_neither_the_runtime_nor_what_draws() -> None:
    """What keeps the start quick: click and the frame alone."""
    code = (
        "import sys; from traits_cli.commands import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(*sorted(sys.modules))"
    )
    loaded = process(code=code).stdout.splitlines()[-1].split()

    assert "click" in loaded
    assert [one for one in loaded if one.startswith(("msgspec", "rich", "griffe", "sqlite3", "sphinx_traits"))] == []
    assert [one for one in loaded if one.startswith("traits_")] == [
        "traits_cli",
        "traits_cli.base",
        "traits_cli.commands",
    ]
