"""Random packages: what we read is what Python imports, or it is flagged."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sphinx_traits.extract.linearise import c3
from sphinx_traits.extract.targets import StdClass

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.extract.conftest import Sources

PRELUDE = """\
import sys
from typing import TYPE_CHECKING, Generic, TypeVar
T = TypeVar("T")
FLAG{n} = {flag}
"""


class Program:
    """Writes modules that import earlier ones in many ways."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.names = 0
        self.modules: dict[str, str] = {}
        self.public: dict[str, list[str]] = {}
        self.generic: set[str] = set()

    def write(self) -> dict[str, str]:
        """The texts by module."""
        for number in range(self.chance.randint(2, 5)):
            self._module(f"m{number}", number)
        exported = [name for name, known in self.public.items() if known]
        lines = []
        if exported and self.chance.random() < 0.5:
            source = self.chance.choice(exported)
            lines.append(f"from PKG.{source} import {self.chance.choice(self.public[source])} as Exported")
        return {"__init__": "\n".join(lines), **self.modules}

    def _fresh(self, prefix: str = "C") -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def _module(self, name: str, number: int) -> None:
        flag = self.chance.choice(["True", "False", "3", "''", "None"])
        self.lines = [PRELUDE.format(n=number, flag=flag)]
        self.visible: list[str] = []
        for _ in range(self.chance.randint(3, 10)):
            self.chance.choice(
                [
                    self._class,
                    self._class,
                    self._import,
                    self._alias,
                    self._choice,
                    self._nested,
                    self._factory,
                    self._try,
                ]
            )(number)
        if self.chance.random() < 0.3 and self.visible:
            plain = [one for one in self.visible if "." not in one and "[" not in one]
            picked = self.chance.sample(plain, min(len(plain), 3))
            form = self.chance.choice(["{!r}", "[one for one in {!r}]"])
            self.lines.append("__all__ = " + form.format(picked))
        self.modules[name] = "\n".join(self.lines)
        self.public[name] = [one for one in self.visible if one.isidentifier()]

    def _bases(self) -> str:
        count = self.chance.choice([0, 1, 1, 1, 2, 2, 3])
        picked = list(dict.fromkeys(self.chance.choices(self.visible, k=count))) if self.visible else []
        texts = [f"{one}[int]" if one in self.generic and self.chance.random() < 0.5 else one for one in picked]
        if self.chance.random() < 0.15:
            texts.insert(self.chance.randint(0, len(texts)), "Generic[T]")
        return f"({', '.join(texts)})" if texts else ""

    def _class(self, _number: int) -> None:
        name, bases = self._fresh(), self._bases()
        self.lines.append(f"class {name}{bases}: ...")
        self.visible.append(name)
        if "Generic[T]" in bases:
            self.generic.add(name)

    def _nested(self, _number: int) -> None:
        outer, inner = self._fresh("Outer"), self._fresh("Inner")
        bases = self._bases()
        self.lines.append(f"class {outer}:\n    class {inner}{bases}: ...\n    class Sub{inner}({inner}): ...")
        self.visible += [outer, f"{outer}.{inner}", f"{outer}.Sub{inner}"]

    def _import(self, _number: int) -> None:
        sources = [one for one, names in self.public.items() if names]
        if not sources:
            return
        source = self.chance.choice(sources)
        name, new = self.chance.choice(self.public[source]), self._fresh("I")
        kind = self.chance.randint(0, 3)
        if kind == 0:
            self.lines.append(f"from PKG.{source} import {name} as {new}")
            self.visible.append(new)
        elif kind == 1:
            self.lines.append(f"import PKG.{source}")
            self.visible.append(f"PKG.{source}.{name}")
        elif kind == 2:
            self.lines.append(f"from . import {source} as {new}")
            self.visible.append(f"{new}.{name}")
        else:
            self.lines.append(f"from PKG.{source} import *")
            if "__all__" not in self.modules[source]:
                self.visible.append(name)

    def _alias(self, _number: int) -> None:
        if self.visible:
            name, target = self._fresh("A"), self.chance.choice(self.visible)
            self.lines.append(f"{name} = {target}")
            self.visible.append(name)

    def _choice(self, number: int) -> None:
        if len(self.visible) < 2:
            return
        first, second = self.chance.sample(self.visible, 2)
        name = self._fresh("Q")
        test = self.chance.choice([f"FLAG{number}", "TYPE_CHECKING", "sys.version_info >= (3, 9)", f"not FLAG{number}"])
        if self.chance.random() < 0.5:
            self.lines.append(f"if {test}:\n    {name} = {first}\nelse:\n    {name} = {second}")
        else:
            self.lines.append(f"{name} = {first} if {test} else {second}")
        self.visible.append(name)

    def _try(self, _number: int) -> None:
        if not self.visible:
            return
        name, fallback = self._fresh("R"), self.chance.choice(self.visible)
        known = [(module, one) for module, names in self.public.items() for one in names]
        imports = ["no_such_package_here import Thing", *(f"PKG.{module} import {one}" for module, one in known[:3])]
        wanted = self.chance.choice(imports)
        self.lines.append(f"try:\n    from {wanted} as {name}\nexcept ImportError:\n    {name} = {fallback}")
        self.visible.append(name)

    def _factory(self, _number: int) -> None:
        if self.visible:
            function, name, base = self._fresh("make"), self._fresh("F"), self.chance.choice(self.visible)
            self.lines.append(
                f"def {function}(base):\n    class Made(base): ...\n    return Made\n"
                f"class {name}({function}({base})): ..."
            )
            self.visible.append(name)


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_packages_are_read_as_python_imports_them(chance: random.Random, write: Callable[..., Sources]) -> None:
    """Whatever a package is made of, a class that is not flagged has exactly Python's MRO."""
    files = Program(chance).write()
    sources = write(files)
    try:
        real = sources.real()
    except TypeError:  # an order of bases that Python refuses
        return
    mros, gaps = sources.read()

    for name, mro in real.items():
        if "<locals>" not in name and name not in gaps:
            assert mros.get(name) == mro, files


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_merge_is_pythons(data: st.DataObject) -> None:
    """On random hierarchies the merge gives Python's order, and refuses what Python refuses."""
    classes: list[type] = []
    for number in range(data.draw(st.integers(1, 8))):
        bases = tuple(data.draw(st.lists(st.sampled_from(classes), unique=True, max_size=3))) if classes else ()
        lines = [[StdClass(one) for one in base.__mro__] for base in bases or (object,)]
        merged = c3(lines, [StdClass(one) for one in bases or (object,)])
        try:
            made = type(f"C{number}", bases, {})
        except TypeError:
            assert merged is None
            continue
        assert merged == [StdClass(one) for one in made.__mro__[1:]]
        classes.append(made)


TOKENS = [
    "class",
    "def",
    ":",
    "(",
    ")",
    "[",
    "{",
    "=",
    ",",
    ".",
    "*",
    "@",
    "if",
    "try",
    "import",
    "\\",
    '"""',
    "\t",
    "\0",
]


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_mutated_source_is_a_finding_never_a_crash(chance: random.Random) -> None:
    """A truncated or mangled file ends in facts or in a finding with its place."""
    from sources import TRAIT
    from sphinx_traits.extract import extract

    text = TRAIT
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(text) + 1)
        cut = chance.randrange(30) if chance.random() < 0.5 else 0
        text = text[:at] + ("" if cut else chance.choice(TOKENS)) + text[at + cut :]
    data = bytearray(text.encode())
    if chance.random() < 0.2:
        data[chance.randrange(len(data))] = chance.randrange(128, 256)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "mangled"
        package.mkdir()
        (package / "__init__.py").write_bytes(b"")
        (package / "traits.py").write_bytes(bytes(data))
        manifest = extract(["mangled"], search_paths=[Path(folder)])

    for finding in manifest.findings:
        assert finding.location.path
        assert finding.location.line >= 1


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("syntax", b"class A(:\n", "syntax_error"),
        ("encoding", b"x = '\xff\xfe'\n", "syntax_error"),
        ("unknown_encoding", b"# -*- coding: no-such -*-\n", "syntax_error"),
        ("null", b"x = 1\n\0\n", "syntax_error"),
        ("nesting", b"x = " + b"(" * 5000 + b")" * 5000, "syntax_error"),
        ("deep_attributes", b"x = a" + b".b" * 20_000, "syntax_error"),
        ("indent", b"def f():\nreturn 1\n", "syntax_error"),
    ],
)
def test_unreadable_files_are_findings(name: str, data: bytes, code: str, tmp_path: Path) -> None:
    """Each kind of damage is one finding with file and line, and the rest of the package is read."""
    from sphinx_traits.extract import extract

    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_bytes(b"from traits_runtime import Trait\nclass HasSlug(Trait): ...\n")
    (package / f"{name}.py").write_bytes(data)
    manifest = extract(["shop"], search_paths=[tmp_path])

    found = [one for one in manifest.findings if one.code == code]
    assert [one.location.path for one in found] == [f"shop/{name}.py"]
    assert found[0].location.line >= 1
    assert [one.name for one in manifest.traits] == ["shop.HasSlug"]


def test_link_loops_end(tmp_path: Path) -> None:
    """A link to a directory above does not make the walk endless."""
    from sphinx_traits.extract import extract

    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from traits_runtime import Trait\nclass HasSlug(Trait): ...\n", encoding="utf-8"
    )
    (package / "again").symlink_to(package, target_is_directory=True)
    manifest = extract(["shop"], search_paths=[tmp_path])

    assert [one.name for one in manifest.traits] == ["shop.HasSlug"]


@pytest.mark.slow
def test_long_module(tmp_path: Path) -> None:
    """A module of 100,000 lines is read like any other."""
    from sphinx_traits.extract import extract

    package = tmp_path / "shop"
    package.mkdir()
    lines = ["from traits_runtime import Trait", "class HasSlug(Trait): ...", *(f"x{n} = {n}" for n in range(100_000))]
    (package / "__init__.py").write_text("\n".join(lines), encoding="utf-8")
    manifest = extract(["shop"], search_paths=[tmp_path])

    assert [one.name for one in manifest.traits] == ["shop.HasSlug"]
