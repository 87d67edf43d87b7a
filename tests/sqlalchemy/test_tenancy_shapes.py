"""Generated statements over models with tenants and a trash: none reads another tenant's row, or one in the trash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    column_property,
    contains_eager,
    join,
    mapped_column,
    outerjoin,
    relationship,
    sessionmaker,
)

from traits_runtime import tenant, unscoped
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.traits import BelongsToTenant, SoftDeletes
from traits_runtime.traits.clock import now


class Base(DeclarativeBase):
    """The base of this module's models."""


marks = sa.Table(
    "shape_mark",
    Base.metadata,
    sa.Column("branch_id", sa.ForeignKey("shape_branch.id"), primary_key=True),
    sa.Column("leaf_id", sa.ForeignKey("shape_leaf.id"), primary_key=True),
)


class Branch(BelongsToTenant, SoftDeletes, Base):
    """A branch that hangs on another branch."""

    __tablename__ = "shape_branch"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    above_id: Mapped[int | None] = mapped_column(sa.ForeignKey("shape_branch.id"))
    below: Mapped[list[Branch]] = relationship()
    leaves: Mapped[list[Leaf]] = relationship()
    marked: Mapped[list[Leaf]] = relationship(secondary=marks)


class Leaf(BelongsToTenant, SoftDeletes, Base):
    """A leaf of a branch."""

    __tablename__ = "shape_leaf"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    above_id: Mapped[int | None] = mapped_column(sa.ForeignKey("shape_branch.id"))


def _count_leaves() -> Any:
    """How many leaves a branch has, as its tenant sees them."""
    return sa.select(sa.func.count(Leaf.id)).where(Leaf.above_id == Branch.id).correlate_except(Leaf).scalar_subquery()


counts: Any = Branch
counts.leaf_count = column_property(_count_leaves())
counts.deferred_count = column_property(_count_leaves(), deferred=True)


def fill(session: TraitSession) -> None:
    """A root for two tenants; below the first root hang rows of both tenants, and one in the trash."""
    stamp = now()
    session.add_all([Branch(id=1, name="acme root", tenant_id="acme"), Branch(id=2, name="brick", tenant_id="brick")])
    session.flush()
    for model in (Branch, Leaf):
        session.add(model(id=11, name="acme below", tenant_id="acme", above_id=1))
        session.add(model(id=12, name="trashed", tenant_id="acme", above_id=1, deleted_at=stamp))
        session.add(model(id=13, name="brick", tenant_id="brick", above_id=1))
        session.flush()
    session.execute(sa.insert(marks), [{"branch_id": 1, "leaf_id": leaf_id} for leaf_id in (11, 12, 13)])


@pytest.fixture
def maker(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sessionmaker[TraitSession]:
    """Makes sessions on a database with rows of two tenants."""
    sessions = sessionmaker(engine_of(Base.metadata), class_=TraitSession)
    with unscoped(reason="test"), sessions.begin() as session:
        fill(session)
    return sessions


Columns = Callable[[Any], Any]
UPPER: dict[str, Callable[[], Any]] = {
    "model": lambda: Branch,
    "alias": lambda: aliased(Branch),
    "named alias": lambda: aliased(Branch, name="upper"),
    "subquery": lambda: aliased(Branch, sa.select(Branch).subquery()),
}
LOWER: dict[str, Callable[[], Any]] = {
    "leaf": lambda: Leaf,
    "alias of a leaf": lambda: aliased(Leaf),
    "alias of a branch": lambda: aliased(Branch),
    "flat alias of a branch": lambda: aliased(Branch, flat=True),
    "subquery of a branch": lambda: aliased(Branch, sa.select(Branch).subquery()),
    "cte of a leaf": lambda: aliased(Leaf, sa.select(Leaf).cte()),
}


def below(upper: Any, lower: Any) -> Any:
    """What the ``ON`` of a join says."""
    return lower.above_id == upper.id


JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "join": lambda upper, lower: sa.select(lower.name).select_from(upper).join(lower, below(upper, lower)),
    "outer join": lambda upper, lower: sa.select(lower.name).select_from(upper).outerjoin(lower, below(upper, lower)),
    "entity": lambda upper, lower: sa.select(
        sa.select(upper.id, lower.name).join(lower, below(upper, lower)).subquery().c.name
    ),
    "join function": lambda upper, lower: sa.select(lower.name).select_from(join(upper, lower, below(upper, lower))),
    "outerjoin function": lambda upper, lower: sa.select(lower.name).select_from(
        outerjoin(upper, lower, below(upper, lower))
    ),
    "where": lambda upper, lower: sa.select(lower.name).where(below(upper, lower)),
    "in": lambda upper, lower: sa.select(lower.name).where(lower.above_id.in_(sa.select(upper.id))),
    "exists": lambda upper, lower: sa.select(lower.name).where(sa.exists().where(below(upper, lower))),
    "correlated": lambda upper, lower: sa.select(
        sa.select(sa.func.max(lower.name)).where(below(upper, lower)).scalar_subquery()
    ).select_from(upper),
    "cte": lambda upper, lower: sa.select(
        sa.select(lower.name).select_from(upper).join(lower, below(upper, lower)).cte().c.name
    ),
    "union": lambda upper, lower: sa.union_all(
        sa.select(lower.name).select_from(upper).join(lower, below(upper, lower)),
        sa.select(lower.name).where(below(upper, lower)),
    ),
}
SHAPES = list(product(JOINS, UPPER, LOWER))


def statement(shape: tuple[str, str, str]) -> Any:
    """The statement of a shape."""
    how, upper, lower = shape
    return JOINS[how](UPPER[upper](), LOWER[lower]())


@pytest.mark.parametrize("how", JOINS)
def test_joined_rows_are_the_tenants_own_and_live(maker: sessionmaker[TraitSession], how: str) -> None:
    """Whatever is joined to whatever: the row of the other tenant and the row in the trash are not found."""
    names = {}
    with tenant("acme"), maker() as session:
        for shape in (shape for shape in SHAPES if shape[0] == how):
            names[shape] = set(session.scalars(statement(shape))) - {None}

    assert set(map(frozenset, names.values())) == {frozenset({"acme below"})}, names


def test_joined_rows_are_the_tenants_own_in_an_asynchronous_session(
    in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None], maker: sessionmaker[TraitSession]
) -> None:
    """As in a synchronous one."""

    async def work(engine: AsyncEngine) -> None:
        sessions = async_sessionmaker(engine, sync_session_class=TraitSession)
        with tenant("acme"):
            async with sessions() as session:
                for shape in SHAPES[::7]:
                    names = set(await session.scalars(statement(shape))) - {None}
                    assert names == {"acme below"}, shape

    in_async(work)


@pytest.mark.parametrize("how", JOINS)
def test_insert_from_a_joined_query_copies_the_tenants_own_rows(maker: sessionmaker[TraitSession], how: str) -> None:
    """The query inside an ``INSERT`` has the conditions, too."""
    for shape in [shape for shape in SHAPES if shape[0] == how and "cte" not in shape[2]][::5]:
        with tenant("acme"), maker() as session:
            source = statement(shape).subquery()
            rows = sa.select(sa.literal(100) + sa.func.row_number().over(), source.c[0]).where(source.c[0].is_not(None))
            session.execute(sa.insert(Leaf).from_select(["id", "name"], rows))

            copies = set(session.scalars(sa.select(Leaf.name).where(Leaf.id > 100)))
            assert copies == {"acme below"}, shape


@pytest.mark.parametrize("how", ["refresh", "commit", "expire", "load later"])
def test_counts_of_a_row_are_the_same_in_every_way_of_loading(maker: sessionmaker[TraitSession], how: str) -> None:
    """A reload counts what a query counts: one leaf of three is the tenant's own and live."""
    with tenant("acme"), maker() as session:
        branch: Any = session.get_one(Branch, 1)
        first_count = branch.leaf_count
        if how == "refresh":
            session.refresh(branch)
        elif how == "commit":
            session.commit()
        elif how == "expire":
            session.expire(branch, ["leaf_count"])

        assert (first_count, branch.leaf_count, branch.deferred_count) == (1, 1, 1)


def test_row_in_the_trash_is_reloaded(maker: sessionmaker[TraitSession]) -> None:
    """Conditions are on what a reload counts, not on the row itself."""
    with tenant("acme"), maker() as session:
        leaf = session.get_one(Leaf, 12, execution_options={"with_trashed": True})
        session.expire(leaf)

        assert leaf.name == "trashed"


CHANGES: dict[str, Callable[[], Any]] = {
    "update in a subquery": lambda: sa.update(Leaf).where(Leaf.above_id.in_(sa.select(Branch.id))).values(name="new"),
    "update where any": lambda: sa.update(Branch).where(Branch.leaves.any()).values(name="new"),
    "update where any of a secondary": lambda: sa.update(Branch).where(Branch.marked.any()).values(name="new"),
    "update where the greatest": lambda: (
        sa.update(Leaf).where(Leaf.id == sa.select(sa.func.max(aliased(Leaf).id)).scalar_subquery()).values(name="new")
    ),
    "update where exists": lambda: (
        sa.update(Leaf).where(sa.exists().where(Branch.id == Leaf.above_id)).values(name="new")
    ),
    "delete in a subquery": lambda: sa.delete(Leaf).where(Leaf.above_id.in_(sa.select(Branch.id))),
    "delete where exists": lambda: sa.delete(Leaf).where(sa.exists().where(Branch.id == Leaf.above_id)),
    "delete where none": lambda: sa.delete(Branch).where(~Branch.leaves.any(), ~Branch.below.any()),
}


def stored(maker: sessionmaker[TraitSession], *, of_acme: bool) -> set[Any]:
    """The rows of one tenant, or of the others, those in the trash included."""
    with unscoped(reason="test"), maker() as session:
        return {
            (model.__name__, *row)
            for model in (Branch, Leaf)
            for row in session.execute(
                sa.select(model.id, model.name, model.deleted_at.is_(None)).where(
                    (model.tenant_id == "acme") == sa.literal(of_acme)
                ),
                execution_options={"with_trashed": True},
            )
        }


@pytest.mark.parametrize("synchronize", ["auto", "fetch", False])
@pytest.mark.parametrize("way", CHANGES)
def test_change_over_a_subquery_is_done_to_own_rows_alone(
    maker: sessionmaker[TraitSession], way: str, synchronize: Any
) -> None:
    """However the rows in memory are brought up to date; the SELECT for that is not refused."""
    before, own_before = stored(maker, of_acme=False), stored(maker, of_acme=True)
    with tenant("acme"), maker.begin() as session:
        session.scalars(sa.select(Leaf)).all()
        session.execute(CHANGES[way](), execution_options={"synchronize_session": synchronize})

    assert stored(maker, of_acme=False) == before
    changed = stored(maker, of_acme=True) - own_before
    assert changed or way == "delete where none"
    assert ("Leaf", 12, "trashed", False) in stored(maker, of_acme=True)


@pytest.mark.parametrize("fresh", [False, True])
def test_collection_over_a_secondary_is_filled_from_the_query(maker: sessionmaker[TraitSession], fresh: bool) -> None:
    """`contains_eager` over a secondary is a query of models."""
    query = sa.select(Branch).join(Branch.marked).options(contains_eager(Branch.marked))
    with tenant("acme"), maker() as session:
        found = session.scalars(query.execution_options(populate_existing=fresh)).unique().all()

        assert [[leaf.id for leaf in branch.marked] for branch in found] == [[11]]
