"""Whatever a tenant does through a session, in whatever order: the other's rows are neither seen nor changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    joinedload,
    make_transient_to_detached,
    mapped_column,
    relationship,
    selectinload,
    sessionmaker,
)

from traits_runtime import current_tenant, tenant, unscoped
from traits_runtime.adapters.sqlalchemy import (
    TraitSession,
    UnscopedStatementError,
    activities,
    reindex,
    restoring,
    tracked_upsert,
)
from traits_runtime.errors import NoTenantError, TenantMismatchError
from traits_runtime.traits import (
    BelongsToTenant,
    HasTags,
    HasUserTracking,
    IsTag,
    LogsActivity,
    Searchable,
    SoftDeletes,
)
from traits_runtime.traits.clock import now

TENANTS = ("acme", "brick", "cord")
KEYS = range(1, 10)


class Base(DeclarativeBase):
    """The base of this module's models."""


class Folder(BelongsToTenant, Base):
    """A folder with letters."""

    __tablename__ = "folder"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    letters: Mapped[list[Letter]] = relationship(back_populates="folder")


class Letter(BelongsToTenant, Base):
    """A letter in a folder."""

    __tablename__ = "letter"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    folder_id: Mapped[int | None] = mapped_column(sa.ForeignKey("folder.id"))
    folder: Mapped[Folder | None] = relationship(back_populates="letters")


class Label(IsTag, BelongsToTenant, Base):
    """A tag."""

    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)


class Page(BelongsToTenant, SoftDeletes, HasTags, Searchable, LogsActivity, HasUserTracking, Base):
    """A page with whatever traits can do to rows; its answers go where it goes."""

    __tablename__ = "page"
    __traits__ = {Searchable: {"fields": ("name",)}}  # noqa: RUF012
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "page"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(default="page")
    name: Mapped[str]
    above_id: Mapped[int | None] = mapped_column(sa.ForeignKey("page.id"))
    answers: Mapped[list[Page]] = relationship(cascade="all")


class Report(Page):
    """A page in two tables."""

    __tablename__ = "report"
    __mapper_args__ = {"polymorphic_identity": "report"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(sa.ForeignKey("page.id"), primary_key=True)
    size: Mapped[int] = mapped_column(default=0)


Row = tuple[str, int, str, Any, Any]


class Doing(NamedTuple):
    """One operation: what it does, on which key, with which other key, as which tenant, ended how."""

    name: str
    key: int
    other: int
    tenant: str
    commits: bool
    same_session: bool


def names(rows: Any) -> set[tuple[str, int]]:
    """What a query found: model and key."""
    return {(type(one).__name__, one.id) for one in rows if one is not None}


def forged(session: TraitSession, do: Doing) -> Letter:
    """A row that only says it had been read."""
    row = Letter(id=do.key, name="forged", tenant_id=do.tenant)
    make_transient_to_detached(row)
    session.add(row)
    return row


def upsert(session: TraitSession, do: Doing) -> None:
    """An insert that updates the row that is there."""
    insert: Any = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert
    statement = insert(Letter).values(id=do.key, name=do.tenant)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"name": do.tenant}))


def move(session: TraitSession, do: Doing) -> None:
    """Put a letter into a folder, by relationship."""
    letter, folder = session.get(Letter, do.key), session.get(Folder, do.other)
    if letter is not None:
        letter.folder = folder


def rename(session: TraitSession, do: Doing) -> None:
    """Change a row that was read."""
    row = session.get(Folder, do.key)
    if row is not None:
        row.name = f"{do.tenant} renamed"


def drop(session: TraitSession, do: Doing) -> None:
    """Delete a row that was read."""
    row = session.get(Letter, do.key)
    if row is not None:
        session.delete(row)


def give_away(session: TraitSession, do: Doing) -> None:
    """Try to change the tenant of a row that was read."""
    row = session.get(Letter, do.key)
    if row is not None:
        row.tenant_id = TENANTS[do.other % 3]


def page_of(session: TraitSession, key: int) -> Page:
    """A page of the tenant, in use or in the trash; where there is none, one that only says it had been read."""
    found = session.get(Page, key, execution_options={"with_trashed": True})
    if found is None:
        found = Page(id=key, kind="page", name="forged", tenant_id=current_tenant(), deleted_at=now())
        make_transient_to_detached(found)
        session.add(found)
    return found


def log(session: TraitSession, do: Doing) -> set[tuple[str, int]]:
    """The rows that are there of those that the log tells of; its entries are the tenant's own."""
    entries = activities(session, model=Page)
    assert {one.tenant for one in entries} <= {do.tenant}
    told = {int(one.key) for one in entries if one.key}
    return {("Page", key) for key in session.scalars(sa.select(Page.id)) if key in told}


def counted(session: TraitSession, do: Doing) -> set[tuple[str, int]]:
    """The tenant's own, as many as a count says."""
    own = session.scalars(sa.select(Letter.id).where(Letter.tenant_id == do.tenant)).all()
    assert session.scalar(sa.select(sa.func.count()).select_from(Letter)) == len(own)
    return {("Letter", key) for key in own}


def copy(session: TraitSession, do: Doing) -> None:
    """Fill a table from a query."""
    rows = sa.select(Page.id + 10 * do.key, sa.literal("page"), Page.name).where(Page.id == do.other)
    session.execute(sa.insert(Page).from_select(["id", "kind", "name"], rows))


def there(key: int) -> Any:
    """Whether there is a folder."""
    return sa.select(sa.exists().where(Folder.id == key))


JOINED = sa.select(Folder).options(joinedload(Folder.letters))
SELECTIN = sa.select(Letter).options(selectinload(Letter.folder))

READS: dict[str, Callable[[TraitSession, Doing], set[tuple[str, int]]]] = {
    "select": lambda s, do: names(s.scalars(sa.select(Letter))),
    "columns": lambda s, do: {("Letter", key) for key in s.scalars(sa.select(Letter.id))},
    "get": lambda s, do: names([s.get(Letter, do.key), s.get(Folder, do.key)]),
    "query": lambda s, do: names(s.query(Folder).filter(Folder.id <= do.key)),
    "join": lambda s, do: {("Folder", key) for key in s.scalars(sa.select(Folder.id).join(Folder.letters))},
    "exists": lambda s, do: {
        ("Folder", key) for key in KEYS if s.scalar(sa.select(sa.exists().where(Folder.id == key)))
    },
    "any": lambda s, do: names(s.scalars(sa.select(Folder).where(Folder.letters.any(Letter.id > 0)))),
    "has": lambda s, do: names(s.scalars(sa.select(Letter).where(Letter.folder.has(Folder.id == do.other)))),
    "lazy": lambda s, do: names(one for folder in s.scalars(sa.select(Folder)) for one in folder.letters),
    "lazy up": lambda s, do: names(letter.folder for letter in s.scalars(sa.select(Letter))),
    "joined": lambda s, do: names(one for folder in s.scalars(JOINED).unique() for one in folder.letters),
    "selectin": lambda s, do: names(letter.folder for letter in s.scalars(SELECTIN)),
    "search": lambda s, do: names(s.scalars(sa.select(Letter).where(Letter.name.contains("a")))),
    "core": lambda s, do: {("Letter", key) for key in s.scalars(sa.select(Letter.__table__.c.id))},
    "refresh forged": lambda s, do: names([s.refresh(forged(s, do))]),
    "count": counted,
    "words": lambda s, do: {("Page", key) for key in s.scalars(sa.select(Page.id).where(Page.scopes.search("page")))},
    "tagged": lambda s, do: {("Page", key) for key in s.scalars(sa.select(Page.id).where(Page.scopes.tagged(all="a")))},
    "trash": lambda s, do: {
        ("Page", key) for key in s.scalars(sa.select(Page.id).execution_options(only_trashed=True))
    },
    "children": lambda s, do: {("Page", key) for key in s.scalars(sa.select(Report.id))},
    "log": log,
}

WRITES: dict[str, Callable[[TraitSession, Doing], object]] = {
    "add": lambda s, do: s.add(Letter(id=do.key, name=do.tenant, folder_id=do.other)),
    "add folder": lambda s, do: s.add(Folder(id=do.key, name=do.tenant)),
    "add for other": lambda s, do: s.add(Letter(id=do.key, name="x", tenant_id=TENANTS[do.other % 3])),
    "insert": lambda s, do: s.execute(sa.insert(Letter), [{"id": do.key, "name": do.tenant, "folder_id": do.other}]),
    "insert for other": lambda s, do: s.execute(
        sa.insert(Letter), [{"id": do.key, "name": "x", "tenant_id": TENANTS[do.other % 3]}]
    ),
    "upsert": upsert,
    "rename": rename,
    "move": move,
    "give away": give_away,
    "update": lambda s, do: s.execute(sa.update(Letter).values(name=f"{do.tenant} updated")),
    "update one": lambda s, do: s.execute(sa.update(Letter).where(Letter.id == do.key).values(folder_id=do.other)),
    "update by key": lambda s, do: s.execute(sa.update(Folder), [{"id": do.key, "name": do.tenant}]),
    "update mappings": lambda s, do: s.bulk_update_mappings(sa.inspect(Letter), [{"id": do.key, "name": "mapped"}]),
    "save objects": lambda s, do: s.bulk_save_objects([Letter(id=do.key, name="object", folder_id=do.other)]),
    "delete": drop,
    "delete where": lambda s, do: s.execute(sa.delete(Letter).where(Letter.id == do.key)),
    "delete all": lambda s, do: s.execute(sa.delete(Letter)),
    "merge": lambda s, do: s.merge(Letter(id=do.key, name=f"{do.tenant} merged")),
    "change forged": lambda s, do: setattr(forged(s, do), "name", "changed"),
    "delete forged": lambda s, do: s.delete(forged(s, do)),
    "core update": lambda s, do: s.execute(sa.update(Letter.__table__).values(name="core")),
    "core delete": lambda s, do: s.execute(sa.delete(Folder.__table__)),
    "copy": copy,
    "upsert helper": lambda s, do: tracked_upsert(
        s, Page, [{"id": do.key, "kind": "page", "name": f"{do.tenant} page"}], index_elements=["id"]
    ),
    "tag": lambda s, do: page_of(s, do.key).tag("a", do.tenant),
    "untag": lambda s, do: page_of(s, do.key).untag("a"),
    "trash page": lambda s, do: s.delete(page_of(s, do.key)),
    "force": lambda s, do: s.delete(page_of(s, do.key), force=True),
    "restore": lambda s, do: s.restore(page_of(s, do.key)),
    "restore where": lambda s, do: s.execute(restoring(Page).where(Page.id == do.key)),
    "trash where": lambda s, do: s.execute(sa.delete(Page).where(Page.id == do.key)),
    "trash children": lambda s, do: s.execute(sa.delete(Report)),
    "update children": lambda s, do: s.execute(sa.update(Report).values(size=do.other)),
    "update child by key": lambda s, do: s.execute(sa.update(Report), [{"id": do.key, "size": do.other}]),
    "answer": lambda s, do: s.add(Page(id=do.key, name="page", above_id=do.other)),
    "reindex": lambda s, do: reindex(s, Page),
}

REFUSALS = (
    TenantMismatchError,
    UnscopedStatementError,
    NoTenantError,
    sa.exc.IntegrityError,
    sa.exc.InvalidRequestError,
)

doings = st.builds(
    Doing,
    name=st.sampled_from([*READS, *WRITES]),
    key=st.sampled_from(KEYS),
    other=st.sampled_from(KEYS),
    tenant=st.sampled_from(TENANTS),
    commits=st.booleans(),
    same_session=st.booleans(),
)


def rows_of(maker: sessionmaker[TraitSession]) -> set[Row]:
    """All rows of all tenants, past every guard."""
    letters = sa.select(sa.literal("Letter"), *Letter.__table__.c["id", "tenant_id", "name", "folder_id"])
    folders = sa.select(sa.literal("Folder"), *Folder.__table__.c["id", "tenant_id", "name"], sa.null())
    page, report, label = Page.__table__, Report.__table__, Label.__table__
    held = Base.metadata.tables["page_label"]
    pages = sa.select(sa.literal("Page"), *page.c["id", "tenant_id", "name", "above_id"])
    trash = sa.select(sa.literal("trash"), *page.c["id", "tenant_id", "deleted_at", "deleted_by"])
    sizes = sa.select(sa.literal("Report"), *page.c["id", "tenant_id"], report.c.size, sa.null()).join(report)
    tags = sa.select(sa.literal("tag"), *page.c["id", "tenant_id"], label.c.tag_slug, label.c.tenant_id)
    tags = tags.join(held, held.c.row_id == page.c.id).join(label, label.c.id == held.c.tag_id)
    entries = Base.metadata.tables["search_entries"]
    words = sa.select(sa.literal("words"), *page.c["id", "tenant_id"], entries.c.words, sa.null())
    words = words.join(entries, entries.c.row_key == sa.cast(page.c.id, sa.String))
    with unscoped(reason="test"), maker() as session:
        found: Any = {
            tuple(one)
            for statement in (letters, folders, pages, trash, sizes, tags, words)
            for one in session.execute(statement)
        }
        return found


@pytest.fixture
def maker(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sessionmaker[TraitSession]:
    """Makes sessions on a database that every example starts anew."""
    return sessionmaker(engine_of(Base.metadata), class_=TraitSession)


def fill(maker: sessionmaker[TraitSession]) -> None:
    """A folder and a letter for each of the tenants; one letter lies in another tenant's folder."""
    with unscoped(reason="test"), maker.begin() as session:
        session.execute(sa.delete(Letter))
        session.execute(sa.delete(Folder))
        for table in ("page_label", "label", "report", "page", "search_entries", "activity_log"):
            session.execute(sa.delete(Base.metadata.tables[table]))
        for number, name in enumerate(TENANTS, 1):
            session.add(Folder(id=number, name=name, tenant_id=name))
            session.flush()
            session.add(Letter(id=number, name=name, tenant_id=name, folder_id=number))
    for number, name in enumerate(TENANTS, 1):
        with tenant(name), maker.begin() as session:
            page = Page(id=number, name=f"page of {name}", answers=[Report(id=number + 3, name="page", size=1)])
            page.tag("a")
            session.add_all([page, Page(id=number + 6, name="page in the trash", deleted_at=now())])
    with unscoped(reason="test"), maker.begin() as session:
        session.add(Letter(id=4, name="acme", tenant_id="acme", folder_id=2))


def perform(session: TraitSession, do: Doing, mine: set[tuple[str, int]]) -> None:
    """Do it; what was read must be the tenant's own."""
    try:
        if do.name in READS:
            assert READS[do.name](session, do) <= mine | {(type(one).__name__, one.id) for one in session.new}
        else:
            WRITES[do.name](session, do)
            session.flush()
        if do.commits:
            session.commit()
        else:
            session.rollback()
    except REFUSALS:
        session.rollback()


def run(maker: sessionmaker[TraitSession], steps: list[Doing]) -> bool:
    """Do one after the other, and look after each at what the others have; returns whether rows have changed."""
    session = maker()
    first = before = rows_of(maker)
    for do in steps:
        if not do.same_session:
            session.close()
            session = maker()
        with tenant(do.tenant):
            perform(session, do, {(kind, key) for kind, key, owner, *_ in before if owner == do.tenant})
        after = rows_of(maker)
        assert {one for one in after if one[2] != do.tenant} == {one for one in before if one[2] != do.tenant}, do
        before = after
    session.close()
    return before != first


SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@settings(SETTINGS, max_examples=25)
@given(steps=st.lists(doings, min_size=1, max_size=8))
def test_no_sequence_reaches_another_tenants_rows(maker: sessionmaker[TraitSession], steps: list[Doing]) -> None:
    """A few sequences, on SQLite."""
    fill(maker)
    run(maker, steps)


@pytest.mark.once
@pytest.mark.slow
@settings(SETTINGS, max_examples=600)
@given(steps=st.lists(doings, min_size=1, max_size=12))
def test_no_sequence_of_many_reaches_another_tenants_rows(
    maker: sessionmaker[TraitSession], steps: list[Doing]
) -> None:
    """Many sequences, on both databases."""
    fill(maker)
    run(maker, steps)


@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_every_operation_alone_is_harmless_and_of_use(maker: sessionmaker[TraitSession], name: str) -> None:
    """Each on a foreign key; and on an own one it does what it is for."""
    fill(maker)
    for key, other in ((2, 2), (5, 2), (1, 1), (5, 1)):
        if run(maker, [Doing(name, key, other, "acme", True, False)]):
            fill(maker)
    with tenant("acme"), maker() as session:
        own = Doing(name, 1, 1, "acme", True, False)
        if name in READS and name not in ("core", "refresh forged"):
            assert READS[name](session, own)
