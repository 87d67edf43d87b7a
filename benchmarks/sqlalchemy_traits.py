"""What the ready-made traits cost on SQLAlchemy: flushes of 10,000 rows and a one-row query, beside bare models.

Every ratio is the median over rounds in which all candidates run once, in random order, on SQLite in memory.
`python -m benchmarks sqlalchemy` has these rows; `python -m benchmarks.sqlalchemy_traits` prints them alone.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

from benchmarks.harness import Figure, report, timed

ROWS = 10_000
ROUNDS = 9
PEER_ROWS = 1_000


def _models() -> tuple[type[DeclarativeBase], dict[str, Any]]:
    import traits_runtime.adapters.sqlalchemy
    from traits_runtime.traits import HasUserTracking, LogsActivity, SoftDeletes

    _ = traits_runtime.adapters.sqlalchemy

    class Base(DeclarativeBase):
        pass

    def model(name: str, *traits: type) -> Any:
        body = {
            "__tablename__": name.lower(),
            "__module__": __name__,
            "__annotations__": {"id": Mapped[int], "title": Mapped[str], "words": Mapped[int], "price": Mapped[float]},
            "id": mapped_column(primary_key=True),
        }
        return type(name, (*traits, Base), body)

    made = {
        "bare": model("Bare"),
        "tracking": model("Tracked", HasUserTracking),
        "log": model("Logged", LogsActivity),
        "trash": model("Trashed", SoftDeletes),
    }
    for number in range(30):
        model(f"Other{number}", SoftDeletes)
    return Base, made


def _engine(metadata: sa.MetaData) -> sa.Engine:
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    return engine


def _rows(model: Any, count: int) -> list[Any]:
    return [model(title=f"title {number}", words=number, price=number / 2) for number in range(count)]


def insert(engine: sa.Engine, session_class: type[Session], model: Any, count: int) -> float:
    """Seconds of one flush of new rows, and of the commit."""
    rows = _rows(model, count)
    with session_class(engine) as session:
        session.add_all(rows)
        return timed(session.commit)


def update(engine: sa.Engine, session_class: type[Session], model: Any, count: int) -> float:
    """Seconds of one flush of changed rows, and of the commit."""
    with session_class(engine) as session:
        session.add_all(_rows(model, count))
        session.commit()
        for number, row in enumerate(session.scalars(sa.select(model)).all()):
            row.words = number + 1
        return timed(session.commit)


def ratios(measures: dict[str, Callable[[], float]], baseline: str, rounds: int) -> dict[str, tuple[float, float]]:
    """For each candidate its median seconds and the median of its ratio to the baseline in the same round."""
    names = list(measures)
    shuffle = random.Random(0)
    for name in names:
        measures[name]()
    seen: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        shuffle.shuffle(names)
        for name in names:
            seen[name].append(measures[name]())
    base = seen[baseline]
    return {
        name: (
            statistics.median(values),
            statistics.median(one / two for one, two in zip(values, base, strict=True)),
        )
        for name, values in seen.items()
    }


def _flushes() -> list[Figure]:
    from traits_runtime import acting_as
    from traits_runtime.adapters.sqlalchemy import TraitSession

    base, models = _models()
    engine = _engine(base.metadata)
    sessions: dict[str, type[Session]] = {"bare": Session, "tracking": TraitSession, "log": TraitSession}

    def clean() -> None:
        with engine.begin() as connection:
            for table in base.metadata.sorted_tables:
                connection.execute(sa.delete(table))

    figures = []
    goals = {("tracking", "insert"): 1.4, ("tracking", "update"): 1.5, ("log", "insert"): 1.6, ("log", "update"): 2.5}
    for verb, action in (("insert", insert), ("update", update)):

        def measure(name: str, action: Callable[..., float] = action) -> Callable[[], float]:
            def run() -> float:
                clean()
                with acting_as(7):
                    return action(engine, sessions[name], models[name], ROWS)

            return run

        found = ratios({name: measure(name) for name in sessions}, "bare", ROUNDS)
        for name in ("tracking", "log"):
            what = "user tracking" if name == "tracking" else "activity log"
            figures.append(
                Figure(
                    f"{what}, {verb} of {ROWS:,} rows, s", found[name][0], found["bare"][0], found[name][1],
                    goals[name, verb], note="x bare model and session",
                )
            )  # fmt: skip
    return figures


def _queries() -> list[Figure]:
    from traits_runtime.adapters.sqlalchemy import TraitSession

    base, models = _models()
    engine = _engine(base.metadata)
    figures = []
    with Session(engine) as plain, TraitSession(engine) as session:
        for held, model in ((plain, models["bare"]), (session, models["trash"])):
            held.add_all(_rows(model, 200))
            held.commit()
        for label, count, times in (("one row", 1, 1_000), ("200 rows", 200, 200)):

            def bare(count: int = count) -> Any:
                model = models["bare"]
                return sa.select(model.id, model.title).where(model.id <= count)

            def trash(count: int = count) -> Any:
                model = models["trash"]
                return sa.select(model.id, model.title).where(model.id <= count)

            def by_hand(query: Callable[[], Any] = trash) -> Any:
                return query().where(models["trash"].deleted_at.is_(None))

            def measure(held: Session, query: Callable[[], Any], kind: str, times: int = times) -> Callable[[], float]:
                statement = query()

                def run() -> None:
                    for _ in range(times):
                        held.execute(statement if kind == "reused" else query()).all()

                return lambda: timed(run) / times

            for kind in ("reused", "fresh"):
                every = {
                    "bare": measure(plain, bare, kind),
                    "trash": measure(session, trash, kind),
                    "by hand": measure(plain, by_hand, kind),
                }
                found = ratios(every, "bare", 21)
                for name, what, goal in (("trash", "trash filter", 1.3), ("by hand", "its condition by hand", None)):
                    figures.append(
                        Figure(
                            f"{what}, {label}, {kind} statement, s", found[name][0], found["bare"][0],
                            found[name][1], goal, note="31 models with a trash; x bare model and session",
                        )
                    )  # fmt: skip
    return figures


def _continuum() -> list[Figure]:
    """SQLAlchemy-Continuum in a process of its own: it listens to every mapper and session there is."""
    ran = subprocess.run(
        [sys.executable, "-c", "from benchmarks.sqlalchemy_traits import continuum; continuum()"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        reason = ran.stderr.strip().rpartition("\n")[2][:120]
        return [Figure("sqlalchemy-continuum", 0.0, None, 0.0, None, note=f"did not run: {reason}")]
    return [
        Figure(f"sqlalchemy-continuum, {verb} of {PEER_ROWS:,} rows, s", spent, bare, spent / bare, None,
               note="keeps whole versions; x bare in its own process")
        for verb, spent, bare in json.loads(ran.stdout)
    ]  # fmt: skip


def continuum() -> None:
    """Print what Continuum costs: verb, seconds, seconds of the bare model."""
    import sqlalchemy_continuum

    base, models = _models()
    engine = _engine(base.metadata)
    bare = {
        verb: statistics.median(action(engine, Session, models["bare"], PEER_ROWS) for _ in range(3))
        for verb, action in (("insert", insert), ("update", update))
    }
    sqlalchemy_continuum.make_versioned(user_cls=None)

    class Base(DeclarativeBase):
        pass

    class Versioned(Base):
        __tablename__ = "versioned"
        __versioned__: Any = {}  # noqa: RUF012 - Continuum's own way to say so
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        words: Mapped[int]
        price: Mapped[float]

    sa.orm.configure_mappers()
    own = _engine(Base.metadata)
    found = []
    for verb, action in (("insert", insert), ("update", update)):
        spent = statistics.median(action(own, Session, Versioned, PEER_ROWS) for _ in range(3))
        found.append((verb, spent, bare[verb]))
    print(json.dumps(found))


def run() -> list[Figure]:
    """All rows of this file."""
    return [*_flushes(), *_queries(), *_continuum()]


if __name__ == "__main__":
    report(run(), None)
