"""Nothing of a project runs because its name, or the name of a base, is one of the standard library."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

READ = """
import sys
from pathlib import Path
from sphinx_traits.extract import Options, extract
sys.path[:0] = [{first!r}]
manifest = extract(["shop"], search_paths=[Path({root!r})], options=Options(symbol_cache_dir=None))
print(*(cls.name for cls in manifest.models))
"""
MODEL = """
    from traits_runtime import Trait
    {line}

    class HasMark(Trait):
        '''A trait.'''

    class Item(HasMark, {base}):
        '''A model.'''
"""
MARK = "import pathlib\npathlib.Path({ran!r}).touch()\nclass {name}: ...\n"


def read(root: Path, first: Path, line: str, base: str) -> subprocess.CompletedProcess[str]:
    """Read a package in a process of its own, with a folder in front of the search path."""
    package = root / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(textwrap.dedent(MODEL).format(line=line, base=base))
    script = READ.format(first=str(first), root=str(root))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=False)


@pytest.mark.parametrize("name", ["graphlib", "winreg", "sched", "colorsys"])
@pytest.mark.parametrize("on_path", [True, False], ids=["on sys.path", "in the working folder"])
def test_module_of_the_project_named_as_stdlib_does_not_run(tmp_path: Path, name: str, on_path: bool) -> None:
    """A project's own `graphlib` is not imported, also where its folder is the first of `sys.path`."""
    ran = tmp_path / "ran"
    (tmp_path / f"{name}.py").write_text(MARK.format(ran=str(ran), name="Base"))

    result = read(tmp_path, tmp_path if on_path else tmp_path / "none", f"from {name} import Base", "Base")

    assert result.returncode == 0, result.stderr
    assert "shop.models.Item" in result.stdout
    assert not ran.exists()


def test_dependency_of_a_stdlib_module_is_not_taken_from_the_project(tmp_path: Path) -> None:
    """A module of the standard library that is imported finds its own neighbours, not the project's."""
    ran = tmp_path / "ran"
    (tmp_path / "filecmp.py").write_text(MARK.format(ran=str(ran), name="cmp"))

    result = read(tmp_path, tmp_path, "from compileall import Path", "Path")

    assert result.returncode == 0, result.stderr
    assert not ran.exists()


@pytest.mark.parametrize("module", ["venv.__main__", "unittest.__main__", "json.tool.__main__", "this", "antigravity"])
def test_module_that_acts_when_it_is_imported_is_not_imported(tmp_path: Path, module: str) -> None:
    """`__main__` of a library would run its command line, and end the process."""
    result = read(tmp_path, tmp_path / "none", f"from {module} import Base", "Base")

    assert result.returncode == 0, result.stderr
    assert "shop.models.Item" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]


def test_base_of_the_standard_library_is_known(tmp_path: Path) -> None:
    """A real base of the standard library still has its MRO."""
    result = read(tmp_path, tmp_path / "none", "from collections import UserDict", "UserDict")

    assert "shop.models.Item" in result.stdout
