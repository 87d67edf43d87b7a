"""ULIDs in a database: known before the flush, sorted as they were made, however they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from traitmodels import Base, Parcel, Post

from traits_runtime.adapters.sqlalchemy import AsyncTraitSession, TraitSession
from traits_runtime.traits import parse_ulid


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


def test_identifier_is_known_before_the_flush_and_stays(session: TraitSession) -> None:
    """What went into a link is what is stored."""
    post = Post(title="x")
    early = post.ulid
    session.add(post)
    session.commit()

    assert post.ulid == early
    assert session.scalars(sa.select(Post.ulid)).all() == [early]


def test_statements_that_make_no_instances_make_identifiers_too(session: TraitSession) -> None:
    """Each row has its own."""
    session.execute(sa.insert(Post), [{"title": "a", "slug": "a"}, {"title": "b", "slug": "b"}])
    session.commit()

    found = session.scalars(sa.select(Post.ulid)).all()
    assert len({parse_ulid(one) for one in found}) == 2


@pytest.mark.parametrize("model", [Post, Parcel])
def test_rows_sort_as_they_were_made(session: TraitSession, model: type) -> None:
    """As texts in the order of bytes, and as UUIDs."""
    rows = [model(title=str(number)) if model is Post else model() for number in range(50)]
    session.add_all(reversed(rows))
    session.commit()
    column = Post.ulid if model is Post else Parcel.number

    assert session.scalars(sa.select(column).order_by(column)).all() == [one.ulid for one in rows]


@pytest.mark.parametrize("model", [Post, Parcel])
def test_lower_case_finds_the_row(session: TraitSession, model: type) -> None:
    """Browsers and people lower what they pass on."""
    row = model(title="x") if model is Post else model()
    session.add(row)
    session.commit()
    column = Post.ulid if model is Post else Parcel.number

    assert session.scalars(sa.select(model).where(column == row.ulid.lower())).all() == [row]


def test_row_that_is_read_in_part_keeps_its_identifier(session: TraitSession) -> None:
    """What was not loaded is not made anew."""
    post = Post(title="x")
    session.add(post)
    session.commit()
    early = post.ulid
    session.expunge_all()

    found = session.scalars(sa.select(Post).options(sa.orm.load_only(Post.title))).one()
    found.title = "y"
    session.commit()

    assert found.ulid == early


def test_identifiers_in_an_asynchronous_session(
    in_async: Callable[[Callable[[AsyncEngine], Awaitable[None]]], None],
) -> None:
    """Known before the flush, each its own though tasks make them at once, in order, and found in lower case."""

    async def main(engine: AsyncEngine) -> None:
        maker = async_sessionmaker(engine, class_=AsyncTraitSession, expire_on_commit=False)
        early: list[str] = []
        one_at_a_time = asyncio.Lock()  # SQLite has one writer

        async def write(number: int) -> None:
            parcels = [Parcel() for _ in range(5)]
            early.extend(one.ulid for one in parcels)
            await asyncio.sleep(0)
            async with one_at_a_time, maker.begin() as opened:
                opened.add_all([*reversed(parcels), Post(title=str(number))])
                await opened.execute(sa.insert(Post), [{"title": "a", "slug": f"a{number}"}])

        await asyncio.gather(*map(write, range(10)))
        async with maker() as opened:
            assert (await opened.scalars(sa.select(Parcel.number).order_by(Parcel.number))).all() == early
            posts = (await opened.scalars(sa.select(Post.ulid))).all()
            assert len(set(posts)) == 20
            found = (await opened.scalars(sa.select(Post).where(Post.ulid == posts[0].lower()))).one()
            assert (await opened.run_sync(lambda session: found.ulid)) == posts[0]

    in_async(main)
