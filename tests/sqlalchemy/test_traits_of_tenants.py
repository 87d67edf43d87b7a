"""What is unique is unique for each tenant; what one tenant tags, says and searches is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from traits_runtime import tenant, unscoped
from traits_runtime.adapters.sqlalchemy import TraitSession, activities, reindex
from traits_runtime.errors import NoTenantError, TenantMismatchError
from traits_runtime.traits import (
    BelongsToTenant,
    HasComments,
    HasSlug,
    HasTags,
    IsComment,
    IsTag,
    LogsActivity,
    Searchable,
    SoftDeletes,
)


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


class Note(HasSlug, HasTags, HasComments, Searchable, LogsActivity, BelongsToTenant, Base):
    """A note of a tenant."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


class Draft(SoftDeletes, BelongsToTenant, Base):
    """A row with a trash, which may come after another."""

    __tablename__ = "drafts"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    after_id: Mapped[int | None] = mapped_column(sa.ForeignKey("drafts.id"))


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


def test_log_of_a_tenant_is_its_own(two: sessionmaker[TraitSession]) -> None:
    """Of its rows whoever changed them; nobody without a tenant reads it."""
    with unscoped(reason="moving house"), two() as session:
        for note in session.scalars(sa.select(Note)):
            note.title = f"{note.title} of {note.tenant_id}"
        session.commit()
        assert len(activities(session, model=Note)) == 4
        theirs = session.scalars(sa.select(Note).where(Note.tenant_id == "bolt")).one()
        session.expunge_all()
    with tenant("acme"), two() as session:
        assert [(one.event, one.tenant) for one in activities(session, model=Note)] == [
            ("created", "acme"), ("updated", "acme"),
        ]  # fmt: skip
        assert activities(session, model=Note)[-1].new["title"] == "Red roses of acme"
        assert activities(session, theirs) == []
    with two() as session, pytest.raises(NoTenantError):
        activities(session, model=Note)


def test_index_that_a_tenant_makes_anew_is_its_own(two: sessionmaker[TraitSession]) -> None:
    """The others find what they found before; unscoped it is that of all."""
    found = Note.scopes.search("roses")
    with tenant("acme"), two() as session:
        session.execute(sa.update(Note).values(title="Blue irises"))
        assert reindex(session, Note) == 1
        session.commit()
        assert session.scalars(sa.select(Note.id).where(found)).all() == []
        assert len(session.scalars(sa.select(Note.id).where(Note.scopes.search("irises"))).all()) == 1
    with tenant("bolt"), two() as session:
        assert len(session.scalars(sa.select(Note.id).where(found)).all()) == 1
    with unscoped(reason="a new index"), two() as session:
        assert reindex(session, Note) == 2


def test_own_row_in_the_trash_is_no_other_tenants(sessions: sessionmaker[TraitSession]) -> None:
    """It can be brought into another session and back to life, and be referred to; another tenant's cannot."""
    rows = {}
    for number, name in enumerate(("acme", "bolt"), 1):
        with tenant(name), sessions(expire_on_commit=False) as session:
            rows[name] = Draft(id=number)
            session.add(rows[name])
            session.commit()
            session.delete(rows[name])
            session.commit()
    with tenant("acme"):
        with sessions.begin() as session:
            session.add(Draft(id=3, after_id=1))
        with sessions.begin() as session:
            session.restore(rows["acme"])
        for wrong in (lambda session: session.restore(rows["bolt"]), lambda session: session.add(Draft(after_id=2))):
            with sessions() as session, pytest.raises(TenantMismatchError):
                wrong(session)
                session.flush()
        with sessions() as session:
            assert sorted(session.scalars(sa.select(Draft.id))) == [1, 3]
