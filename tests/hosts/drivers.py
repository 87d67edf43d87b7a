"""The frameworks of the contract suite, each behind the same few verbs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Protocol

import sqlalchemy as sa
import toy
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from traits_runtime import Trait, TraitCache, TraitConfig, TraitEvent, column, hook, job, option
from traits_runtime.adapters.sqlalchemy import TraitSession
from traits_runtime.adapters.sqlalchemy.host import HOST as SQLALCHEMY
from traits_runtime.adapters.sqlalchemy.transactions import ACTIVE
from traits_runtime.host import PLAIN, Host

MOMENTS: list[str] = []
"""The moments of rows, in the order in which they were called."""

RAN: list[tuple[Any, str]] = []
"""Key and title of the rows whose job ran."""


class CodeConfig(TraitConfig):
    """How codes are stored."""

    code_column: str = option("code", doc="Name of the column.")


class HasCode(Trait):
    """A trait with a column, hooks, an event, a job and a cache."""

    code_config: ClassVar[CodeConfig] = CodeConfig()
    code = column(str, length=20, on_insert=lambda model: f"{model.__name__}-1", named_by="code_column", doc="A code.")
    coded = TraitEvent(doc="After the row was saved.")
    code_cache = TraitCache(ttl=60)

    @hook("saving")
    def note_saving(self) -> None:
        """Note the moment."""
        MOMENTS.append("saving")

    @hook("creating")
    def note_creating(self) -> None:
        """Note the moment."""
        MOMENTS.append("creating")

    @hook("updating")
    def note_updating(self) -> None:
        """Note the moment."""
        MOMENTS.append("updating")

    @hook("created")
    def note_created(self) -> None:
        """Note the moment."""
        MOMENTS.append("created")

    @hook("updated")
    def note_updated(self) -> None:
        """Note the moment."""
        MOMENTS.append("updated")

    @hook("saved")
    def note_saved(self) -> None:
        """Note the moment."""
        MOMENTS.append("saved")
        self.coded()

    @job()
    def print_label(self) -> None:
        """Note which row the job ran for."""
        row: Any = self
        RAN.append((row.id, row.title))


class PlainBook(HasCode):
    """A book in memory."""

    __traits__: ClassVar[Any] = {HasCode: {"code_column": "shelf_mark"}}

    def __init__(self, title: str = "") -> None:
        self.title = title


class ToyBook(HasCode, toy.Row):
    """A book of the toy framework."""

    fields = ("id", "title")
    __traits__: ClassVar[Any] = {HasCode: {"code_column": "shelf_mark"}}


class Base(DeclarativeBase):
    """Base of the mapped models."""


class MappedBook(HasCode, Base):
    """A mapped book."""

    __tablename__ = "contract_book"
    __traits__: ClassVar[Any] = {HasCode: {"code_column": "shelf_mark"}}

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(80))


class Driver(Protocol):
    """A framework with sessions, as the contract uses it."""

    host: Host
    model: type[Any]

    def session(self) -> AbstractContextManager[Any]:
        """A transaction of the current session; committed at the end, rolled back where the block raises."""
        ...

    def savepoint(self, session: Any) -> AbstractContextManager[Any]:
        """A savepoint; released at the end, rolled back where the block raises."""
        ...

    def save(self, session: Any, row: Any) -> None:
        """Write a row."""
        ...


class PlainDriver:
    """Classes in memory."""

    host = PLAIN
    model = PlainBook


class ToyDriver:
    """The toy framework."""

    host = toy.HOST
    model = ToyBook

    def __init__(self) -> None:
        self._table: dict[Any, Any] = {}

    @contextmanager
    def session(self) -> Iterator[toy.Session]:
        """A session with an open transaction."""
        session = toy.Session(self._table)
        with session.transaction():
            yield session

    def savepoint(self, session: toy.Session) -> AbstractContextManager[None]:
        """A transaction inside the transaction."""
        return session.transaction()

    def save(self, session: toy.Session, row: toy.Row) -> None:
        """Write the row at once."""
        session.save(row)


class SqlAlchemyDriver:
    """SQLAlchemy on an engine."""

    host = SQLALCHEMY
    model = MappedBook

    def __init__(self, engine: sa.Engine) -> None:
        Base.metadata.create_all(engine)
        self._sessions = sessionmaker(engine, class_=TraitSession)

    @contextmanager
    def session(self) -> Iterator[TraitSession]:
        """A session that is at work, with an open transaction."""
        with self._sessions() as session:
            token = ACTIVE.set(session)
            try:
                with session.begin():
                    yield session
            finally:
                ACTIVE.reset(token)

    def savepoint(self, session: Session) -> AbstractContextManager[Any]:
        """A nested transaction."""
        return session.begin_nested()

    def save(self, session: Session, row: Any) -> None:
        """Flush the row."""
        session.add(row)
        session.flush()
