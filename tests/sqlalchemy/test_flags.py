"""Flags in a database: no writer undoes another's, and rows are found by them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import sessionmaker
from traitmodels import Base, Room

from traits_runtime.adapters.sqlalchemy import TraitSession

Async = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


def bits(session: TraitSession) -> Any:
    """What the database holds."""
    return session.scalar(sa.select(Room.__table__.c.marks))


def test_writers_that_read_the_same_row_keep_each_others_flags(sessions: sessionmaker[TraitSession]) -> None:
    """Only the bits that were touched are written, also by one that has not seen the others'."""
    with sessions() as session:
        room = Room(name="x")
        room.flag("booked")
        session.add(room)
        session.commit()
        key = room.id
    with sessions(expire_on_commit=False) as first, sessions(expire_on_commit=False) as second:
        one, two = first.get_one(Room, key), second.get_one(Room, key)
        first.commit()
        second.commit()
        one.flag("locked")
        one.unflag("booked")
        first.commit()
        two.flag("heated")
        second.commit()

        assert two.flag_names() == ["heated", "booked"]
    with sessions() as session:
        assert session.get_one(Room, key).flag_names() == ["locked", "heated"]


def test_value_and_its_history_are_there_for_the_moments_after(session: TraitSession) -> None:
    """The instance needs no reading again: a log sees the number before and the number now."""
    room = Room(name="x")
    session.add(room)
    session.commit()
    room.flag("heated")
    seen: list[Any] = []
    sa.event.listen(session, "after_flush", lambda *_: seen.append(sa.inspect(room).attrs.marks.history))
    session.flush()

    assert [(list(one.added), list(one.deleted)) for one in seen] == [([2], [0])]
    assert "marks" in vars(room)
    assert not session.dirty


def test_flag_that_the_enum_no_longer_has_survives_the_writing(session: TraitSession) -> None:
    """A program that is older or newer loses nothing."""
    room = Room(name="x", marks=32 | 1)
    session.add(room)
    session.commit()
    room.unflag("locked")
    session.commit()

    assert bits(session) == 32


def test_rows_by_their_flags(session: TraitSession) -> None:
    """All of them, none of them, and none at all."""
    for name, flags in (("a", ["locked", "heated"]), ("b", ["heated"]), ("c", [])):
        room = Room(name=name)
        room.flag(*flags)
        session.add(room)
    session.commit()

    def names(condition: Any) -> str:
        return "".join(sorted(session.scalars(sa.select(Room.name).where(condition))))

    assert names(Room.scopes.flagged("heated")) == "ab"
    assert names(Room.scopes.flagged("heated", Room.Flags.LOCKED)) == "a"
    assert names(Room.scopes.not_flagged("locked", "booked")) == "bc"
    assert names(Room.scopes.not_flagged()) == "c"


def test_flags_in_an_asynchronous_session(in_async: Async) -> None:
    """Nothing has to be loaded again after the flush."""

    async def work(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine, sync_session_class=TraitSession, expire_on_commit=False)() as session:
            room = Room(name="x")
            session.add(room)
            await session.commit()
            room.flag("heated")
            await session.commit()

            assert room.flag_names() == ["heated"]
            assert await session.scalar(sa.select(Room.__table__.c.marks)) == 2

    in_async(work)
