"""Models whose rows stand in several tables: the trash and user tracking follow the row, not one of its tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from traits_runtime import acting_as
from traits_runtime.adapters.sqlalchemy import TraitSession, activities
from traits_runtime.errors import NotSupportedError
from traits_runtime.testing import capture_events
from traits_runtime.traits import HasUserTracking, LogsActivity, SoftDeletes


class Base(DeclarativeBase):
    """The base of this module's models."""


class Animal(HasUserTracking, SoftDeletes, LogsActivity, Base):
    """What all have."""

    __tablename__ = "joined_animals"
    __mapper_args__: ClassVar[Any] = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(default="animal")
    name: Mapped[str] = mapped_column(default="")


class Dog(Animal):
    """With a table of its own."""

    __tablename__ = "joined_dogs"
    __mapper_args__: ClassVar[Any] = {"polymorphic_identity": "dog"}
    id: Mapped[int] = mapped_column(sa.ForeignKey("joined_animals.id"), primary_key=True)
    tricks: Mapped[int] = mapped_column(default=0)


class Puppy(Dog):
    """With a third one."""

    __tablename__ = "joined_puppies"
    __mapper_args__: ClassVar[Any] = {"polymorphic_identity": "puppy"}
    id: Mapped[int] = mapped_column(sa.ForeignKey("joined_dogs.id"), primary_key=True)
    weeks: Mapped[int] = mapped_column(default=0)


@pytest.fixture
def zoo(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sessionmaker[TraitSession]:
    """A cat; a dog and a puppy in use, and another of each in the trash."""
    made = sessionmaker(engine_of(Base.metadata), class_=TraitSession)
    with acting_as(1):
        with made.begin() as session:
            session.add_all([Animal(id=1), Dog(id=2), Dog(id=3), Puppy(id=4), Puppy(id=5)])
        with made.begin() as session:
            for one in session.scalars(sa.select(Animal).where(Animal.id.in_([3, 5]))):
                session.delete(one)
    return made


def stored(session: TraitSession, column: Any) -> dict[int, Any]:
    """A column as the database has it, past all conditions."""
    found: Any = session.connection().execute(sa.select(column.table.c.id, column))
    return dict(map(tuple, found))


def test_update_of_a_child_table_leaves_the_trash_alone(zoo: sessionmaker[TraitSession]) -> None:
    """The stamp stands in the parent's table, in the row of the same key."""
    with zoo() as session:
        puppy = session.get_one(Puppy, 4)
        first: Any = session.execute(sa.update(Dog).values(tricks=7))
        second: Any = session.execute(sa.update(Puppy).where(Puppy.kind == "puppy").values(weeks=8))

        assert (first.rowcount, second.rowcount) == (2, 1)
        assert stored(session, Dog.__table__.c.tricks) == {2: 7, 3: 0, 4: 7, 5: 0}
        assert stored(session, Puppy.__table__.c.weeks) == {4: 8, 5: 0}
        assert (puppy.tricks, puppy.weeks) == (7, 8)
        session.execute(sa.update(Dog).values(tricks=9), execution_options={"with_trashed": True})
        assert stored(session, Dog.__table__.c.tricks) == {2: 9, 3: 9, 4: 9, 5: 9}


def test_delete_of_a_child_moves_the_row_to_the_trash(zoo: sessionmaker[TraitSession]) -> None:
    """The whole row, of the child alone, once; rows in the session follow, and the log and the event know of it."""
    with zoo() as session, acting_as(2):
        before = stored(session, Animal.__table__.c.deleted_at)
        dog = session.get_one(Dog, 2)
        with capture_events("model.Dog.*") as captured:
            deleted: Any = session.execute(sa.delete(Dog))
        after = stored(session, Animal.__table__.c.deleted_at)

        assert deleted.rowcount == 2
        assert captured.names == ["model.Dog.bulk_deleting", "model.Dog.bulk_deleted"]
        assert dog.is_trashed
        assert after[1] is None
        assert None not in (after[2], after[4])
        assert {key: after[key] for key in (3, 5)} == {key: before[key] for key in (3, 5)}
        assert stored(session, Animal.__table__.c.deleted_by) == {1: None, 2: 2, 3: 1, 4: 2, 5: 1}
        assert set(stored(session, Dog.__table__.c.tricks)) == {2, 3, 4, 5}
        assert (activities(session, model=Dog)[-1].event, activities(session, model=Dog)[-1].count) == (
            "bulk_trashed", 2,
        )  # fmt: skip


def test_delete_of_a_child_finds_by_either_table_and_returns_rows(zoo: sessionmaker[TraitSession]) -> None:
    """Conditions and what is returned may name columns of both."""
    with zoo() as session:
        statement = sa.delete(Puppy).where(Puppy.name == "", Puppy.weeks == 0)
        found = session.execute(statement.returning(Puppy.id, Puppy.weeks, Puppy.name)).all()

        assert [tuple(one) for one in found] == [(4, 0, "")]
        assert session.scalars(sa.select(Animal.id).order_by(Animal.id)).all() == [1, 2]


def test_trash_refuses_a_delete_inside_from_statement(zoo: sessionmaker[TraitSession]) -> None:
    """It says what to execute instead, and nothing is deleted."""
    with zoo() as session:
        with pytest.raises(NotSupportedError, match=r"execute delete\(Dog\)\.returning\(Dog\) itself"):
            session.scalars(sa.select(Dog).from_statement(sa.delete(Dog).returning(Dog)))

        assert session.scalars(sa.select(Dog.id).order_by(Dog.id)).all() == [2, 4]


@pytest.mark.parametrize("attribute", ["tricks", "weeks", "name"])
def test_change_in_any_table_has_its_editor(zoo: sessionmaker[TraitSession], attribute: str) -> None:
    """Also where no statement for the table of `updated_by` would be written; the creator stays."""
    with zoo() as session, acting_as(2):
        puppy = session.get_one(Puppy, 4)
        setattr(puppy, attribute, "Rex" if attribute == "name" else 9)
        session.commit()

        assert (puppy.created_by, puppy.updated_by) == (1, 2)
        assert activities(session, puppy)[-1].new[attribute] == getattr(puppy, attribute)


def test_change_of_nothing_has_no_editor(zoo: sessionmaker[TraitSession]) -> None:
    """In no table; and a value that was given wins."""
    with zoo() as session, acting_as(2):
        puppy = session.get_one(Puppy, 4)
        puppy.tricks = 0
        session.commit()
        assert puppy.updated_by == 1
        puppy.tricks, puppy.updated_by = 1, 5
        session.commit()
        assert puppy.updated_by == 5
        with Puppy.without_user_tracking():
            puppy.tricks = 2
            session.commit()
        assert puppy.updated_by == 5


def test_statement_on_a_child_table_leaves_the_editor_which_is_a_documented_limit(
    zoo: sessionmaker[TraitSession],
) -> None:
    """An UPDATE writes one table; this pins the limit, so that a change of it is seen."""
    with zoo() as session, acting_as(2):
        session.execute(sa.update(Dog).values(tricks=7))

        assert stored(session, Animal.__table__.c.updated_by)[2] == 1
