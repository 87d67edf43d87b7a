"""What a running application shows: its cache, its outbox, its jobs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from traits_runtime._core import registry, runtime
from traits_runtime._core.diagnose.problem import Found, found
from traits_runtime._core.trait.jobs import TraitJob
from traits_runtime.health import PATIENCE_S


def place_of(cls: type, root: Path) -> tuple[str, int]:
    """File and line of a class, the file relative to a folder; empty where it has none."""
    try:
        file = Path(inspect.getsourcefile(cls) or "").resolve()
        line = inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return "", 0
    return (str(file.relative_to(root)) if file.is_relative_to(root) else str(file)), line


def check_running(root: Path) -> Iterator[Found]:
    """All findings about the parts that run."""
    yield from _cache()
    yield from _outbox()
    yield from _operations(root)


def _cache() -> Iterator[Found]:
    from traits_runtime.health import check_cache

    try:
        status, output = check_cache()
    except Exception as error:
        status, output = "fail", f"{type(error).__name__}: {error}"
    if status == "fail":
        yield found("TRT401", type(runtime.cache.backend).__name__, f"{output}.")


def _outbox() -> Iterator[Found]:
    outbox = runtime.outbox
    if outbox is None:
        return
    name = type(outbox).__name__
    try:
        waited, dead = outbox.overdue(), outbox.counts().get("dead", 0)
    except Exception as error:
        yield found("TRT402", name, f"{name} cannot be asked for its jobs: {type(error).__name__}.")
        return
    if waited > PATIENCE_S:
        yield found("TRT402", name, f"A job in {name} is due for {waited:.0f} seconds and nobody took it.")
    if dead:
        yield found("TRT404", name, f"{dead} jobs have failed for good.")


def _operations(root: Path) -> Iterator[Found]:
    used = {trait.path for one in registry.records().values() if one.kind == "model" for trait in one.traits}
    for cls in _below(TraitJob):
        if not cls.operations:
            continue
        path, line = place_of(cls, root)
        names = ", ".join(sorted(cls.operations))
        if cls.trait is None:
            yield found("TRT403", cls.__name__, f"{cls.__name__} ({names}) names no trait.", path=path, line=line)
        elif cls.trait not in used:
            said = f"{cls.__name__} ({names}) is for {cls.trait}, and no model uses that."
            yield found("TRT403", cls.__name__, said, path=path, line=line)


def _below(cls: type[TraitJob]) -> Iterator[type[TraitJob]]:
    for one in cls.__subclasses__():
        yield one
        yield from _below(one)
