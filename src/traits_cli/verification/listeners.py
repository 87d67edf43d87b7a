"""Compares the listeners that would hear an event or a host's signal of a model."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

from sphinx_traits.manifest import Listener, Location
from sphinx_traits.resolve import EventUse, Index
from traits_cli.verification.program import Program, find_object
from traits_cli.verification.records import Comparison, Fact, Pair
from traits_runtime._core import runtime
from traits_runtime.rules.naming import matches

_DJANGO_SIGNALS = ("pre_init", "post_init", "pre_save", "post_save", "pre_delete", "post_delete")
_SQLALCHEMY_PREFIX = "sqlalchemy."


def compare_events(pair: Pair, program: Program, comparison: Comparison) -> None:
    """Compare the listeners of each event that a model's traits declare, with their priorities.

    Args:
        pair: The model.
        program: The program.
        comparison: Takes the results.
    """
    for event_use in pair.composition.events:
        live = [
            f"{listener.name} ({listener.priority})"
            for listener in runtime.bus.listeners
            if _hears(listener, event_use.event.wire, pair.cls) and program.manifest.owns(listener.name)
        ]
        _compare_listeners(pair, event_use, live, comparison)


def _hears(listener: Any, wire: str, cls: type) -> bool:
    return matches(listener.pattern, wire) and (listener.model is None or issubclass(cls, listener.model))


def _compare_listeners(pair: Pair, event_use: EventUse, live: list[str], comparison: Comparison) -> None:
    texts = {f"{listener.target} ({listener.priority})": listener for listener in event_use.listeners}
    fact = pair.fact("listener", event_use.event.wire, event_use.event.location)
    _compare_texts(fact, texts, set(live), comparison)


def _compare_texts(fact: Fact, texts: dict[str, Listener], live: set[str], comparison: Comparison) -> None:
    """Compare listeners; those that the manifest marks as uncertain need not be there."""
    absent = {text: _uncertain(listener) for text, listener in texts.items() if text not in live}
    expected = {text for text in texts if not absent.get(text)}
    doubts = [doubt for doubt in absent.values() if doubt]
    if doubts and expected == live:
        comparison.compare(fact._replace(doubt=doubts[0]), ", ".join(sorted(texts)), ", ".join(sorted(live)))
    else:
        comparison.compare(fact, ", ".join(sorted(expected)), ", ".join(sorted(live)))


def _uncertain(listener: Listener) -> str:
    """Why a listener may not be registered; empty for one that certainly is."""
    return listener.why or ("" if listener.certainty == "certain" else f"it is read as {listener.certainty}")


def compare_signals(pair: Pair, index: Index, program: Program, comparison: Comparison) -> None:
    """Compare the receivers of the host's signals and events for a model.

    Args:
        pair: The model.
        index: The manifest's index.
        program: The program.
        comparison: Takes the results.
    """
    if pair.model.host == "django" and "django.db.models.signals" in sys.modules:
        for signal in _DJANGO_SIGNALS:
            _compare_django(pair, signal, index, program, comparison)
    elif pair.model.host == "sqlalchemy" and hasattr(pair.cls, "__mapper__"):
        _compare_sqlalchemy(pair, program, comparison)


def _compare_django(pair: Pair, name: str, index: Index, program: Program, comparison: Comparison) -> None:
    signals = importlib.import_module("django.db.models.signals")
    pattern = f"django.db.models.signals.{name}"
    for_all = [listener for listener in index.listeners if listener.pattern == pattern and not listener.model]
    for_model = [listener for listener in pair.composition.heard_by if listener.pattern == pattern]
    texts = {listener.target: listener for listener in (*for_model, *for_all)}
    paths = {_path(receiver) for receiver in _receivers(getattr(signals, name), pair.cls)}
    live = {path for path in paths if program.manifest.owns(path)}
    _compare_texts(pair.fact("signal", name), texts, live, comparison)


def _receivers(signal: Any, sender: type) -> Iterator[Callable[..., Any]]:
    """The receivers that a signal of Django would call for a sender; coroutine functions stand in a list of theirs."""
    receivers = signal._live_receivers(sender)
    groups = receivers if isinstance(receivers, tuple) else (receivers,)
    for group in groups:
        yield from group


def _path(function: Any) -> str:
    """Dotted path of a receiver, without its decorators' wrappers."""
    target = inspect.unwrap(getattr(function, "__func__", function))
    return f"{getattr(target, '__module__', '')}.{getattr(target, '__qualname__', type(target).__qualname__)}"


def _compare_sqlalchemy(pair: Pair, program: Program, comparison: Comparison) -> None:
    event: Any = importlib.import_module("sqlalchemy.event")
    for listener in pair.composition.heard_by:
        if listener.pattern.startswith(_SQLALCHEMY_PREFIX):
            name = listener.pattern.removeprefix(_SQLALCHEMY_PREFIX)
            function = find_object(listener.target, program.failures)
            contained = callable(function) and event.contains(pair.cls, name, function)
            fact = Fact("signal", pair.model.name, listener.pattern, listener.location, _uncertain(listener))
            comparison.compare(fact, listener.target, listener.target if contained else "")
    listeners = {(listener.pattern, listener.target) for listener in pair.composition.heard_by}
    for name, path, place in _mapper_listeners(pair.cls, program):
        if (f"{_SQLALCHEMY_PREFIX}{name}", path) not in listeners:
            comparison.compare(Fact("signal", pair.model.name, f"{_SQLALCHEMY_PREFIX}{name}", place), "", path)


_MAPPER_EVENTS = (
    "before_insert", "after_insert", "before_update", "after_update", "before_delete", "after_delete",
)  # fmt: skip


def _mapper_listeners(cls: Any, program: Program) -> Iterator[tuple[str, str, Location]]:
    """The functions of the packages that SQLAlchemy calls for a mapper: event, path and place."""
    for name in _MAPPER_EVENTS:
        for function in getattr(cls.__mapper__.dispatch, name):
            for candidate in (function, *_enclosed(function)):
                path = _path(candidate)
                if program.manifest.owns(path):
                    yield name, path, Location()


def _enclosed(function: Any) -> list[Any]:
    """Functions in a wrapper's closure: SQLAlchemy wraps a listener that takes instances."""
    cells = getattr(function, "__closure__", None) or ()
    return [cell.cell_contents for cell in cells if callable(cell.cell_contents)]
