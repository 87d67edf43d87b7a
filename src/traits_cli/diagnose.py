"""`traits diagnose`: what is wrong with sources, config, database and the running parts, and putting it right."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from traits_cli.app import Application, app_options
from traits_cli.base import confirm, did_you_mean, fail
from traits_cli.completion import completes
from traits_cli.key_catalog import Known, live, static
from traits_cli.output import json_option, print_json
from traits_cli.report import FORMS, summary
from traits_runtime._core.config.resolver import Address
from traits_runtime._core.diagnose.catalogue import CHECKS, LEVELS, explain
from traits_runtime._core.diagnose.problem import Chosen, Fix, Found, Problem
from traits_runtime._core.diagnose.settings import Settings, check_settings
from traits_runtime._core.files import write_atomic
from traits_runtime.errors import TraitsError

BASELINE = ".traits-baseline.json"

SCHEMAS = ("traits_runtime.adapters.sqlalchemy_schema",)
"""Modules that hold models against a database; each is imported when a database is asked for."""


ROUNDS = 5
"""How often is looked again after a fix: one may show what another hid."""


class Baseline(msgspec.Struct, frozen=True):
    """Findings that are known and left alone.

    Args:
        schema: ``traits/baseline/1``.
        findings: Their fingerprints.
    """

    schema: str
    findings: tuple[str, ...]


class Ways(NamedTuple):
    """What to do about what is found."""

    safe: bool
    unsafe: bool
    diff: bool


def _ids(ctx: click.Context, _: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Ids or their beginnings, given apart or between commas; an unknown one ends the command."""
    ids = tuple(part.strip().upper() for one in value for part in one.split(",") if part.strip())
    for one in ids:
        if not any(known.startswith(one) for known in CHECKS):
            ctx.fail(f"There is no id {one!r}.{did_you_mean(one, CHECKS)}")
    return ids


def _explain(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    """Print what an id means, without looking at anything."""
    if value is None:
        return
    check = CHECKS.get(value.upper())
    if check is None:
        ctx.fail(f"There is no id {value!r}.{did_you_mean(value.upper(), CHECKS)}")
    click.echo(explain(check))
    ctx.exit()


@click.command()
@click.argument("name", default="", metavar="[MODEL|TRAIT]", shell_complete=completes("class_names"))
@click.option("--select", multiple=True, metavar="ID", callback=_ids, help="Only these ids, or all that begin so.")
@click.option("--ignore", multiple=True, metavar="ID", callback=_ids, help="Leave these ids out.")
@click.option("--fix", is_flag=True, help="Put right what can be put right without a risk.")
@click.option("--unsafe-fixes", is_flag=True, help="Also what may lose data; asks first.")
@click.option("--diff", is_flag=True, help="Print what the fixes would do, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before unsafe fixes.")
@click.option("--database", metavar="URL", default="", help="The database. Default: the engine of --app's object.")
@click.option(
    "--baseline", type=click.Path(dir_okay=False, path_type=Path), help=f"Known findings. Default: {BASELINE}."
)
@click.option("--write-baseline", is_flag=True, help="Write all findings of now into the baseline.")
@click.option(
    "--fail-level",
    type=click.Choice(LEVELS),
    default="warning",
    show_default=True,
    help="End with 1 from this level on.",
)
@click.option("--format", "form", type=click.Choice([*FORMS, "json"]), default="text", show_default=True)
@click.option(
    "--explain", metavar="ID", callback=_explain, expose_value=False, is_eager=True, help="Say what an id means."
)
@json_option(list[Problem])
@app_options
def diagnose(
    app: Application, name: str, select: tuple[str, ...], ignore: tuple[str, ...], database: str,
    baseline: Path | None, fail_level: str, form: str, *, fix: bool, unsafe_fixes: bool, diff: bool, yes: bool,
    write_baseline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find what is wrong: in the sources and files; with --app also in the running application and its database.

    Ends with 1 where something is found. A finding has an id, a place, the reason and
    the way out; a second --fix changes nothing.

    \b
    Examples:
      traits diagnose --project examples/blog
      traits diagnose Article --app shop.app:engine --fix
      traits diagnose --explain TRT201
    """
    look = _looker(app, database, Chosen(select, ignore), name)
    every = look()
    file = baseline or app.folder / BASELINE
    if write_baseline:
        _write_baseline(file, [one.problem for one in every])
        return
    known = _read_baseline(file) if baseline is not None or file.is_file() else frozenset()
    ways = Ways(fix or unsafe_fixes, unsafe_fixes, diff)
    if unsafe_fixes and not diff and any(one.problem.fixing == "unsafe" for one in every):
        confirm("Unsafe fixes may lose data.", yes=yes)
    if ways.safe or ways.diff:
        every = _mend(app, every, known, ways, look)
    left = [one.problem for one in every if one.problem.fingerprint not in known]
    bad = any(LEVELS.index(one.level) <= LEVELS.index(fail_level) for one in left)
    if as_json or form == "json":
        print_json(left, ok=not bad)
    else:
        click.echo(FORMS[form](left))
    if form != "text":
        click.echo(summary(left), err=True)
    raise SystemExit(1 if bad else 0)


def _looker(app: Application, database: str, chosen: Chosen, name: str) -> Callable[[], list[Found]]:
    """What looks for findings, again and again: it loads the application once."""
    running = bool(app.name or database)
    thing = app.load() if running else None
    if running:
        app.start_engines()
    opened = _databases(database, thing) if running else []

    def look() -> list[Found]:
        every = [*_sources(app), *(_running(app, opened) if running else ())]
        facts = _facts(app, running=running)
        every += check_settings(_settings(app, facts))
        wanted = [one for one in every if chosen.wants(one.problem.id)]
        if name:
            path = facts.find("model or trait", name, facts.classes).path
            wanted = [one for one in wanted if _is_about(one.problem, path)]
        return sorted(wanted, key=lambda one: one.problem)

    return look


def _is_about(problem: Problem, path: str) -> bool:
    short = path.rpartition(".")[2]
    return bool(re.search(rf"\b{re.escape(short)}\b", f"{problem.subject} {problem.message}"))


def _sources(app: Application) -> Iterator[Found]:
    """Findings about the sources, where there are some to read and something to read them with."""
    try:
        from traits_cli import findings, sources
    except ModuleNotFoundError as error:
        click.echo(f"Sources were not read: {error.name} is not installed.", err=True)
        return iter(())
    project = sources.project_of(app.sources)
    if not project.packages and app.name:
        return iter(())
    return findings.check_sources(sources.read_sources(project))


def _running(app: Application, opened: Sequence[tuple[Any, Any]]) -> Iterator[Found]:
    from traits_runtime._core import registry
    from traits_runtime._core.diagnose.running import check_running

    root = app.folder
    yield from check_running(root)
    models = [one for one in registry.records().values() if one.kind == "model"]
    for module, engine in opened:
        yield from module.check_schema(engine, models, root)


def _databases(url: str, thing: object) -> list[tuple[Any, Any]]:
    """The databases to look at, each with the module that can."""
    opened = []
    for name in SCHEMAS:
        if not url and "sqlalchemy" not in _loaded():
            continue
        module: Any = importlib.import_module(name)
        engine = _engine(module, url) if url else module.engine_of(thing)
        if engine is not None:
            opened.append((module, engine))
    if not opened:
        click.echo("No database was looked at: name one with --database, or --app module:engine.", err=True)
    return opened


def _engine(module: Any, url: str) -> Any:
    try:
        return module.open_engine(url)
    except TraitsError:
        raise
    except Exception as error:
        fail(f"--database: {type(error).__name__}: {str(error).splitlines()[0]}")


def _loaded() -> set[str]:
    import sys

    return set(sys.modules)


def _facts(app: Application, *, running: bool) -> Known:
    return live() if running else static(app.sources, app)


def _settings(app: Application, facts: Known) -> Settings:
    users: dict[str, list[str]] = {}
    for model in facts.models.values():
        for trait in model.traits:
            users.setdefault(trait, []).append(model.path)
    return Settings(
        keys={path: one.keys for path, one in facts.traits.items()},
        models={path: one.subject for path, one in facts.models.items()},
        users={trait: tuple(models) for trait, models in users.items()},
        subjects={path: one.subject for path, one in facts.traits.items()},
        resolver=facts.resolver,
        file=app.file,
        root=app.folder,
        forget=_forgetter(app, facts),
    )


def _forgetter(app: Application, facts: Known) -> Callable[[Address], None] | None:
    """What takes an override out of the store."""
    from traits_runtime import MemoryStore, config

    given = {"by": "traits diagnose", "why": "it has no effect", "expected": None}
    if facts.how == "imported" and not isinstance(config.store, MemoryStore):

        def forget(address: Address) -> None:
            config.store.write(address, "", **given)  # type: ignore[arg-type]
            config.refresh()

        return forget
    path = app.open_store()
    if path is None or not path.is_file():
        return None

    def forget_in_file(address: Address) -> None:
        from traits_runtime._core.config.sqlite import SQLiteStore

        store = SQLiteStore(path)
        try:
            store.write(address, "", **given)  # type: ignore[arg-type]
        finally:
            store.close()

    return forget_in_file


def _mend(
    app: Application, every: list[Found], known: frozenset[str], ways: Ways, look: Callable[[], list[Found]]
) -> list[Found]:
    """Apply the fixes until nothing is left that one can do, or print them; returns what is found afterwards."""
    if ways.diff:
        for problem, fix in _fixable(every, known, ways):
            click.echo(f"{problem.id} {fix.target}: {fix.preview}")
        return every
    done = 0
    for _ in range(ROUNDS):
        fixed = _apply_all(_fixable(every, known, ways))
        done += fixed
        if not fixed:
            break
        _reload(app)
        every = look()
    click.echo(f"{done} fixed.", err=True)
    return every


def _fixable(every: list[Found], known: frozenset[str], ways: Ways) -> list[tuple[Problem, Fix]]:
    kinds = ("safe", "unsafe") if ways.unsafe else ("safe",)
    return [
        (problem, fix)
        for problem, fix in every
        if fix is not None and problem.fingerprint not in known and problem.fixing in kinds
    ]


def _reload(app: Application) -> None:
    """Read config again that a fix has changed."""
    from traits_runtime import config
    from traits_runtime._core import runtime

    if runtime.files_are_read():
        runtime.problems.clear()
        runtime.resolver.forget()
        runtime.read_files(app.file)
        config.refresh()


def _apply_all(todo: list[tuple[Problem, Fix]]) -> int:
    """Put things right; what needs another one first is tried again after it. Returns how many were."""
    done = 0
    errors: list[str] = []
    while todo:
        left, errors = [], []
        for problem, fix in todo:
            error = _apply(problem, fix)
            if error:
                left.append((problem, fix))
                errors.append(f"{problem.id} {fix.preview}: {error}")
        done += len(todo) - len(left)
        if len(left) == len(todo):
            break
        todo = left
    for line in errors:
        click.echo(line, err=True)
    return done


def _apply(problem: Problem, fix: Fix) -> str:
    """Put one thing right; what went wrong, empty for nothing."""
    try:
        fix.apply()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    click.echo(f"{problem.id} {fix.target}: {fix.preview}", err=True)
    return ""


def _write_baseline(file: Path, problems: list[Problem]) -> None:
    marks = tuple(sorted({one.fingerprint for one in problems}))
    text = msgspec.json.format(msgspec.json.encode(Baseline("traits/baseline/1", marks))).decode()
    write_atomic(file, text + "\n")
    click.echo(f"{len(marks)} findings written to {file}.", err=True)


def _read_baseline(file: Path) -> frozenset[str]:
    try:
        return frozenset(msgspec.json.decode(file.read_bytes(), type=Baseline).findings)
    except (OSError, msgspec.MsgspecError) as error:
        fail(f"The baseline {file} cannot be read: {error}")
