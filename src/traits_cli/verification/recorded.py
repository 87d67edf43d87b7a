"""Compares the order in which hooks really run: a row is inserted, updated and deleted in a scratch database."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import CodeType, FrameType
from typing import Any

from traits_cli.verification.hooks import declared_hooks, hook_entries, label
from traits_cli.verification.mro import doubt_of
from traits_cli.verification.program import metadata_of
from traits_cli.verification.records import Comparison, Fact, Pair
from traits_cli.verification.scratch import ScratchError, change, make_row, open_scratch
from traits_runtime._core.metadata import TraitMetadata
from traits_runtime.rules.moments import OPERATIONS as MOMENTS_OF

OPERATIONS = ("insert", "update", "delete")


def compare_recorded(pair: Pair, comparison: Comparison) -> None:
    """Compare the hooks that run when a row is written with the manifest's hooks of those moments.

    Only models of SQLAlchemy that use traits have such a session. Events are held back, and everything is rolled back.

    Args:
        pair: The model.
        comparison: Takes the results.
    """
    metadata = metadata_of(pair.cls)
    if metadata is None or not declared_hooks(pair.composition.hooks):
        return
    facts = {name: pair.fact("recorded hooks", name, doubt=doubt_of(pair.model)) for name in OPERATIONS}
    if pair.model.host != "sqlalchemy" or "traits_runtime.adapters.sqlalchemy" not in sys.modules:
        _skip_all(facts.values(), f"{pair.model.host}: the host gives no session", comparison)
        return
    try:
        recorded = dict(_record(pair.cls, metadata))
    except Exception as error:  # hooks, defaults and constructors of the project may raise anything
        reason = str(error) if isinstance(error, ScratchError) else f"{type(error).__name__}: {error}"
        _skip_all(facts.values(), f"no row can be written: {reason.splitlines()[0]}", comparison)
        return
    for name, fact in facts.items():
        if name in recorded:
            _compare_order(pair, metadata, fact, recorded[name], comparison)
        else:
            comparison.skip(fact, "no column of the model can be changed without knowing its meaning")


def _skip_all(facts: Any, reason: str, comparison: Comparison) -> None:
    for fact in facts:
        comparison.skip(fact, reason)


def _record(cls: type, metadata: TraitMetadata) -> Iterator[tuple[str, list[str]]]:
    """The hooks that run in each operation on one row."""
    from traits_runtime import quietly

    codes = _hook_codes(cls, metadata)
    with quietly(), open_scratch(cls) as session:
        row = make_row(cls)
        session.add(row)
        yield "insert", _calls_during(session.flush, row, codes)
        if change(row):
            yield "update", _calls_during(session.flush, row, codes)
        yield "delete", _calls_during(partial(_delete, session, row), row, codes)


def _delete(session: Any, row: object) -> None:
    session.delete(row)
    session.flush()


def _hook_codes(cls: type, metadata: TraitMetadata) -> dict[CodeType, str]:
    """The label of each hook by the code that runs; two hooks behind one decorator's wrapper cannot be told apart."""
    codes: dict[CodeType, str] = {}
    for entry in itertools.chain(*hook_entries(metadata).values()):
        code = getattr(getattr(cls, entry.name), "__code__", None)
        if code is None or code in codes:
            raise ScratchError(f"the calls of {entry.owner}.{entry.name} cannot be told apart from others")
        codes[code] = f"{entry.owner}.{entry.name}"
    return codes


def _calls_during(work: Callable[[], object], row: object, codes: dict[CodeType, str]) -> list[str]:
    """The hooks that are called on a row while a function runs, without those that another hook calls."""
    labels: list[str] = []
    open_frames: list[FrameType] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if code not in codes or not code.co_varnames or frame.f_locals.get(code.co_varnames[0]) is not row:
            return
        if event == "return" and open_frames and open_frames[-1] is frame:
            open_frames.pop()
        elif event == "call":
            if not open_frames:
                labels.append(codes[code])
            open_frames.append(frame)

    with _profile(note):
        work()
    return labels


@contextmanager
def _profile(function: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    previous = sys.getprofile()
    sys.setprofile(function)
    try:
        yield
    finally:
        sys.setprofile(previous)


def _compare_order(
    pair: Pair, metadata: TraitMetadata, fact: Fact, recorded: list[str], comparison: Comparison
) -> None:
    """Compare with the way of the session whose moments fit best: a row is deleted, or goes to the trash."""
    ways = [_expected(pair, metadata, moments, recorded) for moments in _moments_of(fact.name)]
    expected = next((way for way in ways if way == recorded), ways[0])
    comparison.compare(fact, " > ".join(expected), " > ".join(recorded))


def _moments_of(operation: str) -> list[tuple[str, ...]]:
    """The moments of an operation, for each way in which a session may do it: a deleted row may go to the trash."""
    ways = ("delete", "trash") if operation == "delete" else (operation,)
    return [MOMENTS_OF[way].moments for way in ways]


def _expected(pair: Pair, metadata: TraitMetadata, moments: Sequence[str], recorded: Sequence[str]) -> list[str]:
    """The manifest's hooks of some moments, without those that did not run for a reason that sources cannot know."""
    hooks = declared_hooks(pair.composition.hooks)
    due = [hook for moment in moments for hook in hooks if hook.moment == moment]
    return [label(hook) for hook in due if label(hook) in recorded or not _may_rest(hook.when, hook.owner, metadata)]


def _may_rest(condition: str, owner: str, metadata: TraitMetadata) -> bool:
    """Whether a hook has a condition, or belongs to a trait that is off."""
    trait = next((trait for trait in metadata.traits if trait.path == owner), None)
    return bool(condition) or (trait is not None and not metadata.state(trait.name, None))
