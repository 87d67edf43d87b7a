"""Statements that write many rows: what they tell, what a model makes of them, what columns keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hostmodels import MOMENTS, Carton, Shelf
from sqlalchemy.orm import sessionmaker

from traits_runtime import Veto, acting_as, events, quietly, without_features
from traits_runtime.adapters.sqlalchemy import BulkChange, BulkForbiddenError, TraitSession
from traits_runtime.testing import capture_events


@pytest.fixture(autouse=True)
def rows(alone: None, sessions: sessionmaker[TraitSession]) -> None:
    """Two shelves, the first with two cartons."""
    with quietly(), acting_as("ann"), sessions.begin() as session:
        session.add_all([Shelf(id=1, name="a"), Shelf(id=2, name="b")])
        session.add_all([Carton(id=1, label="x", shelf_id=1), Carton(id=2, label="y", shelf_id=1)])
    MOMENTS.clear()


WAYS: dict[str, tuple[Callable[[TraitSession], object], list[tuple[str, int]]]] = {
    "insert list": (
        lambda s: s.execute(sa.insert(Shelf), [{"id": 8, "name": "c"}, {"id": 9, "name": "d"}]),
        [("bulk_creating", -1), ("bulk_created", 2)],
    ),
    "insert mappings": (
        lambda s: s.bulk_insert_mappings(sa.inspect(Shelf), [{"id": 9, "name": "c"}]),
        [("bulk_creating", -1), ("bulk_created", -1)],
    ),
    "save objects": (
        lambda s: s.bulk_save_objects([Shelf(id=9, name="c")]),
        [("bulk_creating", -1), ("bulk_created", -1)],
    ),
    "update": (
        lambda s: s.execute(sa.update(Shelf).values(name="z")),
        [("bulk_updating", -1), ("bulk_updated", 2)],
    ),
    "update by key": (
        lambda s: s.execute(sa.update(Shelf), [{"id": 1, "name": "z"}]),
        [("bulk_updating", -1), ("bulk_updated", 1)],
    ),
    "update mappings": (
        lambda s: s.bulk_update_mappings(sa.inspect(Shelf), [{"id": 1, "name": "z"}]),
        [("bulk_updating", -1), ("bulk_updated", 1)],
    ),
    "query": (lambda s: s.query(Shelf).update({"name": "z"}), [("bulk_updating", -1), ("bulk_updated", 2)]),
    "delete": (
        lambda s: s.execute(sa.delete(Shelf).where(Shelf.id == 2)),
        [("bulk_deleting", -1), ("bulk_deleted", 1)],
    ),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_statement_is_told_before_and_after(session: TraitSession, way: str) -> None:
    """With the number of rows where the database tells it; no row has moments of its own."""
    execute, expected = WAYS[way]
    with capture_events("model.Shelf.*") as captured:
        execute(session)
        session.commit()

    told = [(one.name.rpartition(".")[2], one.payload.rows) for one in captured.envelopes]
    assert [name for name, _ in told] == [name for name, _ in expected]
    assert [rows if rows < 0 else known for (_, rows), (_, known) in zip(told, expected, strict=True)] == [
        rows for _, rows in told
    ]
    assert MOMENTS == []


def test_payload_says_what_is_written(session: TraitSession) -> None:
    """The values by column, the statement, the session."""
    with capture_events("model.Shelf.bulk_updated") as captured:
        session.execute(sa.update(Shelf).where(Shelf.id == 1).values(name="z"))
    change: BulkChange = captured.one("**").payload

    assert (change.model, change.operation, change.rows) == (Shelf, "update", 1)
    assert [dict(one) for one in change.values] == [{"name": "z"}]
    assert change.session is session


def test_listener_may_veto_a_statement(session: TraitSession) -> None:
    """Nothing is written."""

    def refuse(_envelope: object) -> None:
        raise Veto("not in bulk")

    with events.listen("model.Shelf.bulk_deleting", refuse), pytest.raises(Veto, match="not in bulk"):
        session.execute(sa.delete(Shelf))

    assert session.scalar(sa.select(sa.func.count()).select_from(Shelf)) == 2


def test_statement_is_told_after_the_root_commit(session: TraitSession) -> None:
    """A listener may wait, although there is no row to ask for its session."""
    heard: list[Any] = []

    def hear(envelope: Any) -> None:
        heard.append(envelope.payload.rows)

    with events.listen("model.Shelf.bulk_updated", hear, after_commit=True):
        with session.begin_nested():
            session.execute(sa.update(Shelf).values(name="z"))
        session.rollback()
        session.execute(sa.update(Shelf).where(Shelf.id == 1).values(name="z"))
        assert heard == []
        session.commit()

    assert heard == [1]


def test_model_may_forbid_statements(session: TraitSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a statement says that it is meant."""
    monkeypatch.setattr(Shelf, "__bulk__", "forbid", raising=False)

    with pytest.raises(BulkForbiddenError, match=r"Shelf forbids bulk statements .* this DELETE is one"):
        session.execute(sa.delete(Shelf))
    session.execute(sa.update(Shelf).values(name="z").execution_options(bulk="event"))

    assert session.scalars(sa.select(Shelf.name).distinct()).all() == ["z"]


INSTANCES: dict[str, tuple[Callable[[TraitSession], Any], list[str], int]] = {
    "insert": (
        lambda s: s.execute(sa.insert(Shelf), [{"id": 8, "name": "c"}, {"id": 9, "name": "d"}]),
        ["saving", "creating", "saving", "creating", "created", "saved", "created", "saved"],
        2,
    ),
    "update": (
        lambda s: s.execute(sa.update(Shelf).where(Shelf.id == 1).values(name="z")),
        ["saving", "updating", "updated", "saved"],
        1,
    ),
    "update by key": (
        lambda s: s.execute(sa.update(Shelf), [{"id": 1, "name": "z"}]),
        ["saving", "updating", "updated", "saved"],
        1,
    ),
    "delete": (lambda s: s.execute(sa.delete(Shelf).where(Shelf.id == 2)), ["deleting", "deleted"], 1),
}


@pytest.mark.parametrize("way", list(INSTANCES))
def test_model_may_have_its_rows_written_one_by_one(
    session: TraitSession, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Every hook of every row runs."""
    monkeypatch.setattr(Shelf, "__bulk__", "instances", raising=False)
    execute, moments, count = INSTANCES[way]

    assert execute(session).rowcount == count
    assert [one.split()[0] for one in MOMENTS] == moments


def test_update_by_key_leaves_columns_alone_that_want_to_stay(session: TraitSession) -> None:
    """In a list of values nothing can say so; then each row has a statement of its own."""
    with acting_as("bob"), without_features("follow"):
        session.execute(sa.update(Carton), [{"id": 1, "label": "p"}, {"id": 2, "label": "q"}])
        session.bulk_update_mappings(sa.inspect(Carton), [{"id": 2, "label": "r"}])
    session.commit()

    found = session.execute(sa.select(Carton.label, Carton.changed_by).order_by(Carton.id)).all()
    assert [tuple(one) for one in found] == [("p", "ann"), ("r", "ann")]


def test_statements_on_tables_tell_nothing(session: TraitSession) -> None:
    """A documented limit: they name no model."""
    with capture_events("model.**") as captured:
        session.execute(sa.update(Shelf.__table__).values(name="z"))

    assert captured.names == []
