"""``MappedAsDataclass`` reads annotations while the class is made, so this file has real ones."""

from typing import Any, ClassVar

import pytest

from traits_runtime import Trait, TraitConfig, feature, hook, option, run_hooks

sqlalchemy = pytest.importorskip("sqlalchemy")
orm = pytest.importorskip("sqlalchemy.orm")

STARTED: list[str] = []


class CountConfig(TraitConfig):
    """How things are counted."""

    start: int = option(1)


class HasCount(Trait):
    """A trait with a bit of everything."""

    count_config = CountConfig()
    by_year = feature(False)

    @hook("initialize")
    def note_instance(self) -> None:
        """Remember the instance."""
        STARTED.append(type(self).__name__)

    @hook("creating")
    def count(self) -> None:
        """Remember the moment."""
        STARTED.append("creating")


def test_sqlalchemy_as_dataclass() -> None:
    """The constructor that ``MappedAsDataclass`` makes is kept, and the trait runs after it."""

    class Base(orm.MappedAsDataclass, orm.DeclarativeBase):  # type: ignore[misc, name-defined]
        pass

    class Note(HasCount, Base):
        __tablename__ = "note"
        __traits__: ClassVar[Any] = {HasCount: {"start": 5, "by_year": True}}
        id: orm.Mapped[int] = orm.mapped_column(sqlalchemy.Integer, primary_key=True, init=False)  # type: ignore[name-defined]
        title: orm.Mapped[str] = orm.mapped_column(sqlalchemy.String)  # type: ignore[name-defined]

    note = Note("a")  # type: ignore[call-arg]
    run_hooks(note, "creating")

    assert (note.title, note.count_config.start, note.by_year) == ("a", 5, True)
    assert STARTED == ["Note", "creating"]
