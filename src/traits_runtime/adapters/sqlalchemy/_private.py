"""All uses of SQLAlchemy's private API; a test checks them against the installed version."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from itertools import chain, count
from typing import Any, Final, cast

from sqlalchemy import Column, ColumnClause, ColumnElement, Join, Select, TableClause, and_
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.orm import InstanceState, Mapper, ORMExecuteState
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.base import NO_VALUE, PassiveFlag
from sqlalchemy.orm.context import FromStatement
from sqlalchemy.orm.evaluator import UnevaluatableError, _EvaluatorCompiler
from sqlalchemy.orm.interfaces import CriteriaOption
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BindParameter,
    ClauseElement,
    ClauseList,
    ExpressionClauseList,
)
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import AliasedReturnsRows, ScalarSelect, SelectBase
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.util import HasMemoized, immutabledict
from sqlalchemy.util.concurrency import await_, in_greenlet

__all__ = [
    "Counted",
    "Criteria",
    "EntityCriteria",
    "adopt",
    "assigned",
    "await_",
    "cache_key_of",
    "changed_fields",
    "evaluate",
    "guard_upsert",
    "in_greenlet",
    "is_by_key",
    "is_changed",
    "is_orphan",
    "let_sqlmodel_set",
    "mapper_of",
    "may_be_orphan",
    "names_no_table",
    "outside_block",
    "raw_tables",
    "rows_of",
    "state_of",
    "targets_of",
    "touched",
]

NO_PARAMETERS: Final[Mapping[str, Any]] = immutabledict()

_AS_IT_IS = PassiveFlag.NO_CHANGE
"""Inspect values in memory without loading or changing any."""


def state_of(instance: object) -> InstanceState[Any] | None:
    """The state of a mapped instance, None for anything else."""
    return None if isinstance(instance, type) else getattr(instance, "_sa_instance_state", None)


def mapper_of(cls: type) -> Mapper[Any] | None:
    """The mapper of a class itself, None where it is not mapped."""
    return cast("Mapper[Any] | None", cls.__dict__.get("__mapper__"))


def is_changed(instance: Any) -> bool:
    """Whether a flush would write an ``UPDATE``: the value of a column or the target of a many-to-one differs.

    As ``session.is_modified(instance, include_collections=False)``, looking only at what was touched.
    """
    state = instance._sa_instance_state
    values, manager = instance.__dict__, state.manager
    for key, before in state.committed_state.items():
        if key not in manager:
            continue
        impl = manager[key].impl
        if impl.collection:
            continue
        if before is NO_VALUE:
            return True
        if impl.uses_objects or key not in values:
            if impl.get_history(state, values, _AS_IT_IS).has_changes():
                return True
        elif impl.is_equal(values[key], before) is not True:
            return True
    return False


def changed_fields(instance: Any) -> frozenset[str]:
    """The names of the attributes whose values differ from those in the database, collections among them."""
    state = instance._sa_instance_state
    return frozenset(
        key
        for key, before in state.committed_state.items()
        if key in state.manager
        and (before is NO_VALUE or state.manager[key].impl.get_history(state, state.dict, _AS_IT_IS).has_changes())
    )


def may_be_orphan(instance: Any) -> bool:
    """Whether a relationship of a parent may delete rows of the model as orphans."""
    return bool(instance._sa_instance_state.manager.mapper._delete_orphans)


def touched(session: Any) -> tuple[int, int, int]:
    """The number of new, changed and deleted rows of a session."""
    return len(session._new), len(session.identity_map._modified), len(session._deleted)


def is_orphan(instance: object) -> bool:
    """Whether a flush would delete a row as an orphan."""
    state: Any = instance_state(instance)
    mapper = state.mapper
    return bool(mapper._delete_orphans and state.has_identity and mapper._is_orphan(state))


@contextmanager
def outside_block(session: Any) -> Iterator[None]:
    """Let a session begin a new transaction inside its ``with session.begin():`` block."""
    block, session._trans_context_manager = session._trans_context_manager, None
    try:
        yield
    finally:
        session._trans_context_manager = block


class _Evaluator(_EvaluatorCompiler):
    """Compiles conditions to functions; callable parameters are evaluated at each call."""

    def visit_bindparam(self, clause: Any) -> Any:
        """The value of a parameter."""
        value = clause.callable
        return super().visit_bindparam(clause) if value is None else lambda _row: value()  # type: ignore[no-untyped-call]


_evaluators: dict[tuple[type, int], tuple[Any, Any]] = {}


def evaluate(cls: type, condition: ColumnElement[bool], row: object) -> bool | None:
    """Whether a condition holds for a row by its values in memory; None where they do not decide it."""
    evaluator = _evaluators.get((cls, id(condition)))
    if evaluator is None:
        compiler: Any = cast("Any", _Evaluator)(cls)
        try:
            text = compiler.process(condition)
        except UnevaluatableError:
            text = None
        evaluator = _evaluators[cls, id(condition)] = (condition, text)
    holds = evaluator[1](row) if evaluator[1] is not None else None
    return holds if isinstance(holds, bool) else False if evaluator[1] is not None and holds is None else None


def is_by_key(state: Any) -> bool:
    """Whether a statement is an ``UPDATE`` of rows by their keys, given as a list of values."""
    return bool(state.is_update and isinstance(state.parameters, list | tuple))


def rows_of(statement: Any, parameters: Mapping[str, Any] = NO_PARAMETERS) -> list[dict[str, Any]]:
    """The values that stand in an ``INSERT`` or ``UPDATE`` itself, bound parameters by what they are given."""
    several = getattr(statement, "_multi_values", ())
    rows = [row for group in several for row in group]
    if not rows and getattr(statement, "_values", None):
        rows = [statement._values]
    return [_named_values(row, parameters) for row in rows]


def upserted_values(statement: Any, parameters: Mapping[str, Any] = NO_PARAMETERS) -> dict[str, Any]:
    """The values that an ``ON CONFLICT DO UPDATE`` gives to the row that is there."""
    clause = getattr(statement, "_post_values_clause", None)
    return _named_values(getattr(clause, "update_values_to_set", None) or {}, parameters)


def _named_values(values: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {str(getattr(key, "key", key)): _plain(value, parameters) for key, value in dict(values).items()}


def _plain(value: Any, parameters: Mapping[str, Any]) -> Any:
    if not isinstance(value, BindParameter):
        return value
    return parameters.get(value.key, value.effective_value)


def is_scoped_key(value: Any, target: Column[Any]) -> bool:
    """Whether an SQL expression is a key that a statement reads under its conditions: a column, or a query of keys."""
    if isinstance(value, ScalarSelect):
        columns = list(value.element.exported_columns) if isinstance(value.element, Select) else []
        return len(columns) == 1 and target in columns[0].base_columns
    return isinstance(value, ColumnClause)


def prefixes_of(statement: Any) -> tuple[str, ...]:
    """What stands between the first word of a statement and the rest, in upper case."""
    return tuple(" ".join(str(prefix).upper().split()) for prefix, _dialect in getattr(statement, "_prefixes", ()))


class Counted(IteratorResult[Any]):
    """The result of a statement that was executed row by row.

    Args:
        rowcount: How many rows were written.
    """

    def __init__(self, rowcount: int) -> None:
        super().__init__(SimpleResultMetaData([]), iter([]))
        self.rowcount = rowcount


def assigned(statement: Any) -> frozenset[str]:
    """The columns that an ``INSERT`` or ``UPDATE`` gives values to."""
    return frozenset(str(getattr(key, "key", key)) for key in statement._values or ())


def raw_tables(statement: Any, tables: Container[Any], *, of_core: bool, unscoped: Container[Any] = ()) -> set[Any]:
    """The tables among some that a statement names as tables, not as a model's.

    Args:
        statement: The statement.
        tables: The tables to look for.
        of_core: Whether it names no model at all; then all its tables count.
        unscoped: Mappers whose tables count as if they were named as tables.
    """
    raw: set[Any] = set()
    used: set[Any] = set()
    covered: set[Any] = set()
    parts = chain(iterate(statement), *map(iterate, _clauses_of_options(statement)))
    for element in parts:
        if isinstance(element, Select):
            raw |= _raw_sources(element)
            covered |= _joined_tables(element)
        elif isinstance(element, TableClause) and of_core:
            raw.add(element)
        elif _is_marked(element):
            (raw if _mapper_of_part(element) in unscoped else covered).update(_mapped_tables(element))
        elif isinstance(element, Column):
            used.update(_plain_tables(element.table))
    return {table for table in raw | (used - covered) if table in tables}


def _clauses_of_options(statement: Any) -> Iterator[Any]:
    """The SQL expressions in the options of a statement: loader criteria, ``with_expression``, ``and_`` of a loader."""
    for option in getattr(statement, "_with_options", ()):
        if isinstance(option, LoaderCriteriaOption) and not option.deferred_where_criteria:
            yield option.where_criteria
        for element in getattr(option, "context", ()):
            yield from element._extra_criteria
            yield from (value for value in element.local_opts.values() if isinstance(value, ClauseElement))


def _raw_sources(query: Select[Any]) -> set[Any]:
    """The tables that a ``SELECT`` reads as tables; columns of a model in its ``FROM`` are those of the model."""
    models = {table for source in query._from_obj if _is_whole_model(source) for table in _mapped_tables(source)}
    columns = [column for column in query._raw_columns if not _is_marked(column)]
    chosen_columns = [part for column in columns for part in iterate(column) if isinstance(part, Column)]
    column_tables = {table for source in _tables_of(chosen_columns) for table in _plain_tables(source)}
    sources = [*query._raw_columns, *query._from_obj, *(target for target, *_ in query._setup_joins)]
    source_tables = {table for source in sources for table in _plain_tables(source)}
    return source_tables | (column_tables - models)


def _is_whole_model(source: Any) -> bool:
    """Whether a part of a ``FROM`` is a model, not an alias of it."""
    return bool(getattr(getattr(source, "_annotations", {}).get("parententity"), "is_mapper", False))


def _joined_tables(query: Select[Any]) -> set[Any]:
    """The tables of the models to which the relationships lead that a ``SELECT`` joins along."""
    links = [link for join in query._setup_joins for link in join[:2]]
    mappers = [getattr(getattr(link, "property", None), "mapper", None) for link in links]
    return {table for mapper in mappers if mapper is not None for table in mapper.tables}


_OF_MODELS: Final = frozenset(
    ["_execution_options", "_label_style", "_propagate_attrs", "_raw_columns", "_where_criteria", "_with_options"]
)
"""The attributes of a ``SELECT`` that has nothing but columns and conditions."""


def names_no_table(statement: Any) -> bool:
    """Whether a ``SELECT`` is one of models or their attributes, under conditions that compare these with values.

    Takes a fraction of the time of `raw_tables`, for the most frequent statements; False means that `raw_tables`
    has to look.
    """
    return (
        statement.__dict__.keys() <= _OF_MODELS
        and all(map(_is_marked, statement._raw_columns))
        and all(map(_compares_attribute, statement._where_criteria))
        and next(_clauses_of_options(statement), None) is None
    )


def _compares_attribute(condition: Any) -> bool:
    return type(condition) is BinaryExpression and _is_marked(condition.left) and type(condition.right) is BindParameter


def cache_key_of(statement: Any) -> Any:
    """The key of SQLAlchemy's cache of compiled statements; None where it compiles each time."""
    cache_key = statement._generate_cache_key()
    return None if cache_key is None else cache_key.key


def adopt(statement: Any) -> Any:
    """A ``SELECT`` that names models in conditions alone, as a statement of the ORM, so that criteria reach it."""
    for part in iterate(statement):
        mapper = getattr(getattr(part, "_annotations", {}).get("parententity"), "mapper", None)
        if mapper is not None:
            copy = statement._generate()
            copy._propagate_attrs = immutabledict({"compile_state_plugin": "orm", "plugin_subject": mapper})
            return copy
    return statement


def _tables_of(columns: Iterable[Any]) -> list[Any]:
    """The tables of columns that are not attributes of a model."""
    return [column.table for column in columns if not _is_marked(column)]


def _mapped_tables(element: Any) -> Iterator[Any]:
    """The tables of the model that a part of a statement names."""
    return iter(getattr(_mapper_of_part(element), "tables", ()))


def _mapper_of_part(element: Any) -> Any:
    """The mapper of the model that a part of a statement stands for."""
    marks = element._annotations
    entity = marks.get("parententity") or marks.get("parentmapper")
    return getattr(entity, "mapper", None)


def _plain_tables(element: Any) -> Iterator[Any]:
    """The tables that a part of a ``FROM`` names, unless it names a model."""
    if _is_marked(element):
        return
    if isinstance(element, Join):
        yield from _plain_tables(element.left)
        yield from _plain_tables(element.right)
    elif isinstance(element, AliasedReturnsRows):
        yield from _plain_tables(element.element)
    elif isinstance(element, TableClause):
        yield element


def _is_marked(element: Any) -> bool:
    marks = getattr(element, "_annotations", {})
    return "parententity" in marks or "parentmapper" in marks


def targets_of(statement: Any) -> frozenset[str]:
    """The columns that an ``INSERT ... SELECT`` fills."""
    return frozenset(str(getattr(name, "key", name)) for name in getattr(statement, "_select_names", None) or ())


def guard_upsert(statement: Any, condition: ColumnElement[bool], column: str) -> Any:
    """Let the ``ON CONFLICT DO UPDATE`` of an ``INSERT`` change only rows for which a condition holds.

    Raises:
        ValueError: It would change the column that the condition is about, or it is another dialect's clause.
    """
    clause = getattr(statement, "_post_values_clause", None)
    if clause is None or type(clause).__name__ == "OnConflictDoNothing":
        return statement
    changed = {str(getattr(key, "key", key)) for key in _sets(clause)}
    if not hasattr(clause, "update_whereclause") or column in changed:
        raise ValueError(f"an upsert that may change {column!r} of a row of another tenant cannot be scoped")
    narrowed = copy(clause)
    where = clause.update_whereclause
    narrowed.update_whereclause = condition if where is None else and_(where, condition)
    new_statement = statement._generate()
    new_statement._post_values_clause = narrowed
    return new_statement


def _sets(clause: Any) -> list[Any]:
    assignments = clause.update_values_to_set
    return list(assignments) if isinstance(assignments, dict) else [key for key, _ in assignments]


def assigned_attributes(statement: Any, mapper: Mapper[Any]) -> frozenset[str]:
    """The attributes of a model that an ``UPDATE`` sets, and those with an ``onupdate``."""
    names = assigned(statement)
    columns = {column.key for column in mapper.columns if column.name in names or column.onupdate is not None}
    return frozenset(
        attribute.key
        for attribute in mapper.column_attrs
        if attribute.columns[0].key in columns or attribute.key in names
    )


def conditions_of(statement: Any) -> tuple[Any, ...]:
    """The conditions of an ``UPDATE`` or ``DELETE``."""
    return tuple(statement._where_criteria)


def returned_by(statement: Any) -> tuple[Any, ...]:
    """What a statement returns."""
    return tuple(statement._returning)


def is_flushing(session: Any) -> bool:
    """Whether a session is in the middle of a flush."""
    return bool(session._flushing)


_LIFTS = "traits_lifts"


def marked(condition: Any, option: str) -> Any:
    """A condition that also carries an execution option; other objects are returned unchanged."""
    annotate = getattr(condition, "_annotate", None)
    return condition if annotate is None else annotate({_LIFTS: option})


_NO_LIFTS: Final[frozenset[str]] = frozenset()
_WITH_PARTS: Final = (ClauseList, ExpressionClauseList, FunctionElement)


def lifts_of(statement: Any) -> frozenset[str]:
    """The execution options that the conditions of a statement carry."""
    lifts = _NO_LIFTS
    due = list(getattr(statement, "_where_criteria", ()))
    while due:
        element = due.pop()
        option = element._annotations.get(_LIFTS)
        if option is not None:
            lifts |= {option}
        if isinstance(element, _WITH_PARTS):
            due += element.clauses
    return lifts


_MEMO: Final = "_traits_memo"


def kept_on(statement: Any) -> Any:
    """The value that `keep_on` stored on a statement, else None; statements derived from it have none."""
    return statement.__dict__.get(_MEMO)


def keep_on(statement: Any, memo: object) -> None:
    """Store a value on a statement for the statement's lifetime, if it is of a generative kind."""
    if isinstance(statement, HasMemoized):
        statement._set_memoized_attribute(_MEMO, memo)


def loads_for(state: ORMExecuteState) -> tuple[bool, bool]:
    """Whether a statement loads columns of a row in memory, and whether it loads what a relationship leads to.

    Only SQLAlchemy itself sets options for how a statement compiles, so most statements are quickly told.
    """
    if "_compile_options" in state.statement.__dict__:
        return state.is_column_load, state.is_relationship_load
    return False, False


def with_option(statement: Any, option: CriteriaOption) -> Any:
    """As ``statement.options(option)``, without checking the option."""
    copy = statement._generate()
    copy._with_options += (option,)
    return copy


def column_changes(instance: object, keys: Any, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Collect old and new values of changed attributes; True if an old value is not loaded.

    Args:
        instance: The row.
        keys: The attributes that matter.
        old: Filled with values before.
        new: Filled with values after.
    """
    state: InstanceState[Any] = instance_state(instance)
    values, manager = state.dict, state.manager
    unknown = False
    for key, before in state.committed_state.items():
        if key not in keys or key not in values:
            continue
        value = values[key]
        if before is NO_VALUE:
            unknown = True
            new[key] = value
        elif cast("Any", manager[key].impl).is_equal(value, before) is not True:
            old[key], new[key] = before, value
    return unknown


def let_sqlmodel_set(cls: Any, name: str) -> None:
    """Let instances of an SQLModel table set a column that is no pydantic field, in the constructor and later.

    SQLModel asks pydantic about every attribute that is not among its relationships.
    """
    relationships = getattr(cls, "__sqlmodel_relationships__", None)
    if relationships is not None and name not in relationships:
        type.__setattr__(cls, "__sqlmodel_relationships__", {**relationships, name: None})


_numbers = count()
"""Distinguish sets of conditions in SQLAlchemy's cache of compiled statements."""


class EntityCriteria(LoaderCriteriaOption):
    """A condition for the rows of a model and of every alias of it.

    SQLAlchemy adapts the condition to an alias in a ``WHERE`` and along a relationship, not in an ``ON`` that the
    statement spells out: there the condition would be on the model's table, and the alias would have none.

    Args:
        model: The model.
        condition: The condition, on the attributes of the model.
    """

    def __init__(self, model: type, condition: ColumnElement[bool]) -> None:
        super().__init__(model, condition, include_aliases=True)

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:
        """The condition for a model, or for an alias of it."""
        condition = super()._resolve_where_criteria(ext_info)
        if ext_info.is_aliased_class:
            return cast("ColumnElement[bool]", ext_info._adapter.traverse(condition))
        return condition


class Criteria(CriteriaOption):
    """Conditions for several models as one option of a statement, so that the cost does not grow with the models.

    The option itself does not travel with rows to what they load later: conditions are put on every load anew. Those
    inside do, or a joined eager load would go without them.

    Args:
        conditions: The conditions.
    """

    propagate_to_loaders = False
    _traverse_internals: Any = ()

    def __init__(self, conditions: Iterable[LoaderCriteriaOption]) -> None:
        self.key: int = next(_numbers)
        self.conditions: tuple[LoaderCriteriaOption, ...] = tuple(conditions)

    def _gen_cache_key(self, am: Any, bindparams: Any) -> Any:
        return (Criteria, self.key)

    def process_compile_state(self, compile_state: Any) -> None:
        """Add the conditions to a ``SELECT``."""
        self.get_global_criteria(compile_state.global_attributes)

    def process_compile_state_replaced_entities(self, compile_state: Any, mapper_entities: Any) -> None:
        """Add the conditions to a ``SELECT`` whose entities were replaced."""
        self.get_global_criteria(compile_state.global_attributes)

    def get_global_criteria(self, attributes: dict[Any, Any]) -> None:
        """Add the conditions to the entities of a statement."""
        for condition in self.conditions:
            condition.get_global_criteria(attributes)


def lifts_inside(statement: Any) -> frozenset[str] | None:
    """The execution options that conditions of the queries inside a statement carry; None without a query."""
    queries = [part for part in iterate(statement) if isinstance(part, Select)]
    return _NO_LIFTS.union(*map(lifts_of, queries)) if queries else None


def entities_in(statement: Any) -> list[Any]:
    """The models and aliases that an ``UPDATE`` or ``DELETE`` names outside of queries, as SQLAlchemy inspects them."""
    entities: dict[int, Any] = {}
    due = [*statement._where_criteria, *(getattr(statement, "_values", None) or {}).values()]
    while due:
        element = due.pop()
        entity = getattr(element, "_annotations", {}).get("parententity")
        if entity is not None:
            entities[id(entity)] = entity
        elif isinstance(element, ClauseElement) and not isinstance(element, SelectBase):
            due += [part for part in element.get_children() if not isinstance(part, SelectBase)]
    return list(entities.values())


def statement_inside(statement: Any) -> Any:
    """The statement that ``from_statement()`` was given, else the statement."""
    return statement.element if isinstance(statement, FromStatement) else statement


def around_statement(statement: Any, inside: Any) -> Any:
    """A statement with ``from_statement()`` with another one inside."""
    copy = statement._generate()
    copy.element = inside
    return copy
