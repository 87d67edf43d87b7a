"""The moments of a row's life as the unit of work goes through them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, copy_context
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hostmodels import MOMENTS, Base, Carton, HasMoments, Shelf
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from traits_runtime import Actor, Trait, Veto, acting_as, changed, current_actor, events, hook, quietly
from traits_runtime.adapters.sqlalchemy import TraitSession, install
from traits_runtime.errors import AsyncHookError
from traits_runtime.testing import capture_events

NEW = ["saving Shelf", "creating Shelf", "created Shelf", "saved Shelf"]
CHANGE = ["saving Shelf", "updating Shelf", "updated Shelf", "saved Shelf"]


def moments() -> list[str]:
    """The moments since the last call."""
    found = list(MOMENTS)
    MOMENTS.clear()
    return found


def test_moments_come_in_order(session: TraitSession) -> None:
    """Of a new row, of a changed one and of a deleted one."""
    shelf = Shelf(name="a")
    session.add(shelf)
    session.commit()
    assert moments() == NEW

    shelf.name = "b"
    session.commit()
    assert moments() == CHANGE

    session.delete(shelf)
    session.commit()
    assert moments() == ["deleting Shelf", "deleted Shelf"]


def test_assignment_that_changes_nothing_is_no_update(session: TraitSession) -> None:
    """Nor is a collection that changed: no statement is written for the row."""
    shelf = Shelf(name="a")
    session.add(shelf)
    session.commit()
    assert shelf.name == "a"
    moments()

    shelf.name = "a"
    session.flush()
    shelf.boxes.append(Carton(label="x"))
    session.flush()

    assert [one for one in moments() if one.endswith("Shelf")] == []


def test_rows_that_a_cascade_deletes_have_their_moments(session: TraitSession) -> None:
    """And rows that a parent lets go of."""
    shelf = Shelf(name="a", boxes=[Carton(label="x"), Carton(label="y")])
    session.add(shelf)
    session.commit()
    moments()

    shelf.boxes.pop()
    session.commit()
    assert moments() == ["deleting Carton", "deleted Carton"]

    session.delete(shelf)
    session.commit()
    assert sorted(moments()) == ["deleted Carton", "deleted Shelf", "deleting Carton", "deleting Shelf"]


def test_veto_stops_the_flush_and_leaves_the_session_usable(session: TraitSession) -> None:
    """A listener of an `-ing` moment may say no; the row stays pending."""

    def refuse(_envelope: object) -> None:
        raise Veto("not today")

    shelf = Shelf(name="a")
    session.add(shelf)
    with events.listen("model.Shelf.creating", refuse), pytest.raises(Veto, match="not today"):
        session.flush()

    assert shelf in session.new
    session.commit()
    assert session.scalars(sa.select(Shelf.name)).all() == ["a"]


def test_vetoed_delete_deletes_nothing(session: TraitSession) -> None:
    """The same for rows that were to go."""
    session.add(Shelf(name="a"))
    session.commit()

    def refuse(_envelope: object) -> None:
        raise Veto

    with events.listen("model.Shelf.deleting", refuse):
        session.delete(session.scalars(sa.select(Shelf)).one())
        with pytest.raises(Veto):
            session.commit()
    session.rollback()

    assert session.scalar(sa.select(sa.func.count()).select_from(Shelf)) == 1


def test_hook_may_change_its_row_and_bring_others(session: TraitSession) -> None:
    """What a hook adds or touches has its moments in the same flush."""
    session.add(Shelf(name="old"))
    session.commit()
    moments()

    def follow(envelope: Any) -> None:
        envelope.sender.name = envelope.sender.name.upper()
        if not envelope.sender.boxes:
            envelope.sender.boxes.append(Carton(label="x"))
            session.scalars(sa.select(Shelf).where(Shelf.name == "old")).one().name = "touched"

    with events.listen("model.Shelf.creating", follow):
        session.add(Shelf(name="new"))
        session.commit()

    assert session.scalars(sa.select(Shelf.name).order_by(Shelf.id)).all() == ["touched", "NEW"]
    assert session.scalars(sa.select(Carton.label)).all() == ["x"]
    found = moments()
    assert {"creating Carton", "updating Shelf"} <= set(found)
    assert len(found) == len(set(found)) + 2  # two shelves are saving and saved


def test_hook_with_a_condition_runs_when_its_field_changed(session: TraitSession) -> None:
    """The host tells which fields differ from the database's."""
    seen: list[str] = []

    class Local(DeclarativeBase):
        pass

    class HasTitle(Trait):
        @hook("updating", when=changed("title"))
        def note(self) -> None:
            seen.append("updating")

        @hook("updated", when=changed("title"))
        def note_after(self) -> None:
            seen.append("updated")

    class Page(HasTitle, Local):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        text: Mapped[str] = mapped_column(default="")

    engine = sa.create_engine("sqlite://")
    Local.metadata.create_all(engine)
    with TraitSession(engine) as own:
        page = Page(title="a")
        own.add(page)
        own.commit()
        page.text = "b"
        own.commit()
        assert seen == []
        page.title = "c"
        own.commit()
        assert seen == ["updating", "updated"]
        assert page.title == "c"
        page.title = "c"
        own.commit()
    engine.dispose()

    assert seen == ["updating", "updated"]


def test_retrieved_is_called_once_somebody_listens(session: TraitSession) -> None:
    """Rows that are read cost nothing before."""
    session.add(Shelf(name="a"))
    session.commit()
    session.expunge_all()
    session.scalars(sa.select(Shelf)).one()
    session.expunge_all()
    heard: list[str] = []

    with events.listen("model.Shelf.retrieved", lambda envelope: heard.append(envelope.sender.name)):
        shelf = session.scalars(sa.select(Shelf)).one()
        assert session.scalars(sa.select(Shelf)).one() is shelf

    assert heard == ["a"]


def test_rows_that_are_read_are_initialized() -> None:
    """A row needs what its trait gives to a new instance."""

    class Local(DeclarativeBase):
        pass

    class HasNotes(Trait):
        @hook("initialize")
        def start(self) -> None:
            self.notes: list[str] = []

        @hook("retrieved")
        def note(self) -> None:
            self.notes.append("retrieved")

    class Leaf(HasNotes, Local):
        __tablename__ = "leaf"
        __allow_unmapped__ = True
        id: Mapped[int] = mapped_column(primary_key=True)

    engine = sa.create_engine("sqlite://")
    Local.metadata.create_all(engine)
    with TraitSession(engine) as own:
        own.add(Leaf())
        own.commit()
        own.expunge_all()

        assert own.scalars(sa.select(Leaf)).one().notes == ["retrieved"]
    engine.dispose()


def test_quietly_holds_back_the_events_of_one_model(session: TraitSession) -> None:
    """Hooks run, listeners hear nothing."""
    with capture_events("model.**") as captured, quietly(model=Shelf):
        session.add(Shelf(name="a", boxes=[Carton(label="x")]))
        session.commit()

    assert {one.split(".")[1] for one in captured.names} == {"Carton"}
    assert NEW[0] in moments()


def test_failing_hook_after_the_statements_rolls_back(session: TraitSession) -> None:
    """A hook is part of the transaction."""

    class Boom(Exception):
        pass

    def fail(_row: object, _moment: str) -> None:
        raise Boom

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HasMoments, "on_created", lambda _self: fail(None, ""))
        session.add(Shelf(name="a"))
        with pytest.raises(Boom):
            session.commit()
    session.rollback()

    assert session.scalars(sa.select(Shelf)).all() == []


def test_installed_into_a_session_class_and_its_makers(engine: sa.Engine) -> None:
    """A session class of one's own keeps what it does."""

    class Mine(Session):
        greeting: ClassVar[str] = "hello"

    made = install(sessionmaker(engine, class_=Mine))
    with made() as session:
        session.add(Shelf(name="a"))
        session.commit()
        assert session.greeting == "hello"
        assert isinstance(session, Mine)

    assert moments() == NEW
    assert install(install(Mine)) is not Mine


def test_plain_session_runs_no_hooks(engine: sa.Engine) -> None:
    """Only sessions that were told to."""
    with Session(engine) as session:
        session.add(Shelf(name="a"))
        session.commit()

    assert moments() == []


Run = Callable[[Callable[[AsyncEngine], Awaitable[None]]], None]


class HasWaits(Trait):
    """Hooks that wait."""

    @hook("creating")
    async def wait(self) -> None:
        import asyncio

        await asyncio.sleep(0)
        MOMENTS.append("waited")


class Waiter(HasWaits, Base):
    """A model with coroutine functions among its hooks."""

    __tablename__ = "waiter"
    id: Mapped[int] = mapped_column(primary_key=True)


def test_coroutine_functions_are_awaited_in_an_async_session(in_async: Run) -> None:
    """Hooks and listeners, in order, inside the flush."""

    async def listen(_envelope: object) -> None:
        MOMENTS.append("heard")

    async def work(engine: AsyncEngine) -> None:
        maker = async_sessionmaker(engine, sync_session_class=TraitSession)
        async with maker() as session, session.begin():
            session.add_all([Waiter(), Shelf(name="a")])

    with events.listen("model.Waiter.creating", listen):
        in_async(work)

    assert [one for one in moments() if "Shelf" not in one] == ["waited", "heard"]


MARK: ContextVar[str] = ContextVar("mark", default="")


class Marking(DeclarativeBase):
    """Of models whose hooks leave something behind."""


class HasMark(Trait):
    """Leaves something behind."""

    @hook("creating")
    def leave(self) -> None:
        """Not put back."""
        MARK.set("left by a hook")


class HasAwaitedMark(Trait):
    """The same, awaited."""

    @hook("creating")
    async def leave(self) -> None:
        """Not put back."""
        await asyncio.sleep(0)
        MARK.set("left by a hook")


class Left(HasMark, Marking):
    """A row."""

    __tablename__ = "left_rows"
    id: Mapped[int] = mapped_column(primary_key=True)


class AwaitedLeft(HasAwaitedMark, Marking):
    """A row."""

    __tablename__ = "awaited_left_rows"
    id: Mapped[int] = mapped_column(primary_key=True)


def test_hook_runs_in_the_context_of_the_one_who_flushes(
    engine_of: Callable[[sa.MetaData], sa.Engine], in_async: Run
) -> None:
    """What it sets is set for the caller, in a flush as in an awaited one, as after any call; blocks put back."""
    made = engine_of(Marking.metadata)

    def flush() -> str:
        with TraitSession(made) as session, acting_as(1):
            session.add(Left())
            session.flush()
            assert current_actor() == Actor(1)
            return MARK.get()

    async def flushed(engine: AsyncEngine, model: Any) -> str:
        async with async_sessionmaker(engine, sync_session_class=TraitSession)() as session, acting_as(1):
            session.add(model())
            await session.flush()
            assert current_actor() == Actor(1)
            return MARK.get()

    found: list[str] = []

    async def work(engine: AsyncEngine) -> None:
        found.extend([await asyncio.create_task(flushed(engine, one)) for one in (Left, AwaitedLeft)])
        found.append(MARK.get())

    in_async(work)

    assert found == ["left by a hook", "left by a hook", ""]
    assert copy_context().run(flush) == "left by a hook"
    assert MARK.get() == ""


def test_coroutine_function_in_a_plain_session_is_an_error(session: TraitSession) -> None:
    """It is not left running on its own."""
    session.add(Waiter())

    with pytest.raises(AsyncHookError):
        session.flush()
