"""The commands that look at one class or at all of them, on the example application."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from traits_runtime.cli import COMMANDS, main

BLOG = Path(__file__).resolve().parent.parent / "examples" / "blog"


def run(*arguments: str) -> Result:
    """Run a command on the example, in this process."""
    return CliRunner().invoke(main, [*arguments, "--project", str(BLOG)], prog_name="traits")


def test_one_screen_says_what_a_model_is() -> None:
    """Traits with the way that leads to them, effective values with their place, events with who hears them."""
    done = run("show", "Article")

    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "blog.models.content.Article model, sqlalchemy blog/models/content.py:38" in lines
    assert "2 blog.traits.slugs.HasSlug HasContent blog/traits/slugs.py:35" in lines
    assert any(line.startswith("max_length 120 model (blog/models/content.py:46) HasSlug int") for line in lines)
    assert any(line.startswith("trait.Publishable.published") and "queue_notifications" in line for line in lines)


def test_a_pipe_gets_no_colours_and_no_empty_space() -> None:
    """What another program reads is plain."""
    done = run("show", "Article")

    assert "\x1b" not in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) < 200


def test_members_are_shown_on_request_with_what_they_override() -> None:
    """`publish` of the composed trait overrides the one of `Publishable`, and calls it."""
    lines = [" ".join(line.split()) for line in run("show", "Article", "--members").stdout.splitlines()]

    assert "publish(self) -> None HasContent Publishable blog/traits/content.py:32" in lines


def test_a_trait_says_who_uses_it() -> None:
    """The reverse index on the same screen."""
    done = run("show", "HasTags")

    assert "Used by" in done.stdout
    assert "blog.models.media.Image" in done.stdout


def test_composition_as_json() -> None:
    """For programs: the whole composition."""
    composition = json.loads(run("show", "Article", "--json").stdout)

    assert composition["subject"]["name"] == "blog.models.content.Article"
    assert [one["name"] for one in composition["hooks"]][:1] == ["make_slug"]


def test_misspelt_class_is_answered_with_the_nearest() -> None:
    """Exit code 2 and nothing on standard output."""
    done = run("show", "HasSlg")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "Did you mean 'blog.traits.slugs.HasSlug'?" in done.stderr


def test_inventory_marks_direct_and_brought_traits() -> None:
    """A row a model, a column a trait."""
    rows = list(csv.DictReader(run("inventory", "--csv").stdout.splitlines()))
    article = next(row for row in rows if row["model"] == "blog.models.content.Article")

    assert len(rows) == 9
    assert article["blog.traits.content.HasContent"] == "x"
    assert article["blog.traits.slugs.HasSlug"] == "."
    assert next(row for row in rows if row["model"].endswith(".Comment"))["blog.traits.slugs.HasSlug"] == ""


def test_inventory_as_json_and_as_a_table() -> None:
    """The same facts in three forms."""
    rows = json.loads(run("inventory", "--json").stdout)
    table = run("inventory").stdout

    assert all(row["model"] in table for row in rows)
    assert "blog.traits.tagging.HasTags" in table


def test_two_forms_at_once_are_refused() -> None:
    """A clear answer to a contradiction."""
    done = run("inventory", "--json", "--csv")

    assert done.exit_code == 2
    assert "--json and --csv exclude each other." in done.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_every_command_fits_and_has_an_example(name: str) -> None:
    """One line says what it does, an example says how; nothing is wider than a screen."""
    done = CliRunner().invoke(main, [name, "--help"], prog_name="traits", terminal_width=80)

    assert done.exit_code == 0
    assert f"traits {name}" in done.stdout
    assert "Example" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 100
