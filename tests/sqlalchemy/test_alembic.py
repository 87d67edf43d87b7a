"""Alembic sees the columns of traits: a migration that it writes itself makes and changes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import traits_runtime.adapters.sqlalchemy.types
from traits_runtime.adapters.database import open_cache, open_outbox
from traits_runtime.adapters.sqlalchemy import DatabaseOutbox, DatabaseStore, UtcDateTime, include_object
from traits_runtime.traits import HasSlug, HasTags, IsTag, LogsActivity, Searchable

pytest.importorskip("alembic")

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hostmodels import HasKeeper, Hides


class Before(DeclarativeBase):
    """The project before it used traits."""


class OldNote(Before):
    """A note."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class After(DeclarativeBase):
    """The project after that."""


class Note(HasKeeper, Hides, After):
    """A note with a keeper, whose column is called otherwise."""

    __tablename__ = "note"
    __traits__ = {HasKeeper: {"keeper_column": "author"}}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


outbox = DatabaseOutbox(After.metadata)


class Ready(DeclarativeBase):
    """A project whose traits bring tables of their own."""


class Label(IsTag, Ready):
    """A tag."""

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)


class Story(Searchable, LogsActivity, HasSlug, HasTags, Ready):
    """A text with a log, old addresses and tags, which can be found by its words."""

    __tablename__ = "stories"
    __traits__ = {HasSlug: {"history": True}, HasTags: {"tag_model": "Label"}}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


def test_columns_of_traits_are_seen(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """Added with their index, under the model's name for them; a second look finds nothing more."""
    engine = engine_of(Before.metadata)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[Any] = compare_metadata(context, After.metadata)

    names = {one[3].name if one[0] == "add_column" else one[1].name for one in found}
    assert names == {
        "author",
        "changed_by",
        "made_at",
        "hidden",
        "ix_note_changed_by",
        "traits_outbox",
        "ix_traits_outbox_due",
        "uq_traits_outbox_key",
    }


def test_migration_of_its_own_is_complete(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """Upgraded, there is no difference left; what it writes can be written to a file and read again."""
    engine = engine_of(Before.metadata)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        script = produce_migrations(context, After.metadata)
        assert script.upgrade_ops is not None
        for group in script.upgrade_ops.ops:
            for one in getattr(group, "ops", [group]):
                _fill(one)
        code = render_python_code(script.upgrade_ops)
        exec(f"if True:\n    {code}", {"op": Operations(context), "sa": sa, "traits_runtime": traits_runtime})  # noqa: S102
        assert compare_metadata(context, After.metadata) == []
    After.metadata.drop_all(engine)

    assert "traits_runtime.adapters.sqlalchemy.types.UtcDateTime" in code
    assert isinstance(Note.__table__.c.made_at.type, UtcDateTime)


def _fill(one: Any) -> None:
    """What a person adds to a migration: the value that rows get that are there already."""
    added = getattr(one, "column", None)
    if isinstance(added, sa.Column) and not added.nullable:
        added.server_default = sa.DefaultClause(sa.text("'0'" if added.name == "hidden" else "'2025-01-01'"))


def test_tables_of_ours_are_declared_in_the_projects_metadata() -> None:
    """So that they are migrated as its own."""
    metadata = sa.MetaData()
    DatabaseStore(sa.create_engine("sqlite://"), metadata)
    DatabaseOutbox(metadata)

    assert set(metadata.tables) == {"traits_override", "traits_override_history", "traits_outbox"}


def test_search_index_and_tables_that_config_made_are_left_alone(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """SQLite's tables behind the index are no tables of nobody's, nor are an outbox and a cache that config names."""
    engine = engine_of(Ready.metadata)
    url = engine.url.render_as_string(hide_password=False)
    open_outbox({"url": url}).engine.dispose()
    open_cache({"url": url})

    without, found = (_compared(engine, Ready.metadata, **one) for one in ({}, {"include_object": include_object}))
    for table in ("traits_outbox", "traits_cache"):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE {table}")

    dropped = {one[1].name for one in without if one[0] == "remove_table"}
    behind = {f"search_entries_{one}" for one in ("config", "content", "data", "docsize", "idx")}
    assert dropped == {"traits_outbox", "traits_cache"} | (behind if engine.dialect.name == "sqlite" else set())
    assert found == []
    assert {"activity_log", "slug_history", "search_entries"} < set(Ready.metadata.tables)


def test_search_index_that_is_missing_is_proposed(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """What is left alone is only what is there."""
    engine = engine_of(Ready.metadata)
    Ready.metadata.tables["search_entries"].drop(engine)

    found = _compared(engine, Ready.metadata, include_object=include_object)

    assert [one[1].name for one in found if one[0] == "add_table"] == ["search_entries"]
    assert [one for one in found if one[0].startswith("remove")] == []


def test_table_that_is_nobodys_is_still_proposed_to_go(engine_of: Callable[[sa.MetaData], sa.Engine]) -> None:
    """Alembic's own behaviour for all other tables, columns and indexes."""
    engine = engine_of(Ready.metadata)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE search_entries_of_old (id INTEGER PRIMARY KEY)")
    found = _compared(engine, Ready.metadata, include_object=include_object)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE search_entries_of_old")

    assert [(one[0], one[1].name) for one in found] == [("remove_table", "search_entries_of_old")]


def _compared(engine: sa.Engine, metadata: sa.MetaData, **options: Any) -> list[Any]:
    """What a migration that Alembic writes itself would do."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, **options})
        changes: list[Any] = compare_metadata(context, metadata)
    return [one for each in changes for one in (each if isinstance(each, list) else [each])]
