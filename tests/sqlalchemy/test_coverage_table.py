"""The coverage table of the documentation is what the probes find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from coverage_probes import COVERED, LOG, NOT_COVERED, PROBES, TENANTS, TRACKING, TRASH, Kit, outcome
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from traits_runtime import acting_as, tenant, unscoped
from traits_runtime.adapters.sqlalchemy import TraitSession, activities, restore, tracked_upsert
from traits_runtime.traits import BelongsToTenant, HasUserTracking, LogsActivity, SoftDeletes

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference" / "traits" / "coverage"

LIMITS = {
    (TRACKING, "on_conflict_do_update"): "limit",
    (TRACKING, "text()"): "limit",
    (TRASH, "lazy load, parent at hand"): "limit",
    (TRASH, "Core select"): "limit",
    (LOG, "bulk_save_objects"): "limit",
    (LOG, "Core update"): "limit",
    (TENANTS, "text()"): "limit",
    (TENANTS, "statement on a connection"): "limit",
    (TENANTS, "flush: insert for another"): "refused",
    (TENANTS, "flush: refer to another's row"): "refused",
    (TENANTS, "Core select"): "refused",
    (TENANTS, "Core update"): "refused",
}
"""What we do not cover, and say so, and what we refuse; everything else must be covered."""

SHOWN = {"limit": "**limit**"}


def expected(trait: str, operation: str) -> str:
    """What a probe must find."""
    kind = LIMITS.get((trait, operation), COVERED)
    return NOT_COVERED if kind == "limit" else kind


class Base(DeclarativeBase):
    """The base of the probes' models."""


class Article(HasUserTracking, SoftDeletes, LogsActivity, Base):
    """What is written."""

    __tablename__ = "article"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    words: Mapped[int]
    children: Mapped[list[Child]] = relationship(cascade="all")


class Child(SoftDeletes, Base):
    """What goes where it goes."""

    __tablename__ = "child"
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int | None] = mapped_column(sa.ForeignKey("article.id"))


class Comment(Base):
    """What hangs on it and has no trash."""

    __tablename__ = "comment"
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int | None] = mapped_column(sa.ForeignKey("article.id"))
    article: Mapped[Article | None] = relationship()


class Folder(BelongsToTenant, Base):
    """Where letters lie."""

    __tablename__ = "folder"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Letter(BelongsToTenant, HasUserTracking, SoftDeletes, Base):
    """What a tenant writes."""

    __tablename__ = "letter"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    folder_id: Mapped[int | None] = mapped_column(sa.ForeignKey("folder.id"))
    folder: Mapped[Folder | None] = relationship()


class Ours(Kit):
    """Our traits."""

    traits = (TRACKING, TRASH, LOG, TENANTS)
    Base, Article, Comment, Child = Base, Article, Comment, Child
    Folder, Letter = Folder, Letter
    tenant = staticmethod(tenant)
    with_trash = {"with_trashed": True}  # noqa: RUF012

    def session(self) -> Session:
        return TraitSession(self.engine)

    def acting(self, number: int) -> AbstractContextManager[Any]:
        return acting_as(number)

    def unscoped(self) -> AbstractContextManager[Any]:
        return unscoped(reason="a probe")

    def upsert(self, session: Session, values: dict[str, Any]) -> None:
        tracked_upsert(session, Letter, [values], index_elements=["id"])

    def restore(self, session: Session, row: Any) -> None:
        restore(session, row)

    def created(self, session: Session, title: str) -> Any:
        table = Article.__table__
        return session.connection().scalar(sa.select(table.c.created_by).where(table.c.title == title))

    def changed(self, session: Session, title: str) -> Any:
        table = Article.__table__
        return session.connection().scalar(sa.select(table.c.updated_by).where(table.c.title == title))

    def trash(self, session: Session, row: Any) -> None:
        session.delete(row)

    def entries(self, session: Session) -> int:
        return len(activities(session, model=Article))

    def old_words(self, session: Session) -> Any:
        return activities(session, model=Article)[-1].old["words"]


class OnPostgres(Ours):
    """The same on PostgreSQL, whose tables are emptied between the probes."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def fresh(self) -> None:
        Base.metadata.drop_all(self.engine)
        Base.metadata.create_all(self.engine)

    def close(self) -> None:
        """The engine is the fixture's."""


@pytest.fixture(scope="module")
def on_postgres(postgres: sa.URL) -> Iterator[OnPostgres]:
    """The kit on a database of our own."""
    engine = sa.create_engine(postgres)
    yield OnPostgres(engine)
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.mark.parametrize(("trait", "operation"), PROBES, ids=[" ".join(one) for one in PROBES])
def test_operation_is_covered_or_a_documented_limit(trait: str, operation: str) -> None:
    """On SQLite; a limit that is lifted is a failure too, so that the table is corrected."""
    found = outcome(Ours(), PROBES[trait, operation])

    assert found == expected(trait, operation)


@pytest.mark.parametrize(("trait", "operation"), PROBES, ids=[" ".join(one) for one in PROBES])
def test_postgresql_gives_the_same(
    on_postgres: OnPostgres, monkeypatch: pytest.MonkeyPatch, trait: str, operation: str
) -> None:
    """The probes find on PostgreSQL what they find on SQLite."""
    monkeypatch.setattr(sa.dialects.sqlite, "insert", postgresql.insert)
    found = outcome(on_postgres, PROBES[trait, operation])

    assert found == expected(trait, operation)


def table(trait: str) -> str:
    """The page's table of a trait: ours beside the library nearest to it."""
    others = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    others = [one for one in others if trait in one["results"]]
    rows = [
        f"| {operation} | {SHOWN.get(found := LIMITS.get((owner, operation), COVERED), found)} | "
        + "".join(f"{one['results'][trait].get(operation, '')} | " for one in others)
        for owner, operation in PROBES
        if owner == trait
    ]
    heads = "".join(f"{one['versions']} | " for one in others)
    return (
        "\n".join([f"| | {trait} | {heads}", "|---|---|" + "---|" * len(others), *rows])
        .replace(" | \n", " |\n")
        .strip()
    )


def test_tables_of_the_documentation_are_current() -> None:
    """Written by ``TRAITS_WRITE=1 pytest -n0 tests/sqlalchemy/test_coverage_table.py``."""
    import os

    texts = {FOLDER / f"{trait}.inc": table(trait) + "\n" for trait in (TRACKING, TRASH, LOG, TENANTS)}
    if os.environ.get("TRAITS_WRITE"):
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")

    assert [path.name for path, text in texts.items() if path.read_text(encoding="utf-8") != text] == []


def test_every_peer_was_asked() -> None:
    """The files are from `nox -s coverage-of-peers`, each with the versions of its run."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8"))["versions"] for path in FOLDER.glob("*.json")}

    assert sorted(found) == ["advanced-alchemy", "sqlalchemy-continuum", "sqlalchemy-easy-softdelete"]
    assert all("SQLAlchemy" in one for one in found.values())
