"""A module that is missing or broken is told in one sentence with the extra that installs it; never a traceback."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from programs import BLOG, ROOT, process
from traits_cli.extras import EXTRAS, PURPOSES, import_problem

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Block())
from traits_cli import launch
launch()
"""


def without(modules: tuple[str, ...], *arguments: str, cwd: Path = BLOG) -> subprocess.CompletedProcess[str]:
    """Run a command in a process where some modules are not installed."""
    return process(*arguments, cwd=cwd, code=BLOCK.format(modules=modules))


def requirements(extra: str) -> list[str]:
    """The distributions that an extra of pyproject.toml names itself."""
    lines = PYPROJECT["project"]["optional-dependencies"][extra]
    names = [re.match(r"[\w-]+", line).group() for line in lines]  # type: ignore[union-attr]
    return [name for name in names if name != "sphinx-traits"]


@pytest.mark.parametrize("extra", PYPROJECT["project"]["optional-dependencies"])
def test_table_knows_every_module_that_an_extra_installs(extra: str) -> None:
    """Each module leads to an extra whose requirements hold its distribution."""
    modules_of: dict[str, set[str]] = {}
    for module, distributions in importlib.metadata.packages_distributions().items():
        for distribution in distributions:
            modules_of.setdefault(re.sub(r"[-_.]+", "-", distribution).lower(), set()).add(module)

    for distribution in requirements(extra):
        modules = modules_of[distribution.lower()] & EXTRAS.keys()

        assert modules, distribution
        assert all(distribution in requirements(EXTRAS[module]) for module in modules)


def test_every_extra_of_the_table_exists_and_has_a_purpose() -> None:
    """A sentence never names an extra that pip does not know."""
    extras = set(EXTRAS.values())

    assert extras <= PYPROJECT["project"]["optional-dependencies"].keys()
    assert extras == PURPOSES.keys()


CLI = "The command line needs {}, which is not installed: pip install 'sphinx-traits[cli]'"
SPHINX = (
    "Reading sources and writing documentation needs {}, which is not installed: pip install 'sphinx-traits[sphinx]'"
)


@pytest.mark.parametrize(
    ("module", "command", "sentence"),
    [
        ("click", "list", CLI.format("click")),
        ("click", "--help", CLI.format("click")),
        ("rich", "list", CLI.format("rich")),
        ("griffe", "list", SPHINX.format("griffe")),
        ("griffe", "show Article --json", SPHINX.format("griffe")),
        ("griffe", "config list --json", SPHINX.format("griffe")),
        ("griffe", "diagnose --json", SPHINX.format("griffe")),
        ("sphinx", "docs --output {folder}", SPHINX.format("sphinx")),
        ("furo", "docs --package blog --output {folder} --model Article",
         "The documentation theme needs furo, which is not installed: pip install 'sphinx-traits[site]'"),
        ("libcst", "migrate plan --json",
         "Rewriting sources needs libcst, which is not installed: pip install 'sphinx-traits[migrate]'"),
        ("sqlalchemy", "diagnose --app traits_runtime --database sqlite://",
         "SQLAlchemy needs sqlalchemy, which is not installed: pip install 'sphinx-traits[sqlalchemy]'"),
    ],
)  # fmt: skip
def test_missing_module_is_told_with_its_extra(module: str, command: str, sentence: str, tmp_path: Path) -> None:
    """At the start, in the import of a command and late within one: exit code 2 and nothing on standard output."""
    done = without((module,), *command.format(folder=tmp_path).split())

    assert (done.returncode, done.stdout) == (2, "")
    assert f"Error: {sentence}" in done.stderr
    assert "Traceback" not in done.stderr


def test_command_runs_as_a_module() -> None:
    """`python -m traits_cli` is the console script."""
    done = subprocess.run([sys.executable, "-m", "traits_cli", "--version"], capture_output=True, text=True, check=True)

    assert re.fullmatch(r"traits \d+\.\S+\n", done.stdout)


def test_application_that_lacks_a_library_is_told_with_its_extra(tmp_path: Path) -> None:
    """The import fails in the user's module; the extra is named all the same."""
    (tmp_path / "shop.py").write_text("import sqlalchemy\n", encoding="utf-8")
    done = without(("sqlalchemy",), "config", "list", "--app", "shop", "--project", str(tmp_path), cwd=tmp_path)

    assert done.returncode == 2
    assert "--app shop: there is no module 'sqlalchemy'. SQLAlchemy needs sqlalchemy" in done.stderr


def test_broken_module_of_a_third_party_is_told_as_broken(tmp_path: Path) -> None:
    """An ImportError within an installed library is neither a missing extra nor an internal error."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("import nowhere_at_all\n", encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom traits_cli import launch\nlaunch()"
    done = process("about", cwd=BLOG, code=code)

    assert done.returncode == 2
    assert "rich is installed but cannot be imported (No module named 'nowhere_at_all')" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["traits_runtime.health", "sphinx_traits.resolve"])
def test_missing_module_of_ours_is_an_internal_error(module: str) -> None:
    """Only a fault of the program can lose one, so the traceback is shown."""
    code = f"import sys; sys.modules[{module!r}] = None\nfrom traits_cli import launch\nlaunch()"
    done = process("health" if "health" in module else "list", cwd=BLOG, code=code)

    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "Internal error" in done.stderr


def test_name_that_a_library_does_not_have_is_told_as_a_broken_library() -> None:
    """Another version than the extra asks for: the import fails in our own file."""
    error = ImportError("cannot import name 'nothing' from 'click'", name="click")

    assert import_problem(error).startswith("click is installed but cannot be imported (cannot import name 'nothing'")
