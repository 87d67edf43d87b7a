"""What traits cost on SQLAlchemy: flushes of many rows and queries of one, paired with a bare session in one run."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks import sqlalchemy_traits
from benchmarks.harness import Figure, interleaved, percentile, ratio, timed
from traits_runtime import Trait, column, hook, scope, tenant
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.traits.tenancy import BelongsToTenant

ROWS = 10_000
ROUNDS = 15


class Base(DeclarativeBase):
    """The base of all models here."""


class Columns:
    """What every model has."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    number: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(default="")


class HasNothing(Trait):
    """A trait without hooks."""


class HasHooks(Trait):
    """A hook that does nothing for each of six moments."""

    @hook("saving")
    def a(self) -> None: ...

    @hook("creating")
    def b(self) -> None: ...

    @hook("created")
    def c(self) -> None: ...

    @hook("updating")
    def d(self) -> None: ...

    @hook("updated")
    def e(self) -> None: ...

    @hook("saved")
    def f(self) -> None: ...


class HasHidden(Trait):
    """A scope that is always on."""

    hidden = column(bool, default=False)

    @scope(always=True)
    @classmethod
    def shown(cls) -> Any:
        """Rows that are not hidden."""
        return cls.hidden.is_(False)


class Bare(Columns, Base):
    """No traits."""

    __tablename__ = "bare"


class Quiet(Columns, HasNothing, Base):
    """A trait without hooks."""

    __tablename__ = "quiet"


class Hooked(Columns, HasHooks, Base):
    """Six hooks."""

    __tablename__ = "hooked"


class HandScoped(Columns, Base):
    """A condition that is written into each query by hand."""

    __tablename__ = "hand_scoped"
    hidden: Mapped[bool] = mapped_column(default=False)


class Scoped(Columns, HasHidden, Base):
    """The same condition as a scope."""

    __tablename__ = "scoped"


class HandOwned(Columns, Base):
    """A tenant's rows, with the condition written by hand."""

    __tablename__ = "hand_owned"
    tenant_id: Mapped[str] = mapped_column(sa.String(64), index=True)


class Owned(Columns, BelongsToTenant, Base):
    """A tenant's rows."""

    __tablename__ = "owned"


def run() -> list[Figure]:
    """All comparisons; rows of a trait stand beside the same model without it, ready-made traits among them."""
    return [*flushes(), *queries(), *sqlalchemy_traits.run()]


Case = tuple[type[Session], type[Any], dict[str, Any], AbstractContextManager[Any]]


def flush_ratios(
    cases: dict[str, Case], beside: dict[str, str], rows: int = ROWS, rounds: int = ROUNDS
) -> dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """The flush that inserts rows, and the one that changes them all: CPU seconds, the peer's, and the ratio.

    Each is the median over rounds in which all cases run in random order; a ratio is made within its round.
    """
    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    names, shuffle = list(cases), random.Random(0)
    for number in range(rounds + 1):
        shuffle.shuffle(names)
        for name in names:
            measured = _flush(engine, cases[name], rows)
            if number:
                found[name].append(measured)
    engine.dispose()
    return {
        name: (_compared(found[name], found[peer], 0), _compared(found[name], found[peer], 1))
        for name, peer in beside.items()
    }


def _compared(
    ours: list[tuple[float, float]], theirs: list[tuple[float, float]], which: int
) -> tuple[float, float, float]:
    mine, other = [one[which] for one in ours], [one[which] for one in theirs]
    ratios = [one / peer for one, peer in zip(mine, other, strict=True)]
    return percentile(mine, 50), percentile(other, 50), percentile(ratios, 50)


def _flush(engine: sa.Engine, case: Case, rows: int) -> tuple[float, float]:
    maker, model, values, around = case
    with around, maker(engine) as session:
        made = [model(name="a", number=number, **values) for number in range(rows)]
        session.add_all(made)
        inserted = timed(session.flush)
        for one in made:
            one.name = "b"
        changed = timed(session.flush)
        session.rollback()
    return inserted, changed


def flushes() -> list[Figure]:
    """Ten thousand rows in one flush."""
    cases: dict[str, Case] = {
        "bare": (Session, Bare, {}, nullcontext()),
        "bare model, TraitSession": (TraitSession, Bare, {}, nullcontext()),
        "trait without hooks": (TraitSession, Quiet, {}, nullcontext()),
        "six hooks that do nothing": (TraitSession, Hooked, {}, nullcontext()),
        "tenant column by hand": (Session, HandOwned, {"tenant_id": "acme"}, nullcontext()),
        "BelongsToTenant": (TraitSession, Owned, {}, tenant("acme")),
    }
    beside = dict.fromkeys(list(cases)[1:4], "bare") | {"BelongsToTenant": "tenant column by hand"}
    figures = []
    for name, found in flush_ratios(cases, beside).items():
        goals = (1.10, 1.25) if beside[name] == "bare" else (None, None)
        for what, (ours, peer, value), goal in zip(("insert", "update"), found, goals, strict=True):
            note = f"{ROWS} rows in one flush, beside {beside[name]}; medians of {ROUNDS} paired rounds"
            figures.append(Figure(f"{what}, {name} [CPU s]", ours, peer, value, goal, note=note))
    return figures


def queries() -> list[Figure]:
    """One row, by a statement that is used again and by one that is written anew."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for model in (HandScoped, Scoped):
            session.add_all([model(name=str(number)) for number in range(200)])
        for model in (HandOwned, Owned):
            session.add_all([model(name=str(number), tenant_id="acme") for number in range(200)])
        session.commit()
    figures = []
    with Session(engine) as plain, TraitSession(engine) as ours, tenant("acme"):
        for name, by_hand, model in (
            ("always scope", sa.select(HandScoped).where(HandScoped.hidden.is_(False)), Scoped),
            ("tenant", sa.select(HandOwned).where(HandOwned.tenant_id == "acme"), Owned),
        ):
            hand: Any = by_hand.columns_clause_froms[0]
            kept_by_hand, kept = by_hand.where(hand.c.id == 7), sa.select(model).where(model.id == 7)
            again: dict[str, Callable[[], object]] = {
                "hand": lambda statement=kept_by_hand: plain.scalars(statement).one(),
                "ours": lambda statement=kept: ours.scalars(statement).one(),
            }
            anew: dict[str, Callable[[], object]] = {
                "hand": lambda base=by_hand, hand=hand: plain.scalars(base.where(hand.c.id == 7)).one(),
                "ours": lambda model=model: ours.scalars(sa.select(model).where(model.id == 7)).one(),
            }
            for how, pair, goal in (("used again", again, 1.3), ("anew", anew, None)):
                times = interleaved(pair, rounds=301)
                note = "one row, the condition written by hand beside it"
                figures.append(ratio(f"select, {name}, statement {how} [s]", times["ours"], times["hand"], goal, note))
    engine.dispose()
    return figures
