"""What is unique is unique for each tenant; what one tenant tags, says and searches is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from traits_runtime import tenant, unscoped
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.traits import BelongsToTenant, HasComments, HasSlug, HasTags, IsComment, IsTag, Searchable


class Base(DeclarativeBase):
    """Of these models."""


class Label(IsTag, BelongsToTenant, Base):
    """A tag of a tenant."""

    __tablename__ = "labels"

    id: Mapped[int] = mapped_column(primary_key=True)


class Comment(IsComment, BelongsToTenant, Base):
    """What somebody of a tenant said."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)


class Note(HasSlug, HasTags, HasComments, Searchable, BelongsToTenant, Base):
    """A note of a tenant."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of these models."""
    return engine_of(Base.metadata)


@pytest.fixture
def two(sessions: sessionmaker[TraitSession]) -> Iterator[sessionmaker[TraitSession]]:
    """Two tenants that wrote the same."""
    for name in ("acme", "bolt"):
        with tenant(name), sessions() as session:
            note = Note(title="Red roses")
            note.tag("Flower")
            note.comment(name)
            session.add(note)
            session.commit()
    return sessions


def test_tenants_have_the_same_slugs_and_tags(two: sessionmaker[TraitSession]) -> None:
    """Without a number, and each tag once for each."""
    with unscoped(reason="looking at all"), two() as session:
        assert session.scalars(sa.select(Note.slug)).all() == ["red-roses", "red-roses"]
        assert sorted(map(tuple, session.execute(sa.select(Label.tenant_id, Label.tag_slug)))) == [
            ("acme", "flower"), ("bolt", "flower"),
        ]  # fmt: skip


def test_a_tenant_finds_its_own_by_slug_tag_comment_and_word(two: sessionmaker[TraitSession]) -> None:
    """Whatever is asked, and however much the others have of it."""
    with tenant("acme"), two() as session:
        for condition in (
            Note.scopes.by_slug("red-roses"),
            Note.scopes.tagged(all=["flower"]),
            Note.scopes.search("roses"),
        ):
            found = session.scalars(sa.select(Note).where(condition)).all()
            assert [one.tenant_id for one in found] == ["acme"]
        note = session.scalars(sa.select(Note)).one()
        assert [one.body for one in session.scalars(note.comments_query())] == ["acme"]
        assert session.scalar(sa.select(Note.scopes.comments_count())) == 1


def test_the_second_of_a_tenant_has_a_number(two: sessionmaker[TraitSession]) -> None:
    """Its own rows count."""
    with tenant("bolt"), two() as session:
        note = Note(title="Red roses")
        session.add(note)
        session.commit()

        assert note.slug == "red-roses-2"
