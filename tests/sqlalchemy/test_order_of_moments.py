"""The table of moments against the order in which a session runs them."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from traits_runtime import Trait, hook
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.rules.moments import MOMENTS, OPERATIONS, by_moment, order_of
from traits_runtime.traits import SoftDeletes

RECORDED: list[str] = []


def recorder(moment: str) -> Any:
    """A hook that records its moment."""

    def record(_self: object) -> None:
        RECORDED.append(moment)

    return hook(moment)(classmethod(record) if moment == "boot" else record)


def fill(namespace: dict[str, Any]) -> None:
    """Put one hook for each moment into a class body, and a docstring."""
    namespace.update({f"at_{moment}": recorder(moment) for moment in MOMENTS}, __module__=__name__)


HasEveryMoment: Any = types.new_class("HasEveryMoment", (Trait,), {}, fill)


class Base(DeclarativeBase):
    """The base of the models here."""


class Sheet(HasEveryMoment, Base):
    """A row without a trash."""

    __tablename__ = "order_sheet"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


class Folder(HasEveryMoment, SoftDeletes, Base):
    """A row with a trash."""

    __tablename__ = "order_folder"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


def during(work: Callable[[], object]) -> tuple[str, ...]:
    """The moments that some work runs."""
    RECORDED.clear()
    work()
    return tuple(RECORDED)


def operations(session: TraitSession, model: Any) -> dict[str, tuple[str, ...]]:
    """The moments of each operation on one row, as they are recorded."""
    row = model(title="a")

    def commit(step: Callable[[], object]) -> Callable[[], object]:
        return lambda: (step(), session.commit())

    recorded = {
        "insert": during(commit(lambda: session.add(row))),
        "update": during(commit(lambda: setattr(row, "title", "b"))),
    }
    if model is Sheet:
        return {**recorded, "delete": during(commit(lambda: session.delete(row)))}
    return {
        **recorded,
        "trash": during(commit(lambda: session.delete(row))),
        "restore": during(commit(lambda: session.restore(row))),
        "force_delete": during(commit(lambda: session.delete(row, force=True))),
    }


def without_inner_save(moments: tuple[str, ...]) -> tuple[str, ...]:
    """The moments of a restoration without those of the save inside it; other operations as they are."""
    if moments[0] != "restoring":
        return moments
    return tuple(moment for moment in moments if moment not in OPERATIONS["update"].moments)


@pytest.mark.parametrize("model", [Sheet, Folder])
def test_each_operation_runs_the_moments_of_the_table(
    engine_of: Callable[[sa.MetaData], sa.Engine], model: type[Any]
) -> None:
    """Insert, update, delete, trash, restore and force delete run just what the table says, in its order."""
    with TraitSession(engine_of(Base.metadata)) as session:
        recorded = operations(session, model)

    assert recorded == {name: OPERATIONS[name].moments for name in recorded}
    for moments in map(without_inner_save, recorded.values()):
        assert sorted(moments, key=order_of) == list(moments)


def test_both_models_together_run_every_operation(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """No operation of the table stays unproved."""
    with TraitSession(engine_of(Base.metadata)) as session:
        recorded = operations(session, Sheet) | operations(session, Folder)

    assert recorded.keys() == OPERATIONS.keys()


def test_class_and_instance_are_prepared_before_a_row_is_read(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """Boot comes first, then initialize, then retrieved."""

    class Pages(DeclarativeBase):
        pass

    class Page(HasEveryMoment, Pages):
        __tablename__ = "order_page"
        id: Mapped[int] = mapped_column(primary_key=True)

    made = during(Page)
    with TraitSession(engine_of(Pages.metadata)) as session:
        session.add(Page())
        session.commit()
        session.expunge_all()
        read = during(lambda: session.scalars(sa.select(Page)).one())

    assert made == ("boot", "initialize")
    assert read == ("initialize", "retrieved")
    assert list(made + read[1:]) == sorted(made + read[1:], key=order_of)


def test_moments_of_a_project_follow_those_of_hosts() -> None:
    """Names that no host runs come last, by name, whatever the order of the hooks."""
    marks = [types.SimpleNamespace(moment=name) for name in ("published", "saved", "approved", "boot", "saved")]

    groups = [(moment, len(hooks)) for moment, hooks in by_moment(marks)]

    assert groups == [("boot", 1), ("saved", 2), ("approved", 1), ("published", 1)]
