"""What keeps the old name of a member working."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pydantic
import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from traits_runtime import Trait
from traits_runtime.migrate import renamed


class HasShelfMark(Trait):
    """A member of each kind, under its new and its old name."""

    default_mark = "A1"
    standard = renamed("default_mark")

    def shelf_mark(self) -> str:
        """Say where it stands."""
        return self.default_mark

    mark = renamed("shelf_mark")

    @classmethod
    def make_marked(cls, mark: str) -> HasShelfMark:
        """Make one that stands there."""
        created = cls()
        created.default_mark = mark
        return created

    marked = renamed("make_marked")

    @property
    def short_mark(self) -> str:
        """The first letter."""
        return self.default_mark[0]

    @short_mark.setter
    def short_mark(self, letter: str) -> None:
        self.default_mark = letter + self.default_mark[1:]

    short = renamed("short_mark")


class Volume(HasShelfMark):
    """A model."""


def warned(name: str, new: str) -> pytest.WarningsRecorder:
    """The warning about one name, told at the line that uses it."""
    return pytest.warns(DeprecationWarning, match=rf"HasShelfMark\.{name} is called '{new}' now")


def test_old_names_lead_to_the_new_members_and_warn() -> None:
    """A method, a class method, a property and an attribute, on the instance and on the class."""
    with warned("mark", "shelf_mark") as caught:
        by_method = Volume().mark()
    with warned("marked", "make_marked"):
        created = Volume.marked("C3")
    with warned("short", "short_mark"):
        by_property = created.short
    with warned("standard", "default_mark"):
        by_class = Volume.standard
    with warned("mark", "shelf_mark"):
        unbound = Volume.mark(created)

    assert (by_method, created.default_mark, by_property, by_class, unbound) == ("A1", "C3", "C", "A1", "C3")
    assert caught[0].filename == __file__


def test_setting_and_deleting_go_to_the_new_name() -> None:
    """What is stored under the old name is read under the new one."""
    volume = Volume()
    with warned("standard", "default_mark"):
        volume.standard = "B2"
    with warned("short", "short_mark"):
        volume.short = "Z"
    before = volume.default_mark
    with warned("standard", "default_mark"):
        del volume.standard

    assert (before, volume.default_mark, vars(volume)) == ("Z2", "A1", {})


def test_the_override_of_a_model_is_what_the_old_name_leads_to() -> None:
    """The new name is looked up on the object, not remembered."""

    class Atlas(HasShelfMark):
        def shelf_mark(self) -> str:
            return "maps"

    with warned("mark", "shelf_mark"):
        assert Atlas().mark() == "maps"


def test_making_models_of_any_host_uses_no_old_name() -> None:
    """Hosts look at what a class has; a warning would be an error here."""

    class ShelfBase(DeclarativeBase):
        pass

    class Row(HasShelfMark, ShelfBase):
        __tablename__ = "row"
        id: Mapped[int] = mapped_column(primary_key=True)

    @dataclasses.dataclass
    class Data(HasShelfMark):
        pages: int = 1

    class Checked(HasShelfMark, pydantic.BaseModel):
        pages: int = 1

    assert [row.shelf_mark() for row in (Row(id=1), Data(), Checked())] == ["A1"] * 3


def test_a_name_cannot_be_its_own_old_name() -> None:
    """It would look for itself without end."""
    with pytest.raises((TypeError, RuntimeError)) as caught:

        class HasLoop(Trait):
            mark = renamed("mark")

    assert "HasLoop.mark cannot be the old name of itself" in f"{caught.value} {caught.value.__cause__}"


def test_shims_need_no_codemods() -> None:
    """A program that keeps an old name does not load what changes sources."""
    script = "import sys, traits_runtime.migrate; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert not {"libcst", "difflib", "msgspec", "traits_runtime.migrate.records"} & set(loaded)
