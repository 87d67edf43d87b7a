"""What a project says about itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from sphinx_traits.project import Project, ProjectError, find_project, read_project, with_sources
from traits_runtime.engines import Settings
from traits_runtime.rules.files import PROGRAM_SETTINGS


def write(folder: Path, text: str) -> Path:
    """A project folder with this pyproject.toml."""
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_settings_are_read_and_paths_made_absolute(tmp_path: Path) -> None:
    """Search paths are relative to the file."""
    (tmp_path / "lib").mkdir()
    write(tmp_path, '[tool.traits]\npackages = ["shop"]\nsearch-paths = ["lib"]\nexclude = ["shop.tests*"]\n')

    project = read_project(tmp_path)

    assert project.packages == ("shop",)
    assert project.search_paths == (tmp_path.resolve() / "lib",)
    assert project.exclude == ("shop.tests*",)


def test_without_search_paths_src_and_the_folder_itself_are_searched(tmp_path: Path) -> None:
    """Both common layouts work without a word."""
    (tmp_path / "src").mkdir()

    assert read_project(tmp_path).search_paths == (tmp_path.resolve() / "src", tmp_path.resolve())


def test_values_for_traits_are_not_settings_of_the_project(tmp_path: Path) -> None:
    """The tables of the runtime stand in the same place and are left to it."""
    write(tmp_path, '[tool.traits]\npackages = ["shop"]\n[tool.traits.config.HasSlug]\nmax_length = 3\n')

    assert read_project(tmp_path).packages == ("shop",)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[tool.traits]\npackage = ['shop']\n", r"has no setting 'package'\. Did you mean 'packages'\?"),
        ("[tool.traits]\npackages = 'shop'\n", r"packages must be a list of strings, not 'shop'"),
        ("[tool.traits]\nbase-overrides = ['x']\n", r"base-overrides must be a table of strings"),
        ("[tool.traits\n", r"pyproject\.toml: is no TOML: .*line 1"),
        ("[tool]\ntraits = 3\n", r"traits must be a table"),
    ],
)
def test_bad_settings_are_answered_with_the_place_and_the_way_out(tmp_path: Path, text: str, answer: str) -> None:
    """Each mistake names the file and what would be right."""
    write(tmp_path, text)

    with pytest.raises(ProjectError, match=answer):
        read_project(tmp_path)


def test_what_engines_are_set_up_with_is_no_unknown_setting() -> None:
    """A project that names an engine can still be read."""
    assert set(Settings.__struct_fields__) <= PROGRAM_SETTINGS


def test_nearest_project_above_is_found(tmp_path: Path) -> None:
    """A command works from any folder of the project."""
    write(tmp_path, '[tool.traits]\npackages = ["shop"]\n')
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    write(deep, "[project]\nname = 'other'\n")

    found = find_project(deep)

    assert found is not None
    assert found.root == tmp_path.resolve()


def test_command_line_packages_replace_and_its_search_paths_come_first(tmp_path: Path) -> None:
    """What is said last and nearest wins."""
    project = Project(root=tmp_path, packages=("a",), search_paths=(tmp_path,))

    changed = with_sources(project, ("b",), (tmp_path / "x",))

    assert changed.packages == ("b",)
    assert changed.search_paths == ((tmp_path / "x").resolve(), tmp_path)


def test_own_docs_are_found_by_their_conf(tmp_path: Path) -> None:
    """A docs folder without conf.py is no Sphinx project."""
    (tmp_path / "docs").mkdir()

    assert read_project(tmp_path).docs is None

    (tmp_path / "docs" / "conf.py").write_text("", encoding="utf-8")

    assert read_project(tmp_path).docs == tmp_path.resolve() / "docs"
