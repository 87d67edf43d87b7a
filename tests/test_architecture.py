"""Who may import whom: the house as `docs/explanation/architecture.md` draws it, held against the code."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {
    "sphinx_traits": ROOT / "sphinx_traits",
    "traits_runtime": ROOT / "src" / "traits_runtime",
    "traits_cli": ROOT / "src" / "traits_cli",
}

OURS = ("sphinx_traits", "traits_runtime")
GROUND = {"declare"}
ABOVE = {"runtime", "trait", "registry", "diagnose"}
STATIC_NAMES = {"traits_runtime.rules"}
DOCUMENTATION = ("sphinx", "docutils", "griffe", "sphinx_traits", "myst_parser")
APPLICATION = (
    "alembic",
    "sqlalchemy",
    "django",
    "redis",
    "celery",
    "rq",
    "dramatiq",
    "taskiq",
    "huey",
    "procrastinate",
)


def imports(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """Dotted names that a module imports anywhere, those for type checkers alone left out."""
    found: set[str] = set()
    package = module if is_package else module.rpartition(".")[0]
    tree = ast.parse(source)
    hidden = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
        for child in test.body
        for node in ast.walk(child)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            stem = ".".join(part for part in (base, node.module) if part)
            found.update(f"{stem}.{alias.name}" for alias in node.names)
    return found


def under(name: str, *prefixes: str) -> bool:
    """Whether a dotted name is one of the prefixes or lies below one."""
    return any(name == one or name.startswith(one + ".") for one in prefixes)


def violations(module: str, imported: set[str]) -> list[str]:
    """The imports of a module that its place in the house forbids."""
    return sorted(f"{module} imports {name}" for name in imported if not _allowed(module, name))


def _allowed(module: str, name: str) -> bool:
    if under(module, "traits_cli"):
        return not under(name, "libcst", "griffe", "sphinx", "docutils", *APPLICATION)
    if under(name, "traits_cli"):
        return False
    if under(module, "traits_runtime"):
        return _runtime_may(module, name)
    if under(name, "traits_runtime"):
        return under(name, *STATIC_NAMES)
    if under(name, "griffe"):
        return under(module, "sphinx_traits.extract") or module == "sphinx_traits._sphinx.docstrings"
    if under(name, "sphinx", "docutils", "myst_parser"):
        return under(module, "sphinx_traits._sphinx", "sphinx_traits.domain", "sphinx_traits.testing") or (
            module == "sphinx_traits" and name.startswith("sphinx.")
        )
    if module == "sphinx_traits.domain":
        return not under(name, "msgspec", *OURS)
    if module == "sphinx_traits.manifest":
        return not under(name, *OURS)
    if module == "sphinx_traits.manifest_cache":
        return not under(name, *OURS) or under(name, "sphinx_traits.manifest", "traits_runtime.rules.output")
    if under(name, "sphinx_traits._sphinx"):
        return under(module, "sphinx_traits._sphinx") or module == "sphinx_traits"
    return not under(name, "click", "rich")


def _runtime_may(module: str, name: str) -> bool:
    if under(name, *DOCUMENTATION):
        return False
    if under(name, *APPLICATION):
        return under(module, "traits_runtime.adapters")
    if under(name, "traits_runtime.adapters"):
        return under(module, "traits_runtime.adapters")
    if under(name, "click", "rich"):
        return False
    if under(name, "libcst"):
        return under(module, "traits_runtime.migrate") and module != "traits_runtime.migrate.shims"
    if module == "traits_runtime.errors":
        return not under(name, "traits_runtime")
    if under(module, *STATIC_NAMES):
        return not under(name, "traits_runtime") or under(name, "traits_runtime.errors", *STATIC_NAMES)
    return True


def modules() -> list[tuple[str, Path]]:
    """Every module of both packages with its file."""
    found = []
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *(part for part in parts if part != "__init__")))
            found.append((name, path))
    return found


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_module_imports_only_what_its_place_allows(module: str, path: Path) -> None:
    """No module reaches past its neighbours."""
    imported = imports(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py")

    assert violations(module, imported) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("traits_runtime._core.events", "import sphinx_traits.manifest"),
        ("traits_runtime._core.events", "from sqlalchemy.orm import Session"),
        ("traits_runtime.rules.naming", "from traits_runtime._core import events"),
        ("traits_runtime._core.events", "def late():\n    import traits_runtime.adapters.redis"),
        ("traits_runtime.errors", "from . import _core"),
        ("traits_runtime.migrate.shims", "import libcst"),
        ("traits_cli.migrate", "import libcst"),
        ("sphinx_traits.manifest", "from sphinx_traits.resolve import Index"),
        ("sphinx_traits.manifest_cache", "from sphinx_traits.extract import Options"),
        ("sphinx_traits.resolve", "import griffe"),
        ("sphinx_traits.resolve", "from traits_runtime import Trait"),
        ("sphinx_traits.render", "from docutils import nodes"),
        ("sphinx_traits.domain", "from sphinx_traits.manifest import Model"),
        ("sphinx_traits.extract.members", "from sphinx_traits._sphinx import pages"),
        ("sphinx_traits.extract.members", "import click"),
    ],
)
def test_planted_violation_is_found(module: str, source: str) -> None:
    """The check finds what it is there to find."""
    assert violations(module, imports(source, module)) != []


def test_import_for_type_checkers_alone_is_no_import() -> None:
    """What only a type checker sees ties nothing together."""
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sphinx\n"

    assert "sphinx" not in imports(source, "traits_runtime.errors")


def siblings(module: str, imported: set[str]) -> set[str]:
    """Mechanisms of the core that a mechanism of the core imports, itself and the ground left out."""
    parts = module.split(".")
    if parts[:2] != ["traits_runtime", "_core"] or len(parts) < 3 or parts[2] in ABOVE | GROUND:
        return set()
    seen = {one.split(".")[2] for one in imported if under(one, "traits_runtime._core") and one.count(".") > 1}
    return seen - GROUND - {parts[2]}


def test_siblings_of_the_core_do_not_import_each_other() -> None:
    """The mechanisms of the core stand beside each other; only `runtime`, `trait` and `registry` see them all."""
    for module, path in modules():
        imported = imports(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py")

        assert siblings(module, imported) == set(), module


def test_planted_sibling_is_found() -> None:
    """A mechanism that reaches for its neighbour is noticed, at any depth."""
    source = "from traits_runtime._core.events import Envelope"

    assert siblings("traits_runtime._core.config.layers", imports(source, "traits_runtime._core.config.layers")) == {
        "events"
    }


def test_every_module_is_reached() -> None:
    """The list of modules is not empty by mistake."""
    names = [name for name, _ in modules()]

    assert "sphinx_traits.manifest" in names
    assert "traits_runtime.rules.naming" in names
    assert sys.version_info >= (3, 11)
