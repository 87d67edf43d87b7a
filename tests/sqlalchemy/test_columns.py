"""Columns that traits bring: on every kind of model, under the model's names, filled on every way to write."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hostmodels import Carton, Crate, HasKeeper, Hides
from sqlalchemy.orm import DeclarativeBase, declarative_base, mapped_column, registry, sessionmaker

from traits_runtime import Trait, acting_as, column, without_features
from traits_runtime.adapters.sqlalchemy import TraitSession, UtcDateTime
from traits_runtime.errors import DeclarationError

COLUMNS = ["kept_by", "changed_by", "made_at"]


def test_model_says_how_a_column_is_called_and_of_what_type_it_is() -> None:
    """The trait's own code goes on with the trait's name."""
    crate = Crate(kept_by=7)

    assert Crate.__table__.c.keys() == ["id", "label", "owner_id", "changed_by", "made_at"]
    assert isinstance(Crate.__table__.c.owner_id.type, sa.Integer)
    assert str(Crate.kept_by == 3) == str(Crate.owner_id == 3)  # type: ignore[attr-defined]
    assert (crate.kept_by, crate.owner_id) == (7, 7)  # type: ignore[attr-defined]


def test_declared_shape_reaches_the_table() -> None:
    """Length, index, nullability, time zone and documentation are as the trait says."""
    table = Carton.__table__

    assert table.c.changed_by.type.length == 40
    assert [one.name for one in table.indexes] == ["ix_carton_changed_by"]
    assert (table.c.changed_by.nullable, table.c.made_at.nullable) == (True, False)
    assert isinstance(table.c.made_at.type, UtcDateTime)
    assert table.c.made_at.doc == "When the row was made."


class Plain(DeclarativeBase):
    """A base of this module's own."""


def make_first() -> Any:
    class First(HasKeeper, Plain):
        __tablename__ = "first"
        id = mapped_column(sa.Integer, primary_key=True)

    return First


def make_last() -> Any:
    class Last(Plain, HasKeeper):
        __tablename__ = "last"
        id = mapped_column(sa.Integer, primary_key=True)

    return Last


def make_abstract() -> Any:
    class Kept(HasKeeper, Plain):
        __abstract__ = True

    class Concrete(Kept):
        __tablename__ = "concrete"
        id = mapped_column(sa.Integer, primary_key=True)

    assert not hasattr(Kept, "__table__")
    return Concrete


def make_legacy() -> Any:
    base: Any = declarative_base()

    class Legacy(HasKeeper, base):
        __tablename__ = "legacy"
        id = sa.Column(sa.Integer, primary_key=True)

    return Legacy


def make_sqlmodel() -> Any:
    sqlmodel = pytest.importorskip("sqlmodel")

    class HostHero(HasKeeper, sqlmodel.SQLModel, table=True):  # type: ignore[name-defined, misc, call-arg]
        id: int | None = sqlmodel.Field(default=None, primary_key=True)

    return HostHero


def make_advanced() -> Any:
    base = pytest.importorskip("advanced_alchemy.base")

    class Advanced(HasKeeper, base.BigIntBase):  # type: ignore[name-defined, misc]
        __tablename__ = "advanced"

    return Advanced


KINDS = [make_first, make_last, make_abstract, make_legacy, make_sqlmodel, make_advanced]


@pytest.mark.parametrize("make", KINDS, ids=[one.__name__.removeprefix("make_") for one in KINDS])
def test_columns_on_every_kind_of_base(make: Callable[[], Any]) -> None:
    """Trait first, last, on an abstract class, on a legacy base, SQLModel's and advanced-alchemy's."""
    model = make()
    row = model(kept_by="a")
    row.changed_by = "b"
    engine = sa.create_engine("sqlite://")
    model.metadata.create_all(engine, tables=[model.__table__])
    with TraitSession(engine) as session:
        session.add(row)
        session.commit()
        found = session.scalars(sa.select(model)).one()

        assert (found.kept_by, found.changed_by, found.made_at.tzinfo) == ("a", "b", dt.UTC)
    engine.dispose()
    assert [name for name in list(model.__table__.c.keys()) if name in COLUMNS] == COLUMNS
    model.registry.dispose() if hasattr(model, "registry") else None


def test_children_of_a_model_have_no_second_column() -> None:
    """Joined and single table inheritance."""

    class Parent(HasKeeper, Plain):
        __tablename__ = "parent"
        id = mapped_column(sa.Integer, primary_key=True)
        kind = mapped_column(sa.String)
        __mapper_args__: ClassVar[Any] = {"polymorphic_on": "kind", "polymorphic_identity": "parent"}

    class Joined(Parent):
        __tablename__ = "joined"
        id = mapped_column(sa.ForeignKey("parent.id"), primary_key=True)
        __mapper_args__: ClassVar[Any] = {"polymorphic_identity": "joined"}

    class Single(Hides, Parent):
        __mapper_args__: ClassVar[Any] = {"polymorphic_identity": "single"}

    assert Joined.__table__.c.keys() == ["id"]
    assert Parent.__table__.c.keys() == ["id", "kind", *COLUMNS, "hidden"]
    assert Joined(kept_by="x").kept_by == "x"


def test_column_that_the_model_has_itself_stays() -> None:
    """A model may write the column out."""

    class Own(HasKeeper, Plain):
        __tablename__ = "own"
        id = mapped_column(sa.Integer, primary_key=True)
        kept_by = mapped_column(sa.String(5), default="me")

    assert Own.__table__.c.kept_by.type.length == 5
    assert Own.__table__.c.keys() == ["id", "kept_by", "changed_by", "made_at"]


def test_index_of_the_model_may_name_a_column_of_a_trait() -> None:
    """The columns are there when the table is made."""

    class Indexed(HasKeeper, Plain):
        __tablename__ = "indexed"
        __table_args__: ClassVar[Any] = (sa.Index("ix_both", "id", "kept_by"),)
        id = mapped_column(sa.Integer, primary_key=True)

    assert "ix_both" in {one.name for one in Indexed.__table__.indexes}


def test_imperative_mapping_has_the_columns_of_its_table() -> None:
    """A table that the project draws itself is left alone."""
    mappings = registry()
    table = sa.Table("bare", mappings.metadata, sa.Column("id", sa.Integer, primary_key=True))

    class Bare(HasKeeper):
        id: int

    mappings.map_imperatively(Bare, table)

    assert table.c.keys() == ["id"]
    assert Bare().kept_by is None


def test_reference_of_a_column() -> None:
    """A foreign key takes the type of what it points to."""

    class HasOwner(Trait):
        owner_id = column(int, nullable=True, references="person.id", on_delete="SET NULL")

    class Person(Plain):
        __tablename__ = "person"
        id = mapped_column(sa.Integer, primary_key=True)

    class Pet(HasOwner, Plain):
        __tablename__ = "pet"
        id = mapped_column(sa.Integer, primary_key=True)

    (key,) = Pet.__table__.c.owner_id.foreign_keys

    assert key.column is Person.__table__.c.id
    assert key.ondelete == "SET NULL"


def test_unknown_type_names_the_known_ones() -> None:
    """The model is refused, not its first row."""

    class HasThing(Trait):
        thing = column(object)

    with pytest.raises(DeclarationError, match=r"is no column type\. Known: int"):

        class Holder(HasThing, Plain):
            __tablename__ = "holder"
            id = mapped_column(sa.Integer, primary_key=True)


LATE = """
from sqlalchemy import Integer, create_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column
from traits_runtime import Trait, column
class HasRank(Trait):
    rank = column(int, default=3)
class Base(DeclarativeBase): ...
class Team(HasRank, Base):
    __tablename__ = "team"
    id = mapped_column(Integer, primary_key=True)
assert Team.__table__.c.keys() == ["id"]
import traits_runtime.adapters.sqlalchemy
print(*Team.__table__.c.keys())
"""


def test_models_that_were_there_before_the_adapter_are_completed() -> None:
    """The order of imports is a matter of taste."""
    ran = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=False)

    assert ran.stdout.split() == ["id", "rank"], ran.stderr


WRITES: dict[str, Callable[[TraitSession], object]] = {
    "flush": lambda session: session.add(Carton(label="a")),
    "insert list": lambda session: session.execute(sa.insert(Carton), [{"label": "a"}, {"label": "b"}]),
    "insert values": lambda session: session.execute(sa.insert(Carton).values(label="a")),
    "core": lambda session: session.execute(sa.insert(Carton.__table__), [{"label": "a"}]),
    "connection": lambda session: session.connection().execute(sa.insert(Carton.__table__), [{"label": "a"}]),
    "from select": lambda session: session.execute(
        sa.insert(Carton).from_select(["label", "hidden"], sa.select(sa.literal("a"), sa.literal(False)))
    ),
    "bulk_save_objects": lambda session: session.bulk_save_objects([Carton(label="a")]),
    "bulk_insert_mappings": lambda session: session.bulk_insert_mappings(sa.inspect(Carton), [{"label": "a"}]),
}


@pytest.mark.parametrize("way", list(WRITES))
def test_columns_are_filled_on_every_way_to_insert(session: TraitSession, way: str) -> None:
    """Defaults of columns, not hooks, so that no way goes past them."""
    with acting_as("ann"):
        WRITES[way](session)
        session.commit()

    boxes = session.scalars(sa.select(Carton)).all()

    assert boxes
    assert {(one.kept_by, one.changed_by) for one in boxes} == {("ann", "ann")}


CHANGES: dict[str, Callable[[TraitSession], object]] = {
    "flush": lambda session: setattr(session.scalars(sa.select(Carton)).one(), "label", "b"),
    "update": lambda session: session.execute(sa.update(Carton).values(label="b")),
    "update by key": lambda session: session.execute(sa.update(Carton), [{"id": 1, "label": "b"}]),
    "core": lambda session: session.execute(sa.update(Carton.__table__).values(label="b")),
    "bulk_update_mappings": lambda session: session.bulk_update_mappings(sa.inspect(Carton), [{"id": 1, "label": "b"}]),
    "query": lambda session: session.query(Carton).update({"label": "b"}),
}


@pytest.mark.parametrize("way", list(CHANGES))
def test_columns_follow_every_way_to_change(session: TraitSession, way: str) -> None:
    """The one who changed the row last is known, the keeper stays."""
    with acting_as("ann"):
        session.add(Carton(id=1, label="a"))
        session.commit()
    with acting_as("bob"):
        CHANGES[way](session)
        session.commit()

    box = session.scalars(sa.select(Carton)).one()

    assert (box.label, box.kept_by, box.changed_by) == ("b", "ann", "bob")


@pytest.mark.parametrize("way", ["flush", "update", "update by key", "query"])
def test_column_stays_where_its_feature_is_off(session: TraitSession, way: str) -> None:
    """`unchanged` leaves what is stored, in a flush and in statements."""
    with acting_as("ann"):
        session.add(Carton(id=1, label="a"))
        session.commit()
    with acting_as("bob"), without_features("follow"):
        CHANGES[way](session)
        session.commit()

    box = session.scalars(sa.select(Carton)).one()

    assert (box.label, box.changed_by) == ("b", "ann")


def test_column_outside_a_session_cannot_stay_and_says_so(session: TraitSession) -> None:
    """Better an error than an emptied column."""
    session.add(Carton(id=1, label="a"))
    session.commit()

    with without_features("follow"), pytest.raises(sa.exc.StatementError, match="changed_by of Carton is to stay"):
        session.connection().execute(sa.update(Carton.__table__).values(label="b"))


def test_moment_without_time_zone_is_refused(session: TraitSession) -> None:
    """And one with another time zone comes back as the same moment, in UTC."""
    zone = dt.timezone(dt.timedelta(hours=5))
    moment = dt.datetime(2025, 10, 26, 2, 30, tzinfo=zone)
    session.add(Carton(label="a", made_at=moment))
    session.commit()

    assert session.scalars(sa.select(Carton.made_at)).one() == moment
    assert session.scalars(sa.select(Carton.made_at).where(Carton.made_at == moment)).one().tzinfo is dt.UTC
    session.add(Carton(label="b", made_at=moment.replace(tzinfo=None)))
    with pytest.raises(sa.exc.StatementError, match="says no time zone"):
        session.flush()


def test_plain_class_has_the_default() -> None:
    """Without a host a column is an attribute."""

    class Note(Hides):
        pass

    note, other = Note(), Note()
    note.hidden = True

    assert (note.hidden, other.hidden) == (True, False)


def test_scope_is_a_condition(sessions: sessionmaker[TraitSession]) -> None:
    """By name among the scopes, or on the class; also where the column is called otherwise."""
    with sessions() as session, acting_as(5):
        session.add_all([Crate(), Crate(kept_by=6)])
        session.commit()

        assert [one.kept_by for one in session.scalars(sa.select(Crate).where(Crate.scopes.of(6)))] == [6]
        assert [one.kept_by for one in session.scalars(sa.select(Crate).where(Crate.of(5)))] == [5]
