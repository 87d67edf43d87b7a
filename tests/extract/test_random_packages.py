"""Random packages: what we read is what Python imports, or it is flagged."""

from __future__ import annotations

import ast
import random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sphinx_traits.extract import Options, extract
from sphinx_traits.extract.c3 import c3
from sphinx_traits.extract.references import StdlibClass
from sphinx_traits.manifest import dumps

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.extract.conftest import Sources

HURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
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
            self._module(f"{self.chance.choice(['', '', 'sub.'])}m{number}", number)
        if any(module.startswith("sub.") for module in self.modules):
            self.modules["sub.__init__"] = ""
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
        self.name = name
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
                    self._made,
                    self._relative,
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
            package, _, last = f"PKG.{source}".rpartition(".")
            self.lines.append(f"from {package} import {last} as {new}")
            self.visible.append(f"{new}.{name}")
        else:
            self.lines.append(f"from PKG.{source} import *")
            if "__all__" not in self.modules[source]:
                self.visible.append(name)

    def _made(self, _number: int) -> None:
        if self.visible:
            name, base = self._fresh("T"), self.chance.choice(self.visible)
            plain = base.partition("[")[0]
            self.lines.append(f"class {name}(type('Made{name}', ({plain},), {{}})): ...")
            self.visible.append(name)

    def _relative(self, _number: int) -> None:
        known = [(module, one) for module, names in self.public.items() for one in names if "." not in module]
        if known and not self.name.startswith("sub."):
            (module, name), new = self.chance.choice(known), self._fresh("L")
            self.lines.append(f"from .{module} import {name} as {new}")
            self.visible.append(new)
        elif known:
            (module, name), new = self.chance.choice(known), self._fresh("L")
            self.lines.append(f"from ..{module} import {name} as {new}")
            self.visible.append(new)

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
@settings(max_examples=40, deadline=None, suppress_health_check=HURRIED)
def test_random_packages_are_read_as_python_imports_them(chance: random.Random, write: Callable[..., Sources]) -> None:
    """Whatever a package is made of, a class that is not flagged has exactly Python's MRO."""
    files = Program(chance).write()
    sources = write(files)
    try:
        real = sources.real()
    except TypeError:  # an order of bases that Python refuses
        return
    mros, uncertainties = sources.read()

    for name, mro in real.items():
        if "<locals>" not in name and name not in uncertainties:
            assert mros.get(name) == mro, files


PATTERNS = {"models": ("*2", "*3", "*5", "*7", "*9"), "traits": ("*1", "*4")}
"""The other classes are in the manifest only where one of these inherits from them."""


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=HURRIED)
def test_random_changes_are_read_as_if_nothing_were_kept(chance: random.Random, write: Callable[..., Sources]) -> None:
    """After each of some changes, what is kept of earlier runs gives the manifest of a clean run."""
    files = Program(chance).write()
    sources = write(files)
    kept = Options(cache_dir=sources.folder / f"{sources.name}-cache", **PATTERNS)

    for _ in range(4):
        found = extract([sources.name], search_paths=[sources.folder], options=kept)
        assert dumps(found) == dumps(sources.manifest(**PATTERNS)), files
        module = chance.choice(sorted(files))
        files[module] = _changed(files[module], chance)
        write(files, sources.name)


def _changed(text: str, chance: random.Random) -> str:
    """A module with a statement more or less, or with two in another order."""
    body = ast.parse(text).body
    kind = chance.choice(["drop", "swap", "line", "class"])
    if kind == "drop" and body:
        body.remove(chance.choice(body))
    if kind == "swap" and len(body) > 1:
        one, other = chance.sample(range(len(body)), 2)
        body[one], body[other] = body[other], body[one]
    if kind == "class":
        bases = [statement.name for statement in body if isinstance(statement, ast.ClassDef)]
        base = f"({chance.choice(bases)})" if bases else ""
        body += ast.parse(f"class Late{chance.randint(0, 9)}{base}: ...").body
    return "\n" * (kind == "line") + "\n".join(map(ast.unparse, body)) + "\n"


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_merge_is_pythons(data: st.DataObject) -> None:
    """On random hierarchies the merge gives Python's order, and refuses what Python refuses."""
    classes: list[type] = []
    for number in range(data.draw(st.integers(1, 8))):
        bases = tuple(data.draw(st.lists(st.sampled_from(classes), unique=True, max_size=3))) if classes else ()
        lines = [[StdlibClass(one) for one in base.__mro__] for base in bases or (object,)]
        merged = c3(lines, [StdlibClass(one) for one in bases or (object,)])
        try:
            made = type(f"C{number}", bases, {})
        except TypeError:
            assert merged is None
            continue
        assert merged == [StdlibClass(one) for one in made.__mro__[1:]]
        classes.append(made)
