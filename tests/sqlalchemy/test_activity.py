"""The activity log: one entry a change, nothing for no change, in the same transaction."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import sessionmaker
from trackedmodels import Account, Article, Base, Comment, Ledger, Mood, Tag

from traits_runtime import Actor, acting_as, tenant
from traits_runtime.adapters.sqlalchemy import AsyncTraitSession, TraitSession, activities, activity_table
from traits_runtime.testing import capture_events
from traits_runtime.traits import Activity, LogsActivity, clock

Sessions = sessionmaker[TraitSession]
InAsync = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


def entries(session: TraitSession, model: type[Any], *without: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The log of a model: event, old and new values, some left out."""

    def kept(values: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if key not in without}

    return [(one.event, kept(one.old), kept(one.new)) for one in activities(session, model=model)]


def test_entry_says_who_did_what_to_which_row_and_when(blog: Sessions) -> None:
    """Actor, tenant, moment and batch stand with the values."""
    moment = dt.datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)
    with blog() as session, acting_as(Actor(1, "User", "Ada")), tenant("acme"), clock(moment):
        article = Article(title="a")
        session.add(article)
        session.commit()
        (found,) = activities(session, article)

    assert found == Activity(
        event="created", model="Article", key=str(article.__dict__.get("id", found.key)), at=moment, batch=found.batch,
        actor="1", actor_type="User", actor_label="Ada", tenant="acme",
        new={"id": int(found.key), "title": "a", "words": 0, "created_by": 1, "updated_by": 1},
    )  # fmt: skip
    assert len(found.batch) == 36


def test_change_notes_only_what_differs(blog: Sessions) -> None:
    """No entry for assigning the same value, for a collection alone, or for a flush without a change."""
    with blog() as session:
        article = Article(title="a", slug="s")
        session.add(article)
        session.commit()
        article.title, article.slug = "b", "s"
        session.commit()
        article.title = "b"
        article.tags.append(Tag(name="t"))
        article.comments.append(Comment(text="c"))
        session.commit()
        session.flush()

        assert entries(session, Article)[1:] == [("updated", {"title": "a"}, {"title": "b"})]


def test_flush_writes_its_entries_with_one_statement(blog: Sessions) -> None:
    """A hundred rows, one INSERT for the log."""
    seen: list[tuple[str, bool]] = []
    with blog() as session:
        sa.event.listen(
            session.get_bind(),
            "before_cursor_execute",
            lambda _c, _u, statement, _p, _x, many: seen.append((statement, many)),
        )
        session.add_all([Article(title=str(number)) for number in range(100)])
        session.commit()
        log = [many for statement, many in seen if "INSERT INTO activity_log" in statement]

        assert log == [True]
        assert len(activities(session, model=Article)) == 100
        assert len({one.batch for one in activities(session, model=Article)}) == 1


def test_attribute_set_while_expired_has_its_old_value(blog: Sessions) -> None:
    """Old values that nobody has loaded are read, those columns of those rows alone."""
    with blog() as session:
        session.add_all([Article(title=f"old {number}", slug=f"s{number}") for number in range(3)])
        session.commit()
        rows = session.scalars(sa.select(Article).order_by(Article.id)).all()
        session.commit()
        for number, row in enumerate(rows):
            row.title = f"new {number}" if number else "old 0"
        session.commit()

        assert sorted(entries(session, Article)[3:], key=str) == [
            ("updated", {"title": "old 1"}, {"title": "new 1"}),
            ("updated", {"title": "old 2"}, {"title": "new 2"}),
        ]


def test_trash_restoring_and_force_are_said_by_name(blog: Sessions) -> None:
    """Restored is logged as restored, and a forced deletion keeps what the row was."""
    with blog() as session:
        article = Article(title="a")
        session.add(article)
        session.commit()
        session.delete(article)
        session.commit()
        session.restore(article)
        session.commit()
        article.title  # noqa: B018 - load it
        session.delete(article, force=True)
        session.commit()
        found = entries(session, Article)

        assert [one[0] for one in found] == ["created", "trashed", "restored", "deleted"]
        assert list(found[1][2]) == ["deleted_at"]
        assert found[2][2] == {"deleted_at": None}
        assert found[3][1]["title"] == "a"


def test_assigning_an_empty_stamp_is_an_update_and_noted(blog: Sessions) -> None:
    """Who brings a row back by hand does not do it unseen."""
    with blog() as session:
        article = Article(title="a")
        session.add(article)
        session.commit()
        session.delete(article)
        session.commit()
        article.deleted_at = None
        session.commit()

        assert entries(session, Article)[-1][0] == "updated"
        assert entries(session, Article)[-1][2] == {"deleted_at": None}


def test_rollback_leaves_no_entry(blog: Sessions) -> None:
    """Of a transaction, and of a savepoint whose outer transaction commits."""
    with blog() as session:
        session.add(Article(title="a"))
        session.flush()
        session.rollback()
        session.add(Article(title="b"))
        session.flush()
        savepoint = session.begin_nested()
        session.add(Article(title="c"))
        session.flush()
        savepoint.rollback()
        session.commit()

        assert [one.new["title"] for one in activities(session, model=Article)] == ["b"]


def test_flushes_of_one_transaction_collapse(blog: Sessions) -> None:
    """Where the model says so: first old value, last new one; nothing for what came and went."""
    with blog() as session:
        account = Account(email="a@example.org")
        session.add(account)
        session.flush()
        account.email = "b@example.org"
        session.flush()
        account.mood = Mood.BAD
        session.commit()
        account.email = "c@example.org"
        session.flush()
        account.balance = decimal.Decimal("1.50")
        session.flush()
        account.email = "d@example.org"
        session.commit()
        account.email = "e@example.org"
        session.flush()
        account.email = "d@example.org"
        session.commit()
        passing = Account(email="x@example.org")
        session.add(passing)
        session.flush()
        session.delete(passing, force=True)
        session.commit()

        first, second = entries(session, Account, "id", "updated_by", "created_by")
        assert first[0] == "created"
        assert (first[2]["email"], first[2]["mood"]) == ("b@example.org", "bad")
        assert second == (
            "updated",
            {"email": "b@example.org", "balance": "0.00"},
            {"email": "d@example.org", "balance": "1.50"},
        )


def test_savepoints_count_among_collapsed_entries(blog: Sessions) -> None:
    """A released one belongs to its transaction, a rolled back one does not."""
    with blog() as session:
        account = Account(email="a@example.org")
        session.add(account)
        session.commit()
        with session.begin_nested():
            account.email = "b@example.org"
        savepoint = session.begin_nested()
        account.email = "lost@example.org"
        account.balance = decimal.Decimal(5)
        session.flush()
        savepoint.rollback()
        session.commit()
        with session.begin_nested():
            account.email = "c@example.org"
        session.rollback()

        assert entries(session, Account)[1:] == [
            ("updated", {"email": "a@example.org"}, {"email": "b@example.org"}),
        ]


def test_collapsed_entry_names_who_did_it_and_not_who_commits(blog: Sessions) -> None:
    """The last one who changed the row, though its block has been left when the transaction ends."""
    with blog() as session:
        session.add_all([Account(id=1, email="a@example.org"), Account(id=2, email="b@example.org")])
        session.commit()
        one, two = session.get_one(Account, 1), session.get_one(Account, 2)
        with acting_as(1), tenant("acme"):
            one.email = two.email = "c@example.org"
            session.flush()
        with acting_as(2), tenant("brick"):
            two.email = "d@example.org"
            session.flush()
        with acting_as(3):
            session.commit()
        first, second = activities(session, one)[-1], activities(session, two)[-1]

        assert (first.actor, first.tenant, first.new["email"]) == ("1", "acme", "c@example.org")
        assert (second.actor, second.tenant, second.new["email"]) == ("2", "brick", "d@example.org")
        assert second.old["email"] == "b@example.org"


def test_secrets_are_blackened_and_what_is_ignored_makes_no_entry(blog: Sessions) -> None:
    """That a password changed is noted, what it was is not."""
    with blog() as session:
        account = Account(email="a@example.org", password="first")  # noqa: S106
        session.add(account)
        session.commit()
        account.password = "second"  # noqa: S105
        session.commit()
        account.visits = 3
        session.commit()
        raw = session.scalars(sa.select(sa.cast(activity_table(Base.metadata).c.new, sa.Text))).all()

        assert entries(session, Account)[1:] == [("updated", {"password": "***"}, {"password": "***"})]
        assert not any("first" in one or "second" in one for one in raw)


def test_values_of_every_kind_can_be_noted(blog: Sessions) -> None:
    """Decimal, enum, bytes, moments, JSON, and SQL expressions."""
    with blog() as session:
        account = Account(
            email="a", balance=decimal.Decimal("12.30"), mood=Mood.BAD, seal=b"\x00\xff", extra={"a": [1]},
            since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        )  # fmt: skip
        session.add(account)
        session.commit()
        account.balance = Account.balance + 1  # type: ignore[assignment]
        session.commit()
        first, second = entries(session, Account, "id", "visits", "password")

        assert first[2] == {
            "email": "a", "balance": "12.30", "mood": "bad", "seal": "AP8=", "extra": {"a": [1]},
            "since": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        assert second[2] == {"balance": "accounts.balance + :balance_1"}


def test_bulk_statements_are_one_entry(blog: Sessions) -> None:
    """Insert, update, delete: how many rows, and what was assigned."""
    with blog() as session, acting_as(1):
        session.execute(sa.insert(Article), [{"title": "a"}, {"title": "b"}])
        session.execute(sa.update(Article).values(words=5))
        session.execute(sa.update(Article).where(Article.title == "nobody").values(words=6))
        session.execute(sa.delete(Article).where(Article.title == "a"))
        session.execute(sa.delete(Article).where(Article.title == "b"), execution_options={"force": True})
        found = [(one.event, one.count, one.actor, one.key) for one in activities(session, model=Article)]

        assert found == [
            ("bulk_created", 2, "1", ""),
            ("bulk_updated", 2, "1", ""),
            ("bulk_trashed", 1, "1", ""),
            ("bulk_deleted", 1, "1", ""),
        ]
        assert activities(session, model=Article, event="bulk_updated")[0].new == {"words": 5}


def test_bulk_statements_may_be_noted_row_by_row(blog: Sessions) -> None:
    """Old and new values of each row that differs, with a key of two columns."""
    with blog() as session:
        session.add_all([Ledger(year=2026, number=one, amount=one) for one in range(3)])
        session.flush()
        session.execute(sa.update(Ledger).where(Ledger.number > 0).values(amount=2))
        session.execute(sa.update(Ledger).values(amount=Ledger.amount + 1))
        session.execute(sa.delete(Ledger).where(Ledger.number == 0))
        session.execute(sa.delete(Ledger).where(Ledger.number == 1), execution_options={"force": True})
        log = activities(session, model=Ledger)
        found = [(one.event, one.key, one.old.get("amount"), one.new.get("amount")) for one in log]

        assert found[3:-2] == [
            ("updated", "[2026, 1]", 1, 2),
            ("updated", "[2026, 0]", 0, 1),
            ("updated", "[2026, 1]", 2, 3),
            ("updated", "[2026, 2]", 2, 3),
        ]
        assert [one[:3] for one in found[-2:]] == [("trashed", "[2026, 0]", None), ("deleted", "[2026, 1]", 3)]


def test_log_can_be_asked_by_row_actor_event_and_batch(blog: Sessions) -> None:
    """Also about a row that is gone."""
    with blog() as session:
        with acting_as(1):
            article = Article(title="a")
            session.add_all([article, Article(title="b")])
            session.commit()
        with acting_as(2):
            session.delete(article, force=True)
            session.commit()

        assert [one.event for one in activities(session, article)] == ["created", "deleted"]
        assert len(activities(session, model=Article, actor=1)) == 2
        assert len(activities(session, model=Article, event="deleted")) == 1
        batch = activities(session, model=Article)[0].batch
        assert len(activities(session, model=Article, batch=batch)) == 2


def test_toggles_silence_the_log(blog: Sessions) -> None:
    """By feature, for a model, and for one row."""
    with blog() as session:
        one, two = Article(title="one"), Article(title="two")
        with Article.without_features("log_created"):
            session.add_all([one, two])
            session.commit()
        with one.without_features(LogsActivity):
            one.title = two.title = "new"
            session.commit()

        assert [(entry.event, entry.key) for entry in activities(session, model=Article)] == [("updated", str(two.id))]


def test_events_tell_of_entries_now_and_after_the_commit(blog: Sessions) -> None:
    """`activity_committed` waits for the root commit."""
    with blog() as session, capture_events("trait.LogsActivity.*") as seen:
        session.add(Article(title="a"))
        session.flush()
        before = list(seen.names)
        session.commit()

    assert "trait.LogsActivity.activity_logged" in before
    assert seen.envelopes[0].payload.new["title"] == "a"


def test_entry_may_carry_tags(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """What `activity_tags` of the row says."""

    class OwnBase(sa.orm.DeclarativeBase):
        pass

    class Order(LogsActivity, OwnBase):
        __tablename__ = "orders"
        __traits__ = {LogsActivity: {"table": "history", "only": ("state",)}}  # noqa: RUF012
        id: sa.orm.Mapped[int] = sa.orm.mapped_column(primary_key=True)
        state: sa.orm.Mapped[str]
        note: sa.orm.Mapped[str] = sa.orm.mapped_column(default="")

        def activity_tags(self) -> list[str]:
            return ["shop", self.state]

    with TraitSession(engine_of(OwnBase.metadata)) as session:
        order = Order(state="new")
        session.add(order)
        session.commit()
        order.note = "nothing to see"
        session.commit()
        (found,) = activities(session, order)

        assert "history" in OwnBase.metadata.tables
        assert (found.tags, found.new) == (["shop", "new"], {"state": "new"})


def test_asynchronous_session_notes_what_was_set_while_expired(in_async_blog: InAsync, blog: Sessions) -> None:
    """The old value is read inside the flush, where reading is allowed."""

    async def main(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, class_=AsyncTraitSession)() as session:
            article = Article(title="old")
            account = Account(email="a")
            session.add_all([article, account])
            await session.commit()
            article.title = "new"
            account.email = "b"
            await session.commit()
            found = await session.run_sync(lambda inner: entries(inner, Article))  # type: ignore[arg-type]
            assert found[1:] == [("updated", {"title": "old"}, {"title": "new"})]
            found = await session.run_sync(lambda inner: entries(inner, Account))  # type: ignore[arg-type]
            assert found[1:] == [("updated", {"email": "a"}, {"email": "b"})]

    in_async_blog(main)


@pytest.mark.parametrize("way", ["bulk_save_objects", "core"])
def test_what_passes_the_session_by_is_not_noted_which_is_a_documented_limit(blog: Sessions, way: str) -> None:
    """Legacy bulk methods and Core statements leave no entry; their user columns are filled all the same."""
    with blog() as session, acting_as(1):
        if way == "core":
            session.connection().execute(sa.insert(Article.__table__).values(title="a"))
        else:
            session.bulk_save_objects([Article(title="a")])

        assert activities(session, model=Article) == []
        assert session.scalars(sa.select(Article.created_by)).all() == [1]
