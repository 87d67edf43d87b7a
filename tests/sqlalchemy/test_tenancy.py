"""Tenants are kept apart on every way to read and to write, and no tenant is an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    joinedload,
    make_transient_to_detached,
    mapped_column,
    relationship,
    selectinload,
    sessionmaker,
    with_loader_criteria,
)

from traits_runtime import current_tenant, tenant, unscoped
from traits_runtime.adapters.sqlalchemy import (
    CrossTenantError,
    NoTenantInSessionError,
    TraitSession,
    UnscopedStatementError,
    tracked_upsert,
)
from traits_runtime.errors import NoTenantError, TenantMismatchError
from traits_runtime.traits.tenancy import BelongsToTenant


class Base(DeclarativeBase):
    """The base of this module's models."""


class Project(BelongsToTenant, Base):
    """A project of a tenant."""

    __tablename__ = "project"
    id: Mapped[int] = mapped_column(sa.Identity(start=1000), primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(default="project")
    tasks: Mapped[list[Task]] = relationship(back_populates="project", order_by="Task.id")
    __mapper_args__: ClassVar[Any] = {"polymorphic_on": "kind", "polymorphic_identity": "project"}


class Campaign(Project):
    """A project with a budget, in a table of its own."""

    __tablename__ = "campaign"
    id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    budget: Mapped[int] = mapped_column(default=0)
    __mapper_args__: ClassVar[Any] = {"polymorphic_identity": "campaign"}


class Task(BelongsToTenant, Base):
    """A task of a project; its tenant stands in a column of another name."""

    __tablename__ = "task"
    __traits__ = {BelongsToTenant: {"tenant_column": "owner"}}  # noqa: RUF012
    id: Mapped[int] = mapped_column(sa.Identity(start=1000), primary_key=True)
    title: Mapped[str]
    project_id: Mapped[int | None] = mapped_column(sa.ForeignKey("project.id"))
    after_id: Mapped[int | None] = mapped_column(sa.ForeignKey("task.id"))
    project: Mapped[Project | None] = relationship(back_populates="tasks")


class Country(Base):
    """What all tenants share."""

    __tablename__ = "country"
    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def maker(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sessionmaker[TraitSession]:
    """Makes sessions on a database in which two tenants have a project with a task each."""
    made = sessionmaker(engine_of(Base.metadata), class_=TraitSession)
    for number, name in enumerate(["acme", "brick"]):
        with tenant(name), made.begin() as session:
            session.add(Project(id=1 + number, name=name, tasks=[Task(id=1 + number, title=name)]))
            session.add(Campaign(id=11 + number, name=f"{name} campaign"))
    return made


def _says(row: Any) -> str:
    if isinstance(row, Task):
        return row.title
    return f"{row.name} {row.budget}" if isinstance(row, Campaign) else str(row.name)


def everything(maker: sessionmaker[TraitSession]) -> set[tuple[str, int, str, str]]:
    """All rows of all tenants: table, key, tenant, text."""
    with unscoped(reason="test"), maker() as session:
        return {
            (type(row).__name__, row.id, row.tenant_id, _says(row))
            for model in (Project, Task)
            for row in session.scalars(sa.select(model))
        }


alias = aliased(Project)
READS: dict[str, Callable[[TraitSession], Any]] = {
    "entities": lambda s: {one.name for one in s.scalars(sa.select(Project))},
    "columns": lambda s: set(s.scalars(sa.select(Project.name))),
    "all columns": lambda s: {one[2] for one in s.execute(sa.select(Project.id, Project.kind, Project.name))},
    "legacy query": lambda s: {one.name for one in s.query(Project)},
    "legacy get": lambda s: {one.name for key in (1, 2, 11, 12) for one in [s.get(Project, key)] if one},
    "child table": lambda s: {one.name for one in s.scalars(sa.select(Campaign))} | {"acme"},
    "alias": lambda s: {one.name for one in s.scalars(sa.select(alias))},
    "subquery": lambda s: set(s.scalars(sa.select(sa.select(Project.name).subquery().c.name))),
    "cte": lambda s: set(s.scalars(sa.select(sa.select(Project.name).cte().c.name))),
    "union": lambda s: set(s.scalars(sa.union(sa.select(Project.name), sa.select(Project.name)))),
    "scalar subquery": lambda s: (
        set(s.scalars(sa.select(sa.select(Project.name).where(Project.id == Task.project_id).scalar_subquery())))
        | {"acme campaign"}
    ),
    "join": lambda s: (
        set(s.scalars(sa.select(Project.name).join(Task, Task.project_id == Project.id))) | {"acme campaign"}
    ),
    "yield_per": lambda s: {one.name for one in s.scalars(sa.select(Project).execution_options(yield_per=1))},
    "search": lambda s: set(s.scalars(sa.select(Project.name).where(Project.name.like("%")))),
}


@pytest.mark.parametrize("way", list(READS))
def test_other_tenants_rows_are_found_in_no_way(maker: sessionmaker[TraitSession], way: str) -> None:
    """Entities, columns, aliases, subqueries, joins, keys."""
    with tenant("acme"), maker() as session:
        assert READS[way](session) == {"acme", "acme campaign"}


@pytest.mark.parametrize("way", list(READS))
def test_without_a_tenant_nothing_is_read(maker: sessionmaker[TraitSession], way: str) -> None:
    """Not everything, and not the rows of nobody either."""
    with maker() as session, pytest.raises(NoTenantError, match="needs a tenant and none is current"):
        READS[way](session)


def test_other_tenants_rows_are_not_counted_nor_seen_in_conditions(maker: sessionmaker[TraitSession]) -> None:
    """Counts, sums, exists, any and has."""
    with tenant("acme"), maker() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Project)) == 2
        assert session.scalar(sa.select(sa.func.max(Project.id))) == 11
        assert session.scalar(sa.select(sa.exists().where(Project.id == 2))) is False
        assert session.scalars(sa.select(Project.id).where(Project.tasks.any(Task.title == "brick"))).all() == []
        assert session.scalars(sa.select(Task.id).where(Task.project.has())).all() == [1]
        assert session.scalar(sa.select(sa.func.count()).select_from(Country)) == 0


def test_forced_row_of_another_tenant_is_no_way_in(maker: sessionmaker[TraitSession]) -> None:
    """An instance made up to look as if it had been read: it cannot be refreshed, changed or deleted."""
    before = everything(maker)

    def made_up(session: TraitSession, **values: Any) -> Project:
        row = Project(id=2, kind="project", **values)
        make_transient_to_detached(row)
        session.add(row)
        return row

    with tenant("acme"):
        with maker() as session, pytest.raises(CrossTenantError):
            session.refresh(made_up(session))
        with maker() as session, pytest.raises(CrossTenantError):
            made_up(session, tenant_id="acme").name = "stolen"
            session.flush()
        with maker() as session, pytest.raises(CrossTenantError):
            session.delete(made_up(session, tenant_id="acme", name="x"))
            session.flush()
        with maker() as session, pytest.raises((CrossTenantError, sa.exc.IntegrityError)):
            session.merge(Project(id=2, name="stolen"))
            session.flush()
        with maker() as session, pytest.raises(CrossTenantError):
            row = Project(id=2, kind="project", tenant_id="acme", name="stolen")
            make_transient_to_detached(row)
            session.bulk_save_objects([row], update_changed_only=False)

    assert everything(maker) == before


WRITES: dict[str, Callable[[TraitSession], object]] = {
    "update": lambda s: s.execute(sa.update(Project).values(name="x")),
    "update by condition": lambda s: s.execute(sa.update(Project).where(Project.id == 2).values(name="x")),
    "update by key": lambda s: s.execute(sa.update(Project), [{"id": 1, "name": "x"}, {"id": 2, "name": "x"}]),
    "bulk_update_mappings": lambda s: s.bulk_update_mappings(sa.inspect(Project), [{"id": 2, "name": "x"}]),
    "query update": lambda s: s.query(Project).filter(Project.id > 0).update({"name": "x"}),
    "delete": lambda s: s.execute(sa.delete(Task)),
    "delete by condition": lambda s: s.execute(sa.delete(Task).where(Task.id == 2)),
    "query delete": lambda s: s.query(Task).delete(),
    "update returning": lambda s: s.execute(sa.update(Project).values(name="x").returning(Project.id)).all(),
    "update of a child table": lambda s: s.execute(sa.update(Campaign).values(budget=7)),
    "update of a child table, evaluated": lambda s: s.execute(
        sa.update(Campaign).where(Campaign.budget == 0).values(budget=7),
        execution_options={"synchronize_session": "evaluate"},
    ),
    "update of a child table by its parent's column": lambda s: s.execute(
        sa.update(Campaign).where(Campaign.name == "brick campaign").values(budget=7)
    ),
    "update of a child table by key": lambda s: s.execute(
        sa.update(Campaign), [{"id": 11, "budget": 7, "name": "x"}, {"id": 12, "budget": 7, "name": "x"}]
    ),
    "upsert helper": lambda s: tracked_upsert(s, Task, [{"id": 2, "title": "stolen"}], index_elements=["id"]),
}


@pytest.mark.parametrize("way", list(WRITES))
def test_statements_change_the_current_tenants_rows_alone(maker: sessionmaker[TraitSession], way: str) -> None:
    """Those of the other are as they were; without a tenant nothing is."""
    before = {one for one in everything(maker) if one[2] == "brick"}
    with maker() as session, pytest.raises(NoTenantError):
        WRITES[way](session)
    with tenant("acme"), maker.begin() as session:
        WRITES[way](session)

    assert {one for one in everything(maker) if one[2] == "brick"} == before


def test_statement_on_a_child_table_changes_the_own_rows(maker: sessionmaker[TraitSession]) -> None:
    """It is not only harmless: the condition is on the parent's row of the same key."""
    with tenant("acme"), maker() as session:
        campaign = session.get_one(Campaign, 11)
        changed: Any = session.execute(sa.update(Campaign).values(budget=7))
        session.execute(sa.update(Campaign), [{"id": 11, "name": "both tables", "budget": 8}])
        session.commit()

        assert changed.rowcount == 1
        assert (campaign.name, campaign.budget) == ("both tables", 8)


other = aliased(Task)
COPIES: dict[str, Callable[[TraitSession], object]] = {
    "insert from a query": lambda s: s.execute(sa.insert(Task).from_select(["title"], sa.select(Project.name))),
    "insert from a query of an alias": lambda s: s.execute(
        sa.insert(Task).from_select(["title"], sa.select(alias.name))
    ),
    "insert from a union": lambda s: s.execute(
        sa.insert(Task).from_select(
            ["title"], sa.select(sa.union_all(sa.select(Project.name), sa.select(Task.title)).subquery().c.name)
        )
    ),
    "insert into what all share": lambda s: s.execute(
        sa.insert(Country).from_select(["id"], sa.select(Project.id)), execution_options={"bulk": "event"}
    ),
    "insert a value from a query": lambda s: s.execute(
        sa.insert(Task).values(
            title=sa.func.coalesce(sa.select(Project.name).where(Project.id == 2).scalar_subquery(), "none")
        )
    ),
    "update from another row": lambda s: s.execute(
        sa.update(Task).values(title=other.title).where(Task.id == 1, other.id == 2)
    ),
    "update from another model": lambda s: s.execute(
        sa.update(Task).values(title=Project.name).where(Task.id == 1, Project.id == 2)
    ),
    "update a value from a query": lambda s: s.execute(
        sa.update(Task)
        .where(Task.id == 1)
        .values(title=sa.func.coalesce(sa.select(alias.name).where(alias.id == 2).scalar_subquery(), "none"))
    ),
}


@pytest.mark.filterwarnings("ignore:.*cartesian product")
@pytest.mark.parametrize("way", list(COPIES))
def test_statement_that_writes_reads_the_current_tenants_rows_alone(
    maker: sessionmaker[TraitSession], way: str
) -> None:
    """Nothing of another tenant is copied into a row of one's own."""
    with tenant("acme"), maker.begin() as session:
        COPIES[way](session)

    assert not any("brick" in one[3] for one in everything(maker) if one[2] == "acme")
    with unscoped(reason="test"), maker() as session:
        assert {2, 12}.isdisjoint(session.scalars(sa.select(Country.id)))


@pytest.mark.filterwarnings("ignore:.*cartesian product")
def test_statement_that_writes_reads_the_own_rows(maker: sessionmaker[TraitSession]) -> None:
    """From another model, and from a query."""
    with tenant("acme"), maker() as session:
        session.execute(sa.update(Task).values(title=Project.name).where(Task.id == 1, Project.id == 11))
        session.execute(sa.insert(Task).from_select(["title"], sa.select(Project.name).where(Project.id == 11)))

        assert session.scalars(sa.select(Task.title)).all() == ["acme campaign"] * 2


def test_new_rows_are_stamped(maker: sessionmaker[TraitSession]) -> None:
    """On every way to insert; a hook sees the tenant before the row is written."""
    with tenant("acme"), maker.begin() as session:
        session.add(Task(title="flush"))
        session.execute(sa.insert(Task), [{"title": "list"}, {"title": "list"}])
        session.execute(sa.insert(Task).values(title="values"))
        session.bulk_insert_mappings(sa.inspect(Task), [{"title": "mappings"}])
        session.bulk_save_objects([Task(title="objects")])
        session.execute(sa.insert(Task).from_select(["title"], sa.select(Project.name)))

    assert {one[2] for one in everything(maker) if one[0] == "Task" and one[3] != "brick"} == {"acme"}


REFUSED: dict[str, Callable[[TraitSession], object]] = {
    "flush": lambda s: s.add(Task(title="x", tenant_id="brick")),
    "insert list": lambda s: s.execute(sa.insert(Task), [{"title": "x", "owner": "brick"}]),
    "insert values": lambda s: s.execute(sa.insert(Task).values(title="x", owner="brick")),
    "insert several": lambda s: s.execute(sa.insert(Task).values([{"title": "x", "owner": "brick"}])),
    "mappings": lambda s: s.bulk_insert_mappings(sa.inspect(Task), [{"title": "x", "owner": "brick"}]),
    "objects": lambda s: s.bulk_save_objects([Task(title="x", tenant_id="brick")]),
    "give away": lambda s: setattr(s.get_one(Task, 1), "tenant_id", "brick"),
    "give away by update": lambda s: s.execute(sa.update(Task).values(owner="brick")),
    "give away by key": lambda s: s.execute(sa.update(Task), [{"id": 1, "owner": "brick"}]),
    "bound value": lambda s: s.execute(sa.insert(Task).values(title="x", owner=sa.bindparam("to")), {"to": "brick"}),
    "bound values in a list": lambda s: s.execute(
        sa.insert(Task).values(owner=sa.bindparam("to")), [{"title": "x", "to": "acme"}, {"title": "y", "to": "brick"}]
    ),
    "bound value of an update": lambda s: s.execute(sa.update(Task).values(owner=sa.bindparam("to")), {"to": "brick"}),
    "bound value of an ordered update": lambda s: s.execute(
        sa.update(Task).ordered_values((Task.title, "x"), (Task.tenant_id, sa.bindparam("to"))), {"to": "brick"}
    ),
    "bound value of several updates": lambda s: s.execute(
        sa.update(Task).where(Task.id == sa.bindparam("key")).values(owner=sa.bindparam("to")),
        [{"key": 1, "to": "brick"}],
    ),
    "value in itself": lambda s: s.execute(sa.update(Task).values(owner=sa.literal("brick"))),
    "value asked for": lambda s: s.execute(sa.update(Task).values(owner=sa.bindparam("to", callable_=lambda: "brick"))),
    "value by parameter beside one in the statement": lambda s: s.execute(
        sa.update(Task).values(owner="acme"), {"owner": "brick"}
    ),
    "value by expression": lambda s: s.execute(sa.update(Task).values(owner=sa.func.lower("BRICK"))),
    "reference by bound value": lambda s: s.execute(sa.update(Task).values(project_id=sa.bindparam("to")), {"to": 2}),
    "reference by expression": lambda s: s.execute(sa.update(Task).values(project_id=sa.literal(1) + 1)),
    "reference by a query of another column": lambda s: s.execute(
        sa.update(Task).values(project_id=sa.select(sa.func.max(Task.id) + 1).scalar_subquery())
    ),
    "refer by key": lambda s: s.add(Task(title="x", project_id=2)),
    "refer by update": lambda s: s.execute(sa.update(Task).values(project_id=2)),
    "refer to a row of the same model": lambda s: setattr(s.get_one(Task, 1), "after_id", 2),
    "refer to a row of the same model by update": lambda s: s.execute(sa.update(Task).values(after_id=2)),
    "refer in a list": lambda s: s.execute(sa.insert(Task), [{"title": "x", "project_id": 2}]),
}


@pytest.mark.parametrize("way", list(REFUSED))
def test_values_of_another_tenant_are_refused(maker: sessionmaker[TraitSession], way: str) -> None:
    """A tenant named outright, and a reference to a row of another."""
    before = everything(maker)
    with tenant("acme"), maker() as session, pytest.raises(TenantMismatchError):
        REFUSED[way](session)
        session.flush()

    assert everything(maker) == before


class Renaming(DeclarativeBase):
    """Of models whose attributes are not called as their columns."""


class Box(BelongsToTenant, Renaming):
    """Something to refer to."""

    __tablename__ = "boxes"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Thing(BelongsToTenant, Renaming):
    """Its tenant and its box stand in columns of other names."""

    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[str] = mapped_column("owner", default=lambda: current_tenant())
    box: Mapped[int | None] = mapped_column("box_id", sa.ForeignKey("boxes.id"))


RENAMED: dict[str, Callable[[TraitSession], object]] = {
    "refer by flush": lambda s: s.add(Thing(id=3, box=2)),
    "refer by update": lambda s: s.execute(sa.update(Thing).values(box=2)),
    "refer by update of the attribute": lambda s: s.execute(sa.update(Thing).values({Thing.box: 2})),
    "refer by key": lambda s: s.execute(sa.update(Thing), [{"id": 1, "box": 2}]),
    "refer by insert": lambda s: s.execute(sa.insert(Thing).values(id=3, box=2)),
    "refer in a list": lambda s: s.execute(sa.insert(Thing), [{"id": 3, "box": 2}]),
    "refer by the helper": lambda s: tracked_upsert(s, Thing, [{"id": 3, "box_id": 2}], index_elements=["id"]),
    "give away by update": lambda s: s.execute(sa.update(Thing).values(tenant_id="brick")),
    "give away by insert": lambda s: s.execute(sa.insert(Thing).values({Thing.id: 3, Thing.tenant_id: "brick"})),
    "give away in a list": lambda s: s.execute(sa.insert(Thing), [{"id": 3, "tenant_id": "brick"}]),
    "give away by the helper": lambda s: tracked_upsert(s, Thing, [{"id": 3, "owner": "brick"}], index_elements=["id"]),
}


@pytest.mark.parametrize("way", list(RENAMED))
def test_columns_of_other_names_are_looked_at_too(engine_of: Callable[[sa.MetaData], sa.Engine], way: str) -> None:
    """A statement may name an attribute or its column."""
    made = sessionmaker(engine_of(Renaming.metadata), class_=TraitSession)
    for number, name in enumerate(["acme", "brick"], 1):
        with tenant(name), made.begin() as session:
            session.add(Box(id=number))
            session.flush()
            session.add(Thing(id=number, box=number))
    with tenant("acme"), made() as session, pytest.raises(TenantMismatchError):
        RENAMED[way](session)
        session.flush()
    with tenant("acme"), made() as session:
        session.execute(sa.update(Thing).values(box=1))
        session.execute(sa.insert(Thing).values(id=3, box=1))

        assert session.scalars(sa.select(Thing.box)).all() == [1, 1]


def test_references_of_own_rows_are_written_by_expressions(maker: sessionmaker[TraitSession]) -> None:
    """Another column, a query of keys, and a bound value are read under the tenant's conditions."""
    key_of_project = sa.select(Project.id).where(Project.name.in_(["acme", "brick"])).scalar_subquery()
    with tenant("acme"), maker.begin() as session:
        session.execute(sa.update(Task).values(project_id=key_of_project, tenant_id=Task.tenant_id))
        session.execute(sa.insert(Task).values(title="new", project_id=sa.bindparam("to")), {"to": 1})
        session.execute(sa.update(Task).values(project_id=Task.project_id))

        assert session.scalars(sa.select(Task.project_id)).all() == [1, 1]


PREFIXES: dict[str, Callable[[], Any]] = {
    "insert or replace": lambda: sa.insert(Task).prefix_with("OR REPLACE").values(id=2, title="stolen"),
    "update or replace": lambda: sa.update(Task).prefix_with("or  replace").where(Task.id == 1).values(id=2),
    "of a dialect": lambda: sa.insert(Task).prefix_with("OR REPLACE", dialect="sqlite").values(id=2, title="stolen"),
}


@pytest.mark.parametrize("way", PREFIXES)
def test_prefix_that_replaces_rows_is_refused(maker: sessionmaker[TraitSession], way: str) -> None:
    """It would replace a row of another tenant that has the same key."""
    before = everything(maker)
    with tenant("acme"), maker() as session, pytest.raises(UnscopedStatementError, match="on_conflict_do_update"):
        session.execute(PREFIXES[way]())

    assert everything(maker) == before


def test_insert_from_select_with_a_parameter_may_not_fill_the_tenant(maker: sessionmaker[TraitSession]) -> None:
    """A parameter of the query inside is no value of the row."""
    query = sa.select(Project.name, sa.literal("brick")).where(Project.id == sa.bindparam("key"))
    with tenant("acme"), maker() as session, pytest.raises(UnscopedStatementError):
        session.execute(sa.insert(Task).from_select(["title", "owner"], query), {"key": 1})


def test_upsert_refers_to_no_row_of_another_tenant(maker: sessionmaker[TraitSession], url: sa.URL) -> None:
    """What it gives to the row that is there is looked at like what it inserts."""
    insert: Any = (postgresql if url.get_backend_name() == "postgresql" else sqlite).insert
    statement = insert(Task).values(id=1, title="x")
    with tenant("acme"), maker() as session:
        with pytest.raises(CrossTenantError):
            session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"project_id": 2}))
        session.execute(
            statement.on_conflict_do_update(index_elements=["id"], set_={"title": statement.excluded.title})
        )

        assert session.scalars(sa.select(Task.title)).all() == ["x"]


def test_insert_from_select_may_not_fill_the_tenant(maker: sessionmaker[TraitSession]) -> None:
    """Nobody can tell what it would be."""
    with tenant("acme"), maker() as session, pytest.raises(UnscopedStatementError):
        session.execute(sa.insert(Task).from_select(["title", "owner"], sa.select(Project.name, sa.literal("brick"))))


def test_upsert_does_not_reach_another_tenants_row(maker: sessionmaker[TraitSession], url: sa.URL) -> None:
    """A conflict with a row of another tenant changes nothing."""
    before = everything(maker)
    insert: Any = (postgresql if url.get_backend_name() == "postgresql" else sqlite).insert
    with tenant("acme"), maker.begin() as session:
        statement = insert(Task).values(id=2, title="stolen")
        session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"title": "stolen"}))
        with pytest.raises(ValueError, match="cannot be scoped"):
            session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"owner": "acme"}))
        assert everything(maker) == before
        mine = insert(Task).values(id=1, title="new")
        session.execute(mine.on_conflict_do_update(index_elements=["id"], set_={"title": "new"}))

    assert ("Task", 1, "acme", "new") in everything(maker)


def test_row_of_another_tenant_cannot_be_attached(maker: sessionmaker[TraitSession]) -> None:
    """Not by a relationship either."""
    with unscoped(reason="test"), maker(expire_on_commit=False) as other:
        project = other.get_one(Project, 2)
        other.expunge_all()
    with tenant("acme"), maker() as session, pytest.raises(TenantMismatchError):
        session.add(Task(title="x", project=project))
        session.flush()


def test_session_belongs_to_the_tenant_it_has_rows_of(maker: sessionmaker[TraitSession]) -> None:
    """It may change hands once it holds none."""
    with maker() as session:
        with tenant("acme"):
            project = session.get_one(Project, 1)
        with tenant("brick"):
            for use in (
                lambda: session.scalars(sa.select(Project)).all(),
                lambda: session.get(Project, 1),
                lambda held=project: held.tasks,
                lambda held=project: session.refresh(held),
            ):
                with pytest.raises(CrossTenantError, match="belongs to tenant 'acme'"):
                    use()
        session.expunge_all()
        del project
        with tenant("brick"):
            assert session.scalars(sa.select(Task.title)).all() == ["brick"]


def test_row_that_was_read_unscoped_is_not_found_by_key(maker: sessionmaker[TraitSession]) -> None:
    """A session that has seen all tenants still keeps them apart."""
    with tenant("acme"), maker() as session:
        with unscoped(reason="test"):
            assert session.get_one(Project, 2).name == "brick"
            held = session.scalars(sa.select(Project).order_by(Project.id)).all()
        assert len(held) == 4
        assert session.get(Project, 2) is None
        assert session.get_one(Project, 1).name == "acme"
        held[1].name = "stolen"
        with pytest.raises(CrossTenantError):
            session.flush()


CORE: dict[str, Callable[[], Any]] = {
    "table": lambda: sa.select(Project.__table__),
    "table by its name": lambda: sa.select(sa.column("name")).select_from(sa.table("project", sa.column("name"))),
    "count": lambda: sa.select(sa.func.count()).select_from(Project.__table__),
    "column": lambda: sa.select(Project.__table__.c.name),
    "update": lambda: sa.update(Project.__table__).values(name="x"),
    "delete": lambda: sa.delete(Task.__table__),
    "insert": lambda: sa.insert(Task.__table__).values(title="x", owner="brick"),
    "exists": lambda: sa.select(Country.id).where(sa.exists(sa.select(Project.__table__.c.id))),
    "join": lambda: sa.select(Country.id).join(Project.__table__, sa.true()),
    "subquery": lambda: sa.select(sa.select(Project.__table__.c.name).subquery()),
    "alias": lambda: sa.select(Project.__table__.alias().c.name),
    "cte": lambda: sa.select(sa.select(Project.__table__.c.name).cte()),
}


@pytest.mark.parametrize("way", list(CORE))
def test_statement_on_a_table_is_refused(maker: sessionmaker[TraitSession], way: str) -> None:
    """Alone or inside a statement of the ORM; unscoped it works."""
    with tenant("acme"), maker() as session, pytest.raises(UnscopedStatementError, match="cannot be scoped"):
        session.execute(CORE[way]())
    with unscoped(reason="test"), maker() as session:
        session.execute(CORE[way]())


OPTIONS: dict[str, Callable[[Any], Any]] = {
    "loader criteria": lambda query: with_loader_criteria(Project, Project.id.in_(query)),
    "condition of a loader": lambda query: selectinload(Project.tasks.and_(Task.id.in_(query))),
}


@pytest.mark.parametrize("way", OPTIONS)
def test_query_of_a_table_in_an_option_is_refused(maker: sessionmaker[TraitSession], way: str) -> None:
    """The same query of the model is not."""
    table: Any = Task.__table__
    with tenant("acme"), maker() as session:
        with pytest.raises(UnscopedStatementError, match="task"):
            session.scalars(sa.select(Project).options(OPTIONS[way](sa.select(table.c.id)))).all()

        assert session.scalars(sa.select(Project).options(OPTIONS[way](sa.select(Task.id)))).first() is not None


def reflected(session: TraitSession) -> Any:
    """The table of projects as the database describes it."""
    return sa.Table("project", sa.MetaData(), autoload_with=session.connection())


REFLECTED: dict[str, Callable[[Any], Any]] = {
    "select": sa.select,
    "count": lambda table: sa.select(sa.func.count()).select_from(table),
    "exists": lambda table: sa.select(Country.id).where(sa.exists(sa.select(table.c.id))),
    "update": lambda table: sa.update(table).values(name="x"),
    "delete": sa.delete,
    "insert": lambda table: sa.insert(table).values(name="x", tenant_id="brick"),
}


@pytest.mark.parametrize("way", REFLECTED)
@pytest.mark.parametrize("schema", [None, "public"])
def test_statement_on_a_reflected_table_is_refused(
    maker: sessionmaker[TraitSession], way: str, schema: str | None
) -> None:
    """Another `Table` of the same name is the same table in the database."""
    with tenant("acme"), maker() as session:
        table = reflected(session)
        other_table = table.to_metadata(sa.MetaData(), schema=schema)
        with pytest.raises(UnscopedStatementError, match="project"):
            session.execute(REFLECTED[way](other_table))
    with maker() as session, pytest.raises(UnscopedStatementError, match="project"):
        session.execute(REFLECTED[way](table))


class Elsewhere(DeclarativeBase):
    """The base of classes that another part of a program maps."""


def map_second_classes() -> dict[str, type[Any]]:
    """Map classes without tenants onto the table of tasks, by the table itself and by its name."""

    class SameTable(Elsewhere):
        __table__ = Task.__table__

    class SameName(Elsewhere):
        __tablename__ = "task"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner: Mapped[str]

    return {"same table": SameTable, "same name": SameName}


SECOND: dict[str, Callable[[Any], Any]] = {
    "select": sa.select,
    "column": lambda model: sa.select(model.id),
    "beside another model": lambda model: sa.select(Country.id, model.id),
    "join": lambda model: sa.select(Country.id).join(model, sa.true()),
    "exists": lambda model: sa.select(Country.id).where(sa.exists().where(model.id == Country.id)),
    "alias": lambda model: sa.select(aliased(model).id),
    "update": lambda model: sa.update(model).values(owner="acme"),
    "delete": sa.delete,
    "insert": lambda model: sa.insert(model).values(owner="brick"),
}


@pytest.mark.parametrize("name", ["same table", "same name"])
def test_second_class_on_a_tenants_table_is_refused(maker: sessionmaker[TraitSession], name: str) -> None:
    """It has no tenant, and reads rows of all of them."""
    before = everything(maker)
    classes = map_second_classes()
    try:
        for way, make in SECOND.items():
            with tenant("acme"), maker() as session:
                with pytest.raises(UnscopedStatementError, match="task"):
                    session.execute(make(classes[name]))
                assert session.scalars(sa.select(Task.title)).all() == ["acme"], way
    finally:
        Elsewhere.registry.dispose()
        Elsewhere.metadata.clear()

    assert everything(maker) == before


TWINS: dict[str, Callable[[Any, Any], Any]] = {
    "columns": lambda ids, _names: sa.select(ids),
    "a condition": lambda ids, names: sa.select(ids).where(names == "a"),
    "a count": lambda ids, _names: sa.select(sa.func.count(ids)),
    "a subquery": lambda ids, names: sa.select(sa.select(ids, names).subquery().c.id),
    "a scalar subquery": lambda ids, _names: sa.select(Country.id, sa.select(sa.func.max(ids)).scalar_subquery()),
    "exists": lambda ids, names: sa.select(Country.id).where(sa.exists(sa.select(ids).where(names == "a"))),
    "a union": lambda ids, names: sa.union_all(sa.select(ids), sa.select(ids).where(names == "b")),
}
"""Queries of a model's columns, or of its table's."""


@pytest.mark.parametrize("way", TWINS)
def test_query_of_a_table_is_refused_after_its_twin_of_the_model_ran(
    maker: sessionmaker[TraitSession], way: str
) -> None:
    """What is remembered of a query that named the model is not taken for one that names the table."""
    table: Any = Project.__table__
    with tenant("acme"), maker() as session:
        for _ in range(2):
            session.execute(TWINS[way](Project.id, Project.name)).all()
        for _ in range(2):
            with pytest.raises(UnscopedStatementError):
                session.execute(TWINS[way](table.c.id, table.c.name))
        session.execute(TWINS[way](Project.id, Project.name)).all()


def test_limits_that_are_documented(maker: sessionmaker[TraitSession]) -> None:
    """Text and the connection are not covered; PostgreSQL's row-level security is for these."""
    with tenant("acme"), maker() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM task")) == 2
        assert session.connection().scalar(sa.select(sa.func.count()).select_from(Task.__table__)) == 2
        chosen = sa.select(Task).from_statement(sa.text("SELECT * FROM task ORDER BY id"))
        assert len(session.scalars(chosen).all()) == 2


def test_collections_and_lazy_loads_stay_with_the_tenant(maker: sessionmaker[TraitSession]) -> None:
    """Also of a row that refers to another tenant's because somebody wrote it so."""
    with unscoped(reason="test"), maker.begin() as session:
        session.add(Task(id=7, title="odd", tenant_id="brick", project_id=1))
        session.add(Task(id=8, title="even", tenant_id="acme", project_id=2))
    with tenant("acme"):
        for how in (None, joinedload, selectinload):
            with maker() as session:
                chosen = sa.select(Project).where(Project.id == 1)
                load: Any = how
                project = session.scalars(chosen.options(load(Project.tasks)) if how else chosen).unique().one()
                assert [one.id for one in project.tasks] == [1]
        with maker() as session:
            assert session.get_one(Task, 8).project is None


def test_thousand_tenants_through_one_compiled_statement(maker: sessionmaker[TraitSession]) -> None:
    """The value is asked for at every execution."""
    names = [f"tenant{number}" for number in range(50)]
    with unscoped(reason="test"), maker.begin() as session:
        session.add_all([Task(id=100 + number, title=name, tenant_id=name) for number, name in enumerate(names)])
    statement = sa.select(Task.title)
    for name in names * 20:
        with tenant(name), maker() as session:
            assert session.scalars(statement).all() == [name]


def test_each_tenant_gets_its_own_row_by_its_key(maker: sessionmaker[TraitSession]) -> None:
    """One tenant after the other, and the first again; whose row another's key means, nobody learns."""
    owners = {key: owner for kind, key, owner, _ in everything(maker) if kind == "Project"}

    for asking in ["acme", "brick", "acme"]:
        for key, owner in owners.items():
            with tenant(asking), maker() as session:
                assert (session.get(Project, key) is not None) == (owner == asking)
    assert set(owners.values()) == {"acme", "brick"}


def test_tasks_at_once_keep_to_their_tenants(
    maker: sessionmaker[TraitSession], url: sa.URL, in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]
) -> None:
    """The tenant belongs to the task."""

    async def work(engine: AsyncEngine) -> None:
        sessions = async_sessionmaker(engine, sync_session_class=TraitSession)

        async def one(name: str) -> list[str]:
            with tenant(name):
                async with sessions() as session:
                    await asyncio.sleep(0)
                    found = list(await session.scalars(sa.select(Project.name).where(Project.kind == "project")))
                    assert await session.get(Project, 1 if name == "brick" else 2) is None
                    return found

        names = ["acme", "brick"] * 10
        assert await asyncio.gather(*(one(name) for name in names)) == [[name] for name in names]

    in_async(work)


def test_error_is_both_ours_and_not_wrapped(maker: sessionmaker[TraitSession]) -> None:
    """It reaches the caller as it was raised."""
    with maker() as session, pytest.raises(NoTenantInSessionError) as caught:
        session.scalars(sa.select(Project)).all()

    assert isinstance(caught.value, NoTenantError)
    assert caught.value.what == "Project"
