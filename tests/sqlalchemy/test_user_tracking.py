"""Who created, last changed and deleted a row, on every way of writing."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, Session, mapped_column, sessionmaker
from trackedmodels import Article, Comment, Note, Stamped, Tag, User, article_tag

from traits_runtime import Actor, acting_as, current_actor, events, resolve_actor_with
from traits_runtime.adapters.sqlalchemy import (
    AsyncTraitSession,
    BulkForbiddenError,
    TraitSession,
    tracked_upsert,
    tracking_columns,
)
from traits_runtime.errors import NoActorError
from traits_runtime.traits import HasUserTracking, SoftDeletes

Sessions = sessionmaker[TraitSession]
InAsync = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


def who(session: Session, title: str) -> tuple[Any, Any]:
    """Creator and editor of an article, read past the ORM."""
    table = Article.__table__
    return tuple(session.execute(sa.select(table.c.created_by, table.c.updated_by).where(table.c.title == title)).one())  # type: ignore[return-value]


def write_flush(session: TraitSession) -> None:
    session.add(Article(title="new"))
    session.flush()


def write_many(session: TraitSession) -> None:
    session.execute(sa.insert(Article), [{"title": "new"}, {"title": "other"}])


def write_core(session: TraitSession) -> None:
    session.connection().execute(sa.insert(Article.__table__), [{"title": "new"}, {"title": "other"}])


def write_select(session: TraitSession) -> None:
    session.execute(sa.insert(Article).from_select(["title", "words"], sa.select(sa.literal("new"), sa.literal(1))))


def write_values(session: TraitSession) -> None:
    session.execute(sa.insert(Article).values(title="new"))


def write_legacy(session: TraitSession) -> None:
    session.bulk_save_objects([Article(title="new")])


def write_mappings(session: TraitSession) -> None:
    session.bulk_insert_mappings(Article.__mapper__, [{"title": "new"}])


def write_upsert(session: TraitSession) -> None:
    tracked_upsert(session, User, [{"id": 9, "name": "new"}], index_elements=["id"])
    session.add(Article(title="new"))
    session.flush()


@pytest.mark.parametrize(
    "write", [write_flush, write_many, write_core, write_select, write_values, write_legacy, write_mappings]
)
def test_every_insert_fills_creator_and_editor(blog: Sessions, write: Callable[[TraitSession], None]) -> None:
    """Flush, bulk, Core, from a query: the columns' defaults ask for the actor."""
    with blog() as session, acting_as(1):
        write(session)

        assert who(session, "new") == (1, 1)


def change_flush(session: TraitSession) -> None:
    session.scalars(sa.select(Article)).one().words = 7
    session.flush()


def change_statement(session: TraitSession) -> None:
    session.execute(sa.update(Article).values(words=7))


def change_by_key(session: TraitSession) -> None:
    session.execute(sa.update(Article), [{"id": session.scalar(sa.select(Article.id)), "words": 7}])


def change_core(session: TraitSession) -> None:
    session.connection().execute(sa.update(Article.__table__).values(words=7))


def change_query(session: TraitSession) -> None:
    session.query(Article).update({"words": 7})


@pytest.mark.parametrize("change", [change_flush, change_statement, change_by_key, change_core, change_query])
def test_every_update_fills_the_editor_alone(blog: Sessions, change: Callable[[TraitSession], None]) -> None:
    """Whoever changes a row is its editor; its creator stays."""
    with blog() as session:
        with acting_as(1):
            write_flush(session)
        with acting_as(2):
            change(session)

        assert who(session, "new") == (1, 2)


def test_upsert_fills_creator_on_insert_and_editor_on_update(blog: Sessions) -> None:
    """The helper does what ``on_conflict_do_update`` forgets."""
    rows = [{"id": 5, "title": "new", "words": 1}]
    with blog() as session:
        with acting_as(1):
            tracked_upsert(session, Article, rows, index_elements=["id"])
        first = who(session, "new")
        with acting_as(2):
            tracked_upsert(session, Article, [rows[0] | {"words": 2}], index_elements=["id"])

        assert (first, who(session, "new")) == ((1, 1), (1, 2))
        assert session.scalar(sa.select(Article.words)) == 2


def test_plain_upsert_leaves_the_editor_stale_which_is_a_documented_limit(blog: Sessions) -> None:
    """SQLAlchemy calls no default in ``set_``; this pins the limit, so that a change of it is seen."""
    with blog() as session:
        make = (
            sa.dialects.postgresql if session.get_bind().dialect.name == "postgresql" else sa.dialects.sqlite
        ).insert
        with acting_as(1):
            session.execute(make(Article).values(id=5, title="new"))
        with acting_as(2):
            statement = make(Article).values(id=5, title="new", words=3)
            session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"words": 3}))

        assert who(session, "new") == (1, 1)


def test_given_values_win(blog: Sessions) -> None:
    """Importing old rows keeps who wrote them, an explicit nobody too."""
    with blog() as session, acting_as(1):
        session.add(Article(title="given", created_by=2, updated_by=2))
        session.add(Article(title="nobody", created_by=None))
        session.flush()

        assert who(session, "given") == (2, 2)
        assert who(session, "nobody") == (None, 1)


def test_change_of_nothing_leaves_the_editor_alone(blog: Sessions) -> None:
    """Assigning the same value, or changing a collection alone, is no change of the row."""
    with blog() as session:
        with acting_as(1):
            write_flush(session)
            session.commit()
        article = session.scalars(sa.select(Article)).one()
        with acting_as(2):
            article.title = "new"
            article.tags.append(Tag(name="x"))
            session.commit()

        assert who(session, "new") == (1, 1)


def test_actor_may_be_expired_or_detached(blog: Sessions) -> None:
    """Only the key is kept of an instance, at the time when it begins to act."""
    with blog() as session:
        ada = session.get(User, 1)
        block = acting_as(ada)
        session.expire(ada)
        session.expunge_all()
        del ada
        gc.collect()
        with block:
            write_flush(session)

        assert who(session, "new") == (1, 1)


def test_actor_is_reset_after_an_error(blog: Sessions) -> None:
    """What raises inside the block does not leave its actor behind."""
    with blog() as session:
        with pytest.raises(KeyError), acting_as(1):
            raise KeyError
        write_flush(session)

        assert who(session, "new") == (None, None)


def test_resolver_tells_the_actor(blog: Sessions) -> None:
    """Where no block is open, the project's own function is asked."""
    before = resolve_actor_with(lambda: 2)
    try:
        with blog() as session:
            write_flush(session)

            assert who(session, "new") == (2, 2)
    finally:
        resolve_actor_with(before)


def flush_many(session: TraitSession) -> None:
    session.add_all([Article(title=str(number)) for number in range(20)])
    session.flush()


def change_many(session: TraitSession) -> None:
    for one in session.scalars(sa.select(Article)):
        one.words += 1
    session.flush()


def insert_many(session: TraitSession) -> None:
    session.execute(sa.insert(Article), [{"title": str(number)} for number in range(20)])


def update_many(session: TraitSession) -> None:
    session.execute(sa.update(Article).values(words=7))


def update_by_keys(session: TraitSession) -> None:
    keys = session.scalars(sa.select(Article.__table__.c.id)).all()
    session.execute(sa.update(Article), [{"id": one, "words": 8} for one in keys])


def delete_many(session: TraitSession) -> None:
    session.execute(sa.delete(Article))


def save_many(session: TraitSession) -> None:
    session.bulk_save_objects([Article(title=str(number)) for number in range(20)])


def upsert_many(session: TraitSession) -> None:
    rows = [{"id": number, "title": "new", "words": 1} for number in range(1, 20)]
    tracked_upsert(session, Article, rows, index_elements=["id"])


@pytest.mark.parametrize(
    "write",
    [flush_many, change_many, insert_many, update_many, update_by_keys, delete_many, save_many, upsert_many],
)
def test_resolver_is_asked_once_for_all_rows(blog: Sessions, write: Callable[[TraitSession], None]) -> None:
    """By a flush and by a statement that writes, however many rows and columns there are; a read does not ask."""
    asked: list[int] = []
    with blog() as session:
        with acting_as(1):
            flush_many(session)
            session.commit()
        before = resolve_actor_with(lambda: asked.append(1) or 2)
        try:
            write(session)
            times = len(asked)
            session.scalars(sa.select(Article.id)).all()
        finally:
            resolve_actor_with(before)

        table = Article.__table__
        touched = table.c.deleted_by if write is delete_many else table.c.updated_by
        assert session.scalar(sa.select(sa.func.count()).select_from(table).where(touched == 2)) in (19, 20)
    assert times == len(asked) == 1


def test_resolver_is_asked_anew_by_the_next_flush_and_by_nobody_for_a_block(blog: Sessions) -> None:
    """An answer holds for one flush: after it, somebody else may act."""
    users = iter([1, 2])
    before = resolve_actor_with(lambda: next(users))
    try:
        with blog() as session:
            write_flush(session)
            first = who(session, "new")
            change_flush(session)
            second = who(session, "new")
            with acting_as(1):
                change_statement(session)

            assert (first, second, who(session, "new")) == ((1, 1), (1, 2), (1, 1))
    finally:
        resolve_actor_with(before)


def test_task_that_outlives_a_flush_asks_for_itself(blog: Sessions, in_async_blog: InAsync) -> None:
    """What a flush was told is no longer known to a task that a hook has started in it."""
    users = iter([1, 2])
    tasks: list[asyncio.Task[Any]] = []

    flushed = asyncio.Event()

    async def later() -> Any:
        await flushed.wait()
        return current_actor()

    def start(_envelope: object) -> None:
        tasks.append(asyncio.get_running_loop().create_task(later()))

    async def main(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, class_=AsyncTraitSession)() as session:
            session.add(Article(title="new"))
            with events.connected_to("model.Article.creating", start):
                await session.flush()
            flushed.set()
            assert await tasks[0] == Actor(2)

    before = resolve_actor_with(lambda: next(users))
    try:
        in_async_blog(main)
    finally:
        resolve_actor_with(before)


def test_job_without_an_actor_writes_nobody(blog: Sessions) -> None:
    """A row changed while nobody acts has no editor, rather than the one before."""
    with blog() as session:
        with acting_as(1):
            write_flush(session)
        change_flush(session)

        assert who(session, "new") == (1, None)


def test_threads_and_tasks_do_not_mix_actors_up(blog: Sessions, in_async_blog: InAsync) -> None:
    """Each row of eight threads, and each of fifty tasks, has the actor of its own writer."""

    def write(number: int) -> None:
        with acting_as(1 + number % 2), blog.begin() as session:
            session.add_all([Article(title=str(1 + number % 2)) for _ in range(25)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))

    async def main(engine: AsyncEngine) -> None:
        sessions = async_sessionmaker(engine, class_=AsyncTraitSession)
        turn = asyncio.Semaphore(5)

        async def one(number: int) -> None:
            async with turn, acting_as(1 + number % 2), sessions() as session:
                session.add_all([Article(title=str(1 + number % 2)) for _ in range(4)])
                await asyncio.sleep(0)
                await session.commit()

        await asyncio.gather(*[one(number) for number in range(50)])

    in_async_blog(main)
    with blog() as session:
        table = Article.__table__
        rows = session.execute(sa.select(table.c.title, table.c.created_by, table.c.updated_by)).all()

    assert len(rows) == 16 * 25 + 50 * 4
    assert [row for row in rows if not int(row[0]) == row[1] == row[2]] == []


def test_without_user_tracking_leaves_the_columns_alone(blog: Sessions) -> None:
    """On a flush and on statements; for one model, or for all."""
    with blog() as session:
        with acting_as(1):
            write_flush(session)
        with acting_as(2), Article.without_user_tracking():
            change_flush(session)
            change_statement(session)
            session.add_all([Article(title="other"), Comment(text="c")])
            session.flush()
        with acting_as(2), HasUserTracking.without_user_tracking():
            session.add(Stamped(name="x"))
            session.flush()

        assert who(session, "new") == (1, 1)
        assert who(session, "other") == (None, None)
        assert session.scalars(sa.select(Comment)).one().created_by == 2
        assert session.scalars(sa.select(Stamped)).one().created_by is None


def test_strict_model_refuses_to_be_written_by_nobody(blog: Sessions) -> None:
    """The error says both ways out, and both work; keys are made into the column's type."""
    with blog() as session:
        session.add(Note(text="x"))
        with pytest.raises(sa.exc.StatementError) as caught:
            session.flush()
        session.rollback()
        with acting_as(7):
            session.add(Note(text="x"))
            session.flush()
        with Note.without_user_tracking():
            session.add(Note(text="y"))
            session.flush()

        assert isinstance(caught.value.orig, NoActorError)
        assert "acting_as(...)" in str(caught.value)
        assert session.scalars(sa.select(Note.created_by).order_by(Note.id)).all() == ["7", None]


def test_relationships_lead_to_users_and_write_nothing(blog: Sessions) -> None:
    """Creator, editor and deleter can be read and loaded eagerly; no cascade goes over them."""
    with blog() as session:
        with acting_as(1):
            write_flush(session)
            session.commit()
        article = session.scalars(sa.select(Article).options(sa.orm.joinedload(Article.creator))).one()
        with acting_as(2):
            session.delete(article)
            session.commit()

        assert (article.creator.name, article.deleter.name) == ("Ada", "Bo")
        assert all(Article.__mapper__.relationships[one].viewonly for one in ("creator", "editor", "deleter"))


def test_deleting_a_user_empties_the_columns(blog: Sessions) -> None:
    """The foreign keys are ``ON DELETE SET NULL``: rows stay when users go."""
    if blog().get_bind().dialect.name == "sqlite":
        pytest.skip("SQLite enforces foreign keys only where asked to")
    with blog() as session:
        with acting_as(1):
            write_flush(session)
        session.execute(sa.delete(User).where(User.id == 1))

        assert who(session, "new") == (None, None)


def test_scopes_find_rows_by_user(blog: Sessions) -> None:
    """By instance, key or nobody; looking for a deleter looks into the trash."""
    with blog() as session:
        with acting_as(1):
            session.add_all([Article(title="a"), Article(title="b")])
            session.commit()
        session.add(Article(title="c"))
        session.commit()
        with acting_as(2):
            session.delete(session.scalars(sa.select(Article).where(Article.title == "b")).one())
            session.commit()

        def titles(condition: Any) -> list[str]:
            return list(session.scalars(sa.select(Article.title).where(condition).order_by(Article.id)))

        assert titles(Article.scopes.created_by(session.get(User, 1))) == ["a"]
        assert titles(Article.scopes.created_by(None)) == ["c"]
        assert titles(Article.scopes.updated_by(1)) == ["a"]
        assert titles(Article.scopes.deleted_by(2)) == ["b"]
        assert titles(sa.and_(Article.scopes.deleted_by(2), Article.title != "b")) == []


def test_row_knows_its_users_and_its_history(blog: Sessions) -> None:
    """``was_created_by`` takes instances and keys; the history is what the columns know."""
    with blog() as session:
        with acting_as(1):
            article = Article(title="a")
            session.add(article)
            session.commit()
        with acting_as(2):
            session.delete(article)
            session.commit()

        assert article.was_created_by(session.get(User, 1))
        assert not article.was_created_by(2)
        assert (article.was_updated_by(2), article.was_deleted_by(2), article.was_deleted_by(1)) == (True, True, False)
        assert [(one.action, one.user) for one in article.user_action_history()] == [
            ("created", 1), ("updated", 2), ("deleted", 2),
        ]  # fmt: skip
        assert article.user_action_history()[-1].at == article.deleted_at


def test_association_rows_are_tracked(blog: Sessions) -> None:
    """Rows of a plain many-to-many table have a creator too."""
    with blog() as session, acting_as(2):
        session.add(Article(title="a", tags=[Tag(name="x")]))
        session.flush()

        assert session.execute(sa.select(article_tag.c.created_by, article_tag.c.updated_by)).all() == [(2, 2)]


def test_association_rows_may_keep_the_kind_of_actor(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """Beside the key, in its own type; and one without a kind, and nobody, have none."""
    metadata = sa.MetaData()
    table = sa.Table("links", metadata, sa.Column("n", sa.Integer), *tracking_columns(user_key="str", kinds=True))
    with TraitSession(engine_of(metadata)) as session:
        for number, actor in enumerate([Actor(7, "Machine"), Actor(7), None]):
            with acting_as(actor):
                session.execute(table.insert().values(n=number))
        with acting_as(Actor(8, "Person")):
            session.execute(table.update().where(table.c.n == 0).values(n=3))

        assert [tuple(one) for one in session.execute(sa.select(table).order_by(table.c.n))] == [
            (1, "7", "7", None, None),
            (2, None, None, None, None),
            (3, "7", "8", "Machine", "Person"),
        ]


def test_upsert_writes_one_by_one_on_no_account(blog: Sessions) -> None:
    """Where a model wants its rows one by one, an upsert cannot be, and says so."""
    with blog() as session, pytest.raises(BulkForbiddenError, match="ON CONFLICT"):
        statement = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        upsert: Any = statement(Article).values(id=1, title="a").on_conflict_do_nothing()
        session.execute(upsert, execution_options={"bulk": "instances"})


def test_hard_delete_is_said_in_the_log(blog: Sessions, caplog: pytest.LogCaptureFixture) -> None:
    """A row that leaves nothing behind leaves a line and an event."""
    seen: list[Any] = []
    HasUserTracking.hard_deleted.listen(lambda envelope: seen.append(envelope.payload.user))
    with blog() as session, acting_as(1), caplog.at_level(logging.INFO):
        note = Note(text="x")
        article = Article(title="a")
        session.add_all([note, article])
        session.flush()
        session.delete(note)
        session.delete(article, force=True)
        session.flush()

    assert seen == [1, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "Note was deleted for good by 1", "Article was deleted for good by 1",
    ]  # fmt: skip


def test_columns_may_have_other_names_and_types(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """Renamed columns, text keys, mapped dataclasses and joined inheritance together."""

    class OwnBase(MappedAsDataclass, DeclarativeBase):
        pass

    class Animal(HasUserTracking, OwnBase):
        __tablename__ = "animal"
        __traits__ = {HasUserTracking: {"created_by_column": "author_id", "user_key": "str"}}  # noqa: RUF012
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        kind: Mapped[str] = mapped_column(init=False)
        name: Mapped[str]

    class Dog(Animal):
        __tablename__ = "dog"
        __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012
        id: Mapped[int] = mapped_column(sa.ForeignKey("animal.id"), primary_key=True, init=False)
        tricks: Mapped[int] = mapped_column(default=0)

    with TraitSession(engine_of(OwnBase.metadata)) as session:
        with acting_as("ada"):
            dog = Dog(name="Rex")
            session.add(dog)
            session.commit()
        with acting_as("bo"):
            dog.tricks, dog.name = 1, "Max"
            session.commit()

        assert "author_id" not in Dog.__table__.c
        assert (dog.author_id, dog.created_by, dog.updated_by) == ("ada", "ada", "bo")  # type: ignore[attr-defined]
        assert session.scalars(sa.select(Dog).where(Dog.scopes.created_by("ada"))).all() == [dog]


class Robots(DeclarativeBase):
    """The base of models that machines change too."""


class Person(Robots):
    """Somebody."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)


class Machine(Robots):
    """Something that acts."""

    __tablename__ = "machines"
    id: Mapped[int] = mapped_column(primary_key=True)


class Order(HasUserTracking, SoftDeletes, Robots):
    """Written by people and by machines, whose keys may be the same."""

    __tablename__ = "orders"
    __traits__ = {  # noqa: RUF012
        HasUserTracking: {
            "created_by_type_column": "created_by_kind",
            "updated_by_type_column": "updated_by_type",
            "deleted_by_type_column": "deleted_by_type",
            "user_model": "Person",
        }
    }
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(default="")


def test_kind_of_actor_is_kept_where_a_column_is_named_for_it(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """On insert, update, delete and restore; people and machines of one key are told apart."""
    with TraitSession(engine_of(Robots.metadata), expire_on_commit=False) as session:
        person, machine = Person(id=1), Machine(id=1)
        session.add_all([person, machine])
        session.commit()
        with acting_as(person):
            order = Order()
            session.add_all([order, Order(text="other")])
            session.commit()
        with acting_as(machine):
            session.execute(sa.update(Order).where(Order.text == "").values(text="x"))
            session.delete(session.get_one(Order, order.id))
            session.commit()
        session.refresh(order)

        assert (order.created_by_kind, order.updated_by_type, order.deleted_by_type) == ("Person", "Machine", "Machine")  # type: ignore[attr-defined]
        assert (order.created_by_type, order.created_by, order.deleted_by) == ("Person", 1, 1)
        assert [order.was_created_by(one) for one in (person, machine, 1)] == [True, False, True]
        assert [one.type for one in order.user_action_history()] == ["Person", "Machine", "Machine"]
        assert (order.creator is person, order.editor, order.deleter) == (True, None, None)

        def count(condition: Any) -> int:
            return len(session.scalars(sa.select(Order).where(condition)).all())

        assert [count(Order.scopes.deleted_by(one)) for one in (person, machine, 1)] == [0, 1, 1]
        assert [count(Order.scopes.created_by(one)) for one in (person, machine, 1)] == [1, 0, 1]
        session.restore(order)
        session.commit()
        assert (order.deleted_by, order.deleted_by_type) == (None, None)


def test_model_that_names_no_column_for_the_kind_has_none(blog: Sessions) -> None:
    """Rows read nothing, and the class says how to get one."""
    with blog() as session:
        with acting_as(session.get(User, 1)):
            write_flush(session)
        article = session.scalars(sa.select(Article)).one()

        assert "created_by_type" not in Article.__table__.c
        assert article.created_by_type is None
        assert article.was_created_by(session.get(User, 1))
        with pytest.raises(AttributeError, match="'created_by_type_column' of HasUserTracking"):
            _ = Article.created_by_type
        with pytest.raises(AttributeError, match="keeps no created_by_type"):
            article.created_by_type = "User"


def test_asynchronous_session_tracks(in_async_blog: InAsync, blog: Sessions) -> None:
    """Insert, update and delete through an asynchronous session."""

    async def main(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, class_=AsyncTraitSession, expire_on_commit=False)() as session:
            with acting_as(1):
                article = Article(title="new")
                session.add(article)
                await session.commit()
            async with acting_as(2):
                await session.delete(article)
                await session.commit()
            assert (article.created_by, article.updated_by, article.deleted_by) == (1, 2, 2)

    in_async_blog(main)
