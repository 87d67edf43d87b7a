"""Import contracts: what import-linter cannot say, and that its contracts refuse what they are there to refuse."""

from __future__ import annotations

import ast
import importlib
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from pathlib import Path

import grimp
import pytest
from importlinter import Contract
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "sphinx_traits": ROOT / "sphinx_traits",
    "traits_runtime": ROOT / "src" / "traits_runtime",
    "traits_cli": ROOT / "src" / "traits_cli",
}
CONFIGURATION = read_configuration(str(ROOT / "pyproject.toml"))
CONTRACT_TYPES: dict[str, type[Contract]] = {
    "acyclic_siblings": AcyclicSiblingsContract,
    "forbidden": ForbiddenContract,
    "layers": LayersContract,
    "protected": ProtectedContract,
}
IMPORTED_BY_STRING = {
    ("traits_cli.diagnose.inspection", "traits_runtime.adapters.sqlalchemy_schema"),  # where a database is checked
}
"""Strings that name a module of ours against the contracts: importer, module."""

PLANTED = [
    ("sphinx_traits.resolve", "from sphinx_traits.extract import Options", "documentation"),
    ("sphinx_traits.extract.options", "from sphinx_traits import resolve", "documentation"),
    ("sphinx_traits.extract.options", "from sphinx_traits import __version__", "documentation"),
    ("sphinx_traits.extract.options", "import sphinx_traits.diff", "documentation"),
    ("sphinx_traits.diff", "def later():\n    from sphinx_traits._sphinx import wiring", "documentation"),
    ("sphinx_traits.project", "from .testing import Entry", "documentation"),
    ("sphinx_traits.manifest", "from sphinx_traits.resolve import Index", "ground"),
    ("sphinx_traits.domain", "from sphinx_traits.manifest import Model", "ground"),
    ("sphinx_traits.page", "from sphinx_traits._sphinx import wiring", "documentation"),
    ("sphinx_traits.extract.options", "def later():\n    from sphinx_traits.page import elements", "documentation"),
    ("sphinx_traits.resolve", "from traits_runtime import Trait", "rules-only"),
    ("sphinx_traits.extract.options", "from traits_runtime._core import runtime", "rules-only"),
    ("sphinx_traits.project", "import traits_cli.app", "packages"),
    ("traits_runtime.health", "from sphinx_traits import manifest", "packages"),
    ("traits_runtime.health", "def later():\n    import traits_cli", "packages"),
    ("traits_runtime.errors", "from . import _core", "runtime"),
    ("traits_runtime.rules.moments", "from traits_runtime._core import runtime", "runtime"),
    ("traits_runtime.rules.moments", "import traits_runtime", "runtime"),
    ("traits_runtime._core.runtime", "from traits_runtime.traits import HasSlug", "runtime"),
    ("traits_runtime._core.runtime", "from traits_runtime import Trait", "runtime"),
    ("traits_runtime._core.runtime", "def later():\n    from traits_runtime import health", "runtime"),
    ("traits_runtime.traits.slug", "from traits_runtime.migrate import shims", "runtime"),
    ("traits_runtime._core.events.bus", "def later():\n    from ..cache import Cache", "mechanisms"),
    ("traits_runtime._core.cache", "from traits_runtime._core.trait import base", "mechanisms"),
    ("traits_runtime._core.cache", "from traits_runtime._core import runtime", "mechanisms"),
    ("traits_runtime._core.runtime", "def later():\n    from traits_runtime.adapters import redis", "adapters"),
    ("traits_runtime.testing", "import traits_runtime.adapters.sqlalchemy", "adapters"),
    ("traits_cli.work", "from traits_runtime.adapters.huey import HueyQueue", "adapters"),
    ("traits_cli.base", "def later():\n    from . import diff", "no-cycles"),
    ("sphinx_traits.extract.options", "from sphinx_traits.extract.classify import Classifier", "no-cycles"),
    ("sphinx_traits.resolve", "import griffe", "griffe"),
    ("sphinx_traits.diff", "from docutils import nodes", "sphinx"),
    ("sphinx_traits.extract.options", "import click", "terminal"),
    ("traits_runtime.traits.slug", "from sqlalchemy.orm import Session", "libraries"),
    ("traits_cli.work", "def later():\n    import django", "libraries"),
    ("traits_cli.migrate", "import libcst", "libcst"),
    ("traits_runtime.migrate.shims", "import libcst", "shims"),
]
"""A module, an import that its room forbids, and the contract that refuses it."""


def module_path(module: str, folder: Path = ROOT) -> Path:
    """Return the file of a module below a copy of the tree."""
    package, *parts = module.split(".")
    path = folder.joinpath(PACKAGES[package].relative_to(ROOT), *parts)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def contracts() -> dict[str, Contract]:
    """Return the contracts of `pyproject.toml` by their id."""
    return {
        options["id"]: CONTRACT_TYPES[options["type"]](options["name"], CONFIGURATION["session_options"], options)
        for options in CONFIGURATION["contracts_options"]
    }


def broken(graph: grimp.ImportGraph, names: Iterable[str] = ()) -> set[str]:
    """Return the ids of the contracts that a graph breaks, of all contracts or of some."""
    checked = {name: contract for name, contract in contracts().items() if name in names or not names}
    return {name for name, contract in checked.items() if not contract.check(deepcopy(graph), verbose=False).kept}


GraphBuilder = Callable[[Path], grimp.ImportGraph]


@pytest.fixture(scope="module")
def build_graph() -> Iterator[GraphBuilder]:
    """Build the graph of a copy of the tree, though the packages of the tests' own tree are imported already."""
    patch = pytest.MonkeyPatch()
    for package in PACKAGES:
        patch.delitem(sys.modules, package, raising=False)

    def build(folder: Path) -> grimp.ImportGraph:
        with patch.context() as paths:
            paths.setattr(sys, "path", [str(folder), str(folder / "src"), *sys.path])
            importlib.invalidate_caches()
            return grimp.build_graph(
                *PACKAGES, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
            )

    yield build
    patch.undo()


@pytest.fixture(scope="module")
def graph(build_graph: GraphBuilder) -> grimp.ImportGraph:
    """The imports of the tree as it is."""
    return build_graph(ROOT)


def copy_tree(folder: Path) -> None:
    """Copy the Python files of all packages."""
    for path in PACKAGES.values():
        shutil.copytree(path, folder / path.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))


def plant(folder: Path, module: str, source: str) -> None:
    """Append source text to a module of a copy."""
    with module_path(module, folder).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{source}\n")


@pytest.fixture(scope="module")
def planted_graph(build_graph: GraphBuilder, tmp_path_factory: pytest.TempPathFactory) -> grimp.ImportGraph:
    """The imports of a copy of the tree that has all planted imports."""
    folder = tmp_path_factory.mktemp("planted")
    copy_tree(folder)
    for module, source, _ in PLANTED:
        plant(folder, module, source)
    return build_graph(folder)


def imports_of(module: str, source: str) -> set[str]:
    """Return the modules that the one import statement of a source may name; of a library, its package."""
    package = module if module_path(module).name == "__init__.py" else module.rpartition(".")[0]
    statement = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom))
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names}
    if not statement.level and statement.module and not statement.module.startswith(tuple(PACKAGES)):
        return {statement.module.partition(".")[0]}
    base = package.rsplit(".", statement.level - 1)[0] if statement.level else ""
    stem = ".".join(part for part in (base, statement.module) if part)
    return {stem, *(f"{stem}.{alias.name}" for alias in statement.names)}


@pytest.mark.parametrize(("module", "source", "contract"), PLANTED)
def test_planted_import_is_refused(
    graph: grimp.ImportGraph, planted_graph: grimp.ImportGraph, module: str, source: str, contract: str
) -> None:
    """Each forbidden import, alone in the tree, breaks the contract that is there for it."""
    edges = planted_graph.find_modules_directly_imported_by(module) & imports_of(module, source)
    tree = deepcopy(graph)
    for name in edges:
        tree.add_import(importer=module, imported=name)

    assert edges
    assert contract not in broken(graph, [contract])
    assert contract in broken(tree, [contract])


def test_import_for_type_checkers_alone_is_allowed(build_graph: GraphBuilder, tmp_path: Path) -> None:
    """An import that only a type checker executes breaks no contract."""
    copy_tree(tmp_path)
    source = "from typing import TYPE_CHECKING as CHECKING\nimport typing\nif typing.TYPE_CHECKING:\n    import sphinx"
    plant(tmp_path, "traits_runtime.errors", source)
    imported = build_graph(tmp_path).find_modules_directly_imported_by("traits_runtime.errors")

    assert "typing" in imported
    assert "sphinx" not in imported


@pytest.mark.parametrize(
    ("module", "contract"),
    [
        ("sphinx_traits.attic", "documentation"),
        ("traits_runtime.attic", "runtime"),
        ("traits_runtime._core.attic", "mechanisms"),
    ],
)
def test_module_without_a_layer_is_refused(graph: grimp.ImportGraph, module: str, contract: str) -> None:
    """A new module has to be given its layer before it lands."""
    tree = deepcopy(graph)
    tree.add_module(module)

    assert contract in broken(tree, [contract])


def test_every_library_has_its_room(graph: grimp.ImportGraph) -> None:
    """A third-party library is imported only after a contract says by whom; msgspec is for all."""
    imported = {name for name in graph.modules if graph.is_module_squashed(name)} - sys.stdlib_module_names
    restricted = {
        name
        for options in CONFIGURATION["contracts_options"]
        if options["type"] == "protected"
        for name in options["protected_modules"]
    }

    assert imported - restricted == {"msgspec"}


def module_strings(tree: ast.Module, modules: Iterable[str]) -> set[str]:
    """Return the modules of ours that string constants of a source name, `module:attribute` included.

    A string with placeholders counts as the package that it starts with where it is handed to an import function.
    """
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = {string.partition(":")[0] for string in strings}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("import_module", "__import__")):
            named.update(prefix_of(argument) for argument in call.args)
    return named & set(modules)


def prefix_of(argument: ast.expr) -> str:
    """Return the dotted name that an argument of an import function starts with."""
    text = argument.values[0] if isinstance(argument, ast.JoinedStr) and argument.values else argument
    return str(text.value).rstrip(".") if isinstance(text, ast.Constant) else ""


def imports_by_string(graph: grimp.ImportGraph) -> set[tuple[str, str]]:
    """Return the pairs of a module and a module of ours that it names as a string, its own packages left out."""
    ours = {name for name in graph.modules if not graph.is_module_squashed(name) and "." in name}
    pairs = set()
    for module in ours:
        tree = ast.parse(module_path(module).read_text(encoding="utf-8"))
        pairs.update((module, name) for name in module_strings(tree, ours) if not module.startswith(name))
    return pairs


def test_no_module_is_imported_by_its_name_as_a_string(graph: grimp.ImportGraph) -> None:
    """A string that names a module of ours obeys the contracts as an import does."""
    tree = deepcopy(graph)
    for module, name in imports_by_string(graph) - IMPORTED_BY_STRING:
        tree.add_import(importer=module, imported=name)

    assert broken(graph) == set()
    assert broken(tree) == set()


@pytest.mark.parametrize(
    "source",
    [
        "importlib.import_module('sphinx_traits.resolve')",
        "__import__('sphinx_traits.resolve')",
        "name = 'sphinx_traits.resolve'\nimport_module(name)",
        "table = {'resolve': 'sphinx_traits.resolve:compose'}",
        "import_module(f'sphinx_traits.{name}')",
        "import_module(f'sphinx_traits.resolve.{name}')",
    ],
)
def test_string_that_names_a_module_is_found(source: str) -> None:
    """Import functions are found with constants, variables, tables and placeholders."""
    found = module_strings(ast.parse(source), ["sphinx_traits", "sphinx_traits.resolve"])

    assert len(found) == 1
