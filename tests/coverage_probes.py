"""What happens to tracked, trashed and logged rows on each way of writing and reading: ours and others' by one measure.

``python tests/coverage_probes.py advanced-alchemy|sqlalchemy-continuum|sqlalchemy-easy-softdelete`` prints what that
library does, with the versions of the run; `nox -s coverage-of-peers` keeps it in the documentation.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)

COVERED, NOT_COVERED, REFUSED = "covered", "not covered", "refused"

Probe = Callable[[Any], bool]
PROBES: dict[tuple[str, str], Probe] = {}


def probe(trait: str, operation: str) -> Callable[[Probe], Probe]:
    """Name a probe; it says whether the operation is covered."""

    def keep(function: Probe) -> Probe:
        PROBES[trait, operation] = function
        return function

    return keep


def outcome(kit: Any, function: Probe) -> str:
    """What a probe finds: covered, not covered, or the exception that it met."""
    kit.fresh()
    try:
        return COVERED if function(kit) else NOT_COVERED
    except Exception as error:
        return REFUSED if type(error).__module__.startswith("traits_runtime") else type(error).__name__
    finally:
        kit.close()


# Who wrote a row. A kit has: Article, fresh(), session(), acting(number), created() and changed(session, title).

TRACKING = "HasUserTracking"


def _inserted(kit: Any, write: Callable[[Session], object]) -> bool:
    with kit.session() as session, kit.acting(1):
        write(session)
        session.flush()
        return bool(kit.created(session, "new"))


def _updated(kit: Any, write: Callable[[Session, Any], object]) -> bool:
    with kit.session() as session:
        with kit.acting(1):
            row = kit.Article(title="new", words=1)
            session.add(row)
            session.commit()
        before = kit.changed(session, "new")
        with kit.acting(2):
            time.sleep(0.002)
            write(session, row)
            session.commit()
        return bool(kit.changed(session, "new") != before)


@probe(TRACKING, "flush: insert")
def _(kit: Any) -> bool:
    return _inserted(kit, lambda session: session.add(kit.Article(title="new", words=1)))


@probe(TRACKING, "flush: update")
def _(kit: Any) -> bool:
    return _updated(kit, lambda _session, row: setattr(row, "words", 2))


@probe(TRACKING, "bulk insert(Model)")
def _(kit: Any) -> bool:
    return _inserted(kit, lambda session: session.execute(sa.insert(kit.Article), [{"title": "new", "words": 1}]))


@probe(TRACKING, "insert from select")
def _(kit: Any) -> bool:
    rows = sa.select(sa.literal("new"), sa.literal(1))
    return _inserted(kit, lambda session: session.execute(sa.insert(kit.Article).from_select(["title", "words"], rows)))


@probe(TRACKING, "bulk_save_objects")
def _(kit: Any) -> bool:
    return _inserted(kit, lambda session: session.bulk_save_objects([kit.Article(title="new", words=1)]))


@probe(TRACKING, "Core insert")
def _(kit: Any) -> bool:
    values = {"title": "new", "words": 1}
    return _inserted(kit, lambda session: session.connection().execute(sa.insert(kit.Article.__table__), [values]))


@probe(TRACKING, "update(Model)")
def _(kit: Any) -> bool:
    return _updated(kit, lambda session, _row: session.execute(sa.update(kit.Article).values(words=2)))


@probe(TRACKING, "update by primary key")
def _(kit: Any) -> bool:
    return _updated(kit, lambda session, row: session.execute(sa.update(kit.Article), [{"id": row.id, "words": 2}]))


@probe(TRACKING, "Core update")
def _(kit: Any) -> bool:
    statement = sa.update(kit.Article.__table__).values(words=2) if hasattr(kit.Article, "__table__") else None
    return _updated(kit, lambda session, _row: session.connection().execute(statement))


@probe(TRACKING, "merge")
def _(kit: Any) -> bool:
    return _updated(kit, lambda session, row: session.merge(kit.Article(id=row.id, title="new", words=2)))


@probe(TRACKING, "on_conflict_do_update")
def _(kit: Any) -> bool:
    def write(session: Session, row: Any) -> None:
        statement = sa.dialects.sqlite.insert(kit.Article).values(id=row.id, title="new", words=2)
        session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"words": 2}))

    return _updated(kit, write)


@probe(TRACKING, "text()")
def _(kit: Any) -> bool:
    table = kit.Article.__tablename__
    return _updated(kit, lambda session, _row: session.execute(sa.text(f"update {table} set words = 2")))  # noqa: S608


# The trash. A kit has moreover: Comment (without one), Child (with one), trash(session, row), with_trash: options.

TRASH = "SoftDeletes"


def _hidden(kit: Any, read: Callable[[Session], int], *, remaining: int = 1) -> bool:
    """Whether reading finds the row in use and not the one in the trash."""
    with kit.session() as session:
        gone, stays = kit.Article(title="gone", words=1), kit.Article(title="stays", words=1)
        session.add_all([gone, stays])
        session.commit()
        for row in (gone, stays):
            session.add(kit.Comment(article_id=row.id))
        session.commit()
        kit.trash(session, gone)
        session.commit()
        session.expunge_all()
        return read(session) == remaining


def _count(rows: Any) -> int:
    return len(list(rows))


@probe(TRASH, "select(Model)")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: _count(session.scalars(sa.select(kit.Article))))


@probe(TRASH, "select columns")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: _count(session.execute(sa.select(kit.Article.title))))


@probe(TRASH, "count()")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: session.scalar(sa.select(sa.func.count()).select_from(kit.Article)) or 0)


@probe(TRASH, "aliased")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: _count(session.scalars(sa.select(aliased(kit.Article)))))


@probe(TRASH, "CTE")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: _count(session.execute(sa.select(sa.select(kit.Article.id).cte().c.id))))


@probe(TRASH, "exists()")
def _(kit: Any) -> bool:
    there = sa.exists().where(kit.Article.id == kit.Comment.article_id)
    return _hidden(kit, lambda session: _count(session.execute(sa.select(kit.Comment.id).where(there))))


@probe(TRASH, "has()")
def _(kit: Any) -> bool:
    return _hidden(
        kit, lambda session: _count(session.scalars(sa.select(kit.Comment).where(kit.Comment.article.has())))
    )


@probe(TRASH, "joined eager load")
def _(kit: Any) -> bool:
    query = sa.select(kit.Comment).options(joinedload(kit.Comment.article))
    return _hidden(kit, lambda session: sum(one.article is not None for one in session.scalars(query)))


@probe(TRASH, "selectin load")
def _(kit: Any) -> bool:
    query = sa.select(kit.Comment).options(selectinload(kit.Comment.article))
    return _hidden(kit, lambda session: sum(one.article is not None for one in session.scalars(query)))


@probe(TRASH, "lazy load, parent not at hand")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: sum(one.article is not None for one in session.scalars(sa.select(kit.Comment))))


@probe(TRASH, "lazy load, parent at hand")
def _(kit: Any) -> bool:
    def read(session: Session) -> int:
        _held = list(session.scalars(sa.select(kit.Article).execution_options(**kit.with_trash)))
        return sum(one.article is not None for one in session.scalars(sa.select(kit.Comment)))

    return _hidden(kit, read)


@probe(TRASH, "get()")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: sum(session.get(kit.Article, key) is not None for key in (1, 2)))


@probe(TRASH, "get(), row at hand")
def _(kit: Any) -> bool:
    def read(session: Session) -> int:
        held = list(session.scalars(sa.select(kit.Article).execution_options(**kit.with_trash)))
        return sum(session.get(kit.Article, one.id) is not None for one in held)

    return _hidden(kit, read)


@probe(TRASH, "refresh()")
def _(kit: Any) -> bool:
    def read(session: Session) -> int:
        held = list(session.scalars(sa.select(kit.Article).execution_options(**kit.with_trash)))
        for one in held:
            session.refresh(one)
        return len(held)

    return _hidden(kit, read, remaining=2)


@probe(TRASH, "merge()")
def _(kit: Any) -> bool:
    def read(session: Session) -> int:
        session.merge(kit.Article(id=1, title="merged", words=3))
        session.flush()
        return 1

    return _hidden(kit, read)


@probe(TRASH, "update(Model)")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: session.execute(sa.update(kit.Article).values(words=9)).rowcount)  # type: ignore[attr-defined]


@probe(TRASH, "insert from select")
def _(kit: Any) -> bool:
    def read(session: Session) -> int:
        rows = sa.select(sa.literal("copy"), kit.Article.words)
        session.execute(sa.insert(kit.Article).from_select(["title", "words"], rows))
        return _count(session.execute(sa.select(kit.Article.id).where(kit.Article.title == "copy")))

    return _hidden(kit, read)


@probe(TRASH, "another model in an UPDATE")
def _(kit: Any) -> bool:
    def read(session: Session) -> int:
        named = sa.update(kit.Comment).where(kit.Comment.article_id == kit.Article.id).values(article_id=None)
        session.execute(named, execution_options={"synchronize_session": False})
        return _count(session.execute(sa.select(kit.Comment.id).where(kit.Comment.article_id.is_(None))))

    return _hidden(kit, read)


@probe(TRASH, "session.delete()")
def _(kit: Any) -> bool:
    return _kept(kit, lambda session, row: session.delete(row))


@probe(TRASH, "delete(Model)")
def _(kit: Any) -> bool:
    return _kept(kit, lambda session, _row: session.execute(sa.delete(kit.Article)))


@probe(TRASH, "Query.delete()")
def _(kit: Any) -> bool:
    return _kept(kit, lambda session, _row: session.query(kit.Article).delete())


def _kept(kit: Any, delete: Callable[[Session, Any], object]) -> bool:
    """Whether a deleted row is out of sight and still in its table."""
    with kit.session() as session:
        row = kit.Article(title="gone", words=1)
        session.add(row)
        session.commit()
        delete(session, row)
        session.commit()
        session.expunge_all()
        seen = _count(session.scalars(sa.select(kit.Article)))
        stored = session.connection().scalar(sa.text(f"select count(*) from {kit.Article.__tablename__}"))  # noqa: S608
        return (seen, stored) == (0, 1)


@probe(TRASH, "cascade to children")
def _(kit: Any) -> bool:
    with kit.session() as session:
        row = kit.Article(title="gone", words=1)
        session.add(row)
        session.commit()
        session.add(kit.Child(article_id=row.id))
        session.commit()
        kit.trash(session, row)
        session.commit()
        return _count(session.scalars(sa.select(kit.Child))) == 0


@probe(TRASH, "Core select")
def _(kit: Any) -> bool:
    return _hidden(kit, lambda session: _count(session.execute(sa.select(kit.Article.__table__))))


# The log. A kit has moreover: entries(session): how many there are.

LOG = "LogsActivity"


def _noted(kit: Any, write: Callable[[Session, Any], object], expected: int = 1) -> bool:
    with kit.session() as session:
        row = kit.Article(title="new", words=1)
        session.add(row)
        session.commit()
        before = kit.entries(session)
        write(session, row)
        session.commit()
        return bool(kit.entries(session) - before == expected)


@probe(LOG, "flush: insert")
def _(kit: Any) -> bool:
    return _noted(kit, lambda session, _row: session.add(kit.Article(title="other", words=1)))


@probe(LOG, "flush: update")
def _(kit: Any) -> bool:
    return _noted(kit, lambda _session, row: setattr(row, "words", 2))


@probe(LOG, "flush: no change, no entry")
def _(kit: Any) -> bool:
    return _noted(kit, lambda _session, row: setattr(row, "words", row.words), 0)


@probe(LOG, "session.delete()")
def _(kit: Any) -> bool:
    return _noted(kit, lambda session, row: session.delete(row))


@probe(LOG, "bulk insert(Model)")
def _(kit: Any) -> bool:
    return _noted(kit, lambda session, _row: session.execute(sa.insert(kit.Article), [{"title": "other", "words": 1}]))


@probe(LOG, "update(Model)")
def _(kit: Any) -> bool:
    return _noted(kit, lambda session, _row: session.execute(sa.update(kit.Article).values(words=2)))


@probe(LOG, "delete(Model)")
def _(kit: Any) -> bool:
    return _noted(kit, lambda session, _row: session.execute(sa.delete(kit.Article)))


@probe(LOG, "bulk_save_objects")
def _(kit: Any) -> bool:
    return _noted(kit, lambda session, _row: session.bulk_save_objects([kit.Article(title="other", words=1)]))


@probe(LOG, "Core update")
def _(kit: Any) -> bool:
    statement = sa.update(kit.Article.__table__).values(words=2) if hasattr(kit.Article, "__table__") else None
    return _noted(kit, lambda session, _row: session.connection().execute(statement))


@probe(LOG, "savepoint rolled back")
def _(kit: Any) -> bool:
    def write(session: Session, row: Any) -> None:
        savepoint = session.begin_nested()
        row.words = 5
        session.flush()
        savepoint.rollback()

    return _noted(kit, write, 0)


@probe(LOG, "transaction rolled back")
def _(kit: Any) -> bool:
    def write(session: Session, row: Any) -> None:
        row.words = 5
        session.flush()
        session.rollback()

    return _noted(kit, write, 0)


@probe(LOG, "change of an expired attribute keeps the old value")
def _(kit: Any) -> bool:
    with kit.session() as session:
        row = kit.Article(title="new", words=1)
        session.add(row)
        session.commit()
        row.words = 5
        session.commit()
        return bool(kit.old_words(session) == 1)


# Tenants. A kit has moreover: Folder, Letter, tenant(name), unscoped(), upsert(session, values), restore(session, row).

TENANTS = "BelongsToTenant"


def _apart(kit: Any, work: Callable[[Session], Any]) -> bool:
    """Whether what one tenant does finds and changes its own rows alone; for nothing at all it would be of no use."""
    for number, name in enumerate(("mine", "other"), 1):
        with kit.session() as session, kit.tenant(name):
            session.add(kit.Folder(id=number, name=name))
            session.flush()
            session.add(kit.Letter(id=number, name=name, folder_id=number))
            session.commit()
    before = _letters(kit, "other")
    with kit.session() as session, kit.tenant("mine"):
        found = work(session)
        session.commit()
    after = _letters(kit, "mine")
    if any("other" in name for _, name in after) or _letters(kit, "other") != before:
        return False
    return set(found) == {"mine"} if isinstance(found, list) else after != [(1, "mine")]


def _letters(kit: Any, tenant: str) -> list[tuple[int, str]]:
    with kit.session() as session:
        table = kit.Letter.__table__
        query = sa.select(table.c.id, table.c.name).where(table.c.tenant_id == tenant, table.c.deleted_at.is_(None))
        return [(key, name) for key, name in session.connection().execute(query.order_by(table.c.id))]


def _tenants(operation: str, work: Callable[[Any, Session], Any]) -> None:
    PROBES[TENANTS, operation] = lambda kit: _apart(kit, lambda session: work(kit, session))


def _insert(kit: Any) -> Any:
    dialect = kit.engine.dialect.name
    return (sa.dialects.postgresql if dialect == "postgresql" else sa.dialects.sqlite).insert(kit.Letter)


def _upsert(kit: Any, session: Session) -> None:
    for number in (1, 2):
        made = _insert(kit).values(id=number, name="new")
        session.execute(made.on_conflict_do_update(index_elements=["id"], set_={"name": "new"}))


def _helper(kit: Any, session: Session) -> None:
    for number in (1, 2):
        kit.upsert(session, {"id": number, "name": "new"})


def _from_other(kit: Any, session: Session) -> None:
    other = aliased(kit.Letter)
    for number in (1, 2):
        taken = (
            sa.update(kit.Letter)
            .where(other.id == number, kit.Letter.id <= other.id)
            .values(name=other.name + " again")
        )
        session.execute(taken, execution_options={"synchronize_session": False})


def _at_hand(kit: Any, session: Session) -> list[str]:
    with kit.unscoped():
        _held = list(session.scalars(sa.select(kit.Letter)))
    return [one.name for key in (1, 2) if (one := session.get(kit.Letter, key)) is not None]


def _restored(kit: Any, session: Session) -> None:
    row = session.get_one(kit.Letter, 1)
    session.delete(row)
    session.commit()
    row.name = "back"
    kit.restore(session, row)


def _savepoint(kit: Any, session: Session) -> list[str]:
    session.begin_nested().rollback()
    with session.begin_nested():
        return list(session.scalars(sa.select(kit.Letter.name)))


_tenants("flush: insert", lambda kit, session: session.add(kit.Letter(id=3, name="new")))
_tenants("flush: insert for another", lambda kit, session: session.add(kit.Letter(id=3, name="x", tenant_id="other")))
_tenants("flush: refer to another's row", lambda kit, session: session.add(kit.Letter(id=3, name="x", folder_id=2)))
_tenants("flush: update", lambda kit, session: setattr(session.get_one(kit.Letter, 1), "name", "new"))
_tenants("bulk insert(Model)", lambda kit, session: session.execute(sa.insert(kit.Letter), [{"id": 3, "name": "new"}]))
_tenants(
    "insert from select",
    lambda kit, session: session.execute(
        sa.insert(kit.Letter).from_select(["id", "name"], sa.select(kit.Folder.id + 10, kit.Folder.name))
    ),
)
_tenants("on_conflict_do_update", _upsert)
_tenants("tracked_upsert", _helper)
_tenants("update(Model)", lambda kit, session: session.execute(sa.update(kit.Letter).values(name="new")))
_tenants("another row in an UPDATE", _from_other)
_tenants(
    "update by primary key",
    lambda kit, session: session.execute(sa.update(kit.Letter), [{"id": key, "name": "new"} for key in (1, 2)]),
)
_tenants("delete(Model)", lambda kit, session: session.execute(sa.delete(kit.Letter)))
_tenants("session.delete()", lambda kit, session: session.delete(session.get_one(kit.Letter, 1)))
_tenants("restore", _restored)
_tenants("merge", lambda kit, session: session.merge(kit.Letter(id=1, name="new")) and None)
_tenants("select(Model)", lambda kit, session: [one.name for one in session.scalars(sa.select(kit.Letter))])
_tenants("select columns", lambda kit, session: list(session.scalars(sa.select(kit.Letter.name))))
_tenants(
    "count()",
    lambda kit, session: ["mine"] * session.scalar(sa.select(sa.func.count()).select_from(kit.Letter)),
)
_tenants("aliased", lambda kit, session: list(session.scalars(sa.select(aliased(kit.Letter).name))))
_tenants("CTE", lambda kit, session: list(session.scalars(sa.select(sa.select(kit.Letter.name).cte().c.name))))
_tenants(
    "exists()",
    lambda kit, session: list(
        session.scalars(sa.select(kit.Folder.name).where(sa.exists().where(kit.Letter.folder_id == kit.Folder.id)))
    ),
)
_tenants("has()", lambda kit, session: list(session.scalars(sa.select(kit.Letter.name).where(kit.Letter.folder.has()))))
_tenants(
    "joined eager load",
    lambda kit, session: [
        one.folder.name for one in session.scalars(sa.select(kit.Letter).options(joinedload(kit.Letter.folder)))
    ],
)
_tenants(
    "selectin load",
    lambda kit, session: [
        one.folder.name for one in session.scalars(sa.select(kit.Letter).options(selectinload(kit.Letter.folder)))
    ],
)
_tenants("lazy load", lambda kit, session: [one.folder.name for one in session.scalars(sa.select(kit.Letter))])
_tenants(
    "get()",
    lambda kit, session: [one.name for key in (1, 2) if (one := session.get(kit.Letter, key)) is not None],
)
_tenants("get(), row at hand", _at_hand)
_tenants("savepoint", _savepoint)
_tenants("Core select", lambda kit, session: list(session.scalars(sa.select(kit.Letter.__table__.c.name))))
_tenants("Core update", lambda kit, session: session.execute(sa.update(kit.Letter.__table__).values(name="new")))
_tenants("text()", lambda _kit, session: list(session.scalars(sa.text("select name from letter"))))
_tenants(
    "statement on a connection",
    lambda kit, session: list(session.connection().scalars(sa.select(kit.Letter.__table__.c.name))),
)


# The kits of others.


class Kit:
    """What the kits share: a database of their own."""

    Base: Any
    Article: Any
    Comment: Any
    Child: Any
    with_trash: dict[str, Any]

    def fresh(self) -> None:
        """Begin with empty tables, and savepoints that work."""
        self.engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)

        @sa.event.listens_for(self.engine, "connect")
        def connect(connection: Any, _record: object) -> None:
            connection.isolation_level = None

        @sa.event.listens_for(self.engine, "begin")
        def begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN")

        self.Base.metadata.create_all(self.engine)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def session(self) -> Session:
        """A session of the library."""
        return Session(self.engine)

    @contextmanager
    def acting(self, number: int) -> Iterator[None]:
        """Act as somebody, where the library knows of anybody."""
        yield


class AdvancedAlchemy(Kit):
    """Its audit columns say when and not who; the same probes ask whether they follow."""

    traits = (TRACKING,)
    name = "advanced-alchemy"

    def __init__(self) -> None:
        from advanced_alchemy.base import BigIntAuditBase

        class Article(BigIntAuditBase):
            __tablename__ = "article"
            title: Mapped[str]
            words: Mapped[int]

        self.Base, self.Article = BigIntAuditBase, Article

    def created(self, session: Session, title: str) -> Any:
        """When a row was made."""
        return session.connection().scalar(sa.text("select created_at from article where title = :t"), {"t": title})

    def changed(self, session: Session, title: str) -> Any:
        """When a row was changed last."""
        return session.connection().scalar(sa.text("select updated_at from article where title = :t"), {"t": title})


class Continuum(Kit):
    """SQLAlchemy-Continuum, which keeps versions of rows."""

    traits = (LOG,)
    name = "sqlalchemy-continuum"

    def __init__(self) -> None:
        import sqlalchemy_continuum

        sqlalchemy_continuum.make_versioned(user_cls=None)

        class Base(DeclarativeBase):
            pass

        class Article(Base):
            __tablename__ = "article"
            __versioned__: Any = {}  # noqa: RUF012 - Continuum's own way to say so
            id: Mapped[int] = mapped_column(primary_key=True)
            title: Mapped[str]
            words: Mapped[int]

        sa.orm.configure_mappers()
        self.Base, self.Article = Base, Article
        self.version = sqlalchemy_continuum.version_class(Article)

    def entries(self, session: Session) -> int:
        """How many versions there are."""
        return session.scalar(sa.select(sa.func.count()).select_from(self.version)) or 0

    def old_words(self, session: Session) -> Any:
        """The value of the version before the last."""
        rows = list(session.scalars(sa.select(self.version.words).order_by(self.version.transaction_id)))
        return rows[-2] if len(rows) > 1 else None


class EasySoftDelete(Kit):
    """sqlalchemy-easy-softdelete, which rewrites SELECT statements; a row is deleted by its own method."""

    traits = (TRASH,)
    name = "sqlalchemy-easy-softdelete"
    with_trash = {"include_deleted": True}  # noqa: RUF012

    def __init__(self) -> None:
        from sqlalchemy_easy_softdelete.mixin import generate_soft_delete_mixin_class

        class Base(DeclarativeBase):
            pass

        mixin: Any = generate_soft_delete_mixin_class()

        class Article(mixin, Base):  # type: ignore[misc]
            __tablename__ = "article"
            id: Mapped[int] = mapped_column(primary_key=True)
            title: Mapped[str]
            words: Mapped[int]

        class Comment(Base):
            __tablename__ = "comment"
            id: Mapped[int] = mapped_column(primary_key=True)
            article_id: Mapped[int | None] = mapped_column(sa.ForeignKey("article.id"))
            article: Mapped[Any] = relationship(Article)

        class Child(mixin, Base):  # type: ignore[misc]
            __tablename__ = "child"
            id: Mapped[int] = mapped_column(primary_key=True)
            article_id: Mapped[int | None] = mapped_column(sa.ForeignKey("article.id"))
            article: Mapped[Any] = relationship(Article, backref=sa.orm.backref("children", cascade="all"))

        self.Base, self.Article, self.Comment, self.Child = Base, Article, Comment, Child

    def trash(self, _session: Session, row: Any) -> None:
        """Delete a row as the library means it."""
        row.delete()


KITS = {one.name: one for one in (AdvancedAlchemy, Continuum, EasySoftDelete)}


def results(kit: Any) -> dict[str, dict[str, str]]:
    """What a kit does, by trait and operation."""
    found: dict[str, dict[str, str]] = {}
    for (trait, operation), function in PROBES.items():
        if trait in kit.traits:
            found.setdefault(trait, {})[operation] = outcome(kit, function)
    return found


if __name__ == "__main__":
    chosen = KITS[sys.argv[1]]()
    versions = f"{chosen.name} {version(chosen.name)}, SQLAlchemy {sa.__version__}"
    print(json.dumps({"name": chosen.name, "versions": versions, "results": results(chosen)}, indent=2))
