"""Checks of a running program: its cache, its outbox, its jobs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from traits_runtime._core import registry, runtime
from traits_runtime._core.trait.jobs import TraitJob
from traits_runtime.diagnose.finding import Finding, make_finding
from traits_runtime.health import MAX_OVERDUE_S, check_cache


def place_of(cls: type, root: Path) -> tuple[str, int]:
    """File and line of a class, the file relative to a folder; empty where it has none."""
    try:
        file = Path(inspect.getsourcefile(cls) or "").resolve()
        line = inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return "", 0
    return relative_to(file, root), line


def relative_to(file: Path, root: Path) -> str:
    """The path of a file below a folder; the whole path outside of it."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def check_program(root: Path) -> Iterator[Finding]:
    """Check cache, outbox and operations of this process.

    Args:
        root: The folder that paths are relative to.
    """
    yield from _check_cache()
    yield from _check_outbox()
    yield from _check_operations(root)


def _check_cache() -> Iterator[Finding]:
    try:
        status, output = check_cache()
    except Exception as error:
        status, output = "fail", f"{type(error).__name__}: {error}"
    if status == "fail":
        yield make_finding("TRT401", type(runtime.cache.backend).__name__, f"{output}.")


def _check_outbox() -> Iterator[Finding]:
    outbox = runtime.outbox
    if outbox is None:
        return
    name = type(outbox).__name__
    try:
        seconds, dead = outbox.overdue(), outbox.counts().get("dead", 0)
    except Exception as error:
        yield make_finding("TRT402", name, f"{name} cannot be read: {type(error).__name__}: {error}.")
        return
    if seconds > MAX_OVERDUE_S:
        yield make_finding("TRT402", name, f"A job in {name} is {seconds:.0f} seconds overdue.")
    if dead:
        yield make_finding("TRT404", name, f"{dead} jobs in {name} have failed for good.")


def _check_operations(root: Path) -> Iterator[Finding]:
    records = registry.records().values()
    used = {trait.path for record in records if record.kind == "model" for trait in record.traits}
    for cls in _subclasses(TraitJob):
        if cls.operations and (cls.trait is None or cls.trait not in used):
            yield _unused_operations(cls, root)


def _unused_operations(cls: type[TraitJob], root: Path) -> Finding:
    path, line = place_of(cls, root)
    cause = "names no trait" if cls.trait is None else f"is for {cls.trait}, which no model uses"
    names = ", ".join(sorted(cls.operations))
    return make_finding("TRT403", cls.__name__, f"{cls.__name__} ({names}) {cause}.", path=path, line=line)


def _subclasses(cls: type[TraitJob]) -> Iterator[type[TraitJob]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
