"""The commands that look at one class or at all of them, on the example application."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

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
    assert lines[:2] == ["blog.models.content.Article model", "SQLAlchemy table articles · blog/models/content.py:35"]
    assert "4 HasSlug through HasContent → HasAdditionalFeatures" in lines
    assert "max_length int 120 model blog/models/content.py:44 HasSlug" in lines
    assert any(line.startswith("published Publishable") and "refresh_front_page" in line for line in lines)


def test_a_pipe_gets_no_colours_and_no_empty_space() -> None:
    """What another program reads is plain."""
    done = run("show", "Article")

    assert "\x1b" not in done.stdout
    assert [line for line in done.stdout.splitlines() if line != line.rstrip()] == []


def test_members_are_shown_on_request_with_what_they_override() -> None:
    """`publish` of the composed trait overrides the one of `Publishable`, and calls it."""
    lines = [" ".join(line.split()) for line in run("show", "Article", "--members").stdout.splitlines()]

    assert any(line.startswith("publish() calls Publishable HasContent") for line in lines)


def test_a_trait_says_who_uses_it() -> None:
    """The reverse index on the same screen."""
    done = run("show", "HasTags")

    assert "Used by" in done.stdout
    assert "Image" in done.stdout.partition("Used by")[2]


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

    for line in (
        "shown() HasState",
        "holds for every query, except with the option with_hidden shop.py:9",
        "in_state(state: str) HasState",
        "owner_id int → user.id no Page",
        "owner → User Page",
        "sqlalchemy.after_insert heard() shop.py:22",
        "register() registers it",
    ):
        assert line in lines


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


def shown(*arguments: str) -> dict[str, list[dict[str, Any]]]:
    """The classes that a command prints as JSON."""
    data: dict[str, list[dict[str, Any]]] = json.loads(run("show", *arguments, "--json").stdout)["data"]
    return data


def test_all_classes_as_one_document() -> None:
    """Every model and trait in the form that one name has."""
    everything = shown("--all")
    article = json.loads(run("show", "Article", "--json").stdout)["data"]

    assert article in everything["models"]
    assert len(everything["models"]) == 10
    assert "traits_runtime.traits.slug.HasSlug" in {trait["subject"]["name"] for trait in everything["traits"]}


def test_names_and_patterns_choose_classes() -> None:
    """A class that several of them mean is shown once; a pattern is a document even for one class."""
    chosen = shown("blog.models.content.*", "Article", "HasSlug")

    assert [model["subject"]["name"].rpartition(".")[2] for model in chosen["models"]] == [
        "Article",
        "Category",
        "Page",
        "Series",
    ]
    assert [trait["subject"]["name"] for trait in chosen["traits"]] == ["traits_runtime.traits.slug.HasSlug"]
    assert [model["subject"]["name"] for model in shown("*.Artic*")["models"]] == ["blog.models.content.Article"]


def test_several_classes_follow_each_other() -> None:
    """An empty line between two pages."""
    done = run("show", "Article", "HasTags")

    assert "\n\ntraits_runtime.traits.tags.HasTags  trait\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("blog.modles.*",), "There is no model or trait 'blog.modles.*'"),
        (("Article", "HasSlg"), "Did you mean 'traits_runtime.traits.slug.HasSlug'?"),
        ((), "Name models and traits, or give --all."),
        (("Article", "--all"), "Name models and traits, or give --all."),
    ],
)
def test_what_means_no_class_is_an_error(arguments: tuple[str, ...], answer: str) -> None:
    """Exit code 2 and nothing on standard output."""
    done = run("show", *arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert answer in done.stderr
