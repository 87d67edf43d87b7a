"""The trash: what goes there, what finds it, what comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.ext.serializer import dumps, loads
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    sessionmaker,
)
from trackedmodels import Article, Base, Comment, File, Good, Shop, Tag, article_tag

from traits_runtime import Veto, acting_as, events, without_features
from traits_runtime.adapters.sqlalchemy import AsyncTraitSession, TraitSession, force_delete, restore, restoring
from traits_runtime.adapters.sqlalchemy._private import kept_on
from traits_runtime.errors import DeclarationError, RestoreConflict
from traits_runtime.testing import capture_events
from traits_runtime.traits import SoftDeletes, clock

Sessions = sessionmaker[TraitSession]
InAsync = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


def written(session: TraitSession) -> Article:
    """An article with two comments, an answer, a file and a tag; and one that stays."""
    answer = Comment(text="answer")
    article = Article(
        title="gone",
        slug="gone",
        comments=[Comment(text="one", answers=[answer]), Comment(text="two")],
        files=[File(name="f")],
        tags=[Tag(name="t")],
    )
    session.add_all([article, Article(title="stays", slug="stays", comments=[Comment(text="three")])])
    session.commit()
    return article


def trashed(session: TraitSession) -> Article:
    """An article in the trash."""
    article = written(session)
    session.delete(article)
    session.commit()
    return article


def stored(session: TraitSession, model: type[Any]) -> int:
    """How many rows a table has, whatever their state."""
    return session.connection().scalar(sa.select(sa.func.count()).select_from(model.__table__)) or 0


def via_entity(session: TraitSession) -> Any:
    return session.scalars(sa.select(Article)).all()


def via_columns(session: TraitSession) -> Any:
    return session.execute(sa.select(Article.id, Article.title)).all()


def via_count(session: TraitSession) -> Any:
    return [None] * (session.scalar(sa.select(sa.func.count()).select_from(Article)) or 0)


def via_alias(session: TraitSession) -> Any:
    other = aliased(Article)
    return session.scalars(sa.select(other).where(other.title != "")).all()


def via_subquery(session: TraitSession) -> Any:
    inner = sa.select(Article.id).subquery()
    return session.execute(sa.select(inner.c.id)).all()


def via_cte(session: TraitSession) -> Any:
    inner = sa.select(Article.id).cte()
    return session.execute(sa.select(inner.c.id)).all()


def via_union(session: TraitSession) -> Any:
    return session.execute(sa.union(sa.select(Article.id), sa.select(Article.id))).all()


def via_join(session: TraitSession) -> Any:
    return [*session.execute(sa.select(File.id).join(Article, File.article_id == Article.id)), None]


def via_query(session: TraitSession) -> Any:
    return session.query(Article).all()


def via_yield(session: TraitSession) -> Any:
    return list(session.scalars(sa.select(Article).execution_options(yield_per=1)))


def via_in(session: TraitSession) -> Any:
    return session.execute(sa.select(Comment.id).where(Comment.article_id.in_(sa.select(Article.id)))).all()


def via_exists(session: TraitSession) -> Any:
    return [*session.execute(sa.select(File.id).where(sa.exists().where(Article.id == File.article_id))), None]


@pytest.mark.parametrize(
    "read",
    [
        via_entity, via_columns, via_count, via_alias, via_subquery, via_cte, via_union, via_join, via_query, via_yield,
        via_in, via_exists,
    ],
)  # fmt: skip
def test_no_query_of_the_orm_finds_the_trash(blog: Sessions, read: Callable[[TraitSession], Any]) -> None:
    """One row is in use, one in the trash: every way of reading sees one."""
    with blog() as session:
        trashed(session)
        session.expunge_all()

        assert len(read(session)) == 1


def test_any_and_has_do_not_see_the_trash(blog: Sessions) -> None:
    """Conditions on related rows hold for rows in use alone."""
    with blog() as session:
        article = written(session)
        session.delete(article.comments[1])
        session.commit()

        def found(condition: Any) -> list[str]:
            return list(session.scalars(sa.select(Article.title).where(condition)))

        assert found(Article.comments.any(Comment.text == "one")) == ["gone"]
        assert found(Article.comments.any(Comment.text == "two")) == []
        assert session.scalars(sa.select(Comment.text).where(Comment.article.has(Article.title == "gone"))).all() == [
            "one"
        ]
        session.execute(sa.delete(Article).where(Article.title == "gone"))
        assert session.scalars(sa.select(Comment.text).where(Comment.article.has())).all() == ["three"]


@pytest.mark.parametrize("load", [selectinload, joinedload, None], ids=["selectin", "joined", "lazy"])
def test_loaded_collections_leave_the_trash_out(blog: Sessions, load: Any) -> None:
    """Eagerly or lazily; and with the option they have it."""
    with blog() as session:
        article = written(session)
        session.delete(article.comments[1])
        session.commit()
        session.expunge_all()
        query = sa.select(Article).where(Article.title == "gone")
        query = query.options(load(Article.comments)) if load else query
        found = session.scalars(query).unique().one()

        assert [one.text for one in found.comments] == ["one"]
        if load:
            session.expunge_all()
            found = session.scalars(query.execution_options(with_trashed=True)).unique().one()
            assert [one.text for one in found.comments] == ["one", "two"]


def test_trash_is_found_by_asking_for_it(blog: Sessions) -> None:
    """By execution option, and by scope, for one model each."""
    with blog() as session:
        trashed(session)

        def titles(query: Any) -> list[str]:
            return list(session.scalars(query.order_by(Article.id)))

        query = sa.select(Article.title)
        assert titles(query.execution_options(with_trashed=True)) == ["gone", "stays"]
        assert titles(query.execution_options(only_trashed=True)) == ["gone"]
        assert titles(query.where(Article.scopes.with_trashed())) == ["gone", "stays"]
        assert titles(query.where(Article.scopes.only_trashed())) == ["gone"]
        assert titles(query.where(sa.and_(Article.scopes.only_trashed(), Article.words == 0))) == ["gone"]
        assert titles(query) == ["stays"]


def test_get_of_a_row_trashed_in_this_session_is_none(blog: Sessions) -> None:
    """Also from the identity map, before and after the flush; with the option it is the row."""
    with blog() as session:
        article = written(session)
        session.delete(article)

        assert session.get(Article, article.id) is None
        session.commit()
        assert session.get(Article, article.id) is None
        assert session.get(Article, article.id, execution_options={"with_trashed": True}) is article
        assert session.get(Article, article.id, execution_options={"only_trashed": True}) is article
        session.expunge_all()
        assert session.get(Article, article.id) is None
        assert session.get(Article, article.id, execution_options={"with_trashed": True}) is not None
        with pytest.raises(sa.exc.NoResultFound):
            session.get_one(Article, article.id)
        session.refresh(session.get(Article, article.id, execution_options={"with_trashed": True}))


def test_delete_takes_children_with_a_trash_along_and_keeps_the_others(blog: Sessions) -> None:
    """One stamp and one deleter for all that went; nothing leaves the tables."""
    with blog() as session, acting_as(2):
        article = written(session)
        before = [stored(session, one) for one in (Article, Comment, File, Tag)]
        session.delete(article)
        session.commit()
        gone = session.scalars(sa.select(Comment).execution_options(only_trashed=True)).all()

        assert [stored(session, one) for one in (Article, Comment, File, Tag)] == before
        assert {one.text for one in gone} == {"one", "two", "answer"}
        assert {(one.deleted_at, one.deleted_by) for one in gone} == {(article.deleted_at, 2)}
        assert len(session.scalars(sa.select(File)).all()) == len(session.scalars(sa.select(Tag)).all()) == 1
        assert session.scalars(sa.select(article_tag.c.tag_id)).all() != []


def test_restore_brings_back_only_what_went_along(blog: Sessions) -> None:
    """A comment that was deleted before its article stays in the trash; who deleted is forgotten."""
    with blog() as session:
        article = written(session)
        session.delete(article.comments[1])
        session.commit()
        with acting_as(2):
            session.delete(article)
            session.commit()
        session.restore(article)
        session.commit()

        assert not article.is_trashed
        assert (article.deleted_at, article.deleted_by) == (None, None)
        assert [one.text for one in article.comments] == ["one"]
        assert [one.text for one in article.comments[0].answers] == ["answer"]
        assert session.scalars(sa.select(Comment.text).execution_options(only_trashed=True)).all() == ["two"]


def test_deleting_and_restoring_twice_changes_nothing(blog: Sessions) -> None:
    """The second time there is nothing to do: the stamp stays."""
    with blog() as session:
        article = trashed(session)
        stamp = article.deleted_at
        session.delete(article)
        session.commit()
        assert article.deleted_at == stamp
        session.restore(article)
        session.restore(article)
        session.commit()

        assert session.get(Article, article.id) is article


def test_force_delete_takes_children_in_the_trash_too(blog: Sessions) -> None:
    """No foreign key is left pointing at nothing; PostgreSQL would refuse it."""
    with blog() as session:
        article = written(session)
        session.delete(article.comments[1])
        session.commit()
        assert len(article.comments) == 1
        session.delete(article.tags[0])
        session.commit()
        session.delete(article, force=True)
        session.commit()

        assert stored(session, Article) == 1
        assert stored(session, Comment) == 1
        assert stored(session, File) == 0
        assert session.execute(sa.select(article_tag)).all() == []
        assert stored(session, Tag) == 1


def test_parent_without_a_trash_takes_what_it_owns_for_good_and_lets_go_of_the_rest(blog: Sessions) -> None:
    """What is in the trash is owned, and referred to, as what is not."""
    with blog() as session:
        shop = Shop(owned=[Good(), Good()], shown=[Good(), Good()])
        session.add(shop)
        session.commit()
        session.delete(shop.owned[1])
        session.delete(shop.shown[1])
        session.commit()
        assert (len(shop.owned), len(shop.shown)) == (1, 1)
        session.delete(shop)
        session.commit()

        everything = sa.select(Good).execution_options(with_trashed=True)
        assert [(one.owner_id, one.shower_id) for one in session.scalars(everything)] == [(None, None)] * 2


def test_force_delete_of_a_row_in_the_trash(blog: Sessions) -> None:
    """As a function as well; a session without a trash refuses."""
    with blog() as session:
        article = trashed(session)
        force_delete(session, article)
        session.commit()

        assert (stored(session, Article), stored(session, Comment)) == (1, 1)
    with sa.orm.Session() as plain, pytest.raises(TypeError, match="knows no trash"):
        force_delete(plain, article)


def test_bulk_delete_becomes_an_update(blog: Sessions) -> None:
    """Its rowcount is that of rows in use, it returns rows, rows in the session follow, the deleter is known."""
    with blog() as session:
        article = written(session)
        count = stored(session, Article)
        with acting_as(2):
            first = session.execute(sa.delete(Article).where(Article.title == "gone"))
            again = session.execute(sa.delete(Article).where(Article.title == "gone"))
            returned = session.scalars(
                sa.delete(Article).where(Article.title == "stays").returning(Article.title)
            ).all()

        assert (first.rowcount, again.rowcount) == (1, 0)  # type: ignore[attr-defined]
        assert returned == ["stays"]
        assert (article.is_trashed, article.deleted_by) == (True, 2)
        assert stored(session, Article) == count
        assert via_entity(session) == []


def test_bulk_delete_may_be_forced(blog: Sessions) -> None:
    """The execution option, legacy ``Query.delete``, and the feature's toggle."""
    with blog() as session:
        written(session)
        session.query(Good).delete()
        session.add_all([Good(), Good(), Good()])
        session.flush()
        first, second, third = session.scalars(sa.select(Good))
        session.query(Good).where(Good.id == first.id).delete()
        assert stored(session, Good) == 3
        session.execute(sa.delete(Good).where(Good.id == second.id), execution_options={"force": True})
        assert stored(session, Good) == 2
        with without_features(SoftDeletes):
            session.execute(sa.delete(Good).where(Good.id == third.id))

        assert stored(session, Good) == 1


def test_bulk_restore_empties_stamp_and_deleter(blog: Sessions) -> None:
    """`restoring` is an UPDATE of rows in the trash alone."""
    with blog() as session, acting_as(2):
        article = trashed(session)
        result = session.execute(restoring(Article).where(Article.title.in_(["gone", "stays"])))
        session.commit()

        assert result.rowcount == 1  # type: ignore[attr-defined]
        assert (article.deleted_at, article.deleted_by) == (None, None)


def test_update_leaves_the_trash_alone(blog: Sessions) -> None:
    """A bulk update changes rows in use; with the option those in the trash too."""
    with blog() as session:
        trashed(session)

        assert session.execute(sa.update(Article).values(words=1)).rowcount == 1  # type: ignore[attr-defined]
        both = sa.update(Article).values(words=2).execution_options(with_trashed=True)
        assert session.execute(both).rowcount == 2  # type: ignore[attr-defined]


def test_merge_of_a_trashed_key_meets_the_row(blog: Sessions) -> None:
    """Instead of an INSERT that the primary key refuses; the row stays in the trash."""
    with blog() as session:
        article = trashed(session)
        key = article.id
        session.expunge_all()
        merged = session.merge(Article(id=key, title="merged"))
        session.commit()

        assert merged.is_trashed
        assert merged.title == "merged"


def test_delete_orphan_to_a_trash_is_refused_when_mappers_are_configured() -> None:
    """It would delete rows for good that were only taken out of a collection."""

    class OwnBase(DeclarativeBase):
        pass

    class Leaf(SoftDeletes, OwnBase):
        __tablename__ = "leaf"
        id: Mapped[int] = mapped_column(primary_key=True)
        tree_id: Mapped[int] = mapped_column(sa.ForeignKey("tree.id"))

    class Tree(OwnBase):
        __tablename__ = "tree"
        id: Mapped[int] = mapped_column(primary_key=True)
        leaves: Mapped[list[Leaf]] = relationship(cascade="all, delete-orphan")

    with pytest.raises(DeclarationError, match=r"leaves has cascade 'delete-orphan' to Leaf.*cascade='all'"):
        OwnBase.registry.configure()
    OwnBase.registry.dispose()


def test_value_is_free_again_after_its_row_went_to_the_trash(blog: Sessions) -> None:
    """The unique index is over rows in use; a row whose value is taken cannot come back."""
    with blog() as session:
        article = trashed(session)
        session.add(Article(title="heir", slug="gone"))
        session.commit()
        with pytest.raises(RestoreConflict, match=r"Article with slug='gone' cannot be restored") as caught:
            session.restore(article)
        assert article.is_trashed
        assert caught.value.values == {"slug": "gone"}
        session.add(Article(title="twin", slug="gone"))
        with pytest.raises(sa.exc.IntegrityError):
            session.flush()


def test_moments_come_in_order_and_a_veto_leaves_all_as_it_was(blog: Sessions) -> None:
    """Nothing is stamped before every row that would go has been asked."""
    with blog() as session:
        article = written(session)
        with capture_events("model.Article.*") as seen:
            session.delete(article)
            session.commit()
            session.restore(article)
            session.commit()
            session.delete(article, force=True)
            session.commit()

        assert [one.rpartition(".")[2] for one in seen.names if "retrieved" not in one] == [
            "deleting", "trashed", "deleted", "restoring", "saving", "updating", "updated", "saved", "restored",
            "force_deleting", "deleting", "deleted", "force_deleted",
        ]  # fmt: skip

    with blog() as session:
        article = written_again(session)

        def refuse(envelope: Any) -> None:
            if envelope.sender.text == "two":
                raise Veto("not this one")

        events.listen("model.Comment.deleting", refuse)
        with pytest.raises(Veto):
            session.delete(article)
        assert not article.is_trashed
        assert not session.dirty


def written_again(session: TraitSession) -> Article:
    """Another article with comments."""
    article = Article(title="again", comments=[Comment(text="one"), Comment(text="two")])
    session.add(article)
    session.commit()
    return article


def test_events_of_the_trait_tell_the_stamp(blog: Sessions) -> None:
    """`trashed` carries the moment, which the tests' clock gives."""
    moment = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
    with blog() as session, capture_events("trait.SoftDeletes.*") as seen:
        article = written(session)
        with clock(moment):
            session.delete(article)
            session.commit()

    assert [event.payload.at for event in seen.envelopes if event.name == "trait.SoftDeletes.trashed"] == [moment] * 4


def test_rollback_takes_a_row_out_of_the_trash_and_forgets_the_moment(blog: Sessions) -> None:
    """What was to be trashed and was rolled back is an ordinary row again."""
    with blog() as session:
        article = written(session)
        session.delete(article)
        session.rollback()
        with capture_events("model.Article.*") as seen:
            article.words = 3
            session.commit()

        assert not article.is_trashed
        assert "model.Article.trashed" not in seen.names
        assert "model.Article.updated" in seen.names


def test_warm_many_to_one_shows_the_trashed_parent_which_is_a_documented_limit(blog: Sessions) -> None:
    """A parent that is at hand is given without a query; one that is not is None."""
    with blog() as session:
        article = written(session)
        comment = article.comments[0]
        session.execute(sa.delete(Article).where(Article.id == article.id))
        session.expire(comment)
        assert comment.article is article
        key = comment.id
        session.expunge_all()

        assert session.get_one(Comment, key).article is None


def test_core_and_text_are_not_filtered_which_is_a_documented_limit(blog: Sessions) -> None:
    """Statements that name tables instead of models mean what they say."""
    with blog() as session:
        trashed(session)

        assert len(session.execute(sa.select(Article.__table__.c.id)).all()) == 2
        assert len(session.execute(sa.text("select id from articles")).all()) == 2


def test_reused_statement_is_not_made_anew(blog: Sessions) -> None:
    """The same statement object leads to the same one with conditions, so that its cache key is kept."""
    with blog() as session:
        written(session)
        query = sa.select(Article.id)
        session.scalars(query).all()
        made = dict(kept_on(query).scoped)
        session.scalars(query).all()
        after = dict(kept_on(query).scoped)

    assert all(made[key] is after[key] for key in made)
    assert len(made) == len(after) == 1


def test_statement_made_of_a_function_is_filtered_and_its_conditions_are_asked(blog: Sessions) -> None:
    """``lambda_stmt`` as any other statement, first and again; looking for a deleter looks into the trash."""
    with blog() as session, acting_as(1):
        trashed(session)
        by = Article.scopes.deleted_by(1)
        live = sa.lambda_stmt(lambda: sa.select(Article.title))
        gone = sa.lambda_stmt(lambda: sa.select(Article.title).where(by))

        for _ in range(2):
            assert session.scalars(live).all() == ["stays"]
            assert session.scalars(gone).all() == ["gone"]


def test_statement_that_was_executed_can_be_pickled_and_made_more_of(blog: Sessions) -> None:
    """What is kept on it goes with neither: a copy is looked at again, and finds the same rows."""
    with blog() as session:
        trashed(session)
        query = sa.select(Article)
        found = session.scalars(query).all()
        copied = loads(dumps(query), Base.metadata, session)
        narrowed = query.where(Article.id > 0)

        assert kept_on(query) is not None
        assert kept_on(copied) is None
        assert kept_on(narrowed) is None
        assert session.scalars(copied).all() == session.scalars(narrowed).all() == found


def test_serialized_query_of_columns_is_one_of_the_table_which_is_a_documented_limit(blog: Sessions) -> None:
    """SQLAlchemy's serializer writes columns as those of their table; a query of the model comes back as one."""
    with blog() as session:
        trashed(session)

        def again(query: Any) -> int:
            return len(session.execute(loads(dumps(query), Base.metadata, session)).all())

        assert again(sa.select(Article)) == 1
        assert again(sa.select(sa.func.count()).select_from(Article)) == 1
        assert again(sa.select(Article.id)) == 2


@pytest.mark.filterwarnings("ignore:The Query.get")
def test_legacy_query_get_shows_a_trashed_row_at_hand_which_is_a_documented_limit(blog: Sessions) -> None:
    """It asks the identity map and not the session; a row that is not at hand is not found."""
    with blog() as session:
        article = trashed(session)
        session.refresh(article)
        assert session.get(Article, article.id) is None
        assert session.query(Article).get(article.id) is article
        session.expunge_all()

        assert session.query(Article).get(article.id) is None


def test_update_by_key_reaches_the_trash_which_is_a_documented_limit(blog: Sessions) -> None:
    """SQLAlchemy executes a list of keys and values as it is."""
    with blog() as session:
        article = trashed(session)
        session.execute(sa.update(Article), [{"id": article.id, "words": 7}])
        session.refresh(article)

        assert (article.words, article.is_trashed) == (7, True)


def test_trash_is_not_copied_by_a_statement(blog: Sessions) -> None:
    """`INSERT ... SELECT` and a query inside an INSERT read rows in use; with the option those in the trash too."""
    copy = sa.insert(Tag).from_select(["name"], sa.select(Article.title))
    with blog() as session:
        trashed(session)
        session.execute(copy)
        assert session.scalars(sa.select(Tag.name).where(Tag.name != "t")).all() == ["stays"]
        session.execute(copy, execution_options={"with_trashed": True})
        assert sorted(session.scalars(sa.select(Tag.name).where(Tag.name != "t"))) == ["gone", "stays", "stays"]
        gone = sa.select(sa.func.count(Article.id)).where(Article.title == "gone").scalar_subquery()
        session.execute(sa.insert(Article).values(title="counted", words=gone))
        scope = sa.select(Article.title).where(Article.scopes.only_trashed())
        session.execute(sa.insert(Tag).from_select(["name"], scope.where(Article.title == "gone")))

        assert session.scalars(sa.select(Article.words).where(Article.title == "counted")).one() == 0
        assert session.scalars(sa.select(Tag.name)).all().count("gone") == 2


def test_model_that_is_mapped_later_is_heeded_by_a_statement_that_was_executed_before() -> None:
    """What is known of a statement is of the models there were."""

    class Later(DeclarativeBase):
        pass

    class Note(Later):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)

    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    Later.metadata.create_all(engine)
    with TraitSession(engine) as session:
        query = sa.select(Note.id)
        session.execute(query)
        before = kept_on(query)

        class Draft(SoftDeletes, Later):
            __tablename__ = "drafts"
            id: Mapped[int] = mapped_column(primary_key=True)

        session.execute(query)
        after = kept_on(query)
    engine.dispose()

    assert Draft.__mapper__ is not None
    assert before is not after


def test_asynchronous_session_knows_the_trash(in_async_blog: InAsync, blog: Sessions) -> None:
    """Delete, restore, force; also with a plain AsyncSession on our synchronous one."""

    async def main(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, class_=AsyncTraitSession, expire_on_commit=False)() as session:
            article = await session.run_sync(written)  # type: ignore[arg-type]
            key = article.id
            await session.delete(article)
            await session.commit()
            assert await session.get(Article, key) is None
            assert await session.scalar(sa.select(sa.func.count()).select_from(Comment)) == 1
            row = await session.get_one(Article, key, execution_options={"with_trashed": True})
            await session.restore(row)
            await session.commit()
            assert await session.scalar(sa.select(sa.func.count()).select_from(Comment)) == 4
            await session.delete(row)
            await session.commit()
            await session.delete(row, force=True)
            await session.commit()
            assert await session.scalar(sa.select(sa.func.count()).select_from(Article.__table__)) == 1
        async with async_sessionmaker(engine, sync_session_class=TraitSession)() as plain:
            row = await plain.scalar(sa.select(Article))
            await plain.delete(row)
            await plain.run_sync(restore, row)
            await plain.commit()

    in_async_blog(main)
