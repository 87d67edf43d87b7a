"""The commands that look at one class or at all of them, on the example application."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from traits_cli.commands import main

BLOG = Path(__file__).resolve().parent.parent / "examples" / "blog"


def run(*arguments: str) -> Result:
    """Run a command on the example, in this process."""
    return CliRunner().invoke(main, [*arguments, "--project", str(BLOG)], prog_name="traits")


def test_one_screen_says_what_a_model_is() -> None:
    """Traits with the way that leads to them, effective values with their place, events with who hears them."""
    done = run("show", "Article")

    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "blog.models.content.Article model, sqlalchemy blog/models/content.py:35" in lines
    through = "4 traits_runtime.traits.slug.HasSlug HasContent, HasAdditionalFeatures "
    assert any(line.startswith(through) for line in lines)
    assert any(line.startswith("max_length 120 model (blog/models/content.py:44) HasSlug int") for line in lines)
    assert any(line.startswith("trait.Publishable.published") and "refresh_front_page" in line for line in lines)


def test_a_pipe_gets_no_colours_and_no_empty_space() -> None:
    """What another program reads is plain."""
    done = run("show", "Article")

    assert "\x1b" not in done.stdout
    assert [line for line in done.stdout.splitlines() if line != line.rstrip()] == []


def test_members_are_shown_on_request_with_what_they_override() -> None:
    """`publish` of the composed trait overrides the one of `Publishable`, and calls it."""
    lines = [" ".join(line.split()) for line in run("show", "Article", "--members").stdout.splitlines()]

    assert any(line.startswith("publish(self, at:") and " HasContent Publishable blog/" in line for line in lines)


def test_a_trait_says_who_uses_it() -> None:
    """The reverse index on the same screen."""
    done = run("show", "HasTags")

    assert "Used by" in done.stdout
    assert "blog.models.media.Image" in done.stdout


def test_composition_as_json() -> None:
    """For programs: the whole composition."""
    composition = json.loads(run("show", "Article", "--json").stdout)["data"]

    assert composition["subject"]["name"] == "blog.models.content.Article"
    assert [hook["name"] for hook in composition["hooks"]][:2] == ["check_flags", "give_ulid"]


SHOP = """
from traits_runtime import Trait, scope
from sqlalchemy import ForeignKey, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase): ...
class HasState(Trait):
    @scope(always=True, lifted_by="with_hidden")
    def shown(cls): ...
    @scope()
    def in_state(cls, state: str): ...
class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
class Page(HasState, Base):
    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    owner: Mapped[User] = relationship()
def heard(*given): ...
def register():
    event.listen(Page, "after_insert", heard)
"""


def test_scopes_relations_and_listeners_of_one_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a scope holds, where a relation leads, and who listens for this model alone and since when."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    given = ["show", "Page", "--package", "shop", "--search-path", str(tmp_path)]
    done = CliRunner().invoke(main, given, prog_name="traits")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]

    assert "shown() always, unless with_hidden HasState shop.py:9" in lines
    assert "in_state(state: str) when asked HasState shop.py:11" in lines
    assert "owner_id column int → user.id Page shop.py:18" in lines
    assert "owner relation User → shop.User Page shop.py:19" in lines
    assert "sqlalchemy.after_insert shop.heard register() registers it shop.py:22" in lines


def test_misspelt_class_is_answered_with_the_nearest() -> None:
    """Exit code 2 and nothing on standard output."""
    done = run("show", "HasSlg")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "Did you mean 'traits_runtime.traits.slug.HasSlug'?" in done.stderr


def test_inventory_marks_direct_and_brought_traits() -> None:
    """A row a model, a column a trait."""
    rows = list(csv.DictReader(run("inventory", "--csv").stdout.splitlines()))
    article = next(row for row in rows if row["model"] == "blog.models.content.Article")

    assert len(rows) == 10
    assert article["blog.traits.content.HasContent"] == "x"
    assert article["traits_runtime.traits.slug.HasSlug"] == "."
    assert next(row for row in rows if row["model"].endswith(".Comment"))["traits_runtime.traits.slug.HasSlug"] == ""


def test_inventory_as_json_and_as_a_table() -> None:
    """The same facts in three forms."""
    rows = json.loads(run("inventory", "--json").stdout)["data"]
    table = run("inventory").stdout

    assert all(row["model"] in table for row in rows)
    assert "traits_runtime.traits.tags.HasTags" in table


def test_two_forms_at_once_are_refused() -> None:
    """A clear answer to a contradiction."""
    done = run("inventory", "--json", "--csv")

    assert done.exit_code == 2
    assert "--json and --csv exclude each other." in done.stderr
