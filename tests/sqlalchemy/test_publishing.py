"""Drafts, moments of publication, and the time zones that they have."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import sessionmaker
from trackedmodels import Post

from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.testing import capture_events
from traits_runtime.traits import clock

Sessions = sessionmaker[TraitSession]
NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_rows_are_drafts_scheduled_public_and_expired(blog: Sessions) -> None:
    """Scopes and properties say the same, by the traits' clock."""
    with blog() as session, clock(NOON):
        rows = {name: Post(title=name) for name in ("draft", "public", "ahead", "over")}
        rows["public"].publish(NOON - HOUR, until=NOON + HOUR)
        rows["ahead"].publish(NOON + HOUR)
        rows["over"].publish(NOON - 2 * HOUR, until=NOON - HOUR)
        session.add_all(rows.values())
        session.commit()

        def found(condition: sa.ColumnElement[bool]) -> list[str | None]:
            return list(session.scalars(sa.select(Post.title).where(condition)))

        assert found(Post.scopes.drafts()) == ["draft"]
        assert found(Post.scopes.published()) == ["public"]
        assert found(Post.scopes.scheduled()) == ["ahead"]
        assert found(Post.scopes.expired()) == ["over"]
        assert found(Post.scopes.published(NOON + 3 * HOUR)) == ["ahead"]
        assert [name for name, row in rows.items() if row.is_published] == ["public"]
        assert [name for name, row in rows.items() if row.is_draft] == ["draft"]
        assert [name for name, row in rows.items() if row.is_scheduled] == ["ahead"]


def test_publication_at_the_second_two_oclock_of_an_autumn_night(blog: Sessions) -> None:
    """Where an hour comes twice, the moment is the one that was meant, after the round trip as well."""
    berlin = ZoneInfo("Europe/Berlin")
    first = dt.datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    second = first.replace(fold=1)
    with blog() as session:
        one, two = Post(title="first"), Post(title="second")
        one.publish(first)
        two.publish(second)
        session.add_all([one, two])
        session.commit()
        session.expire_all()

        assert one.published_at is not None
        assert two.published_at is not None
        assert two.published_at - one.published_at == HOUR
        between = dt.datetime(2026, 10, 25, 0, 45, tzinfo=dt.UTC)
        assert session.scalars(sa.select(Post.title).where(Post.scopes.published(between))).all() == ["first"]


def test_moment_without_a_time_zone_is_refused(blog: Sessions) -> None:
    """By the method, by the column, and by a scope."""
    naive = dt.datetime(2026, 5, 1, 12)
    with blog() as session:
        post = Post(title="a")
        with pytest.raises(ValueError, match="has no time zone"):
            post.publish(naive)
        post.published_at = naive
        session.add(post)
        with pytest.raises(sa.exc.StatementError, match="says no time zone"):
            session.flush()
        session.rollback()
        with pytest.raises(sa.exc.StatementError, match="says no time zone"):
            session.scalars(sa.select(Post).where(Post.scopes.published(naive))).all()


def test_end_must_come_after_the_start() -> None:
    """An interval that is never is a mistake."""
    with pytest.raises(ValueError, match="is not after the start"):
        Post(title="a").publish(NOON, until=NOON)


def test_publishing_and_its_end_are_told() -> None:
    """The payload has the moment."""
    post = Post(title="a")
    with capture_events("trait.Publishable.*") as seen, clock(NOON):
        post.publish()
        post.unpublish()

    assert seen.names == ["trait.Publishable.published", "trait.Publishable.unpublished"]
    assert seen.payloads[0].at == NOON
    assert post.is_draft
