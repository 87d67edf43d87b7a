"""Scopes that hold for every query: on every way to read, and lifted on purpose alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hostmodels import Carton, Shelf
from sqlalchemy.orm import aliased, joinedload, selectinload, sessionmaker, subqueryload

from traits_runtime.adapters.sqlalchemy import TraitSession


@pytest.fixture(autouse=True)
def rows(alone: None, sessions: sessionmaker[TraitSession]) -> None:
    """A shelf with a box that is shown and one that is hidden, a hidden shelf, and one whose boxes are hidden."""
    with sessions() as session, session.begin():
        session.add_all(
            [
                Shelf(name="a", boxes=[Carton(label="seen"), Carton(label="hid", hidden=True)]),
                Shelf(name="hid", hidden=True, boxes=[Carton(label="seen")]),
                Shelf(name="empty", boxes=[Carton(label="hid", hidden=True)]),
            ]
        )


other = aliased(Carton)
READS: dict[str, Callable[[TraitSession], Any]] = {
    "entities": lambda s: {one.label for one in s.scalars(sa.select(Carton))},
    "columns": lambda s: set(s.scalars(sa.select(Carton.label))),
    "legacy query": lambda s: {one.label for one in s.query(Carton)},
    "alias": lambda s: {one.label for one in s.scalars(sa.select(other))},
    "subquery": lambda s: set(s.scalars(sa.select(sa.select(Carton.label).subquery().c.label))),
    "cte": lambda s: set(s.scalars(sa.select(sa.select(Carton.label).cte().c.label))),
    "union": lambda s: set(s.scalars(sa.union(sa.select(Carton.label), sa.select(Carton.label)))),
    "join": lambda s: set(s.scalars(sa.select(Carton.label).select_from(Shelf).join(Shelf.boxes))),
    "yield_per": lambda s: {one.label for one in s.scalars(sa.select(Carton).execution_options(yield_per=1))},
    "stream": lambda s: {one.label for one in s.scalars(sa.select(Carton).execution_options(stream_results=True))},
}


@pytest.mark.parametrize("way", list(READS))
def test_hidden_rows_are_found_in_no_way(session: TraitSession, way: str) -> None:
    """Entities, columns, aliases, subqueries, joins."""
    assert READS[way](session) == {"seen"}


HOW = {"lazy": None, "joined": joinedload, "selectin": selectinload, "subquery": subqueryload}


@pytest.mark.parametrize("how", list(HOW))
def test_collections_hold_no_hidden_rows(session: TraitSession, how: str) -> None:
    """Loaded lazily, joined, with a second select or a subquery."""
    statement = sa.select(Shelf).where(Shelf.name == "a")
    load: Any = HOW[how]
    shelf = session.scalars(statement.options(load(Shelf.boxes)) if load else statement).unique().one()

    assert [one.label for one in shelf.boxes] == ["seen"]


def test_count_and_aggregates(session: TraitSession) -> None:
    """What is not found is not counted."""
    assert session.scalar(sa.select(sa.func.count()).select_from(Carton)) == 2
    assert session.scalar(sa.select(sa.func.count(Shelf.id))) == 2


def test_any_has_and_exists_do_not_see_hidden_rows(session: TraitSession) -> None:
    """Also not in a condition."""
    with_boxes = sa.select(Shelf.name).where(Shelf.boxes.any())
    on_shelf = sa.select(Carton.label).where(Carton.shelf.has())
    exists = sa.select(Shelf.name).where(sa.exists().where(Carton.shelf_id == Shelf.id))
    chosen = sa.select(Shelf.name).where(Shelf.id.in_(sa.select(Carton.shelf_id)))

    assert session.scalars(with_boxes).all() == ["a"]
    assert session.scalars(on_shelf).all() == ["seen"]
    assert session.scalars(exists).all() == ["a"]
    assert session.scalars(chosen).all() == ["a"]


def test_statements_change_no_hidden_rows(session: TraitSession) -> None:
    """Update and delete of the ORM."""
    changed: Any = session.execute(sa.update(Carton).values(label="new"))
    gone: Any = session.execute(sa.delete(Carton).where(Carton.shelf.has(Shelf.name == "a")))
    session.commit()
    everything = sa.select(Carton.label).order_by(Carton.id).execution_options(with_hidden=True)

    assert (changed.rowcount, gone.rowcount) == (2, 1)
    assert session.scalars(everything).all() == ["hid", "new", "hid"]


def test_option_lifts_the_scope_for_one_statement(session: TraitSession) -> None:
    """Not for what is loaded later: the same collection is looked at anew."""
    shelves = session.scalars(sa.select(Shelf).order_by(Shelf.id).execution_options(with_hidden=True)).all()

    assert [one.name for one in shelves] == ["a", "hid", "empty"]
    assert [one.label for one in shelves[0].boxes] == ["seen"]
    assert len(session.scalars(sa.select(Carton)).all()) == 2


def test_statement_that_is_used_again_is_no_other(session: TraitSession) -> None:
    """With and without the option, in turn."""
    statement = sa.select(sa.func.count()).select_from(Carton)
    counts = [session.scalar(statement, execution_options={"with_hidden": one}) for one in [False, True] * 3]

    assert counts == [2, 4] * 3


def test_refresh_of_a_hidden_row_is_allowed(session: TraitSession) -> None:
    """A row that is at hand can be read again."""
    statement = sa.select(Carton).where(Carton.hidden).execution_options(with_hidden=True)
    box = session.scalars(statement).first()
    assert box is not None
    session.expire(box)

    assert box.label == "hid"
    session.refresh(box)
    assert box.hidden


def test_core_statements_are_as_they_are(session: TraitSession) -> None:
    """What does not name a model is not scoped: tables, and text."""
    assert session.scalar(sa.select(sa.func.count()).select_from(Carton.__table__)) == 4
    assert session.scalar(sa.text("SELECT count(*) FROM carton")) == 4


def test_reference_to_a_hidden_row_is_empty_unless_the_row_is_in_memory(session: TraitSession) -> None:
    """A documented limit: SQLAlchemy takes the row of a many-to-one from memory and asks nobody."""
    hidden_shelf = sa.select(Shelf).where(Shelf.name == "hid").execution_options(with_hidden=True)
    cold = session.scalars(sa.select(Carton).where(Carton.shelf_id == 2)).one()
    assert cold.shelf is None
    session.expire(cold)
    shelf = session.scalars(hidden_shelf).one()

    assert cold.shelf is shelf
