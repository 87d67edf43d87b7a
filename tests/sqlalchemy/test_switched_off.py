"""What each ready-made trait does while it is switched off, whichever way that is done."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from traits_runtime import Trait, acting_as, config, locale, rollouts, without_features
from traits_runtime.adapters.sqlalchemy import TraitSession, activities, resolve
from traits_runtime.errors import FeatureDisabledError
from traits_runtime.traits import (
    HasAdditionalFeatures,
    HasComments,
    HasDisplayName,
    HasFlags,
    HasRouteKey,
    HasSlug,
    HasTags,
    HasTranslations,
    HasUlid,
    HasUserTracking,
    IsComment,
    IsTag,
    LogsActivity,
    Publishable,
    Searchable,
    SoftDeletes,
    translated,
)


class Base(DeclarativeBase):
    """Of these models."""


class Tag(IsTag, Base):
    """A label."""

    __tablename__ = "off_tags"

    id: Mapped[int] = mapped_column(primary_key=True)


class Comment(IsComment, Base):
    """A comment."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)


class Text(HasAdditionalFeatures, HasUserTracking, Base):
    """A model with every ready-made trait."""

    __tablename__ = "off_texts"

    class Flags(enum.Flag):
        """The flags."""

        PINNED = 1

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(default="")
    motto = translated()


Check = Callable[[TraitSession, Text, Text], None]
"""Given a row that was written while everything was on, and one that is written with the trait off."""

OFF = [
    HasUlid, HasSlug, HasTranslations, HasTags, HasComments, HasFlags, Publishable, HasDisplayName, HasRouteKey,
    SoftDeletes, Searchable, LogsActivity, HasUserTracking,
]  # fmt: skip


def full() -> Text:
    """A text that uses every trait."""
    text = Text(title="Red roses", motto={"en": "Roses", "de": "Rosen"})
    text.tag("Flower")
    text.flag("pinned")
    text.comment("Yes.")
    text.publish()
    return text


def scope_keys(session: TraitSession, condition: Any) -> set[int]:
    """The keys of the rows that a condition finds."""
    return set(session.scalars(sa.select(Text.id).where(condition)))


def no_ulid(_session: TraitSession, before: Text, row: Text) -> None:
    """No identifier is made; the stored one stays."""
    assert row.ulid is None
    assert before.ulid is not None


def no_slug(session: TraitSession, before: Text, row: Text) -> None:
    """No slug is made; the stored one stays and is found."""
    with pytest.raises(FeatureDisabledError):
        row.regenerate_slug()

    assert (row.slug, before.slug) == (None, "red-roses")
    assert scope_keys(session, Text.scopes.by_slug("red-roses")) == {before.id}


def one_language(session: TraitSession, before: Text, row: Text) -> None:
    """The default language is read and written; the others are neither."""
    with locale("de"):
        row.motto = "Blue"
        read = (before.motto, row.motto)
        found = scope_keys(session, Text.motto == "Roses")
    with pytest.raises(FeatureDisabledError):
        row.translate("motto", "Blau", "de")
    with pytest.raises(FeatureDisabledError):
        row.motto = {"en": "Blue", "de": "Blau"}
    with pytest.raises(FeatureDisabledError):
        before.forget_translation("motto", "de")

    assert read == ("Roses", "Blue")
    assert found == {before.id}
    assert before.translation("motto", "de") == "Rosen"
    assert row.translation("motto", "fr") is None


def no_tags(session: TraitSession, before: Text, row: Text) -> None:
    """Tags are read and not written."""
    for write in (lambda: row.tag("Tree"), lambda: before.untag("Flower"), lambda: before.sync_tags([])):
        with pytest.raises(FeatureDisabledError):
            write()

    assert (before.tag_names(), row.tag_names()) == (["Flower"], [])
    assert scope_keys(session, Text.scopes.tagged(all=["flower"])) == {before.id}


def no_comments(session: TraitSession, before: Text, row: Text) -> None:
    """Comments are read and not written."""
    with pytest.raises(FeatureDisabledError):
        row.comment("No.")

    assert [comment.body for comment in session.scalars(before.comments_query())] == ["Yes."]
    assert session.scalars(row.comments_query()).all() == []


def no_flags(session: TraitSession, before: Text, row: Text) -> None:
    """Flags are read and not written."""
    for write in (lambda: row.flag("pinned"), lambda: before.unflag("pinned")):
        with pytest.raises(FeatureDisabledError):
            write()

    assert (before.flag_names(), row.flag_names()) == (["pinned"], [])
    assert scope_keys(session, Text.scopes.flagged("pinned")) == {before.id}


def no_publishing(session: TraitSession, before: Text, row: Text) -> None:
    """Drafts remain drafts."""
    for write in (row.publish, before.unpublish):
        with pytest.raises(FeatureDisabledError):
            write()

    assert (before.is_published, row.is_published) == (True, False)
    assert scope_keys(session, Text.scopes.published()) == {before.id}


def no_display_name(_session: TraitSession, before: Text, row: Text) -> None:
    """The name is that of a row without one."""
    assert [before.display_name, row.display_name] == [f"Text {before.id}", f"Text {row.id}"]


def no_route_key(session: TraitSession, before: Text, row: Text) -> None:
    """The primary key is the key, and the slug is none."""
    assert [before.route_key, row.route_key] == [str(before.id), str(row.id)]
    assert resolve(session, Text, str(before.id)) is before
    assert resolve(session, Text, "red-roses") is None


def no_trash(session: TraitSession, before: Text, row: Text) -> None:
    """A row is deleted for good."""
    session.delete(row)
    session.flush()
    keys = session.connection().scalars(sa.select(Text.__table__.c.id)).all()

    assert keys == [before.id]


def no_search(session: TraitSession, before: Text, row: Text) -> None:
    """Nothing is indexed and nothing is found."""
    entries = session.connection().scalars(sa.select(Base.metadata.tables["search_entries"].c.row_key)).all()

    assert entries == [str(before.id)]
    assert scope_keys(session, Text.scopes.search("roses")) == set()
    assert session.scalars(sa.select(Text.scopes.search_rank("roses"))).first() == 0
    assert row.should_index() is False


def no_log(session: TraitSession, before: Text, row: Text) -> None:
    """Only what happened before is in the log."""
    assert [entry.event for entry in activities(session, before)] == ["created"]
    assert list(activities(session, row)) == []


def no_tracking(session: TraitSession, before: Text, row: Text) -> None:
    """The columns are not filled and keep their values."""
    with acting_as(8):
        before.title = "Other roses"
        session.flush()
        session.refresh(before)

    assert (row.created_by, row.updated_by) == (None, None)
    assert (before.created_by, before.updated_by) == (7, 7)
    assert scope_keys(session, Text.scopes.created_by(7)) == {before.id}


CHECKS: dict[type[Trait], Check] = {
    HasUlid: no_ulid, HasSlug: no_slug, HasTranslations: one_language, HasTags: no_tags, HasComments: no_comments,
    HasFlags: no_flags, Publishable: no_publishing, HasDisplayName: no_display_name, HasRouteKey: no_route_key,
    SoftDeletes: no_trash, Searchable: no_search, LogsActivity: no_log, HasUserTracking: no_tracking,
}  # fmt: skip


def by_file(trait: type[Trait], folder: Path) -> AbstractContextManager[object]:
    """Switch a trait off in a file."""
    file = folder / "traits.toml"
    file.write_text(f"[config.{trait.__name__}]\nenabled = false\n", encoding="utf-8")
    config.use(path=file)
    return nullcontext()


def by_store(trait: type[Trait], _folder: Path) -> AbstractContextManager[object]:
    """Switch a trait off in the store."""
    config.set(trait, "enabled", False)
    return nullcontext()


def by_block(trait: type[Trait], _folder: Path) -> AbstractContextManager[object]:
    """Switch a trait off in a block."""
    return without_features(trait)


WAYS = {"file": by_file, "store": by_store, "block": by_block}


@pytest.fixture
def session(engine_of: Callable[[sa.MetaData], sa.Engine]) -> Iterator[TraitSession]:
    """A session on the tables of these models."""
    with sessionmaker(engine_of(Base.metadata), class_=TraitSession)() as session:
        yield session


@contextmanager
def switched_off(way: str, trait: type[Trait], folder: Path) -> Iterator[None]:
    """A trait is off."""
    with WAYS[way](trait, folder):
        assert not Text.enabled(trait.__name__)
        yield


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("trait", OFF, ids=lambda trait: trait.__name__)
def test_trait_that_is_off_writes_nothing_and_keeps_what_is_stored(
    session: TraitSession, trait: type[Trait], way: str, tmp_path: Path
) -> None:
    """Switched off by a file, by the store or by a block, a trait does what its page says."""
    with acting_as(7):
        before = full()
        session.add(before)
        session.commit()
        with switched_off(way, trait, tmp_path):
            row = Text(title="Blue violets")
            session.add(row)
            session.flush()
            CHECKS[trait](session, before, row)


def test_rows_in_the_trash_stay_there_while_it_is_off(session: TraitSession) -> None:
    """They are hidden from queries and cannot be restored."""
    row = full()
    session.add(row)
    session.commit()
    session.delete(row)
    session.commit()
    config.set(SoftDeletes, "enabled", False)

    with pytest.raises(FeatureDisabledError, match=r"'SoftDeletes\.enabled' is off"):
        session.restore(row)
    assert session.scalars(sa.select(Text)).all() == []


def test_refusal_names_the_key_and_the_layer(session: TraitSession) -> None:
    """Whoever reads the error knows what to switch on, and where it was switched off."""
    text = Text()
    with without_features(HasTags), pytest.raises(FeatureDisabledError, match="an open `without_features` block"):
        text.tag("a")
    config.set(HasTags, "enabled", False, by="ada")
    with pytest.raises(FeatureDisabledError) as refused:
        text.tag("a")

    assert (refused.value.model, refused.value.operation, refused.value.key) == ("Text", "tag", "HasTags.enabled")
    assert refused.value.place.startswith("stored")


def test_rollout_decides_the_hooks_of_a_ready_made_trait(session: TraitSession) -> None:
    """The rows of the actors who have the feature are indexed, those of the others are not."""
    rollouts.set_share("Searchable.search_indexing", 50)
    actors = range(200)
    for actor in actors:
        with acting_as(actor):
            text = Text(id=actor + 1, title="Roses")
            text.publish()
            session.add(text)
            session.flush()
    found = scope_keys(session, Text.scopes.search("roses"))
    having = {actor + 1 for actor in actors if rollouts.enabled(Text, "search_indexing", actor)}

    assert found == having
    assert 60 < len(found) < 140


def test_row_is_deleted_for_good_without_models_of_comments_and_tags(
    engine_of: Callable[[sa.MetaData], sa.Engine],
) -> None:
    """An application that uses neither needs no model of them."""

    class Plain(DeclarativeBase):
        pass

    class Note(HasAdditionalFeatures, Plain):
        __tablename__ = "off_notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str] = mapped_column(default="")

    with sessionmaker(engine_of(Plain.metadata), class_=TraitSession)() as session:
        note = Note(title="a")
        session.add(note)
        session.commit()
        session.delete(note, force=True)
        session.commit()

        assert session.scalars(sa.select(Note).execution_options(with_trashed=True)).all() == []
