"""What is not SQLAlchemy's public API is there, as we use it; the first thing to look at after an update."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hostmodels import Carton, Shelf
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import ORMExecuteState, Session, aliased, selectinload

import traits_runtime.adapters.sqlalchemy as host
from traits_runtime.adapters.sqlalchemy import _private as shim

FOLDER = Path(host.__file__).parent

OURS = {"_row"}
"""Private to us."""


def private_names(source: str) -> set[str]:
    """Attributes with an underscore in front that a module asks others for."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        of_self = isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls")
        if isinstance(node, ast.Attribute) and not of_self and re.match(r"_[^_]", node.attr):
            found.add(node.attr)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
            found.update(one.name for one in node.names if one.name.startswith("_"))
    return found


def test_only_the_shim_knows_what_is_private() -> None:
    """Names with an underscore are asked for in one module; a hasattr by name is the same."""
    for path in sorted(FOLDER.glob("*.py")):
        if path.name != "_private.py":
            assert private_names(path.read_text(encoding="utf-8")) <= OURS, path.name
    assert private_names((FOLDER / "_private.py").read_text(encoding="utf-8")) >= {"_annotations", "_values"}


def test_version_is_one_that_was_tested() -> None:
    """The shim was written for 2.1; a later minor version has to pass these tests first."""
    assert sa.__version__.startswith("2.1.")


def test_changes_are_those_of_is_modified(engine: sa.Engine) -> None:
    """The quick answer is the right answer."""
    with Session(engine) as session:
        shelf, other = Shelf(name="a"), Shelf(name="b")
        carton = Carton(label="x", shelf=shelf)
        session.add_all([shelf, other, carton])
        session.commit()
        steps: list[Any] = [
            lambda: shelf.name,
            lambda: setattr(shelf, "name", shelf.name),
            lambda: setattr(shelf, "name", "c"),
            lambda: session.flush(),
            lambda: setattr(carton, "shelf", shelf),
            lambda: setattr(carton, "shelf", other),
            lambda: session.commit(),
            lambda: setattr(carton, "label", "y"),
            lambda: session.rollback(),
            lambda: shelf.boxes,
            lambda: shelf.boxes.append(Carton(label="z")),
            lambda: delattr(carton, "label"),
        ]
        with session.no_autoflush:
            for step in steps:
                step()
                for row in (shelf, other, carton):
                    assert shim.is_changed(row) is session.is_modified(row, include_collections=False)


def test_changed_fields_are_named(engine: sa.Engine) -> None:
    """Columns, references and collections."""
    with Session(engine) as session:
        shelf = Shelf(name="a")
        session.add(shelf)
        session.commit()
        assert shim.changed_fields(shelf) == frozenset()
        with session.no_autoflush:
            shelf.name, shelf.boxes = "b", [Carton(label="x")]

        assert shim.changed_fields(shelf) == {"name", "boxes"}
        session.rollback()


def test_orphan_is_recognised(engine: sa.Engine) -> None:
    """A row whose parent let go of it."""
    with Session(engine) as session:
        shelf = Shelf(name="a", boxes=[Carton(label="x")])
        session.add(shelf)
        session.commit()
        (carton,) = shelf.boxes
        assert not shim.is_orphan(carton)
        shelf.boxes.remove(carton)

        assert shim.is_orphan(carton)
        session.rollback()


def test_condition_is_evaluated_in_memory() -> None:
    """As the database would; None where it would have to be asked."""
    shelf = Shelf(name="a", hidden=True)

    assert shim.evaluate(Shelf, Shelf.hidden.is_(True), shelf) is True
    assert shim.evaluate(Shelf, Shelf.name == "b", shelf) is False
    assert shim.evaluate(Shelf, sa.func.lower(Shelf.name) == "a", shelf) is None
    bound: Any = sa.bindparam("now", callable_=lambda: "a", type_=sa.String())
    assert shim.evaluate(Shelf, Shelf.name == bound, shelf) is True


def test_values_of_statements() -> None:
    """By column, for one row or several."""
    assert shim.rows_of(sa.update(Shelf).values(name="a")) == [{"name": "a"}]
    assert shim.rows_of(sa.insert(Shelf).values([{"name": "a"}, {"name": "b"}])) == [{"name": "a"}, {"name": "b"}]
    assert shim.rows_of(sa.insert(Shelf)) == []
    assert shim.assigned(sa.update(Shelf).values({Shelf.name: "a"})) == {"name"}
    assert shim.targets_of(sa.insert(Shelf).from_select(["name"], sa.select(Carton.label))) == {"name"}


TABLE = Shelf.__table__
other = aliased(Shelf)
RAW = {
    "table": (sa.select(TABLE), True),
    "column": (sa.select(TABLE.c.name), True),
    "function": (sa.select(sa.func.max(TABLE.c.name)), True),
    "inside": (sa.select(Carton.id).where(sa.exists(sa.select(TABLE.c.id))), True),
    "beside": (sa.select(Shelf.id).where(Shelf.id.in_(sa.select(TABLE.c.id))), True),
    "joined": (sa.select(Carton.id).join(TABLE, sa.true()), True),
    "join object": (sa.select(Carton.id).select_from(sa.join(Carton, TABLE, sa.true())), True),
    "condition": (sa.select(Carton.id).where(Carton.shelf_id == TABLE.c.id), True),
    "alias": (sa.select(TABLE.alias().c.name), True),
    "model": (sa.select(Shelf), False),
    "attribute": (sa.select(Shelf.name).order_by(Shelf.id), False),
    "alias of the model": (sa.select(other.name).where(other.id > 1), False),
    "relationship": (sa.select(Carton.id).join(Carton.shelf).where(Carton.shelf.has(Shelf.id > 1)), False),
    "any": (sa.select(Shelf).where(Shelf.boxes.any(Carton.label == "x")), False),
    "values": (sa.select(Shelf.name).where(Shelf.id == 1, Shelf.name != "x"), False),
    "value of a table": (sa.select(Carton.id).where(Carton.id == 1, TABLE.c.name == "x"), True),
    "scalar": (sa.select(Shelf.name).where(Shelf.id == sa.select(TABLE.c.id).scalar_subquery()), True),
    "order": (sa.select(Carton.id).order_by(TABLE.c.name), True),
    "subquery": (sa.select(sa.select(Shelf.name).subquery().c.name), False),
    "update": (sa.update(Shelf).where(Shelf.id == 1).values(name="x"), False),
}


@pytest.mark.parametrize("name", list(RAW))
def test_tables_that_are_named_as_tables(name: str) -> None:
    """Those of models are not meant, however the model is named."""
    statement, raw = RAW[name]

    assert shim.raw_tables(statement, [TABLE], of_core=False) == ({TABLE} if raw else set())
    assert not (raw and shim.names_no_table(statement))


def test_statement_of_models_alone_is_quickly_told() -> None:
    """Those that are executed most; whatever else a statement has, it is looked at closely."""
    told = {name for name, (statement, _raw) in RAW.items() if statement.is_select and shim.names_no_table(statement)}

    assert told == {"model", "alias of the model", "values"}


def test_upsert_is_narrowed() -> None:
    """The clause of the dialect takes a condition."""
    insert = sqlite.insert(Shelf).values(id=1, name="a")
    upsert = insert.on_conflict_do_update(index_elements=["id"], set_={"name": "b"})
    narrowed = shim.guard_upsert(upsert, Shelf.hidden.is_(False), "hidden")

    assert "WHERE shelf.hidden IS 0" in str(narrowed.compile(dialect=sqlite.dialect()))
    assert "WHERE" not in str(upsert.compile(dialect=sqlite.dialect()))
    assert shim.guard_upsert(insert.on_conflict_do_nothing(), Shelf.hidden.is_(False), "hidden") is not None
    forbidden = insert.on_conflict_do_update(index_elements=["id"], set_={"hidden": True})
    with pytest.raises(ValueError, match="cannot be scoped"):
        shim.guard_upsert(forbidden, Shelf.hidden.is_(False), "hidden")


def test_select_that_names_a_model_in_a_condition_becomes_one_of_the_orm() -> None:
    """And one that names none stays as it is."""
    statement = sa.select(sa.exists().where(Shelf.id == 1))
    plain = sa.select(sa.literal(1))

    assert shim.adopt(statement) is not statement
    assert shim.adopt(plain) is plain


def test_option_is_added_as_options_adds_it() -> None:
    """Behind those that are there, on a statement of its own."""
    statement, option = sa.select(Shelf).options(selectinload(Shelf.boxes)), shim.Criteria([])

    made = shim.with_option(statement, option)

    assert made._with_options == statement.options(option)._with_options
    assert len(statement._with_options) == 1


def test_what_a_statement_loads_for_is_told_as_sqlalchemy_tells_it(engine: sa.Engine) -> None:
    """A query, a reload of columns, a relationship loaded late or with the query, a query of the old kind."""
    seen = []

    def look(state: ORMExecuteState) -> None:
        seen.append(shim.loads_for(state))
        assert seen[-1] == (state.is_column_load, state.is_relationship_load)

    with Session(engine) as session:
        session.add(Shelf(name="a", boxes=[Carton(label="x")]))
        session.commit()
        event.listen(session, "do_orm_execute", look)
        shelf = session.scalars(sa.select(Shelf)).one()
        _ = shelf.boxes
        session.expire(shelf, ["name"])
        _ = shelf.name
        session.scalars(sa.select(Shelf).options(selectinload(Shelf.boxes))).all()
        session.query(Shelf).all()

    assert seen == [(False, False), (False, True), (True, False), (False, False), (False, True), (False, False)]
