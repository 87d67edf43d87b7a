"""Conditions that hold for every query, as one option of the statement: the ``always`` scopes of traits, and tenants.

``statement`` -> the same statement with the conditions, kept per statement object, so that one that is used again keeps
what SQLAlchemy remembers about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, inspect, literal, select
from sqlalchemy.orm import ORMExecuteState, Session

from traits_runtime._core import runtime
from traits_runtime._core.metadata import METADATA
from traits_runtime._core.trait.scopes import scopes_of
from traits_runtime.adapters.sqlalchemy._private import (
    Criteria,
    EntityCriteria,
    adopt,
    evaluate,
    is_flushing,
    keep_on,
    kept_on,
    lifts_of,
    loads_for,
    mapper_of,
    with_option,
)
from traits_runtime.adapters.sqlalchemy.columns import on_model
from traits_runtime.adapters.sqlalchemy.transactions import ACTIVE


class Rule(NamedTuple):
    """A condition for the rows of a model.

    Args:
        source: What it comes from: equal for a model and for its subclasses.
        condition: What holds.
        lifted_by: With which of these it does not.
        asked_by: Without which it does not; None for none.
    """

    source: object
    condition: ColumnElement[bool]
    lifted_by: frozenset[object]
    asked_by: object = None

    def holds(self, lifted: frozenset[object]) -> bool:
        """Whether it holds with these options."""
        return self.lifted_by.isdisjoint(lifted) and (self.asked_by is None or self.asked_by in lifted)


LIFTED: Final[ContextVar[frozenset[str]]] = ContextVar("traits_lifted", default=frozenset())
"""Execution options that hold for all statements of a block."""

UNSCOPED: Final = object()
"""Lifts the rules of tenants; no execution option can be this."""

sources: Final[list[Callable[[type], Iterable[Rule]]]] = []
"""What gives rules for a mapped model."""

_models: Final[list[type]] = []
_rules: Final[dict[type, tuple[Rule, ...]]] = {}
_liftable: set[object] = set()
_asking: set[object] = set()
_options: dict[frozenset[object], Criteria | None] = {}
_names: Final[set[str]] = set()
_UNKNOWN: Final = object()
_LOADING: Final[frozenset[object]] = frozenset(["with_trashed"])


def _scopes(cls: type) -> Iterator[Rule]:
    for declared in scopes_of(vars(cls)[METADATA]):
        if declared.always:
            yield Rule(declared, declared.function(cls), frozenset(declared.lifted_by), declared.asked_by or None)


def rules_of(cls: type) -> tuple[Rule, ...]:
    """The rules of a mapped model, those it inherits included."""
    rules = _rules.get(cls)
    if rules is None:
        rules = tuple(rule for source in sources for rule in source(cls)) if METADATA in vars(cls) else ()
        _rules[cls] = rules
    return rules


def _add_model(cls: type) -> None:
    if rules_of(cls):
        _models.append(cls)
        _asking.update(rule.asked_by for rule in rules_of(cls) if rule.asked_by is not None)
        _liftable.update(name for rule in rules_of(cls) for name in rule.lifted_by)
        _liftable.update(_asking)
        _options.clear()
        _names.update(name for name in _liftable if isinstance(name, str))


class Memo:
    """What is known about one statement object and kept on it, so that one that is used again is not looked at again.

    Attributes:
        adopted: The statement as one of the ORM, where it becomes one by that.
        epoch: How many models had conditions when it was made.
        is_select: Whether it is a ``SELECT``.
        is_reload: Whether it loads columns of a row that is in memory.
        is_relationship: Whether it loads what a relationship leads to.
        lifts: The execution options that its conditions stand for.
        of_orm: Whether it names models.
        raw: The tenants' tables that it names as tables; None while nobody has looked.
        scoped: The statement with conditions, by what is lifted; None for as it is.
        takes: Whether conditions can be put on it.
    """

    __slots__ = (
        "adopted",
        "epoch",
        "is_relationship",
        "is_reload",
        "is_select",
        "lifts",
        "of_orm",
        "raw",
        "scoped",
        "takes",
    )

    def __init__(self, state: ORMExecuteState) -> None:
        statement = state.statement
        self.is_select: bool = statement.is_select
        self.of_orm: bool = state.is_orm_statement
        self.adopted: Any = adopt(statement) if self.is_select and not self.of_orm else None
        if self.adopted is statement:
            self.adopted = None
        elif self.adopted is not None:
            self.of_orm = True
        self.epoch: int = len(_models)
        reload, relationship = loads_for(state)
        self.is_reload: bool = reload
        self.is_relationship: bool = relationship
        self.takes: bool = self.is_select or state.is_update or state.is_delete
        self.lifts: frozenset[str] = lifts_of(statement)
        self.raw: frozenset[Any] | None = None
        self.scoped: dict[frozenset[object], Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """A statement that is pickled goes without."""
        return type(None), ()


def memo_of(state: ORMExecuteState) -> Memo | None:
    """What is known about a statement; None where no model has conditions."""
    if not _models:
        return None
    memo: Memo | None = kept_on(state.statement)
    if memo is None or memo.epoch != len(_models):
        memo = Memo(state)
        if not memo.is_select:
            keep_on(state.statement, memo)
    return memo


@contextmanager
def lifted(*names: str) -> Iterator[None]:
    """Execute all statements inside as with these execution options."""
    token = LIFTED.set(frozenset(names))
    try:
        yield
    finally:
        LIFTED.reset(token)


def lifting(options: Mapping[str, Any]) -> frozenset[object]:
    """What is lifted where some execution options are set."""
    options_lifted: frozenset[object] = LIFTED.get()
    if not _names.isdisjoint(options):
        options_lifted = options_lifted.union(name for name in _names if options.get(name) is True)
    return options_lifted | {UNSCOPED} if UNSCOPED in _liftable and runtime.is_unscoped() else options_lifted


def everything_lifted() -> dict[str, bool]:
    """Execution options that lift all that options can lift."""
    return {name: True for name in _names if name not in _asking}


def add_criteria(state: ORMExecuteState, memo: Memo | None) -> None:
    """Put the conditions on a statement of the ORM.

    SQLAlchemy puts none on a row that it reloads; queries inside, as a count in a ``column_property``, have them.
    What the unit of work loads to keep references right, it loads with the trash.
    """
    if memo is None or not memo.takes:
        return
    lifted = lifting(state.execution_options)
    if memo.lifts:
        lifted |= memo.lifts
    if memo.is_relationship and is_flushing(state.session) and ACTIVE.get() is None:
        lifted |= _LOADING
    scoped = memo.scoped.get(lifted, _UNKNOWN)
    if scoped is _UNKNOWN:
        option = option_for(lifted)
        statement = memo.adopted if memo.adopted is not None else state.statement
        scoped = memo.scoped[lifted] = memo.adopted if option is None else with_option(statement, option)
        keep_on(state.statement, memo)  # only now: a statement is copied faster while nothing is kept on it
    if scoped is not None:
        state.statement = scoped


def option_for(lifted: frozenset[object]) -> Criteria | None:
    """The conditions that hold, as one option; None for none."""
    try:
        return _options[lifted]
    except KeyError:
        pass
    criteria = [
        EntityCriteria(cls, rule.condition)
        for cls in _models
        if inspect(cls, raiseerr=False) is not None
        for rule in rules_of(cls)
        if rule.holds(lifted) and _introduces(cls, rule)
    ]
    option = _options[lifted] = Criteria(criteria) if criteria else None
    return option


def _introduces(cls: type, rule: Rule) -> bool:
    """Whether no mapped class above has the rule already; conditions hold for subclasses too."""
    above = [rule for base in cls.__mro__[1:] if mapper_of(base) is not None for rule in rules_of(base)]
    return not any(rule.source == other.source for other in above)


def shows(session: Session, row: Any, options: Mapping[str, Any]) -> bool:
    """Whether a row that is in memory would be found in the database, too."""
    rules = rules_of(type(row))
    lifted = lifting(options) if rules else frozenset()
    return all(_holds(session, row, rule) for rule in rules if rule.holds(lifted))


def _holds(session: Session, row: Any, rule: Rule) -> bool:
    evaluated = evaluate(type(row), rule.condition, row)
    if evaluated is not None:
        return evaluated
    mapper: Any = inspect(type(row))
    key = [column == value for column, value in zip(mapper.primary_key, inspect(row).identity, strict=True)]
    query = select(literal(1)).select_from(type(row)).where(rule.condition, *key)
    return session.scalar(query.execution_options(**everything_lifted())) is not None


sources.append(_scopes)
on_model.append(_add_model)
